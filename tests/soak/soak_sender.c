// SPDX-License-Identifier: Apache-2.0
//
// The sending side of the soak: segments of random sizes, types and lengths to the participant `receiver`, through outputs
// that come and go, in rooms that come and go. It flushes, clears and changes the size at random, tells what it does, and
// tells every event of its outputs.
#include "soak.h"

#include <stdlib.h>
#include <string.h>

enum { LEAST_WIDTH = 64, MOST_WIDTH = 160, LEAST_HEIGHT = 48, MOST_HEIGHT = 120, TYPES = LKV_PIXEL_NV12 + 1 };

struct shape {
    lkv_pixel type;
    uint32_t width, height;
};

struct sender {
    struct choices *choices;
    uint64_t id; // of the last segment
    struct shape shape;
    unsigned outputs;
    // The output in use.
    lkv_output *output;
    bool listens;         // events come to a listener, on the output's thread; else they are pulled
    atomic_uint finished; // segments
    unsigned lent;        // pictures
    atomic_uint returned;
};

// ---- events ----

static void on_event(const lkv_event *event, void *user_data) {
    struct sender *sender = user_data;
    if (event->type == LKV_EVENT_ERROR) tell_error(event);
    if (event->type != LKV_EVENT_PLAYBACK_FINISHED) return;
    tell("{\"event\":\"finished\",\"output\":%u,\"segment\":%llu,\"position\":%lld,\"interrupted\":%s,\"made_up\":%s}",
         sender->outputs, (unsigned long long)event->segment, (long long)event->position_us,
         event->interrupted ? "true" : "false", event->made_up ? "true" : "false");
    atomic_fetch_add(&sender->finished, 1);
}

// Takes what comes in this time. LKV_ERROR_CLOSED: there will be no more.
static lkv_result pull(struct sender *sender, uint32_t ms) {
    const int64_t end = now_ms() + ms;
    lkv_result result;
    do {
        lkv_event event = LKV_EVENT_INIT;
        const int64_t left = end - now_ms();
        result = lkv_output_next(sender->output, left > 0 ? (int32_t)left : 0, &event);
        if (result == LKV_OK) on_event(&event, sender);
        lkv_event_clear(&event);
    } while (result == LKV_OK);
    return result;
}

static void spend(struct sender *sender, uint32_t ms) {
    tell_alive();
    if (sender->listens) told_to_end(ms);
    else pull(sender, ms);
}

// ---- one segment ----

static void give_back(void *user_data) {
    // The count comes first in the block, so that the pixels behind it are freed with it.
    atomic_uint **block = user_data;
    atomic_fetch_add(*block, 1);
    free(block);
}

static lkv_result send_picture(struct sender *sender, struct picture picture, size_t size) {
    lkv_frame_desc frame = LKV_FRAME_DESC_INIT;
    atomic_uint **block = malloc(sizeof *block + size);
    if (!block) abort();
    *block = &sender->returned;
    uint8_t *pixels = (uint8_t *)(block + 1);
    picture_draw(picture, pixels, size);
    const struct shape *shape = &sender->shape;
    lkv_result result = lkv_frame_desc_packed(&frame, shape->type, shape->width, shape->height, pixels);
    if (result == LKV_OK && one_in(sender->choices, 2)) {
        sender->lent++;
        return lkv_output_send_frame_owned(sender->output, &frame, 1000, give_back, block);
    }
    if (result == LKV_OK) result = lkv_output_send_frame(sender->output, &frame, 1000);
    free(block);
    return result;
}

// Another shape than the last, so that a segment without a flush or clear ends as well.
static void change_shape(struct sender *sender) {
    struct shape next;
    do {
        next.type = (lkv_pixel)below(sender->choices, TYPES);
        next.width = between(sender->choices, LEAST_WIDTH, MOST_WIDTH);
        next.height = between(sender->choices, LEAST_HEIGHT, MOST_HEIGHT);
    } while (!memcmp(&next, &sender->shape, sizeof next));
    sender->shape = next;
}

static void send_segment(struct sender *sender, lkv_room *room) {
    struct picture picture = {++sender->id, 0};
    size_t size = 0;
    change_shape(sender);
    failed("size a frame", lkv_frame_size(sender->shape.type, sender->shape.width, sender->shape.height, &size));
    tell("{\"event\":\"begin\",\"output\":%u,\"id\":%llu,\"pixels\":%d,\"width\":%u,\"height\":%u}", sender->outputs,
         (unsigned long long)picture.id, sender->shape.type, sender->shape.width, sender->shape.height);
    const uint32_t wanted = one_in(sender->choices, 10) ? 1 : between(sender->choices, 2, 40);
    const uint32_t pace_ms = between(sender->choices, 0, 30);
    for (uint32_t tries = 0; tries < wanted && !told_to_end(0) && !is_lost(room); tries++) {
        const lkv_result result = send_picture(sender, picture, size);
        if (result == LKV_OK) picture.number++;
        else if (result != LKV_ERROR_TIMEOUT) failed("send a frame", result);
        spend(sender, pace_ms);
    }
    const uint32_t end = below(sender->choices, 100);
    const bool flush = end < 70, clear = !flush && end < 85;
    tell("{\"event\":\"ended\",\"id\":%llu,\"frames\":%llu,\"how\":\"%s\"}", (unsigned long long)picture.id,
         (unsigned long long)picture.number, flush ? "flush" : clear ? "clear" : "change");
    if (flush) failed("flush", lkv_output_flush(sender->output));
    if (clear) failed("clear", lkv_output_clear_buffer(sender->output));
}

// ---- one output ----

static bool open_output(struct sender *sender, lkv_room *room) {
    lkv_output_options options = LKV_OUTPUT_OPTIONS_INIT;
    options.policy = one_in(sender->choices, 2) ? LKV_POLICY_BLOCK : (lkv_queue_policy)below(sender->choices, 4);
    options.queue_frames = between(sender->choices, 1, 16);
    sender->outputs++;
    sender->listens = one_in(sender->choices, 2);
    atomic_store(&sender->finished, 0);
    tell("{\"event\":\"output\",\"output\":%u,\"policy\":%d}", sender->outputs, options.policy);
    if (failed("create an output", lkv_output_create(room, "receiver", &options, &sender->output))) return false;
    const lkv_playback_listener listener = {.struct_size = sizeof listener, .on_event = on_event, .user_data = sender};
    if (sender->listens) failed("listen", lkv_output_add_playback_finished_listener(sender->output, &listener, NULL));
    return true;
}

// Every segment that started has a finish by then.
static void take_last_events(struct sender *sender, lkv_output_stats *stats) {
    const int64_t limit = now_ms() + ANSWER_LIMIT_MS;
    if (!sender->listens && pull(sender, ANSWER_LIMIT_MS) != LKV_ERROR_CLOSED)
        tell("{\"event\":\"failed\",\"what\":\"take the last event\",\"error\":\"HANG\"}");
    do { // the trailer of the last stream is on its way
        failed("count", lkv_output_get_stats(sender->output, stats));
        const bool told = !sender->listens || atomic_load(&sender->finished) >= stats->segments_started;
        if (told && stats->segments_finished == stats->segments_started) break;
        nap(10);
    } while (now_ms() < limit);
}

static void close_output(struct sender *sender) {
    lkv_output_stats stats = LKV_OUTPUT_STATS_INIT;
    failed("close the output", lkv_output_close(sender->output));
    take_last_events(sender, &stats);
    lkv_output_destroy(sender->output); // gives back what is lent
    const uint64_t accounted = stats.frames_sent + stats.dropped_cleared + stats.dropped_oldest + stats.dropped_newest +
                               stats.dropped_disconnected + stats.dropped_late + stats.queue_frames;
    tell("{\"event\":\"output_closed\",\"output\":%u,\"started\":%llu,\"ended\":%llu,\"accepted\":%llu,"
         "\"accounted\":%llu,\"sent\":%llu,\"unmatched\":%llu,\"events_dropped\":%llu,\"lent\":%u,\"returned\":%u}",
         sender->outputs, (unsigned long long)stats.segments_started, (unsigned long long)stats.segments_finished,
         (unsigned long long)stats.frames_accepted, (unsigned long long)accounted, (unsigned long long)stats.frames_sent,
         (unsigned long long)stats.playback_unmatched, (unsigned long long)stats.events_dropped, sender->lent,
         atomic_load(&sender->returned));
}

static void use_output(struct sender *sender, lkv_room *room) {
    if (!open_output(sender, room)) {
        spend(sender, 100);
        return;
    }
    do {
        send_segment(sender, room);
        if (one_in(sender->choices, 20)) failed("clear", lkv_output_clear_buffer(sender->output));
        const lkv_result sent = one_in(sender->choices, 4) ? lkv_output_wait_sent(sender->output, 1000) : LKV_OK;
        if (sent != LKV_ERROR_TIMEOUT) failed("wait until all is sent", sent);
        if (one_in(sender->choices, 3)) spend(sender, one_in(sender->choices, 10) ? 1500 : 150);
    } while (!told_to_end(0) && !is_lost(room) && !one_in(sender->choices, 25));
    if (told_to_end(0) && !is_lost(room)) { // the last ones are played
        failed("flush", lkv_output_flush(sender->output));
        failed("wait until all is sent", lkv_output_wait_sent(sender->output, ANSWER_LIMIT_MS));
        if (!sender->listens) pull(sender, 500);
    }
    if (one_in(sender->choices, 8)) lkv_room_close(room); // which closes the output as well
    close_output(sender);
}

int main(int argc, char **argv) {
    struct soak soak = soak_begin(argc, argv);
    struct sender sender = {.choices = &soak.choices, .id = soak.life * IDS_IN_A_LIFE};
    lkv_room *room;
    while ((room = join(&soak, "sender", LKV_KIND_AGENT))) {
        while (!told_to_end(0) && !is_lost(room)) use_output(&sender, room);
        lkv_room_destroy(room);
    }
    tell("{\"event\":\"bye\"}");
    return 0;
}
