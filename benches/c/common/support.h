// SPDX-License-Identifier: Apache-2.0
//
// What the measuring programs share: a clock, order statistics, what the process uses, the command line's numbers, and an
// end with a message. Times are nanoseconds of the steady clock.
#ifndef BENCHES_SUPPORT_H
#define BENCHES_SUPPORT_H

#include <lkvideo.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NS_PER_US = 1000, NS_PER_MS = 1000000, NS_PER_S = 1000000000 };

int64_t now_ns(void);
int64_t process_cpu_ns(void);
void sleep_until_ns(int64_t time_ns);

// A row of measured times. Beyond its capacity nothing is added.
struct samples {
    int64_t *ns;
    size_t count, capacity;
};

struct samples samples_new(size_t capacity);
void samples_add(struct samples *samples, int64_t ns);
// Sorts them; then a fraction of them is at most the result: 0.5 is the median, 1 the greatest. 0 if there is none.
void samples_sort(struct samples *samples);
int64_t samples_at(const struct samples *samples, double fraction);
void samples_free(struct samples *samples);

// What the process holds, from the system's books. 0 where the system keeps none.
struct holdings {
    long resident_kb, peak_kb, threads;
};

struct holdings process_holdings(void);

// Ends the program with the library's last error if the result is one.
void expect(const char *what, lkv_result result);
// Ends the program.
void give_up(const char *why);

// The value behind `name` on the command line, or the fallback.
const char *argument(int argc, char **argv, const char *name, const char *fallback);
double argument_number(int argc, char **argv, const char *name, double fallback);
bool argument_flag(int argc, char **argv, const char *name);

#endif
