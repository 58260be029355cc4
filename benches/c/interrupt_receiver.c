// SPDX-License-Identifier: Apache-2.0
//
// The receiver of interrupt_sender: says when a clear and when a frame came, answers the sender's calls, and tells it of
// each segment that it is on show and, a while after its end, that it was played. Leaves when its standard input ends.
#include "measure.h"

#include <inttypes.h>
#include <stdio.h>

// A segment is played up to so long after its end: any moment between two frames of the next is as likely as another.
enum { PLAYED_SPREAD_US = 60000 };

struct playback {
    lkv_receiver *receiver;
    uint32_t random;
    uint64_t on_show; // the segment of the last frame
    uint64_t played;  // one that has ended and is to be told of; 0: none
    int64_t played_at_us;
};

static void on_call(lkv_rpc_invocation *invocation, const char *caller, const char *payload, void *user_data) {
    (void)caller, (void)user_data;
    broke("answer", lkv_rpc_invocation_answer(invocation, payload));
}

// The position is our clock: who hears of it knows how long that took.
static void tell_finished(struct playback *playback, uint64_t segment, bool interrupted) {
    broke("notify", lkv_receiver_notify_playback_finished(playback->receiver, segment, steady_time_us(), interrupted));
}

static void tell_played(struct playback *playback) {
    if (playback->played) tell_finished(playback, playback->played, false);
    playback->played = 0;
}

static void on_frame(struct playback *playback, const lkv_frame *frame, int64_t now_us) {
    lkv_frame_info info = LKV_FRAME_INFO_INIT;
    if (broke("look at a frame", lkv_frame_get_info(frame, &info))) return;
    printf("{\"event\":\"frame\",\"sent_us\":%" PRId64 ",\"t_us\":%" PRId64 "}\n", info.pts_us, now_us);
    fflush(stdout);
    if (info.segment == playback->on_show) return;
    playback->on_show = info.segment;
    broke("notify", lkv_receiver_notify_playback_started(playback->receiver, info.segment));
}

static void on_event(struct playback *playback, const lkv_event *event, int64_t now_us) {
    if (event->type == LKV_EVENT_FRAME) on_frame(playback, event->frame, now_us);
    if (event->type == LKV_EVENT_ERROR) fprintf(stderr, "receiver: %s\n", event->message ? event->message : "?");
    if (event->type == LKV_EVENT_CLEARED) {
        printf("{\"event\":\"cleared\",\"t_us\":%" PRId64 "}\n", now_us);
        fflush(stdout);
    }
    if (event->type != LKV_EVENT_SEGMENT_END) return;
    tell_played(playback);
    if (event->cause != LKV_CAUSE_FLUSHED) {
        tell_finished(playback, event->segment, true);
        return;
    }
    playback->random = playback->random * 1664525 + 1013904223;
    playback->played = event->segment;
    playback->played_at_us = now_us + (int64_t)(playback->random >> 8) % PLAYED_SPREAD_US;
}

static void *play(void *argument) {
    struct playback *playback = argument;
    for (;;) {
        const int64_t left_us = playback->played_at_us - steady_time_us();
        if (playback->played && left_us <= 0) tell_played(playback);
        lkv_event event = LKV_EVENT_INIT;
        const int32_t wait_ms = playback->played ? (int32_t)(left_us / 1000 + 1) : LKV_FOREVER;
        const lkv_result result = lkv_receiver_next(playback->receiver, wait_ms, &event);
        if (result == LKV_OK) on_event(playback, &event, steady_time_us());
        else if (result != LKV_ERROR_TIMEOUT) return NULL; // closed
        lkv_event_clear(&event);
    }
}

int main(int argc, char **argv) {
    const struct wanted wanted = wanted_parse(argc, argv);
    struct playback playback = {.random = 1};
    const lkv_rpc_method echo = {.struct_size = sizeof echo, .on_invocation = on_call};
    lkv_receiver_options options = LKV_RECEIVER_OPTIONS_INIT;
    options.sender = "sender";
    pthread_t thread;
    lkv_room *room = measured_connect(&wanted, "receiver", LKV_KIND_STANDARD);
    const bool done = room && !broke("answer calls", lkv_room_register_rpc_method(room, "echo", &echo)) &&
                      !broke("create a receiver", lkv_receiver_create(room, &options, &playback.receiver)) &&
                      !pthread_create(&thread, NULL, play, &playback);
    if (done) {
        wait_until_input_ends();
        lkv_receiver_close(playback.receiver);
        pthread_join(thread, NULL);
    }
    lkv_receiver_destroy(playback.receiver);
    lkv_room_destroy(room);
    return done ? 0 : 1;
}
