// SPDX-License-Identifier: Apache-2.0
//
// Sends video to one participant of a LiveKit room, in segments, and waits until the other side has played each of them.
//
//   video_sender --url ws://127.0.0.1:7880 --api-key devkey --api-secret secret --destination receiver
//
// Exit status 0: every frame was sent, and every segment's playback finished.
#include "access.h"
#include "checksum.h"
#include "interrupt.h"
#include "report.h"
#include "source.h"
#include "timing.h"

#include <lkvideo.h>

enum { SEND_TIMEOUT_MS = 10000, DRAIN_TIMEOUT_MS = 60000, PAUSE_US = 1000000 };

static void on_room_event(const lkv_room_event *event, void *finished) {
    report_room_event(event, NULL);
    if (event->type == LKV_ROOM_EVENT_STATE && event->state == LKV_ROOM_DISCONNECTED) counter_close(finished);
}

static void on_playback_event(const lkv_event *event, void *finished) {
    if (event->type == LKV_EVENT_ERROR) report_error(event->error, event->message);
    if (event->type != LKV_EVENT_PLAYBACK_FINISHED) return;
    report_playback_finished(event->position_us, event->interrupted);
    if (!event->made_up) counter_add(finished); // made up: the receiver is gone, and the library tells us in its place
}

static bool send_segment(lkv_output *output, struct source *source, const struct options *options, unsigned segment) {
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
        if (failed("send a frame", lkv_output_send_frame(output, &frame, SEND_TIMEOUT_MS))) return false;
        report_frame("sent", segment, number, picture, crc32, now_us);
    }
    say("segment %u: %u frames in %.2f s%s", segment, frames, (double)(steady_time_us() - start_us) / 1e6,
        clear ? ", cleared" : "");
    return !failed("end the segment", clear ? lkv_output_clear_buffer(output) : lkv_output_flush(output));
}

int main(int argc, char **argv) {
    interrupt_begin();
    const struct options options = options_parse(PROGRAM_SENDER, argc, argv);
    struct source source = {0};
    struct counter finished;
    counter_init(&finished);
    const char *token;
    lkv_room *room = NULL;
    lkv_output *output = NULL;
    bool done = false;
    if (!report_open(options.events) || !access_token(&options, &token) || !source_open(&source, &options)) goto leave;
    access_log(&options);

    const lkv_room_callbacks callbacks = {
        .struct_size = sizeof callbacks, .on_event = on_room_event, .user_data = &finished};
    if (failed("connect", connect_room(&options, token, &callbacks, &room))) goto leave;
    interrupt_calls(close_room, room);
    if (failed("connect", lkv_room_wait_connected(room, LKV_FOREVER))) goto leave;
    say("waiting for %s", options.destination);
    if (failed("wait for the destination",
               lkv_room_wait_participant(room, options.destination, (int32_t)options.wait_timeout * 1000)))
        goto leave;

    if (failed("create an output", lkv_output_create(room, options.destination, NULL, &output))) goto leave;
    const lkv_playback_listener listener = {
        .struct_size = sizeof listener, .on_event = on_playback_event, .user_data = &finished};
    uint64_t listener_id;
    if (failed("listen", lkv_output_add_playback_finished_listener(output, &listener, &listener_id))) goto leave;

    for (unsigned segment = 1; segment <= options.segments; segment++) {
        if (segment > 1) sleep_until_us(steady_time_us() + PAUSE_US);
        if (!send_segment(output, &source, &options, segment)) goto leave;
    }
    if (failed("send what is queued", lkv_output_wait_sent(output, DRAIN_TIMEOUT_MS))) goto leave;
    done = counter_wait(&finished, options.segments, (int64_t)options.finish_timeout * 1000);
    if (!done) report_error(LKV_ERROR_TIMEOUT, "a playback-finished is missing");

leave:
    interrupt_calls(NULL, NULL);
    lkv_output_destroy(output);
    lkv_room_destroy(room);
    counter_destroy(&finished);
    source_close(&source);
    report_close();
    interrupt_end();
    return done ? 0 : 1;
}
