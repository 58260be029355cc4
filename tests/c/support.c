/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

#include <errno.h>
#include <time.h>

lkv_room *join(const char *room, const char *identity, const lkv_room_callbacks *callbacks) {
    char url[256];
    const char *kind = strcmp(identity, "agent") == 0 ? "agent" : "standard";
    snprintf(url, sizeof url, "loopback:%s?identity=%s&kind=%s", room, identity, kind);
    lkv_room_options options = LKV_ROOM_OPTIONS_INIT;
    options.callbacks = callbacks;
    lkv_room *joined = NULL;
    CHECK_OK(lkv_room_connect(url, NULL, &options, &joined));
    CHECK_OK(lkv_room_wait_connected(joined, SOON_MS));
    return joined;
}

struct pair pair_open(const char *room, const lkv_receiver_callbacks *callbacks) {
    struct pair pair;
    pair.receiving = join(room, "player", NULL);
    lkv_receiver_options options = LKV_RECEIVER_OPTIONS_INIT;
    options.callbacks = callbacks;
    CHECK_OK(lkv_receiver_create(pair.receiving, &options, &pair.receiver));
    pair.sending = join(room, "agent", NULL);
    CHECK_OK(lkv_output_create(pair.sending, "player", NULL, &pair.output));
    CHECK_OK(lkv_receiver_wait_sender(pair.receiver, SOON_MS));
    return pair;
}

void pair_destroy(struct pair *pair) {
    lkv_output_destroy(pair->output);
    lkv_receiver_destroy(pair->receiver);
    lkv_room_destroy(pair->sending);
    lkv_room_destroy(pair->receiving);
}

void expect_event(lkv_receiver *receiver, lkv_event_type type, lkv_event *event) {
    do {
        lkv_event_clear(event);
        CHECK_OK(lkv_receiver_next(receiver, SOON_MS, event));
    } while (event->type == LKV_EVENT_SENDER && type != LKV_EVENT_SENDER);
    if (event->type != type) {
        fprintf(stderr, "event %d (cause %d, %s) where %d is expected\n", event->type, event->cause,
                event->message ? event->message : "no message", type);
        exit(1);
    }
}

uint8_t *paint(lkv_pixel type, uint32_t width, uint32_t height, unsigned seed, size_t *size) {
    CHECK_OK(lkv_frame_size(type, width, height, size));
    uint8_t *pixels = malloc(*size);
    CHECK(pixels);
    for (size_t i = 0; i < *size; i++) pixels[i] = (uint8_t)(i * 31 + i / 251 + seed * 7);
    return pixels;
}

lkv_result send_painted(lkv_output *output, lkv_pixel type, uint32_t width, uint32_t height, unsigned seed) {
    size_t size;
    uint8_t *pixels = paint(type, width, height, seed, &size);
    lkv_frame_desc desc = LKV_FRAME_DESC_INIT;
    CHECK_OK(lkv_frame_desc_packed(&desc, type, width, height, pixels));
    lkv_result result = lkv_output_send_frame(output, &desc, SOON_MS);
    free(pixels);
    return result;
}

bool is_painted(const lkv_frame *frame, lkv_pixel type, uint32_t width, uint32_t height, unsigned seed) {
    lkv_frame_info info = LKV_FRAME_INFO_INIT;
    CHECK_OK(lkv_frame_get_info(frame, &info));
    size_t size;
    uint8_t *pixels = paint(type, width, height, seed, &size);
    bool same = info.type == type && info.width == width && info.height == height && info.size == size &&
                memcmp(info.data, pixels, size) == 0;
    free(pixels);
    return same;
}

void latch_add(struct latch *latch) {
    pthread_mutex_lock(&latch->mutex);
    latch->count++;
    pthread_cond_broadcast(&latch->changed);
    pthread_mutex_unlock(&latch->mutex);
}

int latch_count(struct latch *latch) {
    pthread_mutex_lock(&latch->mutex);
    int count = latch->count;
    pthread_mutex_unlock(&latch->mutex);
    return count;
}

void latch_wait(struct latch *latch, int count) {
    struct timespec deadline;
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += SOON_MS / 1000;
    pthread_mutex_lock(&latch->mutex);
    while (latch->count < count) {
        CHECK(pthread_cond_timedwait(&latch->changed, &latch->mutex, &deadline) != ETIMEDOUT);
    }
    pthread_mutex_unlock(&latch->mutex);
}

void latch_add_user_data(void *latch) { latch_add(latch); }

pthread_t start(void *(*run)(void *), void *argument) {
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, run, argument) == 0);
    return thread;
}
