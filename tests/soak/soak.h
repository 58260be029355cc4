// SPDX-License-Identifier: Apache-2.0
//
// What the two sides of the soak have in common: choices from a seed, pictures that say which they are, event lines, and
// a room that is joined again when it is lost.
//
// Lines are JSON objects on stdout, whole and at once; any thread may write them. What is about to be done is told before
// it is done, so that the log of a killed process is complete. The process ends when its standard input is closed. Every
// wait has a bound, and a line comes at least once a second, so that silence is a hang.
#ifndef SOAK_H
#define SOAK_H

#include <lkvideo.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

// Longer than any answer takes on a loaded machine: who waits so long waits in vain.
enum { ANSWER_LIMIT_MS = 10000 };

// ---- choices ----

struct choices {
    uint64_t state;
};

struct choices choices_from(uint64_t seed);
uint32_t below(struct choices *choices, uint32_t bound);                // 0 to bound - 1
uint32_t between(struct choices *choices, uint32_t least, uint32_t most); // both included
bool one_in(struct choices *choices, uint32_t bound);

// ---- the process ----

struct soak {
    const char *url, *api_key, *api_secret; // LIVEKIT_URL, LIVEKIT_API_KEY, LIVEKIT_API_SECRET
    uint64_t life;                          // how many processes of this side there were before, plus 1
    struct choices choices;                 // of the main thread
};

// Reads `PROGRAM SEED LIFE` and the environment; on a mistake it says so and ends the process.
struct soak soak_begin(int argc, char **argv);
int64_t now_ms(void);
void nap(uint32_t ms);
// Waits so long, less if the process is told to end; whether it is.
bool told_to_end(uint32_t ms);

// ---- lines ----

void tell(const char *format, ...) __attribute__((format(printf, 1, 2)));
// `{"event":"alive"}`, if the last one is a second old. For the main loop.
void tell_alive(void);
// True if the call failed, which is told with the library's number and name.
bool failed(const char *what, lkv_result result);
// An LKV_EVENT_ERROR.
void tell_error(const lkv_event *event);

// ---- the room ----

// Joins, again and again until it works; NULL: told to end.
lkv_room *join(const struct soak *soak, const char *identity, lkv_participant_kind kind);
bool is_lost(lkv_room *room);

// ---- pictures ----

// A segment of the sending application: its id ascends over all processes, outputs and segments, and is never used twice.
enum { IDS_IN_A_LIFE = 1000000 };

struct shape {
    lkv_pixel type;
    uint32_t width, height;
};

// Which picture it is. Every byte of a picture follows from it and from the size.
struct picture {
    uint64_t id;
    uint64_t number; // in the segment, from 0
    uint64_t part;   // of the segment, from 0: the next one has another shape
    struct shape shape;
};

// What its frame says as its presentation time.
int64_t picture_pts(struct picture picture);

void picture_draw(struct picture picture, uint8_t *data, size_t size);
struct picture picture_read(const uint8_t *data, size_t size);
bool picture_is(struct picture picture, const uint8_t *data, size_t size);

#endif
