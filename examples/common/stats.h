// SPDX-License-Identifier: Apache-2.0
//
// Reports the counters of an output or a receiver each second, and once more at the end, as `stats` events.
#ifndef EXAMPLES_STATS_H
#define EXAMPLES_STATS_H

#include "timing.h"

#include <lkvideo.h>

#ifdef __cplusplus
extern "C" {
#endif

struct stats {
    struct monitor monitor;
    pthread_t thread;
    lkv_output *output; // one of the two
    lkv_receiver *receiver;
    bool running, ending;
};

// One of the two is NULL. Says why and returns false if no thread can be started.
bool stats_begin(struct stats *stats, lkv_output *output, lkv_receiver *receiver);
// Before the object is destroyed; nothing happens if they did not begin (all zero).
void stats_end(struct stats *stats);

#ifdef __cplusplus
}
#endif
#endif
