// SPDX-License-Identifier: Apache-2.0
//
// Interrupts and finishes beside video: clears the receiver's buffer, and hears when segments were played, first on a
// connection that is idle otherwise, then on one that its frames saturate. Leaves when its standard input ends.
//
//   interrupt_sender [--size WxH] [--type T] [--count N] [--room R]
//
// A line for each: `clear` when the call begins, `finished` with the time since the receiver told of it, `call` with the
// round trip of an application's call; `busy` says whether video saturates the connection.
#include "measure.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

// Frames of a segment whose finish is measured: about a quarter of a second.
enum { SEGMENT_FRAMES = 8 };
// From the first frame of a segment at the receiver to its clear: the queues are full again by then.
enum { CLEAR_FROM_US = 150000, CLEAR_SPREAD_US = 200000 };

struct sending {
    const struct wanted *wanted;
    lkv_room *room;
    lkv_output *output;
    uint8_t *pixels;
    unsigned count;
    struct monitor monitor;
    // Guarded by the monitor.
    bool busy, interrupted_all;
    uint64_t started, finished; // segments
    uint64_t started_wanted, finished_wanted, calls_open;
};

static bool is_busy(struct sending *sending) {
    monitor_enter(&sending->monitor);
    const bool busy = sending->busy;
    monitor_leave(&sending->monitor);
    return busy;
}

static bool has_started(const void *state) {
    const struct sending *sending = state;
    return sending->started >= sending->started_wanted;
}

static bool has_finished(const void *state) {
    const struct sending *sending = state;
    return sending->finished >= sending->finished_wanted;
}

static bool has_answers(const void *state) { return ((const struct sending *)state)->calls_open == 0; }

static void on_event(const lkv_event *event, void *user_data) {
    const int64_t now_us = steady_time_us();
    struct sending *sending = user_data;
    if (event->type == LKV_EVENT_ERROR) fprintf(stderr, "sender: %s\n", event->message ? event->message : "?");
    const bool played = event->type == LKV_EVENT_PLAYBACK_FINISHED && !event->interrupted && !event->made_up;
    if (played) { // the position is the receiver's clock when it told
        printf("{\"event\":\"finished\",\"t_us\":%" PRId64 ",\"took_us\":%" PRId64 ",\"busy\":%s}\n", now_us,
               now_us - event->position_us, is_busy(sending) ? "true" : "false");
        fflush(stdout);
    }
    monitor_enter(&sending->monitor);
    if (event->type == LKV_EVENT_PLAYBACK_STARTED) sending->started = event->segment;
    if (event->type == LKV_EVENT_PLAYBACK_FINISHED) sending->finished = event->segment;
    monitor_leave(&sending->monitor);
}

struct call {
    struct sending *sending;
    int64_t began_us;
};

static void on_answer(const lkv_rpc_result *result, void *user_data) {
    const struct call *call = user_data;
    const int64_t took_us = steady_time_us() - call->began_us;
    if (result->result == LKV_OK) {
        printf("{\"event\":\"call\",\"took_us\":%" PRId64 ",\"busy\":%s}\n", took_us,
               is_busy(call->sending) ? "true" : "false");
        fflush(stdout);
    }
}

static void end_call(void *user_data) {
    struct call *call = user_data;
    monitor_enter(&call->sending->monitor);
    call->sending->calls_open--;
    monitor_leave(&call->sending->monitor);
    free(call);
}

static bool call_echo(struct sending *sending) {
    struct call *call = malloc(sizeof *call);
    if (!call) return false;
    *call = (struct call){sending, steady_time_us()};
    const lkv_rpc_callbacks callbacks = {
        .struct_size = sizeof callbacks, .on_result = on_answer, .user_data = call, .destroy = end_call};
    monitor_enter(&sending->monitor);
    sending->calls_open++;
    monitor_leave(&sending->monitor);
    return !broke("call", lkv_room_perform_rpc(sending->room, "receiver", "echo", "", IDLE_LIMIT_MS, &callbacks));
}

static bool send_frame(struct sending *sending) {
    const struct wanted *wanted = sending->wanted;
    lkv_frame_desc frame = LKV_FRAME_DESC_INIT;
    lkv_frame_desc_packed(&frame, wanted->type, wanted->width, wanted->height, sending->pixels);
    frame.pts_us = steady_time_us();
    return !broke("send a frame", lkv_output_send_frame(sending->output, &frame, IDLE_LIMIT_MS));
}

static bool clear(struct sending *sending) {
    const bool busy = is_busy(sending);
    const int64_t now_us = steady_time_us();
    if (broke("clear", lkv_output_clear_buffer(sending->output))) return false;
    printf("{\"event\":\"clear\",\"t_us\":%" PRId64 ",\"busy\":%s}\n", now_us, busy ? "true" : "false");
    fflush(stdout);
    return true;
}

// Waits for the next segment's first frame at the receiver; for its finish.
static bool wait_started(struct sending *sending) {
    return monitor_wait(&sending->monitor, has_started, sending, IDLE_LIMIT_MS);
}

static bool wait_finished(struct sending *sending) {
    return monitor_wait(&sending->monitor, has_finished, sending, IDLE_LIMIT_MS);
}

static bool quietly(struct sending *sending) {
    bool done = true;
    for (unsigned i = 0; done && i < 2 * sending->count; i++) {
        sending->started_wanted = sending->finished_wanted = i + 1;
        done = send_frame(sending) && wait_started(sending) &&
               (i % 2 ? clear(sending) : !broke("flush", lkv_output_flush(sending->output))) && wait_finished(sending) &&
               call_echo(sending) && monitor_wait(&sending->monitor, has_answers, sending, IDLE_LIMIT_MS);
    }
    return done;
}

// Any moment between two frames is as likely as another.
static void *interrupt_all(void *argument) {
    struct sending *sending = argument;
    uint32_t random = 1;
    bool done = true;
    for (unsigned i = 0; done && i < sending->count; i++) {
        monitor_enter(&sending->monitor);
        sending->started_wanted = sending->started + 1;
        monitor_leave(&sending->monitor);
        done = wait_started(sending);
        random = random * 1664525 + 1013904223;
        sleep_until_us(steady_time_us() + CLEAR_FROM_US + (int64_t)(random >> 8) % CLEAR_SPREAD_US);
        done = done && clear(sending);
    }
    monitor_enter(&sending->monitor);
    sending->interrupted_all = true;
    monitor_leave(&sending->monitor);
    return done ? sending : NULL;
}

static bool with_interrupts(struct sending *sending) {
    pthread_t thread;
    void *outcome = NULL;
    if (pthread_create(&thread, NULL, interrupt_all, sending)) return false;
    bool done = true, over = false;
    while (done && !over) {
        done = send_frame(sending);
        monitor_enter(&sending->monitor);
        over = sending->interrupted_all;
        monitor_leave(&sending->monitor);
    }
    pthread_join(thread, &outcome);
    return done && outcome;
}

static bool with_finishes(struct sending *sending) {
    bool done = true;
    for (unsigned i = 0; done && i <= sending->count; i++) { // the last one has no video behind it
        for (int frame = 0; done && frame < SEGMENT_FRAMES; frame++) done = send_frame(sending);
        done = done && !broke("flush", lkv_output_flush(sending->output)) && call_echo(sending);
    }
    return done;
}

static bool tell_end(struct sending *sending) {
    lkv_output_stats stats = LKV_OUTPUT_STATS_INIT;
    if (broke("read the counters", lkv_output_get_stats(sending->output, &stats))) return false;
    printf("{\"event\":\"agreed\",\"wire_version\":%" PRId32 ",\"round_trip_us\":%" PRId64 "}\n", stats.wire_version,
           stats.round_trip_us);
    emit_time("sent");
    return true;
}

int main(int argc, char **argv) {
    const struct wanted wanted = wanted_parse(argc, argv);
    struct sending sending = {.wanted = &wanted, .count = wanted.count};
    monitor_init(&sending.monitor);
    size_t size = 0;
    lkv_output_options options = LKV_OUTPUT_OPTIONS_INIT;
    options.queue_frames = wanted.queue;
    const lkv_playback_listener listener = {
        .struct_size = sizeof listener, .on_event = on_event, .user_data = &sending};
    bool done = !broke("frame size", lkv_frame_size(wanted.type, wanted.width, wanted.height, &size)) &&
                (sending.pixels = calloc(1, size)) != NULL &&
                (sending.room = measured_connect(&wanted, "sender", LKV_KIND_AGENT)) != NULL &&
                !broke("wait", lkv_room_wait_participant(sending.room, "receiver", IDLE_LIMIT_MS)) &&
                !broke("create an output", lkv_output_create(sending.room, "receiver", &options, &sending.output)) &&
                !broke("listen", lkv_output_add_playback_finished_listener(sending.output, &listener, NULL)) &&
                quietly(&sending);
    monitor_enter(&sending.monitor);
    sending.busy = true;
    monitor_leave(&sending.monitor);
    done = done && with_interrupts(&sending) && with_finishes(&sending) && tell_end(&sending);
    if (done) wait_until_input_ends();
    lkv_output_destroy(sending.output);
    lkv_room_destroy(sending.room);
    monitor_destroy(&sending.monitor);
    free(sending.pixels);
    return done ? 0 : 1;
}
