// SPDX-License-Identifier: Apache-2.0
//
// Clocks, a pacer that does not drift, and a monitor to wait for what happens on other threads.
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

// Guards what callbacks change and main waits for.
struct monitor {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
};

void monitor_init(struct monitor *monitor);
void monitor_enter(struct monitor *monitor);
void monitor_leave(struct monitor *monitor); // and wakes who waits
// Waits until `until(state)`, which is asked inside the monitor, or so many milliseconds passed (negative: no limit). Returns
// what it said last.
bool monitor_wait(struct monitor *monitor, bool (*until)(const void *state), const void *state, int64_t timeout_ms);
void monitor_destroy(struct monitor *monitor);

#ifdef __cplusplus
}
#endif
#endif
