/* SPDX-License-Identifier: Apache-2.0
 *
 * What needs no room: versions, results and their texts, sizes of structs, frames, tokens. */
#include "support.h"

static void versions_agree(void) {
    char text[32];
    snprintf(text, sizeof text, "%d.%d.%d", LKV_VERSION_MAJOR, LKV_VERSION_MINOR, LKV_VERSION_PATCH);
    CHECK(strcmp(lkv_version_string(), text) == 0);
    CHECK(lkv_version_number() == LKV_VERSION_NUMBER);
    CHECK(LKV_VERSION_NUMBER == LKV_VERSION_MAJOR * 10000 + LKV_VERSION_MINOR * 100 + LKV_VERSION_PATCH);
    CHECK(lkv_abi_version() == LKV_ABI_VERSION);
}

static void every_result_has_a_name(void) {
    CHECK(strcmp(lkv_result_name(LKV_OK), "LKV_OK") == 0);
    CHECK(strcmp(lkv_result_name(LKV_ERROR_TIMEOUT), "LKV_ERROR_TIMEOUT") == 0);
    for (lkv_result result = LKV_ERROR_WOULD_DEADLOCK; result < 0; result++) {
        CHECK(strncmp(lkv_result_name(result), "LKV_ERROR_", 10) == 0);
        CHECK(strcmp(lkv_result_name(result), "LKV_ERROR_UNKNOWN") != 0);
    }
    CHECK(strcmp(lkv_result_name(LKV_ERROR_WOULD_DEADLOCK - 1), "LKV_ERROR_UNKNOWN") == 0);
    CHECK(strcmp(lkv_result_name(1), "LKV_ERROR_UNKNOWN") == 0);
}

static void *has_no_error(void *argument) {
    char text[64] = "old";
    CHECK_OK(lkv_last_error_message(text, sizeof text, NULL));
    CHECK(text[0] == '\0');
    return argument;
}

static void the_last_error_is_the_threads_own(void) {
    size_t needed = 0;
    CHECK_INVALID(lkv_frame_size(LKV_PIXEL_RGBA, 1, 1, NULL));
    CHECK_RESULT(LKV_ERROR_BUFFER_TOO_SMALL, lkv_last_error_message(NULL, 0, &needed));
    CHECK(needed == sizeof "size is NULL");
    char text[64];
    CHECK_OK(lkv_last_error_message(text, needed, NULL));
    CHECK(strcmp(text, "size is NULL") == 0);
    CHECK_RESULT(LKV_ERROR_BUFFER_TOO_SMALL, lkv_last_error_message(text, 5, &needed));
    CHECK(strcmp(text, "size") == 0 && needed == sizeof "size is NULL");
    CHECK_INVALID(lkv_last_error_message(NULL, 10, NULL));
    pthread_join(start(has_no_error, NULL), NULL);
    size_t size;
    CHECK_OK(lkv_frame_size(LKV_PIXEL_RGBA, 1, 1, &size)); /* success does not erase it */
    CHECK_OK(lkv_last_error_message(text, sizeof text, NULL));
    CHECK(strcmp(text, "size is NULL") == 0);
}

/* A program that was compiled with the header of another version. */
static void structs_may_be_shorter_and_longer(void) {
    lkv_room *room = NULL;
    struct {
        lkv_room_options known;
        uint64_t unknown;
    } longer;
    CHECK_OK(lkv_room_options_init(&longer.known, sizeof longer));
    CHECK(longer.known.struct_size == sizeof longer && longer.unknown == 0);
    CHECK_OK(lkv_room_connect("loopback:sizes", NULL, &longer.known, &room));
    lkv_room_destroy(room);
    longer.unknown = 1;
    CHECK_INVALID(lkv_room_connect("loopback:sizes", NULL, &longer.known, &room));

    lkv_room_options shorter = LKV_ROOM_OPTIONS_INIT;
    shorter.struct_size = offsetof(lkv_room_options, callbacks);
    shorter.callbacks = (const lkv_room_callbacks *)&longer; /* beyond its size: not there */
    shorter.connect_timeout_ms = 1000;
    CHECK_OK(lkv_room_connect("loopback:sizes", NULL, &shorter, &room));
    lkv_room_destroy(room);
    const uint32_t bad_sizes[] = {0, 3, 5000, UINT32_MAX};
    for (size_t i = 0; i < sizeof bad_sizes / sizeof *bad_sizes; i++) {
        shorter.struct_size = bad_sizes[i];
        CHECK_INVALID(lkv_room_connect("loopback:sizes", NULL, &shorter, &room));
    }
}

/* The library writes no more than the caller has. */
static void outputs_are_filled_as_far_as_they_go(void) {
    struct pair pair = pair_open("outputs", NULL);
    CHECK_OK(send_painted(pair.output, LKV_PIXEL_RGB24, 5, 3, 1));
    lkv_event event = LKV_EVENT_INIT;
    expect_event(pair.receiver, LKV_EVENT_SEGMENT_START, &event);
    expect_event(pair.receiver, LKV_EVENT_FRAME, &event);
    lkv_frame_info info;
    memset(&info, 0xEE, sizeof info);
    info.struct_size = offsetof(lkv_frame_info, plane_count);
    CHECK_OK(lkv_frame_get_info(event.frame, &info));
    CHECK(info.type == LKV_PIXEL_RGB24 && info.width == 5 && info.height == 3 && info.plane_count == 0xEEEEEEEE);
    CHECK(info.struct_size == offsetof(lkv_frame_info, plane_count));

    lkv_output_stats stats;
    memset(&stats, 0xEE, sizeof stats);
    stats.struct_size = offsetof(lkv_output_stats, frames_sent);
    CHECK_OK(lkv_output_get_stats(pair.output, &stats));
    CHECK(stats.frames_accepted == 1 && stats.bytes_accepted == 45 && stats.frames_sent == 0xEEEEEEEEEEEEEEEE);

    lkv_receiver_stats received;
    memset(&received, 0xEE, sizeof received);
    received.struct_size = offsetof(lkv_receiver_stats, chunks_refused); /* as before version 1 of the wire */
    CHECK_OK(lkv_receiver_get_stats(pair.receiver, &received));
    CHECK(received.frames_received == 1 && received.chunks_repeated == 0);
    CHECK(received.chunks_refused == 0xEEEEEEEEEEEEEEEE && received.reserved0 == 0xEEEEEEEE);

    lkv_room_stats counted = LKV_ROOM_STATS_INIT;
    counted.events_dropped = 77;
    counted.struct_size = offsetof(lkv_room_stats, events_dropped);
    CHECK_OK(lkv_room_get_stats(pair.sending, &counted));
    CHECK(counted.events_dropped == 77 && counted.struct_size == offsetof(lkv_room_stats, events_dropped));

    lkv_event small = LKV_EVENT_INIT; /* an event owns what it points to: it must hold all that */
    small.struct_size = offsetof(lkv_event, message);
    CHECK_INVALID(lkv_receiver_next(pair.receiver, 0, &small));
    lkv_event_clear(&event);
    pair_destroy(&pair);
}

/* Options and events of a header that had no labels and lost frames yet. */
static void structs_of_older_headers_work(void) {
    const char *beyond = NOT_UTF8;
    lkv_room *receiving = join("older", "player", NULL), *sending = join("older", "agent", NULL);
    lkv_receiver_options receiver_options = LKV_RECEIVER_OPTIONS_INIT;
    receiver_options.struct_size = offsetof(lkv_receiver_options, label);
    receiver_options.label = beyond;
    lkv_output_options output_options = LKV_OUTPUT_OPTIONS_INIT;
    output_options.struct_size = offsetof(lkv_output_options, label);
    output_options.label = beyond;
    lkv_receiver *receiver = NULL;
    lkv_output *output = NULL;
    CHECK_OK(lkv_receiver_create(receiving, &receiver_options, &receiver));
    CHECK_OK(lkv_output_create(sending, "player", &output_options, &output));
    CHECK_OK(send_painted(output, LKV_PIXEL_RGBA, 4, 4, 3));
    CHECK_OK(lkv_output_flush(output));

    lkv_event event;
    memset(&event, 0, sizeof event);
    event.struct_size = offsetof(lkv_event, frames_lost);
    event.frames_lost = 77;
    unsigned frames = 0, messages = 0;
    do {
        lkv_event_clear(&event);
        CHECK(event.type == 0 && event.frame == NULL && event.message == NULL);
        CHECK_OK(lkv_receiver_next(receiver, SOON_MS, &event));
        CHECK(event.struct_size == offsetof(lkv_event, frames_lost) && event.frames_lost == 77);
        if (event.message) messages++;
        if (event.type == LKV_EVENT_FRAME) frames += is_painted(event.frame, LKV_PIXEL_RGBA, 4, 4, 3);
    } while (event.type != LKV_EVENT_SEGMENT_END);
    CHECK(frames == 1 && messages == 1); /* the sender's identity */
    CHECK(event.cause == LKV_CAUSE_FLUSHED && event.frames == 1);
    lkv_event_clear(&event);
    CHECK(event.frames_lost == 77);
    lkv_output_destroy(output);
    lkv_receiver_destroy(receiver);
    lkv_room_destroy(sending);
    lkv_room_destroy(receiving);
}

static void frame_sizes_are_those_of_the_formats(void) {
    const size_t of_3x5[] = {60, 60, 60, 60, 45, 27, 42, 35, 45, 54, 27};
    const char *names[] = {"rgba", "abgr", "argb", "bgra", "rgb24", "i420", "i420a", "i422", "i444", "i010", "nv12"};
    for (lkv_pixel type = LKV_PIXEL_RGBA; type <= LKV_PIXEL_NV12; type++) {
        size_t size = 0;
        CHECK_OK(lkv_frame_size(type, 3, 5, &size));
        CHECK(size == of_3x5[type]);
        CHECK(strcmp(lkv_pixel_name(type), names[type]) == 0);
    }
    size_t size = 99;
    CHECK_RESULT(LKV_ERROR_UNSUPPORTED, lkv_frame_size(LKV_PIXEL_NV12 + 1, 3, 5, &size));
    CHECK_RESULT(LKV_ERROR_UNSUPPORTED, lkv_frame_size(-1, 3, 5, &size));
    CHECK_INVALID(lkv_frame_size(LKV_PIXEL_RGBA, 0, 5, &size));
    CHECK_INVALID(lkv_frame_size(LKV_PIXEL_RGBA, 3, LKV_MAX_DIMENSION + 1, &size));
    CHECK(size == 99); /* written on success only */
    CHECK(lkv_pixel_name(LKV_PIXEL_NV12 + 1) == NULL && lkv_pixel_name(-1) == NULL);
}

static void a_packed_description_follows_the_planes(void) {
    uint8_t pixels[42] = {0};
    lkv_frame_desc desc = LKV_FRAME_DESC_INIT;
    CHECK(desc.pts_us == LKV_NO_PTS);
    CHECK_OK(lkv_frame_desc_init(&desc, sizeof desc));
    CHECK(desc.pts_us == LKV_NO_PTS && desc.type == 0 && desc.plane_count == 0);
    desc.pts_us = 123;
    CHECK_OK(lkv_frame_desc_packed(&desc, LKV_PIXEL_I420A, 3, 5, pixels));
    CHECK(desc.struct_size == sizeof desc && desc.pts_us == 123 && desc.plane_count == 4);
    const size_t offsets[] = {0, 15, 21, 27}, strides[] = {3, 2, 2, 3};
    for (int i = 0; i < 4; i++) {
        CHECK(desc.planes[i].data == pixels + offsets[i] && desc.planes[i].stride == strides[i]);
        CHECK(desc.planes[i].row_bytes == strides[i] && desc.planes[i].rows == (i == 1 || i == 2 ? 3u : 5u));
    }
    CHECK_OK(lkv_frame_desc_packed(&desc, LKV_PIXEL_RGBA, 2, 2, pixels)); /* used again: no plane is left over */
    CHECK(desc.plane_count == 1 && desc.planes[1].data == NULL);
}

static void tokens_have_three_parts_and_need_their_options(void) {
    lkv_token_options options = LKV_TOKEN_OPTIONS_INIT;
    options.api_key = "devkey";
    options.api_secret = "secret";
    options.identity = "alice";
    options.room = "studio";
    options.kind = LKV_KIND_AGENT;
    size_t needed = 0;
    CHECK_RESULT(LKV_ERROR_BUFFER_TOO_SMALL, lkv_token_create(&options, NULL, 0, &needed));
    char token[1024], small[16] = "untouched";
    CHECK(needed > 100 && needed < sizeof token);
    CHECK_OK(lkv_token_create(&options, token, sizeof token, &needed));
    CHECK(strlen(token) + 1 == needed);
    const char *dot = strchr(token, '.');
    CHECK(dot && strchr(dot + 1, '.'));
    CHECK_RESULT(LKV_ERROR_BUFFER_TOO_SMALL, lkv_token_create(&options, small, sizeof small, &needed));
    CHECK(strcmp(small, "untouched") == 0);

    options.kind = 5;
    CHECK_INVALID(lkv_token_create(&options, token, sizeof token, NULL));
    options.kind = LKV_KIND_STANDARD;
    options.name = NOT_UTF8;
    CHECK_INVALID(lkv_token_create(&options, token, sizeof token, NULL));
    options.name = NULL;
    options.room = "";
    CHECK_INVALID(lkv_token_create(&options, token, sizeof token, NULL));
    options.room = NULL;
    CHECK_INVALID(lkv_token_create(&options, token, sizeof token, NULL));
}

static void count_record(lkv_log_level level, const char *target, const char *message, void *user_data) {
    CHECK(level >= LKV_LOG_ERROR && level <= LKV_LOG_TRACE && target && message && user_data);
}

static void the_log_gives_its_user_data_back_once(void) {
    struct latch first = LATCH_INIT, second = LATCH_INIT, refused = LATCH_INIT;
    CHECK_OK(lkv_set_log_callback(LKV_LOG_TRACE, count_record, &first, latch_add_user_data));
    struct pair pair = pair_open("log", NULL);
    CHECK_OK(lkv_set_log_callback(LKV_LOG_INFO, count_record, &second, latch_add_user_data));
    CHECK(latch_count(&first) == 1 && latch_count(&second) == 0);
    CHECK_INVALID(lkv_set_log_callback(LKV_LOG_TRACE + 1, count_record, &refused, latch_add_user_data));
    CHECK(latch_count(&refused) == 1 && latch_count(&second) == 0);
    CHECK_OK(lkv_set_log_callback(LKV_LOG_OFF, NULL, NULL, NULL));
    CHECK(latch_count(&first) == 1 && latch_count(&second) == 1);
    pair_destroy(&pair);
}

int main(void) {
    RUN(versions_agree);
    RUN(every_result_has_a_name);
    RUN(the_last_error_is_the_threads_own);
    RUN(structs_may_be_shorter_and_longer);
    RUN(outputs_are_filled_as_far_as_they_go);
    RUN(structs_of_older_headers_work);
    RUN(frame_sizes_are_those_of_the_formats);
    RUN(a_packed_description_follows_the_planes);
    RUN(tokens_have_three_parts_and_need_their_options);
    RUN(the_log_gives_its_user_data_back_once);
    return 0;
}
