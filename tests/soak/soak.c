// SPDX-License-Identifier: Apache-2.0
#include "soak.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LINE = 1024, TOKEN = 1024, CONNECT_LIMIT_MS = 5000, RETRY_MS = 300, ALIVE_MS = 1000 };

// ---- choices ----

struct choices choices_from(uint64_t seed) { return (struct choices){seed}; }

// splitmix64, by Sebastiano Vigna.
static uint64_t mixed(uint64_t value) {
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
    return value ^ (value >> 31);
}

uint32_t below(struct choices *choices, uint32_t bound) {
    choices->state += 0x9e3779b97f4a7c15u;
    return (uint32_t)(mixed(choices->state) % bound);
}

uint32_t between(struct choices *choices, uint32_t least, uint32_t most) {
    return least + below(choices, most - least + 1);
}

bool one_in(struct choices *choices, uint32_t bound) { return below(choices, bound) == 0; }

// ---- the process ----

struct soak soak_begin(int argc, char **argv) {
    struct soak soak = {getenv("LIVEKIT_URL"), getenv("LIVEKIT_API_KEY"), getenv("LIVEKIT_API_SECRET"), 0, {0}};
    if (argc != 3 || !soak.url || !soak.api_key || !soak.api_secret) {
        fprintf(stderr, "%s SEED LIFE, with LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET set\n", argv[0]);
        exit(2);
    }
    soak.choices = choices_from(strtoull(argv[1], NULL, 10));
    soak.life = strtoull(argv[2], NULL, 10);
    return soak;
}

int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void nap(uint32_t ms) {
    const struct timespec pause = {ms / 1000, (long)(ms % 1000) * 1000000};
    nanosleep(&pause, NULL);
}

bool told_to_end(uint32_t ms) {
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    return poll(&input, 1, (int)ms) > 0;
}

// ---- lines ----

void tell(const char *format, ...) {
    char line[LINE];
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(line, sizeof line - 1, format, arguments);
    va_end(arguments);
    if (length < 0 || length >= (int)sizeof line - 1) abort();
    line[length] = '\n';
    // One write of less than PIPE_BUF is whole, whichever thread it is from, and there even if the process is killed next.
    if (write(STDOUT_FILENO, line, (size_t)length + 1) < 0) exit(1);
}

void tell_alive(void) {
    static int64_t last;
    if (now_ms() - last < ALIVE_MS) return;
    last = now_ms();
    tell("{\"event\":\"alive\"}");
}

// Text as it may stand between quotation marks, cut if it is long.
static const char *quoted(const char *text, char out[256]) {
    size_t length = 0;
    for (; text && *text && length < 255; text++) out[length++] = *text < ' ' || *text == '"' || *text == '\\' ? ' ' : *text;
    out[length] = 0;
    return out;
}

bool failed(const char *what, lkv_result result) {
    char why[256], text[256];
    if (result == LKV_OK) return false;
    lkv_last_error_message(why, sizeof why, NULL);
    tell("{\"event\":\"failed\",\"what\":\"%s\",\"error\":\"%s\",\"message\":\"%s\"}", what, lkv_result_name(result), quoted(why, text));
    return true;
}

void tell_error(const lkv_event *event) {
    char text[256];
    tell("{\"event\":\"error\",\"error\":\"%s\",\"message\":\"%s\"}", lkv_result_name(event->error), quoted(event->message, text));
}

// ---- the room ----

static void on_room_event(const lkv_room_event *event, void *user_data) {
    (void)user_data;
    char text[256];
    if (event->type == LKV_ROOM_EVENT_STATE)
        tell("{\"event\":\"room\",\"state\":%d,\"reason\":%d}", event->state, event->reason);
    else if (event->type != LKV_ROOM_EVENT_DATA)
        tell("{\"event\":\"participant\",\"identity\":\"%s\",\"here\":%s}", quoted(event->identity, text),
             event->type == LKV_ROOM_EVENT_PARTICIPANT_JOINED ? "true" : "false");
}

static lkv_room *join_once(const struct soak *soak, const char *identity, lkv_participant_kind kind) {
    char token[TOKEN];
    lkv_token_options claims = LKV_TOKEN_OPTIONS_INIT;
    claims.kind = kind;
    claims.api_key = soak->api_key;
    claims.api_secret = soak->api_secret;
    claims.identity = identity;
    claims.room = "soak";
    if (failed("make a token", lkv_token_create(&claims, token, sizeof token, NULL))) return NULL;
    const lkv_room_callbacks callbacks = {.struct_size = sizeof callbacks, .on_event = on_room_event};
    lkv_room_options options = LKV_ROOM_OPTIONS_INIT;
    options.connect_timeout_ms = CONNECT_LIMIT_MS;
    options.callbacks = &callbacks;
    lkv_room *room = NULL;
    if (failed("connect", lkv_room_connect(soak->url, token, &options, &room))) return NULL;
    if (!failed("connect", lkv_room_wait_connected(room, 2 * CONNECT_LIMIT_MS))) return room;
    lkv_room_destroy(room);
    return NULL;
}

lkv_room *join(const struct soak *soak, const char *identity, lkv_participant_kind kind) {
    lkv_room *room = NULL;
    while (!told_to_end(room ? 0 : RETRY_MS) && !room) {
        tell_alive();
        room = join_once(soak, identity, kind);
    }
    return room;
}

bool is_lost(lkv_room *room) {
    lkv_room_state state = LKV_ROOM_DISCONNECTED;
    return failed("look at the room", lkv_room_get_state(room, &state, NULL)) || state == LKV_ROOM_DISCONNECTED;
}

// ---- pictures ----

enum { WORDS = 4, PICTURE_US = 1000 };

static uint64_t word_at(struct picture picture, size_t index) {
    const struct shape shape = picture.shape;
    if (index == 0) return picture.id;
    if (index == 1) return picture.number;
    if (index == 2) return picture.part;
    if (index == 3) return (uint64_t)shape.type << 32 | shape.width << 16 | shape.height;
    return mixed(picture.id * 1000003 + picture.number + ((uint64_t)index << 40));
}

int64_t picture_pts(struct picture picture) { return (int64_t)picture.number * PICTURE_US; }

void picture_draw(struct picture picture, uint8_t *data, size_t size) {
    for (size_t at = 0; at < size; at += 8) {
        const uint64_t word = word_at(picture, at / 8);
        memcpy(data + at, &word, size - at < 8 ? size - at : 8);
    }
}

struct picture picture_read(const uint8_t *data, size_t size) {
    uint64_t words[WORDS] = {0};
    if (size >= sizeof words) memcpy(words, data, sizeof words);
    const struct shape shape = {(lkv_pixel)(words[3] >> 32), words[3] >> 16 & 0xffff, words[3] & 0xffff};
    return (struct picture){words[0], words[1], words[2], shape};
}

bool picture_is(struct picture picture, const uint8_t *data, size_t size) {
    for (size_t at = 0; at < size; at += 8) {
        const uint64_t word = word_at(picture, at / 8);
        if (memcmp(data + at, &word, size - at < 8 ? size - at : 8)) return false;
    }
    return true;
}
