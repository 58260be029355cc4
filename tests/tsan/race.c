/* SPDX-License-Identifier: Apache-2.0
 *
 * A race, which ThreadSanitizer must report: a callback and the thread that sends count in the same variable, and
 * nothing orders them. Were it not reported, the silence about the other programs would say nothing. */
#include "support.h"

enum { FRAMES = 50 };

static int counted;

static void count(const lkv_event *event, void *user_data) {
    if (event->type != LKV_EVENT_FRAME) return;
    counted++;
    latch_add(user_data);
}

int main(void) {
    struct latch frames = LATCH_INIT;
    lkv_receiver_callbacks callbacks = LKV_RECEIVER_CALLBACKS_INIT;
    callbacks.on_event = count;
    callbacks.user_data = &frames;
    struct pair pair = pair_open("race", &callbacks);
    for (int i = 0; i < FRAMES; i++) {
        CHECK_OK(send_painted(pair.output, LKV_PIXEL_BGRA, 4, 2, (unsigned)i));
        counted++;
    }
    latch_wait(&frames, FRAMES);
    pair_destroy(&pair);
    return counted > 0 ? 0 : 1;
}
