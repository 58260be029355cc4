// SPDX-License-Identifier: Apache-2.0
//
// What the programs of the comparison have in common: command line, event lines, frames made in advance and their stamps.
//
// Lines are JSON objects on stdout; `t_us` is on the monotonic clock, which all processes of a machine share. A stamp,
// (frame number, time of sending) as two 64-bit numbers, stands in the first and in the last bytes of each frame. The
// peers in benches/python have the same options and write the same lines.
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include "timing.h"

#include <lkvideo.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PREPARED = 4, IDLE_LIMIT_MS = 20000 };

struct wanted {
    const char *url, *room; // the server of LIVEKIT_URL; loopback: has a URL a side instead
    uint32_t width, height;
    lkv_pixel type;
    double fps;          // 0: as fast as it goes
    double seconds;      // how long to send
    uint64_t min_frames; // and at least so many
    uint32_t queue;      // frames in the sender's queue
    uint32_t count;      // how often something is done
};

// Reads the command line; on a mistake it says so and ends the process.
struct wanted wanted_parse(int argc, char **argv);

// True if the call failed; that is told on stderr, with the library's message.
bool broke(const char *what, lkv_result result);

// `{"event":NAME,"t_us":NOW}`
void emit_time(const char *event);

// Connects as this participant, waits until connected and tells both times. NULL: it said why not.
lkv_room *measured_connect(const struct wanted *wanted, const char *identity, lkv_participant_kind kind);

// Sends frames made in advance for as long as wanted and flushes. False: it said why not.
bool measured_send(const struct wanted *wanted, lkv_output *output);

// Reports frames as they come, at the entry of the callback. One for each receiver; starts as {0}.
struct arrivals {
    struct monitor *monitor;
    uint64_t frames, broken, next;
    bool ended;
};

// An on_event of lkv_receiver_callbacks whose user_data is a struct arrivals.
void arrivals_event(const lkv_event *event, void *user_data);

// Returns when whoever started us closes our standard input.
void wait_until_input_ends(void);

#endif
