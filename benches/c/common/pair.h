// SPDX-License-Identifier: Apache-2.0
//
// A sender and a receiver in one process, each in a room object of its own, that meet on `loopback:` or through a server.
// Frames are prepared: a number and the time of sending are written at their beginning, the number again at their end, and
// the callback looks at these bytes only, so that what is measured is the library.
#ifndef BENCHES_PAIR_H
#define BENCHES_PAIR_H

#include "support.h"

#include <lkvideo.h>
#include <pthread.h>

// Where rooms meet. `url` NULL: `loopback:`.
struct place {
    const char *url, *api_key, *api_secret;
};

// `loopback:`, and the server that LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET name, if they do. Returns how many.
unsigned places_find(struct place places[2]);
const char *place_name(const struct place *place);

// What is sent: RGBA frames, `fps` a second or, with 0, as fast as they go, until a number or a time is reached.
struct load {
    uint32_t width, height;
    double fps, seconds;
    uint64_t frames;
};

struct pair {
    lkv_room *sending, *receiving;
    lkv_output *output;
    lkv_receiver *receiver;
    struct load load;
    uint8_t *frame; // to send
    size_t frame_bytes;
    int64_t start_ns;
    pthread_t thread;
    uint64_t sent;
    // Of the callback; to be read after pair_finish.
    struct samples latencies;
    uint64_t received, damaged;
    int64_t first_ns, last_ns;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool ended;
};

// Connects both; `number` names the room. Ends the program if it fails.
void pair_open(struct pair *pair, const struct place *place, unsigned number, const struct load *load);
// Sends on a thread of its own; the first frame is due at this time.
void pair_start(struct pair *pair, int64_t start_ns);
// Waits until everything was sent and the end of the segment has arrived.
void pair_finish(struct pair *pair);
void pair_close(struct pair *pair);

// Frames a second at the receiver.
double pair_rate(const struct pair *pair);

#endif
