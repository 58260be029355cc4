// SPDX-License-Identifier: Apache-2.0
#define _POSIX_C_SOURCE 200809L
#include "pair.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { TIMEOUT_MS = 20000 };

// The first and the last bytes of a frame; its smallest size is larger.
struct stamp {
    uint64_t number;
    int64_t sent_ns;
};

unsigned places_find(struct place places[2]) {
    const struct place server = {getenv("LIVEKIT_URL"), getenv("LIVEKIT_API_KEY"), getenv("LIVEKIT_API_SECRET")};
    places[0] = (struct place){NULL, NULL, NULL};
    places[1] = server;
    return server.url && server.api_key && server.api_secret ? 2 : 1;
}

const char *place_name(const struct place *place) { return place->url ? "server" : "loopback"; }

static lkv_room *join(const struct place *place, unsigned number, const char *identity) {
    char room_name[64], url[128], token[2048];
    lkv_room *room = NULL;
    snprintf(room_name, sizeof room_name, "bench-%ld-%u", (long)getpid(), number);
    if (place->url) {
        lkv_token_options wanted = LKV_TOKEN_OPTIONS_INIT;
        wanted.api_key = place->api_key;
        wanted.api_secret = place->api_secret;
        wanted.identity = identity;
        wanted.room = room_name;
        expect("make a token", lkv_token_create(&wanted, token, sizeof token, NULL));
    }
    snprintf(url, sizeof url, "loopback:%s?identity=%s", room_name, identity);
    expect("connect", lkv_room_connect(place->url ? place->url : url, place->url ? token : NULL, NULL, &room));
    return room;
}

static void on_frame(struct pair *pair, const lkv_frame *frame, int64_t now) {
    lkv_frame_info info = LKV_FRAME_INFO_INIT;
    struct stamp first, last;
    expect("look at a frame", lkv_frame_get_info(frame, &info));
    if (info.size == pair->frame_bytes) {
        memcpy(&first, info.data, sizeof first);
        memcpy(&last, info.data + info.size - sizeof last, sizeof last);
    }
    const bool whole = info.size == pair->frame_bytes && !memcmp(&first, &last, sizeof first);
    if (!whole || first.number != info.number) {
        pair->damaged++;
        return;
    }
    if (!pair->received++) pair->first_ns = now;
    pair->last_ns = now;
    samples_add(&pair->latencies, now - first.sent_ns);
}

static void on_event(const lkv_event *event, void *user_data) {
    const int64_t now = now_ns();
    struct pair *pair = user_data;
    switch (event->type) {
    case LKV_EVENT_FRAME: on_frame(pair, event->frame, now); break;
    case LKV_EVENT_SEGMENT_END:
        pthread_mutex_lock(&pair->mutex);
        pair->ended = true;
        pthread_cond_signal(&pair->changed);
        pthread_mutex_unlock(&pair->mutex);
        break;
    case LKV_EVENT_ERROR: fprintf(stderr, "receiver: %s\n", event->message); break;
    }
}

void pair_open(struct pair *pair, const struct place *place, unsigned number, const struct load *load) {
    memset(pair, 0, sizeof *pair);
    pthread_mutex_init(&pair->mutex, NULL);
    pthread_cond_init(&pair->changed, NULL);
    pair->load = *load;
    expect("size a frame", lkv_frame_size(LKV_PIXEL_RGBA, load->width, load->height, &pair->frame_bytes));
    pair->frame = malloc(pair->frame_bytes);
    if (!pair->frame) give_up("out of memory");
    memset(pair->frame, 0x55, pair->frame_bytes);
    pair->latencies = samples_new((size_t)load->frames);

    lkv_receiver_callbacks callbacks = LKV_RECEIVER_CALLBACKS_INIT;
    callbacks.on_event = on_event;
    callbacks.user_data = pair;
    lkv_receiver_options options = LKV_RECEIVER_OPTIONS_INIT;
    options.sender = "sender";
    options.policy = LKV_POLICY_BLOCK;
    options.callbacks = &callbacks;
    pair->receiving = join(place, number, "receiver");
    expect("receive", lkv_receiver_create(pair->receiving, &options, &pair->receiver));
    // A server tells those who are in the room of somebody's coming up to 3 s later, but those who come after at once.
    expect("be connected", lkv_room_wait_connected(pair->receiving, TIMEOUT_MS));
    pair->sending = join(place, number, "sender");
    expect("wait for the receiver", lkv_room_wait_participant(pair->sending, "receiver", TIMEOUT_MS));
    expect("create an output", lkv_output_create(pair->sending, "receiver", NULL, &pair->output));
}

static void *send_frames(void *user_data) {
    struct pair *pair = user_data;
    const struct load *load = &pair->load;
    lkv_frame_desc desc = LKV_FRAME_DESC_INIT;
    expect("describe", lkv_frame_desc_packed(&desc, LKV_PIXEL_RGBA, load->width, load->height, pair->frame));
    const int64_t start = pair->start_ns, end = start + (int64_t)(load->seconds * NS_PER_S);
    sleep_until_ns(start);
    for (uint64_t number = 0; number < load->frames; number++) {
        if (load->fps > 0) sleep_until_ns(start + (int64_t)((double)number * NS_PER_S / load->fps));
        const struct stamp stamp = {number, now_ns()};
        if (stamp.sent_ns >= end) break;
        memcpy(pair->frame, &stamp, sizeof stamp);
        memcpy(pair->frame + pair->frame_bytes - sizeof stamp, &stamp, sizeof stamp);
        expect("send", lkv_output_send_frame(pair->output, &desc, TIMEOUT_MS));
        pair->sent++;
    }
    expect("flush", lkv_output_flush(pair->output));
    return NULL;
}

void pair_start(struct pair *pair, int64_t start_ns) {
    pair->start_ns = start_ns;
    if (pthread_create(&pair->thread, NULL, send_frames, pair)) give_up("no thread can be started");
}

void pair_finish(struct pair *pair) {
    pthread_join(pair->thread, NULL);
    struct timespec limit;
    clock_gettime(CLOCK_REALTIME, &limit); // as a condition counts
    limit.tv_sec += TIMEOUT_MS / 1000;
    pthread_mutex_lock(&pair->mutex);
    while (!pair->ended) {
        if (pthread_cond_timedwait(&pair->changed, &pair->mutex, &limit)) give_up("a segment did not end");
    }
    pthread_mutex_unlock(&pair->mutex);
    samples_sort(&pair->latencies);
}

void pair_close(struct pair *pair) {
    lkv_output_destroy(pair->output);
    lkv_room_destroy(pair->sending);
    lkv_receiver_destroy(pair->receiver);
    lkv_room_destroy(pair->receiving);
    samples_free(&pair->latencies);
    free(pair->frame);
    pthread_cond_destroy(&pair->changed);
    pthread_mutex_destroy(&pair->mutex);
}

double pair_rate(const struct pair *pair) {
    const int64_t time = pair->last_ns - pair->first_ns;
    return time > 0 ? (double)(pair->received - 1) * NS_PER_S / (double)time : 0;
}
