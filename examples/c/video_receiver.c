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
#include "stats.h"
#include "timing.h"

#include <lkvideo.h>

enum { GOODBYE_MS = 2000 };

struct player {
    struct monitor monitor; // of all the following
    const struct options *options;
    lkv_receiver *receiver;
    struct sink sink;
    uint64_t frames;                // of all segments
    uint64_t in_segment;            // of this one
    unsigned started, ended, whole; // segments
    unsigned answered, accepted;    // of our playback-finished
    bool sender_came, sender_left;
    bool over; // the room is disconnected for good
};

static void on_segment_start(struct player *player, const lkv_event *event) {
    report_segment_start(event->segment, event->width, event->height, event->pixel_type);
    player->started++;
}

static void on_frame(struct player *player, const lkv_event *event, int64_t now_us) {
    const struct picture picture = picture_of_frame(event->frame);
    // A room that is gone has nobody to tell; its state says so.
    if (player->in_segment == 0) (void)lkv_receiver_notify_playback_started(player->receiver, event->segment);
    player->in_segment++;
    player->frames++;
    report_frame("frame", event->segment, event->number, &picture, checksum_crc32(picture.data, picture.size),
                 time_of_frame(event->frame), now_us);
    sink_save(&player->sink, &picture);
}

static void on_segment_end(struct player *player, const lkv_event *event) {
    const bool cleared = event->cause == LKV_CAUSE_CLEARED;
    const bool all = event->frames == player->in_segment && event->frames_lost == 0;
    const bool flushed = event->cause == LKV_CAUSE_FLUSHED && all;
    const int64_t position_us = options_frame_time_us(player->options, player->frames);
    report_segment_end(event->segment, event->frames, event->frames_lost, event->cause);
    player->in_segment = 0;
    player->ended++;
    if (cleared || flushed) player->whole++;
    if (event->cause == LKV_CAUSE_DISCONNECTED) return; // there is nobody to tell
    if (failed("tell that playback finished",
               lkv_receiver_notify_playback_finished(player->receiver, event->segment, position_us, cleared)))
        player->answered++; // by ourselves
}

static void on_notified(struct player *player, const lkv_event *event) {
    report_notified(event->segment, event->answer);
    player->answered++;
    if (event->answer == LKV_ANSWER_OK) player->accepted++;
}

static void on_sender(struct player *player, const char *identity) {
    player->sender_left = !*identity;
    if (player->sender_left) say("the sender left");
    else say("receiving from %s", identity);
}

static void on_event(const lkv_event *event, void *user_data) {
    const int64_t now_us = unix_time_us();
    struct player *player = user_data;
    monitor_enter(&player->monitor);
    switch (event->type) {
    case LKV_EVENT_SEGMENT_START: on_segment_start(player, event); break;
    case LKV_EVENT_FRAME: on_frame(player, event, now_us); break;
    case LKV_EVENT_SEGMENT_END: on_segment_end(player, event); break;
    case LKV_EVENT_CLEARED: report_cleared(); break;
    case LKV_EVENT_NOTIFIED: on_notified(player, event); break;
    case LKV_EVENT_SENDER: on_sender(player, event->message); break;
    case LKV_EVENT_ERROR: report_error(event->error, event->message); break;
    }
    player->sender_came = player->sender_came || player->started > 0 || event->type == LKV_EVENT_SENDER;
    monitor_leave(&player->monitor);
    const int64_t slow_us = (int64_t)player->options->slow * 1000;
    if (event->type == LKV_EVENT_FRAME && slow_us > 0) sleep_until_us(steady_time_us() + slow_us);
}

static void on_room_event(const lkv_room_event *event, void *user_data) {
    struct player *player = user_data;
    report_room_event(event, NULL);
    monitor_enter(&player->monitor);
    if (event->type == LKV_ROOM_EVENT_STATE) player->over = event->state == LKV_ROOM_DISCONNECTED;
    monitor_leave(&player->monitor);
}

// ---- what main waits for ----

// Servers announce participants late: video of the sender's is a sign of it too.
static bool sender_came(const void *state) {
    const struct player *player = state;
    return player->sender_came || player->over;
}

static bool nothing_more_comes(const void *state) {
    const struct player *player = state;
    const struct options *options = player->options;
    const bool enough = options->segments > 0 && player->answered >= options->segments;
    const bool left =
        player->sender_left && !options->stay && player->ended == player->started && player->answered >= player->ended;
    return enough || left || player->over;
}

static bool last_event_came(const void *state) {
    const struct player *player = state;
    return player->over && player->ended == player->started;
}

static bool all_arrived(const struct player *player) {
    const unsigned expected = player->options->segments;
    say("%llu frames in %u segments, %u of them whole", (unsigned long long)player->frames, player->ended,
        player->whole);
    return player->ended > 0 && player->ended == player->whole && player->ended == player->accepted &&
           (expected == 0 || player->ended == expected);
}

static lkv_result create_receiver(const struct options *options, struct player *player, lkv_room *room) {
    const lkv_receiver_callbacks callbacks = {
        .struct_size = sizeof callbacks, .on_event = on_event, .user_data = player};
    lkv_receiver_options receiver_options = LKV_RECEIVER_OPTIONS_INIT;
    receiver_options.sender = options->sender;
    receiver_options.label = options->label;
    receiver_options.policy = LKV_POLICY_BLOCK;
    receiver_options.callbacks = &callbacks;
    return lkv_receiver_create(room, &receiver_options, &player->receiver);
}

int main(int argc, char **argv) {
    interrupt_begin();
    const struct options options = options_parse(PROGRAM_RECEIVER, argc, argv);
    struct player player = {.options = &options};
    struct stats stats = {0};
    monitor_init(&player.monitor);
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
    if (!stats_begin(&stats, NULL, player.receiver)) goto leave;
    say("waiting for %s", options.sender ? options.sender : "an agent");
    if (!monitor_wait(&player.monitor, sender_came, &player, (int64_t)options.wait_timeout * 1000)) {
        report_error(LKV_ERROR_TIMEOUT, "the sender did not come");
        goto leave;
    }
    done = monitor_wait(&player.monitor, nothing_more_comes, &player, LKV_FOREVER);

leave:
    interrupt_calls(NULL, NULL);
    if (room) {
        lkv_room_close(room);
        monitor_wait(&player.monitor, last_event_came, &player, GOODBYE_MS);
    }
    stats_end(&stats);
    lkv_receiver_destroy(player.receiver); // no callback runs after this
    lkv_room_destroy(room);
    done = done && all_arrived(&player);
    done = sink_close(&player.sink) && done;
    monitor_destroy(&player.monitor);
    report_close();
    interrupt_end();
    return done ? 0 : 1;
}
