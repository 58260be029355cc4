// SPDX-License-Identifier: Apache-2.0
//
// Sends video to one participant of a LiveKit room, in segments, and waits until the other side has played each of
// them.
//
//   video_sender --url ws://127.0.0.1:7880 --api-key devkey --api-secret secret --destination receiver
//
// Exit status 0: every frame was sent (or refused, as --policy asks), and every segment's playback finished.
#include "access.h"
#include "checksum.h"
#include "interrupt.h"
#include "report.h"
#include "source.h"
#include "stats.h"
#include "timing.h"

#include <lkvideo.h>

enum { GOODBYE_MS = 2000, PAUSE_US = 1000000, LINGER_US = 300000 };

struct playback {
    struct monitor monitor;
    uint64_t finished, expected; // segments
    bool given_up;               // the receiver is gone: the library finished a segment in its place
    bool over;                   // the room is disconnected for good
};

static void on_room_event(const lkv_room_event *event, void *user_data) {
    struct playback *playback = user_data;
    report_room_event(event, NULL);
    monitor_enter(&playback->monitor);
    if (event->type == LKV_ROOM_EVENT_STATE) playback->over = event->state == LKV_ROOM_DISCONNECTED;
    monitor_leave(&playback->monitor);
}

static void on_playback_event(const lkv_event *event, void *user_data) {
    struct playback *playback = user_data;
    if (event->type == LKV_EVENT_ERROR) report_error(event->error, event->message);
    if (event->type == LKV_EVENT_PLAYBACK_STARTED) report_playback_started(event->segment);
    if (event->type != LKV_EVENT_PLAYBACK_FINISHED) return;
    if (event->made_up) report_playback_made_up(event->segment);
    else report_playback_finished(event->segment, event->position_us, event->interrupted);
    monitor_enter(&playback->monitor);
    playback->finished++;
    if (event->made_up) playback->given_up = true;
    monitor_leave(&playback->monitor);
}

static bool is_over(const void *playback) { return ((const struct playback *)playback)->over; }

static bool is_finished(const void *state) {
    const struct playback *playback = state;
    return playback->finished >= playback->expected || playback->over;
}

// A room that reconnects takes its time, and the frames wait for it, unless they are to be refused.
static lkv_result send_frame(lkv_room *room, lkv_output *output, const lkv_frame_desc *frame,
                             const struct options *options) {
    lkv_result result;
    do result = lkv_output_send_frame(output, frame, (int32_t)options->send_timeout * 1000);
    while (result == LKV_ERROR_TIMEOUT && options->policy != LKV_POLICY_REFUSE && is_reconnecting(room));
    return result;
}

static bool send_segment(lkv_room *room, lkv_output *output, struct source *source, const struct options *options,
                         unsigned segment) {
    const bool clear = segment == 1 && options->clear_after > 0 && options->clear_after <= options->frames;
    const unsigned frames = clear ? options->clear_after : options->frames;
    const int64_t start_us = steady_time_us();
    for (unsigned number = 0; number < frames; number++) {
        const struct picture *picture = source_next(source, segment, number);
        if (!picture) return false;
        const uint32_t crc32 = checksum_crc32(picture->data, picture->size);

        lkv_frame_desc frame = LKV_FRAME_DESC_INIT;
        lkv_frame_desc_packed(&frame, picture->type, picture->width, picture->height, picture->data);
        frame.pts_us = options_frame_time_us(options, number);
        wait_for_frame(start_us, options->fps, number);
        const int64_t now_us = unix_time_us();
        const lkv_result result = send_frame(room, output, &frame, options);
        const bool refused = result == LKV_ERROR_TIMEOUT && options->policy == LKV_POLICY_REFUSE;
        if (!refused && failed("send a frame", result)) return false;
        report_frame(refused ? "refused" : "sent", segment, number, picture, crc32, frame.pts_us, now_us);
    }
    say("segment %u: %u frames in %.2f s", segment, frames, (double)(steady_time_us() - start_us) / 1e6);
    if (!clear) return !failed("flush", lkv_output_flush(output));
    wait_for_frame(start_us, options->fps, frames); // cleared when the next frame would be due
    say("segment %u: cleared", segment);
    return !failed("clear", lkv_output_clear_buffer(output));
}

// Every segment that started must be finished, by a receiver that is there.
static bool wait_playback_finished(lkv_output *output, struct playback *playback, const struct options *options) {
    lkv_output_stats counters = LKV_OUTPUT_STATS_INIT;
    if (failed("send what is queued", lkv_output_wait_sent(output, (int32_t)options->send_timeout * 1000))) return false;
    if (failed("count segments", lkv_output_get_stats(output, &counters))) return false;
    playback->expected = counters.segments_started;
    monitor_wait(&playback->monitor, is_finished, playback, (int64_t)options->finish_timeout * 1000);
    monitor_enter(&playback->monitor);
    const bool finished = playback->finished >= playback->expected, given_up = playback->given_up;
    monitor_leave(&playback->monitor);
    if (!finished) report_error(LKV_ERROR_TIMEOUT, "a playback-finished is missing");
    sleep_until_us(steady_time_us() + LINGER_US); // our answer to the last one is still on its way
    return finished && !given_up && counters.segments_started == options->segments;
}

int main(int argc, char **argv) {
    interrupt_begin();
    const struct options options = options_parse(PROGRAM_SENDER, argc, argv);
    struct source source = {0};
    struct playback playback = {0};
    struct stats stats = {0};
    monitor_init(&playback.monitor);
    const char *token;
    lkv_room *room = NULL;
    lkv_output *output = NULL;
    bool done = false;
    if (!report_open(options.events) || !access_token(&options, &token) || !source_open(&source, &options)) goto leave;
    access_log(&options);

    const lkv_room_callbacks callbacks = {
        .struct_size = sizeof callbacks, .on_event = on_room_event, .user_data = &playback};
    if (failed("connect", connect_room(&options, token, &callbacks, &room))) goto leave;
    interrupt_calls(close_room, room);
    if (failed("connect", lkv_room_wait_connected(room, LKV_FOREVER))) goto leave;
    say("waiting for %s", options.destination);
    if (failed("wait for the destination",
               lkv_room_wait_participant(room, options.destination, (int32_t)options.wait_timeout * 1000)))
        goto leave;

    lkv_output_options output_options = LKV_OUTPUT_OPTIONS_INIT;
    output_options.policy = options.policy;
    output_options.label = options.label;
    if (failed("create an output", lkv_output_create(room, options.destination, &output_options, &output))) goto leave;
    if (!stats_begin(&stats, output, NULL)) goto leave;
    const lkv_playback_listener listener = {
        .struct_size = sizeof listener, .on_event = on_playback_event, .user_data = &playback};
    uint64_t listener_id;
    if (failed("listen", lkv_output_add_playback_finished_listener(output, &listener, &listener_id))) goto leave;

    for (unsigned segment = 1; segment <= options.segments; segment++) {
        if (segment > 1) sleep_until_us(steady_time_us() + PAUSE_US);
        if (!send_segment(room, output, &source, &options, segment)) goto leave;
    }
    done = wait_playback_finished(output, &playback, &options);

leave:
    interrupt_calls(NULL, NULL);
    stats_end(&stats);
    lkv_output_destroy(output);
    if (room) {
        lkv_room_close(room);
        monitor_wait(&playback.monitor, is_over, &playback, GOODBYE_MS); // its last event
        lkv_room_destroy(room);
    }
    monitor_destroy(&playback.monitor);
    source_close(&source);
    report_close();
    interrupt_end();
    return done ? 0 : 1;
}
