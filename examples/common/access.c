// SPDX-License-Identifier: Apache-2.0
#include "access.h"

#include "report.h"

#include <string.h>

bool access_token(const struct options *options, const char **token) {
    static char made[4096];
    *token = options->token;
    if (options->token || !strncmp(options->url, "loopback:", 9)) return true;
    if (!options->api_key || !options->api_secret) {
        say("no access token: give --token, or --api-key and --api-secret to make one (see --help)");
        return false;
    }
    lkv_token_options wanted = LKV_TOKEN_OPTIONS_INIT;
    wanted.api_key = options->api_key;
    wanted.api_secret = options->api_secret;
    wanted.identity = options->identity;
    wanted.room = options->room;
    wanted.kind = options->kind;
    *token = made;
    return !failed("make a token", lkv_token_create(&wanted, made, sizeof made, NULL));
}

static void on_log(lkv_log_level level, const char *target, const char *message, void *user_data) {
    static const char *const LEVELS[] = {"off", "error", "warn", "info", "debug", "trace"};
    (void)user_data;
    say("[%s] %s: %s", level >= LKV_LOG_OFF && level <= LKV_LOG_TRACE ? LEVELS[level] : "?", target, message);
}

void access_log(const struct options *options) {
    if (options->log_level != LKV_LOG_OFF)
        (void)failed("log", lkv_set_log_callback(options->log_level, on_log, NULL, NULL));
}

lkv_result connect_room(const struct options *options, const char *token, const lkv_room_callbacks *callbacks,
                        lkv_room **room) {
    lkv_room_options room_options = LKV_ROOM_OPTIONS_INIT;
    room_options.callbacks = callbacks;
    room_options.ca_file = options->ca_file;
    room_options.dual_peer_connection = options->dual_pc;
    return lkv_room_connect(options->url, token, &room_options, room);
}

bool is_reconnecting(lkv_room *room) {
    lkv_room_state state;
    return lkv_room_get_state(room, &state, NULL) == LKV_OK && state == LKV_ROOM_RECONNECTING;
}

void close_room(void *room) { lkv_room_close(room); }
