// SPDX-License-Identifier: Apache-2.0
#define _POSIX_C_SOURCE 200809L
#include "support.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int64_t read_clock_ns(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

int64_t now_ns(void) { return read_clock_ns(CLOCK_MONOTONIC); }

int64_t process_cpu_ns(void) { return read_clock_ns(CLOCK_PROCESS_CPUTIME_ID); }

void sleep_until_ns(int64_t time_ns) {
    const struct timespec deadline = {(time_t)(time_ns / NS_PER_S), (long)(time_ns % NS_PER_S)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &deadline, NULL) == EINTR) continue;
}

struct samples samples_new(size_t capacity) {
    struct samples samples = {calloc(capacity, sizeof *samples.ns), 0, capacity};
    if (!samples.ns) give_up("out of memory");
    return samples;
}

void samples_add(struct samples *samples, int64_t ns) {
    if (samples->count < samples->capacity) samples->ns[samples->count++] = ns;
}

static int compare(const void *left, const void *right) {
    const int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

void samples_sort(struct samples *samples) { qsort(samples->ns, samples->count, sizeof *samples->ns, compare); }

int64_t samples_at(const struct samples *samples, double fraction) {
    return samples->count ? samples->ns[(size_t)((double)(samples->count - 1) * fraction)] : 0;
}

void samples_free(struct samples *samples) { free(samples->ns); }

struct holdings process_holdings(void) {
    struct holdings holdings = {0, 0, 0};
    char line[256];
    FILE *status = fopen("/proc/self/status", "r");
    while (status && fgets(line, sizeof line, status)) {
        (void)sscanf(line, "VmRSS: %ld", &holdings.resident_kb);
        (void)sscanf(line, "VmHWM: %ld", &holdings.peak_kb);
        (void)sscanf(line, "Threads: %ld", &holdings.threads);
    }
    if (status) fclose(status);
    return holdings;
}

void expect(const char *what, lkv_result result) {
    if (result == LKV_OK) return;
    char text[512] = "";
    (void)lkv_last_error_message(text, sizeof text, NULL);
    fprintf(stderr, "cannot %s: %s\n", what, text);
    exit(1);
}

void give_up(const char *why) {
    fprintf(stderr, "%s\n", why);
    exit(1);
}

const char *argument(int argc, char **argv, const char *name, const char *fallback) {
    for (int i = 1; i + 1 < argc; i++) {
        if (!strcmp(argv[i], name)) return argv[i + 1];
    }
    return fallback;
}

double argument_number(int argc, char **argv, const char *name, double fallback) {
    const char *text = argument(argc, argv, name, NULL);
    return text ? atof(text) : fallback;
}

bool argument_flag(int argc, char **argv, const char *name) {
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], name)) return true;
    }
    return false;
}
