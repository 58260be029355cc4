// SPDX-License-Identifier: Apache-2.0
//
// A sender and a receiver in one process, without any server: two rooms of the library that meet at `loopback:demo`.
// Where video_sender and video_receiver take callbacks, this one pulls: lkv_receiver_next and lkv_output_next.
//
//   loopback --frames 90 --type i420 --save received.y4m
//
// Exit status 0: every frame arrived bit for bit, and every segment's playback finished.
#include "access.h"
#include "checksum.h"
#include "interrupt.h"
#include "report.h"
#include "sink.h"
#include "source.h"
#include "stats.h"
#include "timing.h"

#include <lkvideo.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { TIMEOUT_MS = 10000, PAUSE_US = 1000000 };

struct demo {
    const struct options *options;
    lkv_room *receiving; // the receiver's room: closed by a sender that fails, so that nobody waits for it
    uint32_t *crc32s;    // of the frames sent, segment by segment: what they must be on arrival
    bool sent;           // everything, and every playback finished
};

static lkv_result join(const struct demo *demo, const char *identity, lkv_room **room) {
    const lkv_room_callbacks callbacks = {.struct_size = sizeof callbacks, .on_event = report_room_event};
    char url[512];
    struct options options = *demo->options;
    snprintf(url, sizeof url, "%s?identity=%s&kind=agent", demo->options->url, identity);
    options.url = url;
    return connect_room(&options, NULL, &callbacks, room);
}

// ---- the sender, on a thread of its own ----

static bool send_segment(const struct demo *demo, lkv_output *output, struct source *source, unsigned segment) {
    const struct options *options = demo->options;
    const bool clear = segment == 1 && options->clear_after > 0 && options->clear_after <= options->frames;
    const unsigned frames = clear ? options->clear_after : options->frames;
    const int64_t start_us = steady_time_us();
    for (unsigned number = 0; number < frames; number++) {
        const struct picture *picture = source_next(source, segment, number);
        if (!picture) return false;
        const uint32_t crc32 = checksum_crc32(picture->data, picture->size);
        demo->crc32s[(segment - 1) * options->frames + number] = crc32;

        lkv_frame_desc frame = LKV_FRAME_DESC_INIT;
        lkv_frame_desc_packed(&frame, picture->type, picture->width, picture->height, picture->data);
        frame.pts_us = options_frame_time_us(options, number);
        wait_for_frame(start_us, options->fps, number);
        const int64_t now_us = unix_time_us();
        if (failed("send a frame", lkv_output_send_frame(output, &frame, TIMEOUT_MS))) return false;
        report_frame("sent", segment, number, picture, crc32, frame.pts_us, now_us);
    }
    if (!clear) return !failed("flush", lkv_output_flush(output));
    wait_for_frame(start_us, options->fps, frames); // cleared when the next frame would be due
    return !failed("clear", lkv_output_clear_buffer(output));
}

static bool wait_playback_finished(const struct demo *demo, lkv_output *output) {
    lkv_event event = LKV_EVENT_INIT;
    for (;;) {
        if (failed("wait for playback-finished",
                   lkv_output_next(output, (int32_t)demo->options->finish_timeout * 1000, &event))) {
            return false;
        }
        const bool finished = event.type == LKV_EVENT_PLAYBACK_FINISHED;
        if (finished) report_playback_finished(event.segment, event.position_us, event.interrupted);
        if (event.type == LKV_EVENT_PLAYBACK_STARTED) report_playback_started(event.segment);
        if (event.type == LKV_EVENT_ERROR) report_error(event.error, event.message);
        lkv_event_clear(&event);
        if (finished) return true;
    }
}

static void *send_video(void *user_data) {
    struct demo *demo = user_data;
    lkv_room *room = NULL;
    lkv_output *output = NULL;
    struct source source = {0};
    struct stats stats = {0};
    if (!source_open(&source, demo->options)) goto leave;
    if (failed("connect the sender", join(demo, "sender", &room))) goto leave;
    if (failed("wait for the receiver", lkv_room_wait_participant(room, "receiver", TIMEOUT_MS))) goto leave;
    if (failed("create an output", lkv_output_create(room, "receiver", NULL, &output))) goto leave;
    if (!stats_begin(&stats, output, NULL)) goto leave;
    for (unsigned segment = 1; segment <= demo->options->segments; segment++) {
        if (segment > 1) sleep_until_us(steady_time_us() + PAUSE_US);
        if (!send_segment(demo, output, &source, segment) || !wait_playback_finished(demo, output)) goto leave;
    }
    demo->sent = true;

leave:
    if (!demo->sent) lkv_room_close(demo->receiving);
    stats_end(&stats);
    lkv_output_destroy(output);
    lkv_room_destroy(room);
    source_close(&source);
    return NULL;
}

// ---- the receiver ----

struct player {
    const struct demo *demo;
    lkv_receiver *receiver;
    struct sink sink;
    uint64_t frames, in_segment, damaged;
    unsigned ended, whole, answered; // segments
};

static void on_frame(struct player *player, const lkv_event *event, int64_t now_us) {
    const struct options *options = player->demo->options;
    const struct picture picture = picture_of_frame(event->frame);
    const uint32_t crc32 = checksum_crc32(picture.data, picture.size);
    const bool expected = event->segment <= options->segments && event->number < options->frames;
    if (!expected || crc32 != player->demo->crc32s[(event->segment - 1) * options->frames + event->number]) {
        say("segment %u: frame %u is damaged", (unsigned)event->segment, (unsigned)event->number);
        player->damaged++;
    }
    if (player->in_segment == 0)
        (void)failed("tell that playback started",
                     lkv_receiver_notify_playback_started(player->receiver, event->segment));
    player->in_segment++;
    player->frames++;
    report_frame("frame", event->segment, event->number, &picture, crc32, time_of_frame(event->frame), now_us);
    sink_save(&player->sink, &picture);
}

static void on_segment_end(struct player *player, const lkv_event *event) {
    const struct options *options = player->demo->options;
    const bool cleared = event->cause == LKV_CAUSE_CLEARED;
    const bool all = event->cause == LKV_CAUSE_FLUSHED && player->in_segment == options->frames;
    report_segment_end(event->segment, event->frames, event->frames_lost, event->cause);
    player->ended++;
    if (all || (cleared && event->segment == 1 && options->clear_after > 0)) player->whole++;
    player->in_segment = 0;
    (void)failed("tell that playback finished",
                 lkv_receiver_notify_playback_finished(player->receiver, event->segment,
                                                       options_frame_time_us(options, player->frames), cleared));
}

static void receive_video(struct player *player) {
    lkv_event event = LKV_EVENT_INIT;
    while (player->answered < player->demo->options->segments &&
           lkv_receiver_next(player->receiver, LKV_FOREVER, &event) == LKV_OK) {
        const int64_t now_us = unix_time_us();
        switch (event.type) {
        case LKV_EVENT_SEGMENT_START:
            report_segment_start(event.segment, event.width, event.height, event.pixel_type);
            break;
        case LKV_EVENT_FRAME: on_frame(player, &event, now_us); break;
        case LKV_EVENT_SEGMENT_END: on_segment_end(player, &event); break;
        case LKV_EVENT_CLEARED: report_cleared(); break;
        case LKV_EVENT_NOTIFIED:
            report_notified(event.segment, event.answer);
            player->answered++;
            break;
        case LKV_EVENT_ERROR: report_error(event.error, event.message); break;
        }
        lkv_event_clear(&event);
    }
}

static bool all_arrived(const struct player *player) {
    const unsigned expected = player->demo->options->segments;
    say("%llu frames in %u segments, %u of them whole; %llu frames damaged", (unsigned long long)player->frames,
        player->ended, player->whole, (unsigned long long)player->damaged);
    return player->ended == expected && player->whole == expected && player->damaged == 0;
}

static void stop(void *unused) {
    (void)unused;
    lkv_shutdown_all();
}

int main(int argc, char **argv) {
    interrupt_begin();
    const struct options options = options_parse(PROGRAM_LOOPBACK, argc, argv);
    struct demo demo = {.options = &options};
    struct player player = {.demo = &demo};
    struct stats stats = {0};
    pthread_t sender;
    bool done = false;
    demo.crc32s = calloc((size_t)options.segments * options.frames + 1, sizeof *demo.crc32s);
    if (!demo.crc32s || !report_open(options.events)) goto leave;
    if (!sink_open(&player.sink, options.save, options_playback_fps(&options))) goto leave;
    access_log(&options);

    if (failed("connect the receiver", join(&demo, "receiver", &demo.receiving))) goto leave;
    lkv_receiver_options receiver_options = LKV_RECEIVER_OPTIONS_INIT;
    receiver_options.sender = "sender";
    receiver_options.policy = LKV_POLICY_BLOCK; // a slow receiver slows the sender: nothing is dropped
    if (failed("receive", lkv_receiver_create(demo.receiving, &receiver_options, &player.receiver))) goto leave;
    if (!stats_begin(&stats, NULL, player.receiver)) goto leave;
    interrupt_calls(stop, NULL);

    if (pthread_create(&sender, NULL, send_video, &demo)) goto leave;
    receive_video(&player);
    pthread_join(sender, NULL);
    done = all_arrived(&player) && demo.sent;

leave:
    interrupt_calls(NULL, NULL);
    stats_end(&stats);
    lkv_receiver_destroy(player.receiver);
    lkv_room_destroy(demo.receiving);
    done = sink_close(&player.sink) && done;
    free(demo.crc32s);
    report_close();
    interrupt_end();
    return done ? 0 : 1;
}
