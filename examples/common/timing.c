// SPDX-License-Identifier: Apache-2.0
#define _POSIX_C_SOURCE 200809L
#include "timing.h"

#include <errno.h>
#include <time.h>

static int64_t read_clock_us(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static struct timespec to_timespec(int64_t us) {
    struct timespec time = {(time_t)(us / 1000000), (long)(us % 1000000) * 1000};
    return time;
}

int64_t unix_time_us(void) { return read_clock_us(CLOCK_REALTIME); }

int64_t steady_time_us(void) { return read_clock_us(CLOCK_MONOTONIC); }

void sleep_until_us(int64_t steady_us) {
    const struct timespec deadline = to_timespec(steady_us);
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &deadline, NULL) == EINTR) continue;
}

void wait_for_frame(int64_t start_us, double fps, uint64_t number) {
    if (fps > 0) sleep_until_us(start_us + (int64_t)((double)number * 1e6 / fps));
}

void monitor_init(struct monitor *monitor) {
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&monitor->mutex, NULL);
    pthread_cond_init(&monitor->changed, &attributes);
    pthread_condattr_destroy(&attributes);
}

void monitor_enter(struct monitor *monitor) { pthread_mutex_lock(&monitor->mutex); }

void monitor_leave(struct monitor *monitor) {
    pthread_cond_broadcast(&monitor->changed);
    pthread_mutex_unlock(&monitor->mutex);
}

bool monitor_wait(struct monitor *monitor, bool (*until)(const void *state), const void *state, int64_t timeout_ms) {
    const struct timespec deadline = to_timespec(steady_time_us() + timeout_ms * 1000);
    int status = 0;
    bool reached;
    pthread_mutex_lock(&monitor->mutex);
    while (!(reached = until(state)) && status != ETIMEDOUT) {
        status = timeout_ms < 0 ? pthread_cond_wait(&monitor->changed, &monitor->mutex)
                                : pthread_cond_timedwait(&monitor->changed, &monitor->mutex, &deadline);
    }
    pthread_mutex_unlock(&monitor->mutex);
    return reached;
}

void monitor_destroy(struct monitor *monitor) {
    pthread_cond_destroy(&monitor->changed);
    pthread_mutex_destroy(&monitor->mutex);
}
