/* SPDX-License-Identifier: Apache-2.0
 *
 * The C API on a real LiveKit server, as $LIVEKIT_URL, $LIVEKIT_API_KEY and $LIVEKIT_API_SECRET name it. */
#include "support.h"

static const char *environment(const char *name) {
    const char *value = getenv(name);
    if (!value) {
        fprintf(stderr, "%s is not set: run `cargo xtask test`, or `cargo xtask server --run` beside ctest\n", name);
        exit(1);
    }
    return value;
}

static char *make_token(const char *room, const char *identity, const char *secret) {
    static char token[2048];
    lkv_token_options options = LKV_TOKEN_OPTIONS_INIT;
    options.api_key = environment("LIVEKIT_API_KEY");
    options.api_secret = secret;
    options.identity = identity;
    options.room = room;
    options.kind = strcmp(identity, "agent") == 0 ? LKV_KIND_AGENT : LKV_KIND_STANDARD;
    CHECK_OK(lkv_token_create(&options, token, sizeof token, NULL));
    return token;
}

static lkv_room *start_joining(const char *room, const char *identity) {
    lkv_room *joining = NULL;
    const char *token = make_token(room, identity, environment("LIVEKIT_API_SECRET"));
    CHECK_OK(lkv_room_connect(environment("LIVEKIT_URL"), token, NULL, &joining));
    return joining;
}

static struct pair pair_on_server(const char *room) {
    struct pair pair;
    pair.receiving = start_joining(room, "player");
    CHECK_OK(lkv_receiver_create(pair.receiving, NULL, &pair.receiver));
    CHECK_OK(lkv_room_wait_connected(pair.receiving, SOON_MS));
    pair.sending = start_joining(room, "agent");
    CHECK_OK(lkv_output_create(pair.sending, "player", NULL, &pair.output));
    CHECK_OK(lkv_room_wait_connected(pair.sending, SOON_MS));
    CHECK_OK(lkv_receiver_wait_sender(pair.receiver, SOON_MS));
    CHECK_OK(lkv_room_wait_participant(pair.sending, "player", SOON_MS));
    return pair;
}

static void every_type_crosses_the_server(void) {
    struct pair pair = pair_on_server("types");
    lkv_event event = LKV_EVENT_INIT;
    for (lkv_pixel type = LKV_PIXEL_RGBA; type <= LKV_PIXEL_NV12; type++) {
        const uint64_t segment = (uint64_t)type + 1;
        for (unsigned i = 0; i < 5; i++) CHECK_OK(send_painted(pair.output, type, 161, 91, i));
        CHECK_OK(lkv_output_flush(pair.output));
        expect_event(pair.receiver, LKV_EVENT_SEGMENT_START, &event);
        for (unsigned i = 0; i < 5; i++) {
            expect_event(pair.receiver, LKV_EVENT_FRAME, &event);
            CHECK(event.number == i && is_painted(event.frame, type, 161, 91, i));
            if (i == 0) CHECK_OK(lkv_receiver_notify_playback_started(pair.receiver, segment));
        }
        expect_event(pair.receiver, LKV_EVENT_SEGMENT_END, &event);
        CHECK(event.segment == segment && event.frames == 5 && event.cause == LKV_CAUSE_FLUSHED);
        CHECK_OK(lkv_receiver_notify_playback_finished(pair.receiver, segment, 166667, false));
        expect_event(pair.receiver, LKV_EVENT_NOTIFIED, &event);
        CHECK(event.answer == LKV_ANSWER_OK);
        lkv_event_clear(&event);
        CHECK_OK(lkv_output_next(pair.output, SOON_MS, &event));
        CHECK(event.type == LKV_EVENT_PLAYBACK_STARTED && event.segment == segment);
        lkv_event_clear(&event);
        CHECK_OK(lkv_output_next(pair.output, SOON_MS, &event));
        CHECK(event.type == LKV_EVENT_PLAYBACK_FINISHED && event.segment == segment && !event.made_up);
        CHECK(event.position_us >= 165667 && event.position_us <= 167667 && !event.interrupted);
    }
    lkv_event_clear(&event);
    lkv_output_stats sent = LKV_OUTPUT_STATS_INIT;
    lkv_receiver_stats received = LKV_RECEIVER_STATS_INIT;
    CHECK_OK(lkv_output_get_stats(pair.output, &sent));
    CHECK_OK(lkv_receiver_get_stats(pair.receiver, &received));
    CHECK(sent.wire_version == 1 && sent.credit > 0 && sent.segments_started == LKV_PIXEL_NV12 + 1);
    CHECK(received.wire_version == 1 && received.window > 0 && received.latency_us > 0 && received.frames_lost == 0);
    pair_destroy(&pair);
}

static void a_clear_crosses_the_server(void) {
    struct pair pair = pair_on_server("clear");
    lkv_event event = LKV_EVENT_INIT;
    for (unsigned i = 0; i < 3; i++) CHECK_OK(send_painted(pair.output, LKV_PIXEL_RGBA, 64, 64, i));
    expect_event(pair.receiver, LKV_EVENT_SEGMENT_START, &event);
    expect_event(pair.receiver, LKV_EVENT_FRAME, &event);
    CHECK_OK(lkv_output_clear_buffer(pair.output));
    CHECK_OK(send_painted(pair.output, LKV_PIXEL_RGBA, 64, 64, 42));
    CHECK_OK(lkv_output_flush(pair.output));
    do {
        lkv_event_clear(&event);
        CHECK_OK(lkv_receiver_next(pair.receiver, SOON_MS, &event));
        CHECK(event.type == LKV_EVENT_FRAME || event.type == LKV_EVENT_CLEARED);
    } while (event.type != LKV_EVENT_CLEARED);
    expect_event(pair.receiver, LKV_EVENT_SEGMENT_END, &event);
    CHECK(event.segment == 1 && event.cause == LKV_CAUSE_CLEARED);
    expect_event(pair.receiver, LKV_EVENT_SEGMENT_START, &event);
    expect_event(pair.receiver, LKV_EVENT_FRAME, &event);
    CHECK(is_painted(event.frame, LKV_PIXEL_RGBA, 64, 64, 42));
    expect_event(pair.receiver, LKV_EVENT_SEGMENT_END, &event);
    CHECK(event.segment == 2 && event.cause == LKV_CAUSE_FLUSHED && event.frames == 1);
    lkv_event_clear(&event);
    pair_destroy(&pair);
}

/* Connecting fails, and both the wait and the event say why. */
static void expect_failure(const char *url, const char *token, lkv_result expected) {
    lkv_room *room = NULL;
    CHECK_OK(lkv_room_connect(url, token, NULL, &room));
    CHECK_RESULT(expected, lkv_room_wait_connected(room, SOON_MS));
    lkv_room_event event = LKV_ROOM_EVENT_INIT;
    do {
        lkv_room_event_clear(&event);
        CHECK_OK(lkv_room_next_event(room, SOON_MS, &event));
    } while (event.type != LKV_ROOM_EVENT_STATE || event.state != LKV_ROOM_DISCONNECTED);
    CHECK(event.reason == LKV_DISCONNECT_CONNECT_FAILED && event.error == expected && event.message);
    lkv_room_event_clear(&event);
    lkv_room_destroy(room);
}

static void failures_are_told_apart(void) {
    const char *secret = environment("LIVEKIT_API_SECRET");
    expect_failure(environment("LIVEKIT_URL"), make_token("r", "a", "a wrong secret that is long enough"),
                   LKV_ERROR_UNAUTHORIZED);
    expect_failure(environment("LIVEKIT_URL"), "nonsense", LKV_ERROR_UNAUTHORIZED);
    expect_failure("ws://127.0.0.1:9", make_token("r", "a", secret), LKV_ERROR_UNREACHABLE);
    expect_failure("ws://no-such-host.invalid", make_token("r", "a", secret), LKV_ERROR_RESOLVE);
}

static void a_destination_that_never_comes(void) {
    lkv_room *room = start_joining("nobody", "agent");
    CHECK_OK(lkv_room_wait_connected(room, SOON_MS));
    lkv_output_options options = LKV_OUTPUT_OPTIONS_INIT;
    options.queue_frames = 1;
    lkv_output *output = NULL;
    CHECK_OK(lkv_output_create(room, "nobody", &options, &output));
    CHECK_RESULT(LKV_ERROR_TIMEOUT, lkv_room_wait_participant(room, "nobody", 100));
    CHECK_OK(send_painted(output, LKV_PIXEL_RGBA, 8, 8, 0));
    CHECK_RESULT(LKV_ERROR_TIMEOUT, lkv_output_wait_sent(output, 100));
    lkv_output_destroy(output);
    lkv_room_destroy(room);
}

static void messages_cross_the_server(void) {
    lkv_room *first = start_joining("data", "first"), *second = start_joining("data", "second");
    CHECK_OK(lkv_room_wait_connected(first, SOON_MS));
    CHECK_OK(lkv_room_wait_connected(second, SOON_MS));
    CHECK_OK(lkv_room_wait_participant(first, "second", SOON_MS));
    CHECK_OK(lkv_room_wait_participant(second, "first", SOON_MS)); /* whom it does not know it cannot name */
    CHECK_OK(lkv_room_send_data(first, (const uint8_t *)"hello", 5, "topic", "second", true));
    lkv_room_event event = LKV_ROOM_EVENT_INIT;
    do {
        lkv_room_event_clear(&event);
        CHECK_OK(lkv_room_next_event(second, SOON_MS, &event));
    } while (event.type != LKV_ROOM_EVENT_DATA);
    CHECK(event.size == 5 && memcmp(event.data, "hello", 5) == 0 && strcmp(event.identity, "first") == 0);
    CHECK(strcmp(event.topic, "topic") == 0 && event.reliable);
    lkv_room_event_clear(&event);
    lkv_room_destroy(second);
    lkv_room_destroy(first);
}

static void answer(lkv_rpc_invocation *invocation, const char *caller, const char *payload, void *user_data) {
    (void)user_data;
    CHECK(strcmp(caller, "agent") == 0);
    CHECK_OK(lkv_rpc_invocation_answer(invocation, payload));
}

static void on_result(const lkv_rpc_result *result, void *answered) {
    CHECK_RESULT(LKV_OK, result->result);
    latch_add(answered);
}

static void *send_until_closed(void *output) {
    lkv_result result;
    do result = send_painted(output, LKV_PIXEL_RGBA, 640, 480, 0);
    while (result == LKV_OK);
    CHECK_RESULT(LKV_ERROR_CLOSED, result);
    return NULL;
}

static void *take_until_closed(void *receiver) {
    lkv_event event = LKV_EVENT_INIT;
    while (lkv_receiver_next(receiver, LKV_FOREVER, &event) == LKV_OK) lkv_event_clear(&event);
    return NULL;
}

/* Whatever the path takes is sent; a call's time-out is shorter than what a few megabytes of video would take on a slow one. */
static void calls_do_not_wait_behind_video(void) {
    struct pair pair = pair_on_server("calls");
    lkv_rpc_method method = LKV_RPC_METHOD_INIT;
    method.on_invocation = answer;
    CHECK_OK(lkv_room_register_rpc_method(pair.receiving, "echo", &method));
    pthread_t taker = start(take_until_closed, pair.receiver), sender = start(send_until_closed, pair.output);
    struct latch answered = LATCH_INIT;
    lkv_rpc_callbacks callbacks = LKV_RPC_CALLBACKS_INIT;
    callbacks.on_result = on_result;
    callbacks.user_data = &answered;
    for (int i = 0; i < 20; i++) {
        CHECK_OK(lkv_room_perform_rpc(pair.sending, "player", "echo", "", 2000, &callbacks));
        latch_wait(&answered, i + 1);
    }
    lkv_output_stats stats = LKV_OUTPUT_STATS_INIT;
    CHECK_OK(lkv_output_get_stats(pair.output, &stats));
    CHECK(stats.frames_sent > 0);
    CHECK_OK(lkv_output_close(pair.output));
    CHECK_OK(lkv_receiver_close(pair.receiver));
    pthread_join(sender, NULL);
    pthread_join(taker, NULL);
    pair_destroy(&pair);
}

/* Whatever connecting is just doing. */
static void rooms_are_destroyed_while_they_connect(void) {
    for (int round = 0; round < 20; round++) {
        lkv_room *room = start_joining("hurry", "hasty");
        lkv_result result = lkv_room_wait_connected(room, round);
        CHECK(result == LKV_ERROR_TIMEOUT || result == LKV_OK);
        lkv_room_destroy(room);
    }
}

int main(void) {
    RUN(every_type_crosses_the_server);
    RUN(a_clear_crosses_the_server);
    RUN(failures_are_told_apart);
    RUN(a_destination_that_never_comes);
    RUN(messages_cross_the_server);
    RUN(calls_do_not_wait_behind_video);
    RUN(rooms_are_destroyed_while_they_connect);
    return 0;
}
