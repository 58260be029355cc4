/* SPDX-License-Identifier: Apache-2.0
 *
 * lkvideo.h alone in a translation unit, twice: compiled for each standard of C++. */
#include <lkvideo.h>
#include <lkvideo.h>

lkv_event header_event(void);
lkv_event header_event(void) {
    lkv_event event = LKV_EVENT_INIT;
    lkv_frame_desc desc = LKV_FRAME_DESC_INIT;
    lkv_frame_info info = LKV_FRAME_INFO_INIT;
    lkv_output_options output_options = LKV_OUTPUT_OPTIONS_INIT;
    lkv_output_stats output_stats = LKV_OUTPUT_STATS_INIT;
    lkv_playback_listener listener = LKV_PLAYBACK_LISTENER_INIT;
    lkv_receiver_callbacks receiver_callbacks = LKV_RECEIVER_CALLBACKS_INIT;
    lkv_receiver_options receiver_options = LKV_RECEIVER_OPTIONS_INIT;
    lkv_receiver_stats receiver_stats = LKV_RECEIVER_STATS_INIT;
    lkv_room_callbacks room_callbacks = LKV_ROOM_CALLBACKS_INIT;
    lkv_room_event room_event = LKV_ROOM_EVENT_INIT;
    lkv_room_options room_options = LKV_ROOM_OPTIONS_INIT;
    lkv_rpc_callbacks rpc_callbacks = LKV_RPC_CALLBACKS_INIT;
    lkv_rpc_method rpc_method = LKV_RPC_METHOD_INIT;
    lkv_token_options token_options = LKV_TOKEN_OPTIONS_INIT;
    event.number = desc.struct_size + info.struct_size + output_options.struct_size + output_stats.struct_size +
                   listener.struct_size + receiver_callbacks.struct_size + receiver_options.struct_size +
                   receiver_stats.struct_size + room_callbacks.struct_size + room_event.struct_size +
                   room_options.struct_size + rpc_callbacks.struct_size + rpc_method.struct_size +
                   token_options.struct_size;
    return event;
}
