// SPDX-License-Identifier: Apache-2.0
#ifndef EXAMPLES_ACCESS_H
#define EXAMPLES_ACCESS_H

#include "options.h"

#ifdef __cplusplus
extern "C" {
#endif

// The token to connect with: the one given, or one made here from key and secret (valid until the next call); NULL for
// loopback, which needs none. Says why on stderr and returns false if there is none.
bool access_token(const struct options *options, const char **token);

// Sends the library's log to stderr.
void access_log(const struct options *options);

// Connects as the command line says; the room's events go to the callbacks.
lkv_result connect_room(const struct options *options, const char *token, const lkv_room_callbacks *callbacks,
                        lkv_room **room);

bool is_reconnecting(lkv_room *room);

// lkv_room_close as something to call on Ctrl-C: it wakes all who wait for anything of the room.
void close_room(void *room);

#ifdef __cplusplus
}
#endif
#endif
