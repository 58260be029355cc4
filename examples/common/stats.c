// SPDX-License-Identifier: Apache-2.0
#include "stats.h"

#include "report.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { INTERVAL_MS = 1000 };

// Counters by the names of their fields, as the inside of a JSON object.
struct line {
    char text[2048];
    size_t length;
};

static void add(struct line *line, const char *name, int64_t value) {
    const size_t room = sizeof line->text - line->length;
    const int length = snprintf(line->text + line->length, room, ",\"%s\":%" PRId64, name, value);
    if (length > 0 && (size_t)length < room) line->length += (size_t)length;
}

#define ADD(field) add(&line, #field, (int64_t)counters.field)

static void report_output(lkv_output *output) {
    lkv_output_stats counters = LKV_OUTPUT_STATS_INIT;
    struct line line = {.length = 0};
    if (lkv_output_get_stats(output, &counters) != LKV_OK) return;
    ADD(wire_version);
    ADD(queue_frames);
    ADD(queue_bytes);
    ADD(frames_accepted);
    ADD(bytes_accepted);
    ADD(frames_sent);
    ADD(bytes_sent);
    ADD(dropped_cleared);
    ADD(dropped_oldest);
    ADD(dropped_newest);
    ADD(dropped_late);
    ADD(dropped_disconnected);
    ADD(dropped_unsupported);
    ADD(refused);
    ADD(refused_full);
    ADD(refused_large);
    ADD(segments_started);
    ADD(segments_finished);
    ADD(segments_resumed);
    ADD(playback_finished);
    ADD(playback_unmatched);
    ADD(events_dropped);
    ADD(messages_stale);
    ADD(reconnects);
    ADD(credit);
    ADD(blocked_us);
    ADD(round_trip_us);
    report_stats("output", line.text);
}

static void report_receiver(lkv_receiver *receiver) {
    lkv_receiver_stats counters = LKV_RECEIVER_STATS_INIT;
    struct line line = {.length = 0};
    if (lkv_receiver_get_stats(receiver, &counters) != LKV_OK) return;
    ADD(wire_version);
    ADD(queue_frames);
    ADD(queue_bytes);
    ADD(frames_received);
    ADD(bytes_received);
    ADD(frames_delivered);
    ADD(frames_lost);
    ADD(dropped_oldest);
    ADD(dropped_newest);
    ADD(dropped_cleared);
    ADD(dropped_truncated);
    ADD(segments_started);
    ADD(segments_ended);
    ADD(segments_resumed);
    ADD(streams_refused);
    ADD(refused_foreign);
    ADD(refused_bad);
    ADD(refused_large);
    ADD(refused_many);
    ADD(refused_stale);
    ADD(chunks_unknown);
    ADD(chunks_lost);
    ADD(chunks_repeated);
    ADD(chunks_refused);
    ADD(messages_stale);
    ADD(reconnects);
    ADD(window);
    ADD(round_trip_us);
    ADD(latency_us);
    report_stats("receiver", line.text);
}

static bool is_ending(const void *stats) { return ((const struct stats *)stats)->ending; }

static void *run(void *user_data) {
    struct stats *stats = user_data;
    bool ending;
    do {
        ending = monitor_wait(&stats->monitor, is_ending, stats, INTERVAL_MS);
        if (stats->output) report_output(stats->output);
        if (stats->receiver) report_receiver(stats->receiver);
    } while (!ending);
    return NULL;
}

bool stats_begin(struct stats *stats, lkv_output *output, lkv_receiver *receiver) {
    memset(stats, 0, sizeof *stats);
    stats->output = output;
    stats->receiver = receiver;
    monitor_init(&stats->monitor);
    stats->running = pthread_create(&stats->thread, NULL, run, stats) == 0;
    if (stats->running) return true;
    monitor_destroy(&stats->monitor);
    report_error(LKV_ERROR_IO, "no thread for the counters");
    return false;
}

void stats_end(struct stats *stats) {
    if (!stats->running) return;
    monitor_enter(&stats->monitor);
    stats->ending = true;
    monitor_leave(&stats->monitor);
    pthread_join(stats->thread, NULL);
    monitor_destroy(&stats->monitor);
    stats->running = false;
}
