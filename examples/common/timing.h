// SPDX-License-Identifier: Apache-2.0
//
// Clocks, a pacer that does not drift, and a counter that one thread waits on while others add.
#ifndef EXAMPLES_TIMING_H
#define EXAMPLES_TIMING_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

int64_t unix_time_us(void);
int64_t steady_time_us(void);
void sleep_until_us(int64_t steady_us);

// Waits until frame `number` is due: `start_us` of the steady clock is when number 0 is. With fps 0 everything is due
// at once.
void wait_for_frame(int64_t start_us, double fps, uint64_t number);

// Counts what happens on other threads, until it is closed because nothing more will.
struct counter {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    unsigned count;
    bool closed;
};

void counter_init(struct counter *counter);
void counter_add(struct counter *counter);
void counter_close(struct counter *counter);
// Until the count is reached, or the counter closed, or so many milliseconds passed (negative: no limit). True if it
// was reached.
bool counter_wait(struct counter *counter, unsigned count, int64_t timeout_ms);
void counter_destroy(struct counter *counter);

#ifdef __cplusplus
}
#endif
#endif
