/* SPDX-License-Identifier: Apache-2.0
 *
 * Bad arguments to every function: each is a clear error, and outputs stay as they were. */
#include "support.h"

static void on_event(const lkv_event *event, void *user_data) { (void)event, (void)user_data; }
static void on_room_event(const lkv_room_event *event, void *user_data) { (void)event, (void)user_data; }
static void on_result(const lkv_rpc_result *result, void *user_data) { (void)result, (void)user_data; }
static void on_invocation(lkv_rpc_invocation *invocation, const char *caller, const char *payload, void *user_data) {
    (void)caller, (void)payload, (void)user_data;
    lkv_rpc_invocation_fail(invocation, 1, NULL);
}
static void each(const lkv_participant *participant, void *user_data) { (void)participant, (void)user_data; }

static void null_handles_are_errors(void) {
    lkv_room_event room_event = LKV_ROOM_EVENT_INIT;
    lkv_event event = LKV_EVENT_INIT;
    lkv_frame_info info = LKV_FRAME_INFO_INIT;
    lkv_frame_desc desc = LKV_FRAME_DESC_INIT;
    lkv_output_stats output_stats = LKV_OUTPUT_STATS_INIT;
    lkv_receiver_stats receiver_stats = LKV_RECEIVER_STATS_INIT;
    lkv_room_stats room_stats = LKV_ROOM_STATS_INIT;
    lkv_rpc_method method = LKV_RPC_METHOD_INIT;
    lkv_playback_listener listener = LKV_PLAYBACK_LISTENER_INIT;
    lkv_receiver *receiver = NULL;
    lkv_output *output = NULL;
    lkv_room_state state = 77;
    size_t needed = 77;
    uint64_t id = 77;
    uint8_t pixels[4] = {0};
    struct latch destroyed = LATCH_INIT;
    method.on_invocation = on_invocation;
    listener.on_event = on_event;
    method.user_data = listener.user_data = &destroyed;
    method.destroy = listener.destroy = latch_add_user_data;
    CHECK_OK(lkv_frame_desc_packed(&desc, LKV_PIXEL_RGBA, 1, 1, pixels));

    CHECK_INVALID(lkv_room_wait_connected(NULL, 0));
    CHECK_INVALID(lkv_room_wait_participant(NULL, "a", 0));
    CHECK_INVALID(lkv_room_get_state(NULL, &state, NULL));
    CHECK_INVALID(lkv_room_identity(NULL, NULL, 0, &needed));
    CHECK_INVALID(lkv_room_name(NULL, NULL, 0, &needed));
    CHECK_INVALID(lkv_room_for_each_participant(NULL, each, NULL));
    CHECK_INVALID(lkv_room_next_event(NULL, 0, &room_event));
    CHECK_INVALID(lkv_room_perform_rpc(NULL, "a", "m", "", 1000, NULL));
    CHECK_INVALID(lkv_room_register_rpc_method(NULL, "m", &method));
    CHECK(latch_count(&destroyed) == 1);
    CHECK_INVALID(lkv_room_unregister_rpc_method(NULL, "m"));
    CHECK_INVALID(lkv_room_send_data(NULL, NULL, 0, NULL, NULL, true));
    CHECK_INVALID(lkv_room_get_stats(NULL, &room_stats));
    CHECK_INVALID(lkv_room_close(NULL));
    CHECK_INVALID(lkv_rpc_invocation_answer(NULL, "a"));
    CHECK_INVALID(lkv_rpc_invocation_fail(NULL, 1, NULL));
    CHECK_INVALID(lkv_receiver_create(NULL, NULL, &receiver));
    CHECK_INVALID(lkv_receiver_wait_sender(NULL, 0));
    CHECK_INVALID(lkv_receiver_next(NULL, 0, &event));
    CHECK_INVALID(lkv_receiver_notify_playback_finished(NULL, 0, 0, false));
    CHECK_INVALID(lkv_receiver_notify_playback_started(NULL, 0));
    CHECK_INVALID(lkv_receiver_get_stats(NULL, &receiver_stats));
    CHECK_INVALID(lkv_receiver_close(NULL));
    CHECK_INVALID(lkv_output_create(NULL, "a", NULL, &output));
    CHECK_INVALID(lkv_output_send_frame(NULL, &desc, 0));
    CHECK_INVALID(lkv_output_flush(NULL));
    CHECK_INVALID(lkv_output_wait_sent(NULL, 0));
    CHECK_INVALID(lkv_output_clear_buffer(NULL));
    CHECK_INVALID(lkv_output_add_playback_finished_listener(NULL, &listener, &id));
    CHECK(latch_count(&destroyed) == 2);
    CHECK_INVALID(lkv_output_remove_playback_finished_listener(NULL, 1));
    CHECK_INVALID(lkv_output_next(NULL, 0, &event));
    CHECK_INVALID(lkv_output_get_stats(NULL, &output_stats));
    CHECK_INVALID(lkv_output_close(NULL));
    CHECK_INVALID(lkv_frame_get_info(NULL, &info));
    CHECK(receiver == NULL && output == NULL && state == 77 && needed == 77 && id == 77);

    lkv_room_destroy(NULL);
    lkv_receiver_destroy(NULL);
    lkv_output_destroy(NULL);
    lkv_frame_release(NULL);
    lkv_event_clear(NULL);
    lkv_room_event_clear(NULL);
}

static void null_structs_and_outputs_are_errors(void) {
    struct pair pair = pair_open("nulls", NULL);
    lkv_room *room = pair.sending;
    lkv_frame_desc desc = LKV_FRAME_DESC_INIT;
    char small[2] = "x";
    size_t needed = 0, size = 0;

    CHECK_INVALID(lkv_room_options_init(NULL, sizeof(lkv_room_options)));
    CHECK_INVALID(lkv_receiver_options_init(NULL, sizeof(lkv_receiver_options)));
    CHECK_INVALID(lkv_output_options_init(NULL, sizeof(lkv_output_options)));
    CHECK_INVALID(lkv_token_options_init(NULL, sizeof(lkv_token_options)));
    CHECK_INVALID(lkv_frame_desc_init(NULL, sizeof desc));
    CHECK_INVALID(lkv_frame_desc_init(&desc, 0));
    CHECK_INVALID(lkv_frame_desc_init(&desc, (size_t)1 << 40));
    CHECK_INVALID(lkv_token_create(NULL, NULL, 0, &needed));
    CHECK_INVALID(lkv_frame_size(LKV_PIXEL_RGBA, 1, 1, NULL));
    CHECK_INVALID(lkv_frame_desc_packed(NULL, LKV_PIXEL_RGBA, 1, 1, (const uint8_t *)small));
    CHECK_INVALID(lkv_frame_desc_packed(&desc, LKV_PIXEL_RGBA, 1, 1, NULL));
    CHECK_INVALID(lkv_last_error_message(NULL, 1, &size));

    CHECK_INVALID(lkv_room_connect("loopback:nulls", NULL, NULL, NULL));
    CHECK_INVALID(lkv_room_next_event(room, 0, NULL));
    CHECK_INVALID(lkv_room_get_stats(room, NULL));
    CHECK_INVALID(lkv_room_for_each_participant(room, NULL, NULL));
    CHECK_INVALID(lkv_room_register_rpc_method(room, "m", NULL));
    CHECK_INVALID(lkv_room_send_data(room, NULL, 1, NULL, NULL, true));
    CHECK_OK(lkv_room_get_state(room, NULL, NULL));
    CHECK_RESULT(LKV_ERROR_BUFFER_TOO_SMALL, lkv_room_identity(room, small, sizeof small, &needed));
    CHECK(needed == sizeof "agent" && strcmp(small, "x") == 0);
    CHECK_RESULT(LKV_ERROR_BUFFER_TOO_SMALL, lkv_room_name(room, NULL, 0, NULL));
    CHECK_INVALID(lkv_room_identity(room, NULL, 100, NULL));

    CHECK_INVALID(lkv_receiver_create(room, NULL, NULL));
    CHECK_INVALID(lkv_receiver_next(pair.receiver, 0, NULL));
    CHECK_INVALID(lkv_receiver_get_stats(pair.receiver, NULL));
    CHECK_INVALID(lkv_output_create(room, "b", NULL, NULL));
    CHECK_INVALID(lkv_output_send_frame(pair.output, NULL, 0));
    CHECK_INVALID(lkv_output_send_frame_owned(pair.output, &desc, 0, NULL, NULL));
    CHECK_INVALID(lkv_output_add_playback_finished_listener(pair.output, NULL, NULL));
    CHECK_INVALID(lkv_output_next(pair.output, 0, NULL));
    CHECK_INVALID(lkv_output_get_stats(pair.output, NULL));

    CHECK_OK(send_painted(pair.output, LKV_PIXEL_RGBA, 2, 2, 0));
    lkv_event event = LKV_EVENT_INIT;
    expect_event(pair.receiver, LKV_EVENT_SEGMENT_START, &event);
    expect_event(pair.receiver, LKV_EVENT_FRAME, &event);
    CHECK_INVALID(lkv_frame_get_info(event.frame, NULL));
    lkv_event_clear(&event);
    pair_destroy(&pair);
}

static void strings_must_be_there_and_utf8(void) {
    const char *bad[] = {NULL, NOT_UTF8};
    struct pair pair = pair_open("strings", NULL);
    lkv_room *room = NULL;
    lkv_receiver *receiver = NULL;
    lkv_output *output = NULL;
    lkv_rpc_method method = LKV_RPC_METHOD_INIT;
    method.on_invocation = on_invocation;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK_INVALID(lkv_room_connect(bad[i], NULL, NULL, &room));
        CHECK_INVALID(lkv_room_wait_participant(pair.sending, bad[i], 0));
        CHECK_INVALID(lkv_room_perform_rpc(pair.sending, bad[i], "m", "", 1000, NULL));
        CHECK_INVALID(lkv_room_perform_rpc(pair.sending, "player", bad[i], "", 1000, NULL));
        CHECK_INVALID(lkv_room_perform_rpc(pair.sending, "player", "m", bad[i], 1000, NULL));
        CHECK_INVALID(lkv_room_register_rpc_method(pair.sending, bad[i], &method));
        CHECK_INVALID(lkv_room_unregister_rpc_method(pair.sending, bad[i]));
        CHECK_INVALID(lkv_output_create(pair.sending, bad[i], NULL, &output));
    }
    CHECK_INVALID(lkv_output_create(pair.sending, "", NULL, &output));
    CHECK_INVALID(lkv_room_connect("loopback:strings", NOT_UTF8, NULL, &room));
    CHECK_INVALID(lkv_room_send_data(pair.sending, NULL, 0, NOT_UTF8, NULL, true));
    CHECK_INVALID(lkv_room_send_data(pair.sending, NULL, 0, NULL, NOT_UTF8, true));
    lkv_receiver_options options = LKV_RECEIVER_OPTIONS_INIT;
    options.sender = NOT_UTF8;
    CHECK_INVALID(lkv_receiver_create(pair.sending, &options, &receiver));
    options.sender = "";
    CHECK_INVALID(lkv_receiver_create(pair.sending, &options, &receiver));
    char long_label[66];
    memset(long_label, 'x', sizeof long_label - 1);
    long_label[sizeof long_label - 1] = '\0';
    const char *bad_labels[] = {NOT_UTF8, "a\nb", "\x7f", long_label};
    lkv_output_options output_options = LKV_OUTPUT_OPTIONS_INIT;
    options.sender = NULL;
    for (size_t i = 0; i < sizeof bad_labels / sizeof *bad_labels; i++) {
        options.label = output_options.label = bad_labels[i];
        CHECK_INVALID(lkv_receiver_create(pair.sending, &options, &receiver));
        CHECK_INVALID(lkv_output_create(pair.sending, "b", &output_options, &output));
    }
    lkv_room_options room_options = LKV_ROOM_OPTIONS_INIT;
    room_options.ca_file = NOT_UTF8;
    CHECK_INVALID(lkv_room_connect("loopback:strings", NULL, &room_options, &room));
    room_options.ca_file = "/nonexistent/ca.pem";
    CHECK_RESULT(LKV_ERROR_IO, lkv_room_connect("wss://127.0.0.1:1", "t", &room_options, &room));
    room_options.ca_pem = "x";
    CHECK_INVALID(lkv_room_connect("wss://127.0.0.1:1", "t", &room_options, &room));
    room_options.ca_file = room_options.ca_pem = NULL;
    room_options.ca_pem_size = 1;
    CHECK_INVALID(lkv_room_connect("wss://127.0.0.1:1", "t", &room_options, &room));
    CHECK(room == NULL && receiver == NULL && output == NULL);
    pair_destroy(&pair);
}

static void urls_must_be_usable(void) {
    const char *bad[] = {"", "nonsense", "ftp://example.org", "ws://", "loopback:", "loopback:a?kind=dog",
                         "loopback:a?identity="};
    lkv_room *room = NULL;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        lkv_result result = lkv_room_connect(bad[i], "token", NULL, &room);
        if (result != LKV_ERROR_URL && result != LKV_ERROR_INVALID_ARGUMENT) {
            fprintf(stderr, "%s: %s\n", bad[i], lkv_result_name(result));
            exit(1);
        }
    }
    CHECK_INVALID(lkv_room_connect("ws://127.0.0.1:1", NULL, NULL, &room)); /* no token */
    CHECK(room == NULL);
}

static void unknown_numbers_are_refused(void) {
    struct pair pair = pair_open("numbers", NULL);
    lkv_receiver *receiver = NULL;
    lkv_output *output = NULL;
    lkv_receiver_options receiver_options = LKV_RECEIVER_OPTIONS_INIT;
    const lkv_queue_policy bad_policies[] = {LKV_POLICY_REFUSE, LKV_POLICY_DROP_NEWEST + 1, -1};
    for (size_t i = 0; i < 3; i++) {
        receiver_options.policy = bad_policies[i];
        CHECK_INVALID(lkv_receiver_create(pair.sending, &receiver_options, &receiver));
    }
    lkv_output_options output_options = LKV_OUTPUT_OPTIONS_INIT;
    output_options.policy = 4;
    CHECK_INVALID(lkv_output_create(pair.sending, "b", &output_options, &output));
    output_options.policy = LKV_POLICY_BLOCK;
    output_options.queue_us = -2;
    CHECK_INVALID(lkv_output_create(pair.sending, "b", &output_options, &output));
    output_options.queue_us = LKV_FOREVER;
    output_options.max_age_us = INT64_MIN;
    CHECK_INVALID(lkv_output_create(pair.sending, "b", &output_options, &output));

    lkv_event event = LKV_EVENT_INIT;
    lkv_room_event room_event = LKV_ROOM_EVENT_INIT;
    CHECK_INVALID(lkv_room_wait_connected(pair.sending, -2));
    CHECK_INVALID(lkv_room_wait_participant(pair.sending, "player", INT32_MIN));
    CHECK_INVALID(lkv_room_next_event(pair.sending, -2, &room_event));
    CHECK_INVALID(lkv_receiver_wait_sender(pair.receiver, -2));
    CHECK_INVALID(lkv_receiver_next(pair.receiver, -2, &event));
    CHECK_INVALID(lkv_output_wait_sent(pair.output, -2));
    CHECK_INVALID(lkv_output_next(pair.output, -2, &event));
    CHECK_INVALID(lkv_room_perform_rpc(pair.sending, "player", "m", "", 0, NULL));
    CHECK_INVALID(lkv_room_perform_rpc(pair.sending, "player", "m", "", -2, NULL));
    CHECK_INVALID(lkv_receiver_notify_playback_finished(pair.receiver, 0, -1, false));
    CHECK_RESULT(LKV_ERROR_NOT_FOUND, lkv_receiver_notify_playback_finished(pair.receiver, 0, 0, false));
    CHECK_RESULT(LKV_ERROR_NOT_FOUND, lkv_receiver_notify_playback_finished(pair.receiver, 7, 0, false));
    CHECK_RESULT(LKV_ERROR_NOT_FOUND, lkv_receiver_notify_playback_started(pair.receiver, 0));
    CHECK_RESULT(LKV_ERROR_NOT_FOUND, lkv_receiver_notify_playback_started(pair.receiver, UINT64_MAX));
    CHECK_RESULT(LKV_ERROR_NOT_FOUND, lkv_output_remove_playback_finished_listener(pair.output, 12345));
    CHECK_RESULT(LKV_ERROR_NOT_FOUND, lkv_room_unregister_rpc_method(pair.sending, "never"));
    pair_destroy(&pair);
}

static void descriptions_of_frames_are_checked(void) {
    struct pair pair = pair_open("descriptions", NULL);
    uint8_t pixels[64] = {0};
    lkv_frame_desc good = LKV_FRAME_DESC_INIT, desc;
    CHECK_OK(lkv_frame_desc_packed(&good, LKV_PIXEL_I420, 4, 4, pixels));
    CHECK_RESULT(LKV_ERROR_UNSUPPORTED, lkv_frame_desc_packed(&good, 11, 4, 4, pixels));
    CHECK_INVALID(lkv_frame_desc_packed(&good, LKV_PIXEL_I420, 0, 4, pixels));
    CHECK(good.type == LKV_PIXEL_I420 && good.width == 4);

#define REFUSED(change)                                             \
    do {                                                            \
        desc = good;                                                \
        change;                                                     \
        CHECK_INVALID(lkv_output_send_frame(pair.output, &desc, 0)); \
    } while (0)
    REFUSED(desc.struct_size = 0);
    REFUSED(desc.width = 0);
    REFUSED(desc.height = LKV_MAX_DIMENSION + 1);
    REFUSED(desc.plane_count = 2);
    REFUSED(desc.plane_count = 5);
    REFUSED(desc.planes[1].data = NULL);
    REFUSED(desc.planes[0].stride = 3);
    REFUSED(desc.planes[0].stride = 0);
    REFUSED(desc.planes[2].stride = SIZE_MAX);
    REFUSED(desc.planes[0].row_bytes = 3);
    REFUSED(desc.planes[1].rows = 1);
    desc = good;
    desc.type = 11;
    CHECK_RESULT(LKV_ERROR_UNSUPPORTED, lkv_output_send_frame(pair.output, &desc, 0));
    CHECK_OK(lkv_output_send_frame(pair.output, &good, SOON_MS));
    pair_destroy(&pair);
}

/* user_data is destroyed exactly once, whatever the registration fails of. */
static void failed_registrations_give_user_data_back(void) {
    struct pair pair = pair_open("registrations", NULL);
    struct latch destroyed = LATCH_INIT;
    int expected = 0;
    lkv_room *room = NULL;
    lkv_receiver *receiver = NULL;

    lkv_room_callbacks room_callbacks = LKV_ROOM_CALLBACKS_INIT;
    room_callbacks.user_data = &destroyed;
    room_callbacks.destroy = latch_add_user_data;
    lkv_room_options room_options = LKV_ROOM_OPTIONS_INIT;
    room_options.callbacks = &room_callbacks;
    CHECK_INVALID(lkv_room_connect("loopback:x", NULL, &room_options, &room)); /* no on_event */
    CHECK(latch_count(&destroyed) == ++expected);
    room_callbacks.on_event = on_room_event;
    CHECK_INVALID(lkv_room_connect(NULL, NULL, &room_options, &room));
    CHECK(latch_count(&destroyed) == ++expected);
    CHECK_INVALID(lkv_room_connect("loopback:x", NULL, &room_options, NULL));
    CHECK(latch_count(&destroyed) == ++expected);
    CHECK_RESULT(LKV_ERROR_URL, lkv_room_connect("nonsense", NULL, &room_options, &room));
    latch_wait(&destroyed, ++expected);

    lkv_receiver_callbacks callbacks = LKV_RECEIVER_CALLBACKS_INIT;
    callbacks.user_data = &destroyed;
    callbacks.destroy = latch_add_user_data;
    lkv_receiver_options options = LKV_RECEIVER_OPTIONS_INIT;
    options.callbacks = &callbacks;
    CHECK_INVALID(lkv_receiver_create(pair.receiving, &options, &receiver));
    CHECK(latch_count(&destroyed) == ++expected);
    callbacks.on_event = on_event;
    CHECK_RESULT(LKV_ERROR_BUSY, lkv_receiver_create(pair.receiving, &options, &receiver));
    CHECK(latch_count(&destroyed) == ++expected);
    options.policy = 99;
    CHECK_INVALID(lkv_receiver_create(pair.receiving, &options, &receiver));
    CHECK(latch_count(&destroyed) == ++expected);

    lkv_playback_listener listener = LKV_PLAYBACK_LISTENER_INIT;
    listener.user_data = &destroyed;
    listener.destroy = latch_add_user_data;
    CHECK_INVALID(lkv_output_add_playback_finished_listener(pair.output, &listener, NULL));
    CHECK(latch_count(&destroyed) == ++expected);

    lkv_rpc_method method = LKV_RPC_METHOD_INIT;
    method.user_data = &destroyed;
    method.destroy = latch_add_user_data;
    CHECK_INVALID(lkv_room_register_rpc_method(pair.sending, "m", &method));
    CHECK(latch_count(&destroyed) == ++expected);
    method.on_invocation = on_invocation;
    CHECK_INVALID(lkv_room_register_rpc_method(pair.sending, NULL, &method));
    CHECK(latch_count(&destroyed) == ++expected);
    CHECK_INVALID(lkv_room_register_rpc_method(pair.sending, "lk.video_hello", &method)); /* the library's own */
    CHECK(latch_count(&destroyed) == ++expected);

    lkv_rpc_callbacks rpc = LKV_RPC_CALLBACKS_INIT;
    rpc.user_data = &destroyed;
    rpc.destroy = latch_add_user_data;
    CHECK_INVALID(lkv_room_perform_rpc(pair.sending, "player", "m", "", 1000, &rpc));
    CHECK(latch_count(&destroyed) == ++expected);
    rpc.on_result = on_result;
    CHECK_INVALID(lkv_room_perform_rpc(pair.sending, "player", "", "", 1000, &rpc));
    CHECK(latch_count(&destroyed) == ++expected);
    CHECK_INVALID(lkv_room_perform_rpc(pair.sending, "player", "lk.clear_buffer_video", "", 1000, &rpc));
    CHECK(latch_count(&destroyed) == ++expected);
    pair_destroy(&pair);
    CHECK(latch_count(&destroyed) == expected && room == NULL && receiver == NULL);
}

int main(void) {
    RUN(null_handles_are_errors);
    RUN(null_structs_and_outputs_are_errors);
    RUN(strings_must_be_there_and_utf8);
    RUN(urls_must_be_usable);
    RUN(unknown_numbers_are_refused);
    RUN(descriptions_of_frames_are_checked);
    RUN(failed_registrations_give_user_data_back);
    return 0;
}
