/* SPDX-License-Identifier: Apache-2.0
 *
 * Sizes and offsets of every struct as this compiler sees them, against the table that the other languages read, too:
 * `layout TABLE` compares, `layout` prints the table. */
#include "check.h"

static char table[16384];

static void add(const char *name, const char *field, size_t offset, size_t size) {
    const size_t used = strlen(table);
    CHECK(used + 100 < sizeof table);
    snprintf(table + used, sizeof table - used, "%s %s %zu %zu\n", name, field, offset, size);
}

#define STRUCT(name) add(#name, "-", 0, sizeof(name))
#define FIELD(name, field) add(#name, #field, offsetof(name, field), sizeof(((name *)0)->field))

static void build_table(void) {
    STRUCT(lkv_event);
    FIELD(lkv_event, struct_size);
    FIELD(lkv_event, type);
    FIELD(lkv_event, segment);
    FIELD(lkv_event, number);
    FIELD(lkv_event, frames);
    FIELD(lkv_event, position_us);
    FIELD(lkv_event, cause);
    FIELD(lkv_event, answer);
    FIELD(lkv_event, error);
    FIELD(lkv_event, interrupted);
    FIELD(lkv_event, made_up);
    FIELD(lkv_event, reserved0);
    FIELD(lkv_event, pixel_type);
    FIELD(lkv_event, width);
    FIELD(lkv_event, height);
    FIELD(lkv_event, reserved1);
    FIELD(lkv_event, frame);
    FIELD(lkv_event, message);
    FIELD(lkv_event, reserved2);
    FIELD(lkv_event, frames_lost);
    STRUCT(lkv_plane);
    FIELD(lkv_plane, data);
    FIELD(lkv_plane, stride);
    FIELD(lkv_plane, row_bytes);
    FIELD(lkv_plane, rows);
    STRUCT(lkv_frame_info);
    FIELD(lkv_frame_info, struct_size);
    FIELD(lkv_frame_info, type);
    FIELD(lkv_frame_info, width);
    FIELD(lkv_frame_info, height);
    FIELD(lkv_frame_info, plane_count);
    FIELD(lkv_frame_info, lost_before);
    FIELD(lkv_frame_info, segment);
    FIELD(lkv_frame_info, number);
    FIELD(lkv_frame_info, pts_us);
    FIELD(lkv_frame_info, data);
    FIELD(lkv_frame_info, size);
    FIELD(lkv_frame_info, planes);
    STRUCT(lkv_frame_desc);
    FIELD(lkv_frame_desc, struct_size);
    FIELD(lkv_frame_desc, type);
    FIELD(lkv_frame_desc, width);
    FIELD(lkv_frame_desc, height);
    FIELD(lkv_frame_desc, plane_count);
    FIELD(lkv_frame_desc, reserved0);
    FIELD(lkv_frame_desc, pts_us);
    FIELD(lkv_frame_desc, planes);
    STRUCT(lkv_output_options);
    FIELD(lkv_output_options, struct_size);
    FIELD(lkv_output_options, policy);
    FIELD(lkv_output_options, queue_frames);
    FIELD(lkv_output_options, reserved0);
    FIELD(lkv_output_options, queue_bytes);
    FIELD(lkv_output_options, max_frame_bytes);
    FIELD(lkv_output_options, queue_us);
    FIELD(lkv_output_options, max_age_us);
    FIELD(lkv_output_options, label);
    STRUCT(lkv_playback_listener);
    FIELD(lkv_playback_listener, struct_size);
    FIELD(lkv_playback_listener, reserved0);
    FIELD(lkv_playback_listener, on_event);
    FIELD(lkv_playback_listener, user_data);
    FIELD(lkv_playback_listener, destroy);
    STRUCT(lkv_output_stats);
    FIELD(lkv_output_stats, struct_size);
    FIELD(lkv_output_stats, queue_frames);
    FIELD(lkv_output_stats, queue_bytes);
    FIELD(lkv_output_stats, frames_accepted);
    FIELD(lkv_output_stats, bytes_accepted);
    FIELD(lkv_output_stats, frames_sent);
    FIELD(lkv_output_stats, bytes_sent);
    FIELD(lkv_output_stats, dropped_cleared);
    FIELD(lkv_output_stats, dropped_oldest);
    FIELD(lkv_output_stats, dropped_newest);
    FIELD(lkv_output_stats, dropped_disconnected);
    FIELD(lkv_output_stats, refused);
    FIELD(lkv_output_stats, segments_started);
    FIELD(lkv_output_stats, segments_finished);
    FIELD(lkv_output_stats, playback_finished);
    FIELD(lkv_output_stats, playback_unmatched);
    FIELD(lkv_output_stats, events_dropped);
    FIELD(lkv_output_stats, dropped_late);
    FIELD(lkv_output_stats, dropped_unsupported);
    FIELD(lkv_output_stats, refused_full);
    FIELD(lkv_output_stats, refused_large);
    FIELD(lkv_output_stats, segments_resumed);
    FIELD(lkv_output_stats, messages_stale);
    FIELD(lkv_output_stats, reconnects);
    FIELD(lkv_output_stats, credit);
    FIELD(lkv_output_stats, blocked_us);
    FIELD(lkv_output_stats, round_trip_us);
    FIELD(lkv_output_stats, wire_version);
    FIELD(lkv_output_stats, reserved0);
    STRUCT(lkv_receiver_callbacks);
    FIELD(lkv_receiver_callbacks, struct_size);
    FIELD(lkv_receiver_callbacks, reserved0);
    FIELD(lkv_receiver_callbacks, on_event);
    FIELD(lkv_receiver_callbacks, user_data);
    FIELD(lkv_receiver_callbacks, destroy);
    STRUCT(lkv_receiver_options);
    FIELD(lkv_receiver_options, struct_size);
    FIELD(lkv_receiver_options, policy);
    FIELD(lkv_receiver_options, sender);
    FIELD(lkv_receiver_options, callbacks);
    FIELD(lkv_receiver_options, queue_frames);
    FIELD(lkv_receiver_options, idle_timeout_ms);
    FIELD(lkv_receiver_options, queue_bytes);
    FIELD(lkv_receiver_options, max_frame_bytes);
    FIELD(lkv_receiver_options, label);
    STRUCT(lkv_receiver_stats);
    FIELD(lkv_receiver_stats, struct_size);
    FIELD(lkv_receiver_stats, queue_frames);
    FIELD(lkv_receiver_stats, queue_bytes);
    FIELD(lkv_receiver_stats, frames_received);
    FIELD(lkv_receiver_stats, bytes_received);
    FIELD(lkv_receiver_stats, frames_delivered);
    FIELD(lkv_receiver_stats, dropped_oldest);
    FIELD(lkv_receiver_stats, dropped_newest);
    FIELD(lkv_receiver_stats, dropped_cleared);
    FIELD(lkv_receiver_stats, dropped_truncated);
    FIELD(lkv_receiver_stats, segments_started);
    FIELD(lkv_receiver_stats, segments_ended);
    FIELD(lkv_receiver_stats, streams_refused);
    FIELD(lkv_receiver_stats, chunks_unknown);
    FIELD(lkv_receiver_stats, chunks_lost);
    FIELD(lkv_receiver_stats, chunks_repeated);
    FIELD(lkv_receiver_stats, chunks_refused);
    FIELD(lkv_receiver_stats, frames_lost);
    FIELD(lkv_receiver_stats, segments_resumed);
    FIELD(lkv_receiver_stats, refused_foreign);
    FIELD(lkv_receiver_stats, refused_bad);
    FIELD(lkv_receiver_stats, refused_large);
    FIELD(lkv_receiver_stats, refused_many);
    FIELD(lkv_receiver_stats, refused_stale);
    FIELD(lkv_receiver_stats, messages_stale);
    FIELD(lkv_receiver_stats, reconnects);
    FIELD(lkv_receiver_stats, window);
    FIELD(lkv_receiver_stats, round_trip_us);
    FIELD(lkv_receiver_stats, latency_us);
    FIELD(lkv_receiver_stats, wire_version);
    FIELD(lkv_receiver_stats, reserved0);
    STRUCT(lkv_room_event);
    FIELD(lkv_room_event, struct_size);
    FIELD(lkv_room_event, type);
    FIELD(lkv_room_event, state);
    FIELD(lkv_room_event, reason);
    FIELD(lkv_room_event, error);
    FIELD(lkv_room_event, kind);
    FIELD(lkv_room_event, reliable);
    FIELD(lkv_room_event, reserved0);
    FIELD(lkv_room_event, message);
    FIELD(lkv_room_event, identity);
    FIELD(lkv_room_event, topic);
    FIELD(lkv_room_event, data);
    FIELD(lkv_room_event, size);
    FIELD(lkv_room_event, reserved1);
    STRUCT(lkv_room_callbacks);
    FIELD(lkv_room_callbacks, struct_size);
    FIELD(lkv_room_callbacks, reserved0);
    FIELD(lkv_room_callbacks, on_event);
    FIELD(lkv_room_callbacks, user_data);
    FIELD(lkv_room_callbacks, destroy);
    STRUCT(lkv_room_options);
    FIELD(lkv_room_options, struct_size);
    FIELD(lkv_room_options, connect_timeout_ms);
    FIELD(lkv_room_options, callbacks);
    FIELD(lkv_room_options, ca_file);
    FIELD(lkv_room_options, ca_pem);
    FIELD(lkv_room_options, ca_pem_size);
    FIELD(lkv_room_options, dual_peer_connection);
    FIELD(lkv_room_options, reserved0);
    STRUCT(lkv_room_stats);
    FIELD(lkv_room_stats, struct_size);
    FIELD(lkv_room_stats, reserved0);
    FIELD(lkv_room_stats, events_dropped);
    STRUCT(lkv_participant);
    FIELD(lkv_participant, struct_size);
    FIELD(lkv_participant, kind);
    FIELD(lkv_participant, identity);
    FIELD(lkv_participant, name);
    FIELD(lkv_participant, metadata);
    STRUCT(lkv_rpc_result);
    FIELD(lkv_rpc_result, struct_size);
    FIELD(lkv_rpc_result, result);
    FIELD(lkv_rpc_result, rpc_code);
    FIELD(lkv_rpc_result, reserved0);
    FIELD(lkv_rpc_result, payload);
    STRUCT(lkv_rpc_callbacks);
    FIELD(lkv_rpc_callbacks, struct_size);
    FIELD(lkv_rpc_callbacks, reserved0);
    FIELD(lkv_rpc_callbacks, on_result);
    FIELD(lkv_rpc_callbacks, user_data);
    FIELD(lkv_rpc_callbacks, destroy);
    STRUCT(lkv_rpc_method);
    FIELD(lkv_rpc_method, struct_size);
    FIELD(lkv_rpc_method, reserved0);
    FIELD(lkv_rpc_method, on_invocation);
    FIELD(lkv_rpc_method, user_data);
    FIELD(lkv_rpc_method, destroy);
    STRUCT(lkv_token_options);
    FIELD(lkv_token_options, struct_size);
    FIELD(lkv_token_options, kind);
    FIELD(lkv_token_options, api_key);
    FIELD(lkv_token_options, api_secret);
    FIELD(lkv_token_options, identity);
    FIELD(lkv_token_options, name);
    FIELD(lkv_token_options, room);
    FIELD(lkv_token_options, metadata);
    FIELD(lkv_token_options, ttl_seconds);
    FIELD(lkv_token_options, reserved0);
}

int main(int argc, char **argv) {
    build_table();
    if (argc < 2) {
        fputs(table, stdout);
        return 0;
    }
    FILE *file = fopen(argv[1], "r");
    CHECK(file);
    const char *here = table;
    char line[256];
    while (fgets(line, sizeof line, file)) {
        if (line[0] == '#') continue;
        if (strncmp(here, line, strlen(line)) != 0) {
            fprintf(stderr, "the table has: %shere it is:    %.*s\n", line, (int)strcspn(here, "\n"), here);
            return 1;
        }
        here += strlen(line);
    }
    fclose(file);
    CHECK(*here == '\0'); /* the table has all */
    return 0;
}
