// SPDX-License-Identifier: Apache-2.0
//
// What the example programs tell: progress for people on stderr and, with --events, one JSON object a line for
// programs, which examples/README.md describes. Every line is written whole and flushed. Any thread may call.
#ifndef EXAMPLES_REPORT_H
#define EXAMPLES_REPORT_H

#include "picture.h"

#include <lkvideo.h>
#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define REPORT_PRINTF __attribute__((format(printf, 1, 2)))
#else
#define REPORT_PRINTF
#endif

// Opens the file of --events ("-": stdout, NULL: none). Says why and returns false if it cannot.
bool report_open(const char *path);
void report_close(void);

// One line on stderr.
void say(const char *format, ...) REPORT_PRINTF;

// True if the result is an error; it is then told on stderr and as an `error` event, with the library's own message.
// To be called at once, on the thread that got the result.
bool failed(const char *what, lkv_result result);

// An error that came as an event of the library's, or that the program found itself.
void report_error(lkv_result code, const char *message);

// A frame: `event` is "sent", "refused" or "frame"; `pts_us` its presentation time.
void report_frame(const char *event, uint64_t segment, uint64_t number, const struct picture *picture, uint32_t crc32,
                  int64_t pts_us, int64_t unix_us);
void report_segment_start(uint64_t segment, uint32_t width, uint32_t height, lkv_pixel type);
void report_segment_end(uint64_t segment, uint64_t frames, uint64_t lost, lkv_segment_cause cause);
void report_cleared(void);
void report_playback_started(uint64_t segment);
void report_playback_finished(uint64_t segment, int64_t position_us, bool interrupted);
void report_playback_made_up(uint64_t segment); // the library finished it in place of a receiver that is gone
void report_notified(uint64_t segment, lkv_answer answer);
void report_stats(const char *of, const char *counters); // ",\"name\":number" for each of them
void report_room_state(lkv_room_state state, lkv_disconnect_reason reason);
void report_room_event(const lkv_room_event *event, void *unused); // a room's on_event as it is

#ifdef __cplusplus
}
#endif
#endif
