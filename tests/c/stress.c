/* SPDX-License-Identifier: Apache-2.0
 *
 * Creates and destroys everything again and again while frames flow: `stress [ROUNDS]`. Each round a receiver with callbacks
 * or by pull meets a sender in full swing, and everything is torn down in the middle, in changing order. */
#include "support.h"

struct traffic {
    struct latch frames;
    struct latch destroyed;
};

static void count_frames(const lkv_event *event, void *user_data) {
    struct traffic *traffic = user_data;
    CHECK(latch_count(&traffic->destroyed) == 0);
    if (event->type == LKV_EVENT_FRAME) latch_add(&traffic->frames);
}

static void traffic_destroyed(void *user_data) { latch_add(&((struct traffic *)user_data)->destroyed); }

static void *send_until_closed(void *output) {
    unsigned count = 0;
    lkv_result result;
    while ((result = send_painted(output, LKV_PIXEL_I420, 64, 48, count)) == LKV_OK) {
        if (++count % 7 == 0) lkv_output_flush(output);
        if (count % 31 == 0) lkv_output_clear_buffer(output);
    }
    CHECK_RESULT(LKV_ERROR_CLOSED, result);
    return NULL;
}

static void *pull_until_closed(void *receiver) {
    lkv_event event = LKV_EVENT_INIT;
    lkv_result result;
    while ((result = lkv_receiver_next(receiver, LKV_FOREVER, &event)) == LKV_OK) {
        if (event.type == LKV_EVENT_SEGMENT_END) {
            lkv_receiver_notify_playback_finished(receiver, event.segment, 0, false);
        }
        lkv_event_clear(&event);
    }
    CHECK_RESULT(LKV_ERROR_CLOSED, result);
    return NULL;
}

static void round_of(unsigned number) {
    struct traffic traffic = {.frames = LATCH_INIT, .destroyed = LATCH_INIT};
    const bool by_callback = number % 2 == 0;
    lkv_receiver_callbacks callbacks = LKV_RECEIVER_CALLBACKS_INIT;
    callbacks.on_event = count_frames;
    callbacks.user_data = &traffic;
    callbacks.destroy = traffic_destroyed;
    struct pair pair = pair_open("stress", by_callback ? &callbacks : NULL);
    pthread_t sender = start(send_until_closed, pair.output), puller = sender;
    if (by_callback) latch_wait(&traffic.frames, (int)(number % 5) + 1);
    else puller = start(pull_until_closed, pair.receiver);

    /* Who is closed first changes; handles are destroyed when no thread uses them any more. */
    if (number % 3 == 0) lkv_room_close(pair.sending);
    if (number % 3 == 1) lkv_room_close(pair.receiving);
    if (by_callback && number % 4 == 0) {
        lkv_receiver_destroy(pair.receiver);
        pair.receiver = NULL;
        CHECK(latch_count(&traffic.destroyed) == 1);
    } else {
        lkv_receiver_close(pair.receiver);
    }
    lkv_output_close(pair.output);
    pthread_join(sender, NULL);
    if (!by_callback) pthread_join(puller, NULL);
    if (number % 5 == 0) {
        lkv_room_destroy(pair.sending);
        pair.sending = NULL;
    }
    pair_destroy(&pair);
    CHECK(latch_count(&traffic.destroyed) == (by_callback ? 1 : 0));
}

int main(int argc, char **argv) {
    const unsigned rounds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 1000;
    for (unsigned number = 0; number < rounds; number++) round_of(number);
    fprintf(stderr, "%u rounds\n", rounds);
    return 0;
}
