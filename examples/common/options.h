// SPDX-License-Identifier: Apache-2.0
//
// The command line of the example programs. One table says which program knows which option; --help is printed from it.
// Strings point into argv or the environment and live as long as the process.
#ifndef EXAMPLES_OPTIONS_H
#define EXAMPLES_OPTIONS_H

#include <lkvideo.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum program { PROGRAM_SENDER = 1, PROGRAM_RECEIVER = 2, PROGRAM_LOOPBACK = 4 };

struct options {
    // where to
    const char *url, *token, *api_key, *api_secret, *room, *identity, *ca_file;
    lkv_participant_kind kind;
    bool dual_pc;
    // with whom
    const char *destination; // the sender's: who gets the video
    const char *sender;      // the receiver's: whose video it takes; NULL: the first agent's
    const char *label;       // of the output, where the sender has several to one destination; NULL: none
    unsigned wait_timeout;   // seconds until the other one must have joined
    // what
    unsigned segments, frames, clear_after; // 0: the receiver stays, no clear
    double fps;                             // 0: the sender goes as fast as it can
    uint32_t width, height;
    lkv_pixel type;
    const char *input, *save, *events;
    unsigned send_timeout;   // seconds that a frame may wait for a receiver that takes none
    unsigned finish_timeout; // seconds from the last flush to the last playback-finished
    unsigned slow;           // milliseconds that the receiver takes for each frame, on top
    lkv_queue_policy policy; // what happens to a frame that finds the sender's queue full
    bool stay;               // the receiver waits for the next sender when one has left
    lkv_log_level log_level;
};

// Reads the command line. On --help or a mistake it prints and ends the process (status 0 or 2).
struct options options_parse(enum program program, int argc, char **argv);

// Frames a second that positions are counted with: --fps, or 30 where that is 0.
double options_playback_fps(const struct options *options);

// The time from the first frame to this one.
int64_t options_frame_time_us(const struct options *options, uint64_t frames);

#ifdef __cplusplus
}
#endif
#endif
