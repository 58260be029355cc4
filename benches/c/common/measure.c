// SPDX-License-Identifier: Apache-2.0
#define _POSIX_C_SOURCE 200809L
#include "measure.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct stamp {
    int64_t number, sent_us;
};

static void refuse(const char *what) {
    fprintf(stderr, "bad command line: %s\n", what);
    exit(2);
}

static lkv_pixel pixel_named(const char *wanted) {
    const char *name;
    for (lkv_pixel type = 0; (name = lkv_pixel_name(type)) != NULL; type++) {
        if (!strcmp(name, wanted)) return type;
    }
    refuse("no such pixel type");
    return -1;
}

struct wanted wanted_parse(int argc, char **argv) {
    struct wanted wanted = {.url = getenv("LIVEKIT_URL"),
                            .room = "bench",
                            .width = 640,
                            .height = 480,
                            .seconds = 5,
                            .min_frames = 1,
                            .queue = 2};
    for (int i = 1; i + 1 < argc; i += 2) {
        const char *name = argv[i], *value = argv[i + 1];
        if (!strcmp(name, "--room")) wanted.room = value;
        else if (!strcmp(name, "--type")) wanted.type = pixel_named(value);
        else if (!strcmp(name, "--fps")) wanted.fps = atof(value);
        else if (!strcmp(name, "--seconds")) wanted.seconds = atof(value);
        else if (!strcmp(name, "--min-frames")) wanted.min_frames = strtoull(value, NULL, 10);
        else if (!strcmp(name, "--count")) wanted.count = (uint32_t)strtoul(value, NULL, 10);
        else if (!strcmp(name, "--queue")) wanted.queue = (uint32_t)strtoul(value, NULL, 10);
        else if (strcmp(name, "--size") || sscanf(value, "%" SCNu32 "x%" SCNu32, &wanted.width, &wanted.height) != 2)
            refuse(name);
    }
    if (argc % 2 == 0) refuse("an option without a value");
    return wanted;
}

bool broke(const char *what, lkv_result result) {
    if (result == LKV_OK) return false;
    char why[512] = "";
    lkv_last_error_message(why, sizeof why, NULL);
    fprintf(stderr, "%s: %s (%s)\n", what, why, lkv_result_name(result));
    return true;
}

void emit_time(const char *event) {
    printf("{\"event\":\"%s\",\"t_us\":%" PRId64 "}\n", event, steady_time_us());
    fflush(stdout);
}

static void on_log(lkv_log_level level, const char *target, const char *message, void *user_data) {
    (void)level, (void)user_data;
    fprintf(stderr, "%s: %s\n", target, message);
}

lkv_room *measured_connect(const struct wanted *wanted, const char *identity, lkv_participant_kind kind) {
    char token[4096], loopback[256];
    const char *url = wanted->url;
    const bool server = url && strncmp(url, "loopback:", 9);
    const char *level = getenv("LKV_BENCH_LOG");
    lkv_set_log_callback(level ? atoi(level) : LKV_LOG_WARN, on_log, NULL, NULL);
    if (!server) {
        snprintf(loopback, sizeof loopback, "loopback:%s?identity=%s&kind=%s", wanted->room, identity,
                 kind == LKV_KIND_AGENT ? "agent" : "standard");
        url = loopback;
    } else {
        lkv_token_options options = LKV_TOKEN_OPTIONS_INIT;
        options.api_key = getenv("LIVEKIT_API_KEY");
        options.api_secret = getenv("LIVEKIT_API_SECRET");
        options.identity = identity;
        options.room = wanted->room;
        options.kind = kind;
        if (broke("make a token", lkv_token_create(&options, token, sizeof token, NULL))) return NULL;
    }
    emit_time("connecting");
    lkv_room *room = NULL;
    if (broke("connect", lkv_room_connect(url, server ? token : NULL, NULL, &room))) return NULL;
    if (broke("connect", lkv_room_wait_connected(room, IDLE_LIMIT_MS))) {
        lkv_room_destroy(room);
        return NULL;
    }
    emit_time("connected");
    return room;
}

static void write_stamp(uint8_t *data, size_t size, uint64_t number) {
    const struct stamp stamp = {(int64_t)number, steady_time_us()};
    memcpy(data, &stamp, sizeof stamp);
    memcpy(data + size - sizeof stamp, &stamp, sizeof stamp);
}

static bool prepare(uint8_t *frames[PREPARED], size_t size) {
    for (int i = 0; i < PREPARED; i++) {
        frames[i] = malloc(size);
        if (!frames[i]) return false;
        for (size_t at = 0; at < size; at++) frames[i][at] = (uint8_t)(at * 7 + (size_t)i * 61);
    }
    return true;
}

bool measured_send(const struct wanted *wanted, lkv_output *output) {
    uint8_t *frames[PREPARED] = {0};
    size_t size = 0;
    uint64_t number = 0;
    bool done = !broke("frame size", lkv_frame_size(wanted->type, wanted->width, wanted->height, &size)) &&
                size >= 2 * sizeof(struct stamp) && prepare(frames, size);
    emit_time("sending");
    const int64_t start_us = steady_time_us(), end_us = start_us + (int64_t)(wanted->seconds * 1e6);
    while (done) {
        const int64_t due_us = wanted->fps > 0 ? start_us + (int64_t)((double)number * 1e6 / wanted->fps) : 0;
        const int64_t now_us = steady_time_us();
        if ((due_us > now_us ? due_us : now_us) >= end_us && number >= wanted->min_frames) break;
        if (due_us > now_us) sleep_until_us(due_us);
        uint8_t *data = frames[number % PREPARED];
        lkv_frame_desc frame = LKV_FRAME_DESC_INIT;
        lkv_frame_desc_packed(&frame, wanted->type, wanted->width, wanted->height, data);
        write_stamp(data, size, number);
        done = !broke("send a frame", lkv_output_send_frame(output, &frame, IDLE_LIMIT_MS));
        number++;
    }
    done = done && !broke("flush", lkv_output_flush(output)) &&
           !broke("send what is queued", lkv_output_wait_sent(output, IDLE_LIMIT_MS));
    printf("{\"event\":\"done\",\"t_us\":%" PRId64 ",\"frames\":%" PRIu64 "}\n", steady_time_us(), number);
    fflush(stdout);
    for (int i = 0; i < PREPARED; i++) free(frames[i]);
    return done;
}

static void on_frame(struct arrivals *arrivals, const lkv_frame *frame, int64_t now_us) {
    lkv_frame_info info = LKV_FRAME_INFO_INIT;
    struct stamp first, last;
    arrivals->frames++;
    if (lkv_frame_get_info(frame, &info) || info.size < 2 * sizeof first) {
        arrivals->broken++;
        return;
    }
    memcpy(&first, info.data, sizeof first);
    memcpy(&last, info.data + info.size - sizeof last, sizeof last);
    if (memcmp(&first, &last, sizeof first) || first.number < 0 || (uint64_t)first.number < arrivals->next) {
        arrivals->broken++;
        return;
    }
    arrivals->next = (uint64_t)first.number + 1;
    printf("{\"event\":\"frame\",\"number\":%" PRId64 ",\"sent_us\":%" PRId64 ",\"t_us\":%" PRId64 "}\n", first.number,
           first.sent_us, now_us);
    fflush(stdout);
}

static void on_segment_end(struct arrivals *arrivals, const lkv_event *event, int64_t now_us) {
    // What the library counts and what was delivered has to agree, and the sender has to have flushed.
    if (event->cause != LKV_CAUSE_FLUSHED || event->frames != arrivals->frames) arrivals->broken++;
    printf("{\"event\":\"end\",\"t_us\":%" PRId64 ",\"frames\":%" PRIu64 ",\"broken\":%" PRIu64 ",\"cause\":%" PRId32 "}\n",
           now_us, arrivals->frames, arrivals->broken, event->cause);
    fflush(stdout);
    monitor_enter(arrivals->monitor);
    arrivals->ended = true;
    monitor_leave(arrivals->monitor);
}

void arrivals_event(const lkv_event *event, void *user_data) {
    const int64_t now_us = steady_time_us();
    struct arrivals *arrivals = user_data;
    if (event->type == LKV_EVENT_FRAME) on_frame(arrivals, event->frame, now_us);
    if (event->type == LKV_EVENT_SEGMENT_END) on_segment_end(arrivals, event, now_us);
    if (event->type == LKV_EVENT_ERROR) fprintf(stderr, "receiver: %s\n", event->message ? event->message : "?");
}

void wait_until_input_ends(void) {
    char rest[64];
    while (read(STDIN_FILENO, rest, sizeof rest) > 0) continue;
}
