// SPDX-License-Identifier: Apache-2.0
//
// The sending side of the soak: segments of random sizes, types and lengths to the participant `receiver`, through outputs
// that come and go, in rooms that come and go. Within a segment the shape changes at random, which ends it in version 0 of
// the wire and not in version 1. It flushes, clears or leaves a segment open at its output's end, tells what it does, and
// tells every event of its outputs.
#include "soak.h"

#include <stdlib.h>
#include <string.h>

enum { LEAST_WIDTH = 64, MOST_WIDTH = 160, LEAST_HEIGHT = 48, MOST_HEIGHT = 120, TYPES = LKV_PIXEL_NV12 + 1 };

struct sender {
    struct choices *choices;
    struct picture next; // of the last segment
    unsigned outputs;
    // The output in use.
    lkv_output *output;
    bool listens;         // events come to a listener, on the output's thread; else they are pulled
    atomic_uint finished; // segments
    unsigned lent;        // pictures
    atomic_uint returned;
    uint64_t taken, refused; // frames, by this output
};

// ---- events ----

static void on_event(const lkv_event *event, void *user_data) {
    struct sender *sender = user_data;
    if (event->type == LKV_EVENT_ERROR) tell_error(event);
    if (event->type == LKV_EVENT_PLAYBACK_STARTED)
        tell("{\"event\":\"playing\",\"segment\":%llu}", (unsigned long long)event->segment);
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

static lkv_result send_picture(struct sender *sender) {
    const struct picture picture = sender->next;
    const struct shape shape = picture.shape;
    lkv_frame_desc frame = LKV_FRAME_DESC_INIT;
    size_t size = 0;
    failed("size a frame", lkv_frame_size(shape.type, shape.width, shape.height, &size));
    atomic_uint **block = malloc(sizeof *block + size);
    if (!block) abort();
    *block = &sender->returned;
    uint8_t *pixels = (uint8_t *)(block + 1);
    picture_draw(picture, pixels, size);
    lkv_result result = lkv_frame_desc_packed(&frame, shape.type, shape.width, shape.height, pixels);
    frame.pts_us = picture_pts(picture);
    if (result == LKV_OK && one_in(sender->choices, 2)) {
        sender->lent++;
        return lkv_output_send_frame_owned(sender->output, &frame, 1000, give_back, block);
    }
    if (result == LKV_OK) result = lkv_output_send_frame(sender->output, &frame, 1000);
    free(block);
    return result;
}

// Another shape than the last.
static void change_shape(struct sender *sender) {
    struct shape next;
    do {
        next.type = (lkv_pixel)below(sender->choices, TYPES);
        next.width = between(sender->choices, LEAST_WIDTH, MOST_WIDTH);
        next.height = between(sender->choices, LEAST_HEIGHT, MOST_HEIGHT);
    } while (!memcmp(&next, &sender->next.shape, sizeof next));
    sender->next.shape = next;
    tell("{\"event\":\"part\",\"id\":%llu,\"part\":%llu,\"first\":%llu,\"pixels\":%d,\"width\":%u,\"height\":%u}",
         (unsigned long long)sender->next.id, (unsigned long long)sender->next.part,
         (unsigned long long)sender->next.number, next.type, next.width, next.height);
}

static void send_frames(struct sender *sender, lkv_room *room) {
    const uint32_t wanted = one_in(sender->choices, 10) ? 1 : between(sender->choices, 2, 40);
    const uint32_t pace_ms = between(sender->choices, 0, 30);
    for (uint32_t tries = 0; tries < wanted && !told_to_end(0) && !is_lost(room); tries++) {
        if (sender->next.number > 0 && one_in(sender->choices, 60)) {
            sender->next.part++;
            change_shape(sender);
        }
        const lkv_result result = send_picture(sender);
        if (result == LKV_OK) sender->next.number++, sender->taken++;
        else if (result != LKV_ERROR_TIMEOUT) failed("send a frame", result);
        else sender->refused++;
        spend(sender, pace_ms);
    }
}

// `how`: `flush`, `clear`, or `open` if the output is closed next.
static void end_segment(struct sender *sender, const char *how) {
    tell("{\"event\":\"ended\",\"id\":%llu,\"frames\":%llu,\"how\":\"%s\"}", (unsigned long long)sender->next.id,
         (unsigned long long)sender->next.number, how);
    if (*how == 'f') failed("flush", lkv_output_flush(sender->output));
    if (*how == 'c') failed("clear", lkv_output_clear_buffer(sender->output));
}

// True if it is still open.
static bool send_segment(struct sender *sender, lkv_room *room, bool last) {
    sender->next = (struct picture){.id = sender->next.id + 1, .shape = sender->next.shape};
    change_shape(sender);
    send_frames(sender, room);
    if (last && one_in(sender->choices, 2)) {
        end_segment(sender, "open");
        return true;
    }
    end_segment(sender, one_in(sender->choices, 5) ? "clear" : "flush");
    if (one_in(sender->choices, 20)) {
        tell("{\"event\":\"clear\"}");
        failed("clear", lkv_output_clear_buffer(sender->output));
    }
    return false;
}

// ---- one output ----

static bool open_output(struct sender *sender, lkv_room *room) {
    lkv_output_options options = LKV_OUTPUT_OPTIONS_INIT;
    options.policy = one_in(sender->choices, 2) ? LKV_POLICY_BLOCK : (lkv_queue_policy)below(sender->choices, 4);
    sender->taken = sender->refused = 0;
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

static void close_output(struct sender *sender, lkv_room *room) {
    lkv_output_stats stats = LKV_OUTPUT_STATS_INIT;
    tell("{\"event\":\"closing\"}");
    if (one_in(sender->choices, 8)) lkv_room_close(room); // which closes the output as well
    failed("close the output", lkv_output_close(sender->output));
    take_last_events(sender, &stats);
    lkv_output_destroy(sender->output); // gives back what is lent
    const uint64_t dropped = stats.dropped_cleared + stats.dropped_oldest + stats.dropped_newest +
                             stats.dropped_disconnected + stats.dropped_late + stats.dropped_unsupported;
    tell("{\"event\":\"output_closed\",\"output\":%u,\"started\":%llu,\"ended\":%llu,\"resumed\":%llu,\"finished\":%llu,"
         "\"taken\":%llu,\"accepted\":%llu,\"sent\":%llu,\"dropped\":%llu,\"disconnected\":%llu,"
         "\"queued\":%u,\"turned_away\":%llu,\"refused\":%llu,\"refused_causes\":%llu,\"unmatched\":%llu,"
         "\"events_dropped\":%llu,\"lent\":%u,\"returned\":%u}",
         sender->outputs, (unsigned long long)stats.segments_started, (unsigned long long)stats.segments_finished,
         (unsigned long long)stats.segments_resumed, (unsigned long long)stats.playback_finished,
         (unsigned long long)sender->taken, (unsigned long long)stats.frames_accepted,
         (unsigned long long)stats.frames_sent, (unsigned long long)dropped,
         (unsigned long long)stats.dropped_disconnected, stats.queue_frames,
         (unsigned long long)sender->refused, (unsigned long long)stats.refused,
         (unsigned long long)(stats.refused_full + stats.refused_large), (unsigned long long)stats.playback_unmatched,
         (unsigned long long)stats.events_dropped, sender->lent, atomic_load(&sender->returned));
}

// All that was sent until here is in segments up to this one: what the receiver reports can be checked by that.
static void wait_sent(struct sender *sender) {
    lkv_output_stats stats = LKV_OUTPUT_STATS_INIT;
    const lkv_result sent = lkv_output_wait_sent(sender->output, 1000);
    if (sent == LKV_ERROR_TIMEOUT || failed("wait until all is sent", sent)) return;
    if (failed("count", lkv_output_get_stats(sender->output, &stats))) return;
    tell("{\"event\":\"sent\",\"id\":%llu,\"segments\":%llu}", (unsigned long long)sender->next.id,
         (unsigned long long)stats.segments_started);
}

static void use_output(struct sender *sender, lkv_room *room) {
    if (!open_output(sender, room)) {
        spend(sender, 100);
        return;
    }
    bool open = false;
    for (bool last = false; !last && !told_to_end(0) && !is_lost(room);) {
        last = one_in(sender->choices, 30);
        open = send_segment(sender, room, last);
        if (one_in(sender->choices, 4)) wait_sent(sender);
        if (one_in(sender->choices, 3)) spend(sender, one_in(sender->choices, 10) ? 1500 : 150);
    }
    if (told_to_end(0) && !is_lost(room)) { // the last ones are played
        if (open) end_segment(sender, "flush");
        failed("wait until all is sent", lkv_output_wait_sent(sender->output, ANSWER_LIMIT_MS));
        if (!sender->listens) pull(sender, 500);
    }
    close_output(sender, room);
}

int main(int argc, char **argv) {
    struct soak soak = soak_begin(argc, argv);
    struct sender sender = {.choices = &soak.choices, .next.id = soak.life * IDS_IN_A_LIFE};
    lkv_room *room;
    while ((room = join(&soak, "sender", LKV_KIND_AGENT))) {
        while (!told_to_end(0) && !is_lost(room)) use_output(&sender, room);
        lkv_room_destroy(room);
    }
    tell("{\"event\":\"bye\"}");
    return 0;
}
