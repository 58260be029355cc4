// SPDX-License-Identifier: Apache-2.0
//
// Ctrl-C, politely: a thread of its own waits for SIGINT or SIGTERM and calls a function, which may therefore call
// anything (lkv_room_close, which wakes every waiting call of that room). A second signal ends the process at once.
#ifndef EXAMPLES_INTERRUPT_H
#define EXAMPLES_INTERRUPT_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

// First thing in main: threads made later must inherit the signal mask.
void interrupt_begin(void);
// What to call on a signal, at once if it has come already; NULL: nothing any more (returns after a call under way).
void interrupt_calls(void (*stop)(void *), void *argument);
// Whether a signal came.
bool interrupted(void);
// Last thing in main.
void interrupt_end(void);

#ifdef __cplusplus
}
#endif
#endif
