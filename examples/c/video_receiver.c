// SPDX-License-Identifier: Apache-2.0
//
// Receives video from one participant of a LiveKit room, and tells it after each segment how far the playback came.
//
//   video_receiver --url ws://127.0.0.1:7880 --api-key devkey --api-secret secret --save received.y4m
//
// Exit status 0: every segment came whole (--segments: so many of them), and the sender took each playback-finished.
#include "access.h"
#include "checksum.h"
#include "interrupt.h"
#include "report.h"
#include "sink.h"
#include "timing.h"

#include <limits.h>
#include <lkvideo.h>

struct player {
    const struct options *options;
    lkv_receiver *receiver;
    struct sink sink;
    uint64_t frames;         // of all segments
    uint64_t in_segment;     // of this one
    unsigned ended, whole;   // segments
    unsigned accepted;       // of our playback-finished
    struct counter answered; // of them, in any way; closed when no more can come
    struct counter arrived;  // the sender, or its video: the server may announce it later than that
};

static void on_segment_start(struct player *player) {
    player->in_segment = 0;
    counter_add(&player->arrived);
}

static void on_frame(struct player *player, const lkv_event *event, int64_t now_us) {
    const struct picture picture = picture_of_frame(event->frame);
    if (player->in_segment++ == 0) report_segment_start(event->segment, picture.width, picture.height, picture.type);
    player->frames++;
    report_frame("frame", event->segment, event->number, &picture, checksum_crc32(picture.data, picture.size), now_us);
    sink_save(&player->sink, &picture);
}

static void on_segment_end(struct player *player, const lkv_event *event) {
    const bool cleared = event->cause == LKV_CAUSE_CLEARED;
    const bool flushed = event->cause == LKV_CAUSE_FLUSHED && event->frames == player->in_segment;
    const int64_t position_us = options_frame_time_us(player->options, player->frames);
    if (player->in_segment == 0) report_segment_start(event->segment, 0, 0, 0);
    report_segment_end(event->segment, event->frames, event->cause);
    player->ended++;
    if (cleared || flushed) player->whole++;
    if (failed("tell that playback finished",
               lkv_receiver_notify_playback_finished(player->receiver, event->segment, position_us, cleared)))
        counter_add(&player->answered); // by ourselves
}

static void on_notified(struct player *player, const lkv_event *event) {
    report_notified(event->answer);
    if (event->answer == LKV_ANSWER_OK) player->accepted++;
    counter_add(&player->answered);
}

static void on_sender(struct player *player, const char *identity) {
    if (*identity) {
        say("receiving from %s", identity);
        counter_add(&player->arrived);
    } else {
        say("the sender left");
        if (!player->options->stay) counter_close(&player->answered);
    }
}

static void on_event(const lkv_event *event, void *user_data) {
    const int64_t now_us = unix_time_us();
    struct player *player = user_data;
    switch (event->type) {
    case LKV_EVENT_SEGMENT_START: on_segment_start(player); break;
    case LKV_EVENT_FRAME: on_frame(player, event, now_us); break;
    case LKV_EVENT_SEGMENT_END: on_segment_end(player, event); break;
    case LKV_EVENT_CLEARED: report_cleared(); break;
    case LKV_EVENT_NOTIFIED: on_notified(player, event); break;
    case LKV_EVENT_SENDER: on_sender(player, event->message); break;
    case LKV_EVENT_ERROR: report_error(event->error, event->message); break;
    }
}

static void on_room_event(const lkv_room_event *event, void *user_data) {
    struct player *player = user_data;
    report_room_event(event, NULL);
    if (event->type != LKV_ROOM_EVENT_STATE || event->state != LKV_ROOM_DISCONNECTED) return;
    counter_close(&player->arrived);
    counter_close(&player->answered);
}

static lkv_result create_receiver(const struct options *options, struct player *player, lkv_room *room) {
    const lkv_receiver_callbacks callbacks = {
        .struct_size = sizeof callbacks, .on_event = on_event, .user_data = player};
    lkv_receiver_options receiver_options = LKV_RECEIVER_OPTIONS_INIT;
    receiver_options.sender = options->sender;
    receiver_options.policy = LKV_POLICY_BLOCK;
    receiver_options.callbacks = &callbacks;
    return lkv_receiver_create(room, &receiver_options, &player->receiver);
}

static bool all_arrived(const struct player *player) {
    const unsigned expected = player->options->segments;
    say("%llu frames in %u segments, %u of them whole", (unsigned long long)player->frames, player->ended,
        player->whole);
    return player->ended > 0 && player->ended == player->whole && player->ended == player->accepted &&
           (expected == 0 || player->ended == expected);
}

int main(int argc, char **argv) {
    interrupt_begin();
    const struct options options = options_parse(PROGRAM_RECEIVER, argc, argv);
    struct player player = {.options = &options};
    counter_init(&player.answered);
    counter_init(&player.arrived);
    const char *token;
    lkv_room *room = NULL;
    bool done = false;
    if (!report_open(options.events) || !access_token(&options, &token) ||
        !sink_open(&player.sink, options.save, options_playback_fps(&options)))
        goto leave;
    access_log(&options);

    const lkv_room_callbacks callbacks = {
        .struct_size = sizeof callbacks, .on_event = on_room_event, .user_data = &player};
    if (failed("connect", connect_room(&options, token, &callbacks, &room))) goto leave;
    interrupt_calls(close_room, room);
    if (failed("connect", lkv_room_wait_connected(room, LKV_FOREVER))) goto leave;
    if (failed("receive", create_receiver(&options, &player, room))) goto leave;
    say("waiting for %s", options.sender ? options.sender : "an agent");
    if (!counter_wait(&player.arrived, 1, (int64_t)options.wait_timeout * 1000)) {
        report_error(LKV_ERROR_TIMEOUT, "the sender did not come");
        goto leave;
    }
    counter_wait(&player.answered, options.segments ? options.segments : UINT_MAX, -1);
    done = true;

leave:
    interrupt_calls(NULL, NULL);
    lkv_receiver_destroy(player.receiver); // no callback runs after this
    leave_room(room, &player.answered);
    done = done && all_arrived(&player);
    done = sink_close(&player.sink) && done;
    counter_destroy(&player.answered);
    counter_destroy(&player.arrived);
    report_close();
    interrupt_end();
    return done ? 0 : 1;
}
