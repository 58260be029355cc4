/* SPDX-License-Identifier: Apache-2.0
 *
 * Video by callback: the same events as by pull, in order, one at a time, borrowed. */
#include "support.h"

enum { SEGMENTS = 2, FRAMES = 20 };

struct player {
    struct latch frames;
    struct latch segments;
    struct latch notified;
    struct latch destroyed;
    lkv_receiver *receiver;
    int inside;
    uint64_t segment, number;
    const lkv_frame *kept;
};

static void play(const lkv_event *event, void *user_data) {
    struct player *player = user_data;
    CHECK(player->inside++ == 0 && latch_count(&player->destroyed) == 0);
    CHECK(event->struct_size == sizeof *event);
    switch (event->type) {
    case LKV_EVENT_SENDER: CHECK(strcmp(event->message, "agent") == 0); break;
    case LKV_EVENT_SEGMENT_START:
        CHECK(event->segment == ++player->segment);
        player->number = 0;
        break;
    case LKV_EVENT_FRAME:
        CHECK(event->segment == player->segment && event->number == player->number);
        CHECK(is_painted(event->frame, LKV_PIXEL_BGRA, 33, 21, (unsigned)player->number));
        if (player->number == 3 && !player->kept) player->kept = lkv_frame_retain(event->frame);
        player->number++;
        latch_add(&player->frames);
        break;
    case LKV_EVENT_SEGMENT_END:
        CHECK(event->segment == player->segment && event->frames == FRAMES && event->cause == LKV_CAUSE_FLUSHED);
        latch_add(&player->segments);
        break;
    case LKV_EVENT_NOTIFIED:
        CHECK(event->answer == LKV_ANSWER_OK);
        latch_add(&player->notified);
        break;
    default: fprintf(stderr, "event %d\n", event->type); exit(1);
    }
    player->inside--;
}

static void player_destroyed(void *user_data) { latch_add(&((struct player *)user_data)->destroyed); }

static void video_comes_by_callback(void) {
    struct player player = {.frames = LATCH_INIT, .segments = LATCH_INIT, .notified = LATCH_INIT,
                            .destroyed = LATCH_INIT};
    lkv_receiver_callbacks callbacks = LKV_RECEIVER_CALLBACKS_INIT;
    callbacks.on_event = play;
    callbacks.user_data = &player;
    callbacks.destroy = player_destroyed;
    struct pair pair = pair_open("callbacks", &callbacks);
    lkv_event event = LKV_EVENT_INIT;
    CHECK_INVALID(lkv_receiver_next(pair.receiver, 0, &event)); /* they go to the callback */
    for (int segment = 1; segment <= SEGMENTS; segment++) {
        for (unsigned i = 0; i < FRAMES; i++) CHECK_OK(send_painted(pair.output, LKV_PIXEL_BGRA, 33, 21, i));
        CHECK_OK(lkv_output_flush(pair.output));
        latch_wait(&player.segments, segment);
        CHECK_OK(lkv_receiver_notify_playback_finished(pair.receiver, 0, segment * 1000000, false));
        latch_wait(&player.notified, segment);
        CHECK_OK(lkv_output_next(pair.output, SOON_MS, &event));
        CHECK(event.segment == (uint64_t)segment && event.position_us == segment * 1000000);
        lkv_event_clear(&event);
    }
    CHECK(latch_count(&player.frames) == SEGMENTS * FRAMES);
    pair_destroy(&pair);
    CHECK(latch_count(&player.destroyed) == 1);
    CHECK(is_painted(player.kept, LKV_PIXEL_BGRA, 33, 21, 3));
    lkv_frame_release(player.kept);
}

/* A receiver that is slow holds its sender up, and nothing is lost. */
static void dawdle(const lkv_event *event, void *user_data) {
    struct player *player = user_data;
    if (event->type != LKV_EVENT_FRAME) return;
    CHECK(event->number == (uint64_t)latch_count(&player->frames));
    latch_wait(&player->segments, event->number < 4 ? 1 : 0); /* until the sender is stuck */
    latch_add(&player->frames);
}

static void a_slow_callback_slows_the_sender(void) {
    struct player player = {.frames = LATCH_INIT, .segments = LATCH_INIT};
    lkv_room *room = join("slow", "player", NULL);
    lkv_receiver_callbacks callbacks = LKV_RECEIVER_CALLBACKS_INIT;
    callbacks.on_event = dawdle;
    callbacks.user_data = &player;
    lkv_receiver_options options = LKV_RECEIVER_OPTIONS_INIT;
    options.callbacks = &callbacks;
    options.queue_frames = 2;
    lkv_receiver *receiver = NULL;
    CHECK_OK(lkv_receiver_create(room, &options, &receiver));
    lkv_room *agent = join("slow", "agent", NULL);
    lkv_output *output = NULL;
    lkv_output_options output_options = LKV_OUTPUT_OPTIONS_INIT;
    output_options.queue_frames = 2;
    CHECK_OK(lkv_output_create(agent, "player", &output_options, &output));

    size_t size;
    uint8_t *pixels = paint(LKV_PIXEL_RGBA, 320, 240, 0, &size);
    lkv_frame_desc desc = LKV_FRAME_DESC_INIT;
    CHECK_OK(lkv_frame_desc_packed(&desc, LKV_PIXEL_RGBA, 320, 240, pixels));
    int sent = 0;
    lkv_result result;
    while ((result = lkv_output_send_frame(output, &desc, 200)) == LKV_OK) sent++;
    CHECK_RESULT(LKV_ERROR_TIMEOUT, result);
    CHECK(sent >= 4 && sent < 50);
    latch_add(&player.segments);
    for (; sent < 100; sent++) CHECK_OK(lkv_output_send_frame(output, &desc, SOON_MS));
    latch_wait(&player.frames, 100);
    free(pixels);
    lkv_output_destroy(output);
    lkv_receiver_destroy(receiver);
    lkv_room_destroy(agent);
    lkv_room_destroy(room);
}

/* What a callback needs is there, however early it comes. */
struct newborn {
    lkv_room *room;
    lkv_receiver *receiver;
    struct latch called, destroyed;
};

static void room_is_known(const lkv_room_event *event, void *user_data) {
    struct newborn *newborn = user_data;
    lkv_room_state state = -1;
    CHECK(event->type != 0 && newborn->room);
    CHECK_OK(lkv_room_get_state(newborn->room, &state, NULL));
    latch_add(&newborn->called);
}

static void receiver_is_known(const lkv_event *event, void *user_data) {
    struct newborn *newborn = user_data;
    lkv_receiver_stats stats = LKV_RECEIVER_STATS_INIT;
    CHECK(event->type == LKV_EVENT_SENDER && newborn->receiver);
    CHECK_OK(lkv_receiver_get_stats(newborn->receiver, &stats));
    latch_add(&newborn->called);
}

static void the_first_callback_knows_its_object(void) {
    lkv_room *agent = join("newborn", "agent", NULL);
    for (int i = 0; i < 100; i++) {
        struct newborn newborn = {.called = LATCH_INIT, .destroyed = LATCH_INIT};
        lkv_room_callbacks callbacks = LKV_ROOM_CALLBACKS_INIT;
        callbacks.on_event = room_is_known;
        callbacks.user_data = &newborn;
        lkv_room_options options = LKV_ROOM_OPTIONS_INIT;
        options.callbacks = &callbacks;
        CHECK_OK(lkv_room_connect("loopback:newborn?identity=player", NULL, &options, &newborn.room));
        latch_wait(&newborn.called, 2); /* connected, and the agent is there */

        lkv_receiver_callbacks receiver_callbacks = LKV_RECEIVER_CALLBACKS_INIT;
        receiver_callbacks.on_event = receiver_is_known;
        receiver_callbacks.user_data = &newborn;
        lkv_receiver_options receiver_options = LKV_RECEIVER_OPTIONS_INIT;
        receiver_options.callbacks = &receiver_callbacks;
        CHECK_OK(lkv_receiver_create(newborn.room, &receiver_options, &newborn.receiver));
        latch_wait(&newborn.called, 3);
        lkv_receiver_destroy(newborn.receiver);
        lkv_room_destroy(newborn.room);
    }
    lkv_room_destroy(agent);
}

static void destroyed(void *user_data) { latch_add(&((struct newborn *)user_data)->destroyed); }

static void what_is_not_created_calls_nobody(void) {
    struct newborn newborn = {.called = LATCH_INIT, .destroyed = LATCH_INIT};
    lkv_room_callbacks callbacks = LKV_ROOM_CALLBACKS_INIT;
    callbacks.on_event = room_is_known;
    callbacks.user_data = &newborn;
    callbacks.destroy = destroyed;
    lkv_room_options options = LKV_ROOM_OPTIONS_INIT;
    options.callbacks = &callbacks;
    CHECK_RESULT(LKV_ERROR_URL, lkv_room_connect("loopback:newborn?kind=nonsense", NULL, &options, &newborn.room));
    latch_wait(&newborn.destroyed, 1);
    CHECK(latch_count(&newborn.called) == 0 && !newborn.room);
}

int main(void) {
    RUN(video_comes_by_callback);
    RUN(the_first_callback_knows_its_object);
    RUN(what_is_not_created_calls_nobody);
    RUN(a_slow_callback_slows_the_sender);
    return 0;
}
