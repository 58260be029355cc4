// SPDX-License-Identifier: Apache-2.0
#define _POSIX_C_SOURCE 200809L
#include "report.h"

#include "timing.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static FILE *events;

bool report_open(const char *path) {
    if (!path) return true;
    events = strcmp(path, "-") ? fopen(path, "w") : stdout;
    if (!events) say("%s: %s", path, strerror(errno));
    return events != NULL;
}

void report_close(void) {
    if (events && events != stdout) fclose(events);
    events = NULL;
}

void say(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    flockfile(stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    funlockfile(stderr);
    va_end(arguments);
}

// One event: its name, then the rest of the object as printf makes it.
static void emit(const char *event, const char *format, ...) {
    if (!events) return;
    va_list arguments;
    va_start(arguments, format);
    flockfile(events);
    fprintf(events, "{\"event\":\"%s\"", event);
    vfprintf(events, format, arguments);
    fputs("}\n", events);
    fflush(events);
    funlockfile(events);
    va_end(arguments);
}

// The text as the inside of a JSON string, cut to what fits.
static const char *json(const char *text, char *buffer, size_t capacity) {
    size_t length = 0;
    for (const unsigned char *c = (const unsigned char *)text; *c && length + 7 < capacity; c++) {
        if (*c == '"' || *c == '\\') {
            buffer[length++] = '\\';
            buffer[length++] = (char)*c;
        } else if (*c < 0x20) {
            length += (size_t)snprintf(buffer + length, 7, "\\u%04x", *c);
        } else {
            buffer[length++] = (char)*c;
        }
    }
    buffer[length] = '\0';
    return buffer;
}

bool failed(const char *what, lkv_result result) {
    if (result == LKV_OK) return false;
    char why[512] = "", message[640];
    lkv_last_error_message(why, sizeof why, NULL);
    snprintf(message, sizeof message, "%s: %s", what, why);
    report_error(result, message);
    return true;
}

void report_error(lkv_result code, const char *message) {
    char escaped[1024];
    if (!message) message = "";
    if (strstr(message, lkv_result_name(code))) say("error: %s", message);
    else say("error: %s (%s)", message, lkv_result_name(code));
    emit("error", ",\"code\":%" PRId32 ",\"message\":\"%s\"", code, json(message, escaped, sizeof escaped));
}

void report_frame(const char *event, uint64_t segment, uint64_t number, const struct picture *picture, uint32_t crc32,
                  int64_t pts_us, int64_t unix_us) {
    char pts[24] = "null";
    if (pts_us != LKV_NO_PTS) snprintf(pts, sizeof pts, "%" PRId64, pts_us);
    emit(event,
         ",\"segment\":%" PRIu64 ",\"number\":%" PRIu64 ",\"width\":%" PRIu32 ",\"height\":%" PRIu32
         ",\"type\":%" PRId32 ",\"bytes\":%zu,\"crc32\":%" PRIu32 ",\"pts_us\":%s,\"t_us\":%" PRId64,
         segment, number, picture->width, picture->height, picture->type, picture->size, crc32, pts, unix_us);
}

void report_segment_start(uint64_t segment, uint32_t width, uint32_t height, lkv_pixel type) {
    const char *name = lkv_pixel_name(type);
    say("segment %" PRIu64 ": %" PRIu32 "x%" PRIu32 " %s", segment, width, height, name ? name : "?");
    emit("segment_start", ",\"segment\":%" PRIu64 ",\"width\":%" PRIu32 ",\"height\":%" PRIu32 ",\"type\":%" PRId32,
         segment, width, height, type);
}

static const char *cause_name(lkv_segment_cause cause) {
    switch (cause) {
    case LKV_CAUSE_FLUSHED: return "FLUSHED";
    case LKV_CAUSE_CLEARED: return "CLEARED";
    case LKV_CAUSE_TRUNCATED: return "TRUNCATED";
    case LKV_CAUSE_TIMED_OUT: return "TIMED_OUT";
    case LKV_CAUSE_SENDER_LEFT: return "SENDER_LEFT";
    case LKV_CAUSE_SENDER_RESTARTED: return "SENDER_RESTARTED";
    case LKV_CAUSE_DISCONNECTED: return "DISCONNECTED";
    case LKV_CAUSE_CLOSED: return "CLOSED";
    default: return "NONE";
    }
}

void report_segment_end(uint64_t segment, uint64_t frames, uint64_t lost, lkv_segment_cause cause) {
    if (lost) say("segment %" PRIu64 ": %" PRIu64 " frames, %" PRIu64 " lost, %s", segment, frames, lost, cause_name(cause));
    else say("segment %" PRIu64 ": %" PRIu64 " frames, %s", segment, frames, cause_name(cause));
    emit("segment_end", ",\"segment\":%" PRIu64 ",\"frames\":%" PRIu64 ",\"lost\":%" PRIu64 ",\"cause\":\"%s\"", segment,
         frames, lost, cause_name(cause));
}

void report_cleared(void) {
    say("cleared by the sender");
    emit("cleared", "%s", "");
}

void report_playback_started(uint64_t segment) {
    say("segment %" PRIu64 ": on show", segment);
    emit("playback_started", ",\"segment\":%" PRIu64, segment);
}

void report_playback_finished(uint64_t segment, int64_t position_us, bool interrupted) {
    say("segment %" PRIu64 ": playback finished at %.3f s%s", segment, (double)position_us / 1e6,
        interrupted ? ", interrupted" : "");
    emit("playback_finished", ",\"segment\":%" PRIu64 ",\"position\":%.6f,\"interrupted\":%s", segment,
         (double)position_us / 1e6, interrupted ? "true" : "false");
}

void report_playback_made_up(uint64_t segment) {
    say("segment %" PRIu64 ": the receiver is gone, its playback counts as finished", segment);
    emit("playback_made_up", ",\"segment\":%" PRIu64, segment);
}

void report_notified(uint64_t segment, lkv_answer answer) {
    const char *name = answer == LKV_ANSWER_OK ? "ok" : answer == LKV_ANSWER_REJECT ? "reject" : "failed";
    say("told the sender that playback of segment %" PRIu64 " finished: %s", segment, name);
    emit("notified", ",\"segment\":%" PRIu64 ",\"answer\":\"%s\"", segment, name);
}

void report_stats(const char *of, const char *counters) {
    emit("stats", ",\"of\":\"%s\",\"t_us\":%" PRId64 "%s", of, unix_time_us(), counters);
}

static const char *state_name(lkv_room_state state) {
    switch (state) {
    case LKV_ROOM_CONNECTING: return "connecting";
    case LKV_ROOM_CONNECTED: return "connected";
    case LKV_ROOM_RECONNECTING: return "reconnecting";
    default: return "disconnected";
    }
}

static const char *reason_name(lkv_disconnect_reason reason) {
    switch (reason) {
    case LKV_DISCONNECT_NONE: return "none";
    case LKV_DISCONNECT_CLIENT: return "client";
    case LKV_DISCONNECT_CONNECT_FAILED: return "connect_failed";
    case LKV_DISCONNECT_DUPLICATE_IDENTITY: return "duplicate_identity";
    case LKV_DISCONNECT_ROOM_CLOSED: return "room_closed";
    case LKV_DISCONNECT_PARTICIPANT_REMOVED: return "participant_removed";
    case LKV_DISCONNECT_SERVER_SHUTDOWN: return "server_shutdown";
    case LKV_DISCONNECT_RECONNECT_FAILED: return "reconnect_failed";
    default: return "other";
    }
}

void report_room_state(lkv_room_state state, lkv_disconnect_reason reason) {
    if (reason == LKV_DISCONNECT_NONE) say("room: %s", state_name(state));
    else say("room: %s (%s)", state_name(state), reason_name(reason));
    emit("room_state", ",\"state\":\"%s\",\"reason\":\"%s\"", state_name(state), reason_name(reason));
}

void report_room_event(const lkv_room_event *event, void *unused) {
    (void)unused;
    if (event->type == LKV_ROOM_EVENT_STATE) report_room_state(event->state, event->reason);
    if (event->type == LKV_ROOM_EVENT_PARTICIPANT_JOINED) say("%s joined", event->identity);
    if (event->type == LKV_ROOM_EVENT_PARTICIPANT_LEFT) say("%s left", event->identity);
}
