/* SPDX-License-Identifier: Apache-2.0
 *
 * What most tests start from: a sender and a receiver that meet on loopback, pictures to send, and latches to wait for
 * what callbacks do on other threads. */
#ifndef SUPPORT_H
#define SUPPORT_H

#include "check.h"

#include <pthread.h>

/* ---- rooms ---- */

/* A participant of the loopback room; the identity also says the kind: "agent" is one. */
lkv_room *join(const char *room, const char *identity, const lkv_room_callbacks *callbacks);

/* The agent's output to the player, whose receiver listens to the first agent. */
struct pair {
    lkv_room *sending;
    lkv_room *receiving;
    lkv_output *output;
    lkv_receiver *receiver;
};

struct pair pair_open(const char *room, const lkv_receiver_callbacks *callbacks);
void pair_destroy(struct pair *pair);

/* The next event of a receiver that is of this type; news about the sender is passed over, anything else fails. */
void expect_event(lkv_receiver *receiver, lkv_event_type type, lkv_event *event);

/* ---- pictures ---- */

/* Tightly packed pixels that differ by seed; free() them. */
uint8_t *paint(lkv_pixel type, uint32_t width, uint32_t height, unsigned seed, size_t *size);

/* Paints a frame and sends a copy. */
lkv_result send_painted(lkv_output *output, lkv_pixel type, uint32_t width, uint32_t height, unsigned seed);

/* Whether a frame has these pixels. */
bool is_painted(const lkv_frame *frame, lkv_pixel type, uint32_t width, uint32_t height, unsigned seed);

/* ---- latches ---- */

/* Counts what happens on other threads. */
struct latch {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    int count;
};

#define LATCH_INIT { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0 }

void latch_add(struct latch *latch);
int latch_count(struct latch *latch);
/* Waits until it has counted to `count`; too long is a failure. */
void latch_wait(struct latch *latch, int count);
/* The latch is user_data: counts calls of a destroy or release function. */
void latch_add_user_data(void *latch);

/* Starts a thread, or fails. */
pthread_t start(void *(*run)(void *), void *argument);

#endif
