/* SPDX-License-Identifier: Apache-2.0
 *
 * The room for the application's own use: states, participants, messages, remote calls; by callback and by pull. */
#include "support.h"

/* ---- events by pull ---- */

/* The next event of this type; others are passed over. */
static void expect_room_event(lkv_room *room, lkv_room_event_type type, lkv_room_event *event) {
    do {
        lkv_room_event_clear(event);
        CHECK_OK(lkv_room_next_event(room, SOON_MS, event));
    } while (event->type != type);
}

static void participants_come_and_go(void) {
    lkv_room *watcher = join("people", "watcher", NULL);
    lkv_room_event event = LKV_ROOM_EVENT_INIT;
    expect_room_event(watcher, LKV_ROOM_EVENT_STATE, &event);
    while (event.state != LKV_ROOM_CONNECTED) expect_room_event(watcher, LKV_ROOM_EVENT_STATE, &event);
    CHECK(event.reason == LKV_DISCONNECT_NONE && event.error == LKV_OK);
    CHECK_RESULT(LKV_ERROR_TIMEOUT, lkv_room_wait_participant(watcher, "agent", 0));

    lkv_room *agent = join("people", "agent", NULL);
    expect_room_event(watcher, LKV_ROOM_EVENT_PARTICIPANT_JOINED, &event);
    CHECK(strcmp(event.identity, "agent") == 0 && event.kind == LKV_KIND_AGENT);
    CHECK_OK(lkv_room_wait_participant(watcher, "agent", SOON_MS));
    CHECK_OK(lkv_room_close(agent));
    expect_room_event(watcher, LKV_ROOM_EVENT_PARTICIPANT_LEFT, &event);
    CHECK(strcmp(event.identity, "agent") == 0 && event.kind == LKV_KIND_AGENT);
    lkv_room_destroy(agent);

    CHECK_OK(lkv_room_close(watcher));
    expect_room_event(watcher, LKV_ROOM_EVENT_STATE, &event);
    CHECK(event.state == LKV_ROOM_DISCONNECTED && event.reason == LKV_DISCONNECT_CLIENT);
    lkv_room_event_clear(&event);
    CHECK(event.type == 0 && event.identity == NULL && event.struct_size == sizeof event);
    CHECK_RESULT(LKV_ERROR_CLOSED, lkv_room_next_event(watcher, LKV_FOREVER, &event));
    lkv_room_destroy(watcher);
}

/* As on a server: who comes with an identity that is in use takes it over. */
static void an_identity_is_taken_over(void) {
    lkv_room *first = join("twice", "same", NULL);
    lkv_room *second = join("twice", "same", NULL);
    CHECK_RESULT(LKV_ERROR_CLOSED, lkv_room_wait_participant(first, "nobody", SOON_MS));
    lkv_room_state state;
    lkv_disconnect_reason reason;
    CHECK_OK(lkv_room_get_state(first, &state, &reason));
    CHECK(state == LKV_ROOM_DISCONNECTED && reason == LKV_DISCONNECT_DUPLICATE_IDENTITY);
    CHECK_OK(lkv_room_get_state(second, &state, &reason));
    CHECK(state == LKV_ROOM_CONNECTED && reason == LKV_DISCONNECT_NONE);
    lkv_room_destroy(first);
    lkv_room_destroy(second);
}

struct list {
    int count;
    bool agent;
};

static void list_participant(const lkv_participant *participant, void *user_data) {
    struct list *list = user_data;
    list->count++;
    list->agent = list->agent || (strcmp(participant->identity, "agent") == 0 && participant->kind == LKV_KIND_AGENT);
    CHECK(participant->struct_size == sizeof *participant && participant->name && participant->metadata);
}

static void a_room_knows_who_is_there(void) {
    lkv_room *first = join("names", "first", NULL);
    lkv_room *agent = join("names", "agent", NULL);
    CHECK_OK(lkv_room_wait_participant(first, "agent", SOON_MS));
    struct list list = {0};
    CHECK_OK(lkv_room_for_each_participant(first, list_participant, &list));
    CHECK(list.count == 1 && list.agent);
    char text[64];
    size_t needed;
    CHECK_OK(lkv_room_identity(first, text, sizeof text, &needed));
    CHECK(strcmp(text, "first") == 0 && needed == sizeof "first");
    CHECK_OK(lkv_room_name(first, text, sizeof text, NULL));
    CHECK(strcmp(text, "names") == 0);
    lkv_room_destroy(agent);
    lkv_room_destroy(first);
}

static void messages_arrive_whole(void) {
    lkv_room *first = join("data", "first", NULL);
    lkv_room *second = join("data", "second", NULL);
    CHECK_OK(lkv_room_wait_participant(first, "second", SOON_MS));
    const uint8_t bytes[] = {0, 1, 255, 0, 7};
    CHECK_OK(lkv_room_send_data(first, bytes, sizeof bytes, "topic", "second", true));
    CHECK_OK(lkv_room_send_data(first, NULL, 0, NULL, NULL, false));
    lkv_room_event event = LKV_ROOM_EVENT_INIT;
    expect_room_event(second, LKV_ROOM_EVENT_DATA, &event);
    CHECK(strcmp(event.identity, "first") == 0 && strcmp(event.topic, "topic") == 0 && event.reliable);
    CHECK(event.size == sizeof bytes && memcmp(event.data, bytes, sizeof bytes) == 0);
    expect_room_event(second, LKV_ROOM_EVENT_DATA, &event);
    CHECK(strcmp(event.topic, "") == 0 && event.size == 0 && !event.reliable);
    lkv_room_event_clear(&event);

    static const uint8_t large[1 << 20];
    CHECK_RESULT(LKV_ERROR_TOO_LARGE, lkv_room_send_data(first, large, sizeof large, NULL, NULL, true));
    CHECK_INVALID(lkv_room_send_data(first, bytes, sizeof bytes, "lk.video_stream", NULL, true));
    lkv_room_destroy(first);
    lkv_room_destroy(second);
}

/* ---- remote calls ---- */

struct call {
    struct latch done;
    struct latch destroyed;
    lkv_result result;
    uint32_t code;
    char payload[64];
};

static void on_result(const lkv_rpc_result *result, void *user_data) {
    struct call *call = user_data;
    CHECK(result->struct_size == sizeof *result && result->payload && latch_count(&call->destroyed) == 0);
    call->result = result->result;
    call->code = result->rpc_code;
    snprintf(call->payload, sizeof call->payload, "%s", result->payload);
    latch_add(&call->done);
}

static void on_call_destroyed(void *user_data) { latch_add(&((struct call *)user_data)->destroyed); }

static void perform(lkv_room *room, const char *method, const char *payload, int32_t timeout_ms, struct call *call) {
    *call = (struct call){.done = LATCH_INIT, .destroyed = LATCH_INIT};
    lkv_rpc_callbacks callbacks = LKV_RPC_CALLBACKS_INIT;
    callbacks.on_result = on_result;
    callbacks.user_data = call;
    callbacks.destroy = on_call_destroyed;
    CHECK_OK(lkv_room_perform_rpc(room, "answerer", method, payload, timeout_ms, &callbacks));
    latch_wait(&call->destroyed, 1);
    CHECK(latch_count(&call->done) == 1);
}

struct method {
    struct latch called;
    struct latch destroyed;
    lkv_rpc_invocation *later;
};

static void echo(lkv_rpc_invocation *invocation, const char *caller, const char *payload, void *user_data) {
    CHECK(strcmp(caller, "caller") == 0);
    latch_add(&((struct method *)user_data)->called);
    CHECK_OK(lkv_rpc_invocation_answer(invocation, payload));
}

static void refuse(lkv_rpc_invocation *invocation, const char *caller, const char *payload, void *user_data) {
    (void)caller, (void)payload, (void)user_data;
    CHECK_OK(lkv_rpc_invocation_fail(invocation, 42, "not today"));
}

static void keep(lkv_rpc_invocation *invocation, const char *caller, const char *payload, void *user_data) {
    (void)caller, (void)payload;
    struct method *method = user_data;
    method->later = invocation;
    latch_add(&method->called);
}

static void misanswer(lkv_rpc_invocation *invocation, const char *caller, const char *payload, void *user_data) {
    (void)caller, (void)payload, (void)user_data;
    CHECK_INVALID(lkv_rpc_invocation_answer(invocation, NOT_UTF8)); /* taken all the same */
}

static void on_method_destroyed(void *user_data) { latch_add(&((struct method *)user_data)->destroyed); }

typedef void on_invocation(lkv_rpc_invocation *, const char *, const char *, void *);

static void answer_with(lkv_room *room, const char *name, on_invocation *function, struct method *method) {
    *method = (struct method){.called = LATCH_INIT, .destroyed = LATCH_INIT};
    lkv_rpc_method raw = LKV_RPC_METHOD_INIT;
    raw.on_invocation = function;
    raw.user_data = method;
    raw.destroy = on_method_destroyed;
    CHECK_OK(lkv_room_register_rpc_method(room, name, &raw));
}

static void *answer_later(void *argument) {
    struct method *method = argument;
    latch_wait(&method->called, 1);
    CHECK_OK(lkv_rpc_invocation_answer(method->later, "at last"));
    return NULL;
}

static void calls_are_answered(void) {
    lkv_room *caller = join("calls", "caller", NULL);
    lkv_room *answerer = join("calls", "answerer", NULL);
    struct method echoes, refuses, keeps, misanswers;
    answer_with(answerer, "echo", echo, &echoes);
    answer_with(answerer, "refuse", refuse, &refuses);
    answer_with(answerer, "keep", keep, &keeps);
    answer_with(answerer, "misanswer", misanswer, &misanswers);
    CHECK_OK(lkv_room_wait_participant(caller, "answerer", SOON_MS));

    struct call call;
    perform(caller, "echo", "gr\xc3\xbc\xc3\x9f dich", SOON_MS, &call);
    CHECK(call.result == LKV_OK && strcmp(call.payload, "gr\xc3\xbc\xc3\x9f dich") == 0);
    perform(caller, "refuse", "", SOON_MS, &call);
    CHECK(call.result == LKV_ERROR_RPC && call.code == 42 && strcmp(call.payload, "not today") == 0);
    perform(caller, "misanswer", "", SOON_MS, &call);
    CHECK(call.result == LKV_ERROR_RPC && call.code != 0);
    perform(caller, "unheard of", "", SOON_MS, &call);
    CHECK(call.result == LKV_ERROR_RPC && call.code != 0);
    pthread_t thread = start(answer_later, &keeps);
    perform(caller, "keep", "", SOON_MS, &call);
    pthread_join(thread, NULL);
    CHECK(call.result == LKV_OK && strcmp(call.payload, "at last") == 0);
    CHECK_OK(lkv_room_perform_rpc(caller, "answerer", "echo", "", SOON_MS, NULL)); /* nobody wants the answer */
    latch_wait(&echoes.called, 2);

    struct method second;
    lkv_rpc_method raw = LKV_RPC_METHOD_INIT;
    second.destroyed = (struct latch)LATCH_INIT;
    raw.on_invocation = echo;
    raw.user_data = &second;
    raw.destroy = on_method_destroyed;
    CHECK_RESULT(LKV_ERROR_BUSY, lkv_room_register_rpc_method(answerer, "echo", &raw));
    CHECK(latch_count(&second.destroyed) == 1);
    CHECK_OK(lkv_room_unregister_rpc_method(answerer, "echo"));
    latch_wait(&echoes.destroyed, 1);
    CHECK_RESULT(LKV_ERROR_NOT_FOUND, lkv_room_unregister_rpc_method(answerer, "echo"));
    perform(caller, "echo", "", SOON_MS, &call);
    CHECK(call.result == LKV_ERROR_RPC);

    /* An unanswered call outlives the room that it came to. */
    keeps.called = (struct latch)LATCH_INIT;
    lkv_rpc_callbacks callbacks = LKV_RPC_CALLBACKS_INIT;
    call = (struct call){.done = LATCH_INIT, .destroyed = LATCH_INIT};
    callbacks.on_result = on_result;
    callbacks.user_data = &call;
    callbacks.destroy = on_call_destroyed;
    CHECK_OK(lkv_room_perform_rpc(caller, "answerer", "keep", "", SOON_MS, &callbacks));
    latch_wait(&keeps.called, 1);
    lkv_room_destroy(answerer);
    CHECK(latch_count(&refuses.destroyed) == 1 && latch_count(&keeps.destroyed) == 1);
    latch_wait(&call.done, 1);
    CHECK(call.result != LKV_OK);
    lkv_rpc_invocation_fail(keeps.later, 1, NULL);
    lkv_room_destroy(caller);
    CHECK(latch_count(&call.destroyed) == 1 && latch_count(&echoes.destroyed) == 1);
}

static void a_call_that_nobody_answers_ends(void) {
    lkv_room *caller = join("silence", "caller", NULL);
    lkv_room *answerer = join("silence", "answerer", NULL);
    struct method keeps;
    struct call call;
    answer_with(answerer, "keep", keep, &keeps);
    CHECK_OK(lkv_room_wait_participant(caller, "answerer", SOON_MS));
    perform(caller, "keep", "", 50, &call);
    CHECK(call.result == LKV_ERROR_TIMEOUT || call.result == LKV_ERROR_RPC);
    latch_wait(&keeps.called, 1);
    lkv_rpc_invocation_answer(keeps.later, "too late");

    /* The caller's room is destroyed while the call is under way. */
    call = (struct call){.done = LATCH_INIT, .destroyed = LATCH_INIT};
    keeps.called = (struct latch)LATCH_INIT;
    lkv_rpc_callbacks callbacks = LKV_RPC_CALLBACKS_INIT;
    callbacks.on_result = on_result;
    callbacks.user_data = &call;
    callbacks.destroy = on_call_destroyed;
    CHECK_OK(lkv_room_perform_rpc(caller, "answerer", "keep", "", SOON_MS, &callbacks));
    latch_wait(&keeps.called, 1);
    lkv_room_destroy(caller);
    CHECK(latch_count(&call.destroyed) == 1 && latch_count(&call.done) <= 1);
    lkv_rpc_invocation_fail(keeps.later, 1, NULL);
    lkv_room_destroy(answerer);
}

/* ---- events by callback ---- */

struct watch {
    struct latch events;
    struct latch joined;
    struct latch destroyed;
    int inside;
};

static void watch_room(const lkv_room_event *event, void *user_data) {
    struct watch *watch = user_data;
    CHECK(watch->inside++ == 0 && latch_count(&watch->destroyed) == 0); /* one at a time */
    CHECK(event->struct_size == sizeof *event);
    if (event->type == LKV_ROOM_EVENT_PARTICIPANT_JOINED) latch_add(&watch->joined);
    latch_add(&watch->events);
    watch->inside--;
}

static void watch_destroyed(void *user_data) { latch_add(&((struct watch *)user_data)->destroyed); }

static void room_events_come_by_callback(void) {
    struct watch watch = {.events = LATCH_INIT, .joined = LATCH_INIT, .destroyed = LATCH_INIT};
    lkv_room_callbacks callbacks = LKV_ROOM_CALLBACKS_INIT;
    callbacks.on_event = watch_room;
    callbacks.user_data = &watch;
    callbacks.destroy = watch_destroyed;
    lkv_room *room = join("watched", "watcher", &callbacks);
    lkv_room_event event = LKV_ROOM_EVENT_INIT;
    CHECK_INVALID(lkv_room_next_event(room, 0, &event)); /* they go to the callback */
    lkv_room *others[3];
    for (int i = 0; i < 3; i++) {
        char url[128];
        snprintf(url, sizeof url, "loopback:watched?identity=other%d", i);
        CHECK_OK(lkv_room_connect(url, NULL, NULL, &others[i]));
    }
    latch_wait(&watch.joined, 3);
    for (int i = 0; i < 3; i++) lkv_room_destroy(others[i]);
    lkv_room_destroy(room);
    CHECK(latch_count(&watch.destroyed) == 1);
    const int count = latch_count(&watch.events);
    lkv_room_destroy(join("watched", "late", NULL));
    CHECK(latch_count(&watch.events) == count);
}

int main(void) {
    RUN(participants_come_and_go);
    RUN(an_identity_is_taken_over);
    RUN(a_room_knows_who_is_there);
    RUN(messages_arrive_whole);
    RUN(calls_are_answered);
    RUN(a_call_that_nobody_answers_ends);
    RUN(room_events_come_by_callback);
    return 0;
}
