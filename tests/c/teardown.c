/* SPDX-License-Identifier: Apache-2.0
 *
 * Closing and destroying: in any order, with threads waiting inside, and from inside callbacks. */
#include "support.h"

/* ---- threads that wait inside a call ---- */

struct waiter {
    struct pair *pair;
    lkv_result result;
};

static void *wait_for_event(void *argument) {
    struct waiter *waiter = argument;
    lkv_event event = LKV_EVENT_INIT;
    do {
        lkv_event_clear(&event);
        waiter->result = lkv_receiver_next(waiter->pair->receiver, LKV_FOREVER, &event);
    } while (waiter->result == LKV_OK);
    return NULL;
}

static void *wait_for_room_event(void *argument) {
    struct waiter *waiter = argument;
    lkv_room_event event = LKV_ROOM_EVENT_INIT;
    do {
        lkv_room_event_clear(&event);
        waiter->result = lkv_room_next_event(waiter->pair->receiving, LKV_FOREVER, &event);
    } while (waiter->result == LKV_OK);
    return NULL;
}

static void *wait_for_participant(void *argument) {
    struct waiter *waiter = argument;
    waiter->result = lkv_room_wait_participant(waiter->pair->receiving, "nobody", LKV_FOREVER);
    return NULL;
}

static void *wait_for_finished(void *argument) {
    struct waiter *waiter = argument;
    lkv_event event = LKV_EVENT_INIT;
    waiter->result = lkv_output_next(waiter->pair->output, LKV_FOREVER, &event);
    return NULL;
}

static void *wait_for_queue(void *argument) {
    struct waiter *waiter = argument;
    do waiter->result = send_painted(waiter->pair->output, LKV_PIXEL_RGBA, 640, 480, 0);
    while (waiter->result == LKV_OK);
    return NULL;
}

static void *wait_until_sent(void *argument) {
    struct waiter *waiter = argument;
    waiter->result = lkv_output_wait_sent(waiter->pair->output, LKV_FOREVER);
    return NULL;
}

static void close_all(struct pair *pair) {
    CHECK_OK(lkv_receiver_close(pair->receiver));
    CHECK_OK(lkv_output_close(pair->output));
    CHECK_OK(lkv_room_close(pair->sending));
    CHECK_OK(lkv_room_close(pair->receiving));
}

static void close_rooms(struct pair *pair) {
    CHECK_OK(lkv_room_close(pair->sending));
    CHECK_OK(lkv_room_close(pair->receiving));
    CHECK_OK(lkv_room_close(pair->receiving)); /* again */
}

static void shut_down(struct pair *pair) {
    (void)pair;
    lkv_shutdown_all();
}

/* An output to nobody, whose queue fills up. */
static void block_output(struct pair *pair) {
    lkv_output_destroy(pair->output);
    CHECK_OK(lkv_output_create(pair->sending, "nobody", NULL, &pair->output));
    CHECK_OK(send_painted(pair->output, LKV_PIXEL_RGBA, 8, 8, 0));
}

static void closing_wakes_who_waits(void) {
    void *(*const waits[])(void *) = {wait_for_event,    wait_for_room_event, wait_for_participant,
                                      wait_for_finished, wait_for_queue,      wait_until_sent};
    void (*const closes[])(struct pair *) = {close_all, close_rooms, shut_down};
    enum { COUNT = sizeof waits / sizeof *waits };
    for (size_t how = 0; how < sizeof closes / sizeof *closes; how++) {
        struct pair pair = pair_open("waiters", NULL);
        struct waiter waiters[COUNT];
        pthread_t threads[COUNT];
        block_output(&pair);
        for (size_t i = 0; i < COUNT; i++) {
            waiters[i] = (struct waiter){.pair = &pair};
            threads[i] = start(waits[i], &waiters[i]);
        }
        closes[how](&pair);
        for (size_t i = 0; i < COUNT; i++) {
            pthread_join(threads[i], NULL);
            CHECK_RESULT(LKV_ERROR_CLOSED, waiters[i].result);
        }
        pair_destroy(&pair);
    }
}

struct visitor {
    lkv_room *room;
    struct latch inside;
    bool left;
};

static void stay_until_closed(const lkv_participant *participant, void *user_data) {
    struct visitor *visitor = user_data;
    (void)participant;
    latch_add(&visitor->inside);
    CHECK_RESULT(LKV_ERROR_CLOSED, lkv_room_wait_participant(visitor->room, "nobody", LKV_FOREVER));
    visitor->left = true;
}

static void *visit(void *argument) {
    struct visitor *visitor = argument;
    CHECK_OK(lkv_room_for_each_participant(visitor->room, stay_until_closed, visitor));
    return NULL;
}

static void destroy_waits_for_threads_inside(void) {
    struct pair pair = pair_open("inside", NULL);
    CHECK_OK(lkv_room_wait_participant(pair.sending, "player", SOON_MS));
    struct visitor visitor = {.room = pair.sending, .inside = LATCH_INIT};
    pthread_t thread = start(visit, &visitor);
    latch_wait(&visitor.inside, 1);
    lkv_room_destroy(pair.sending);
    CHECK(visitor.left);
    pthread_join(thread, NULL);
    lkv_output_destroy(pair.output);
    lkv_receiver_destroy(pair.receiver);
    lkv_room_destroy(pair.receiving);
}

/* ---- order ---- */

static void any_order_will_do(void) {
    for (int order = 0; order < 24; order++) {
        struct pair pair = pair_open("order", NULL);
        CHECK_OK(send_painted(pair.output, LKV_PIXEL_RGBA, 320, 240, 0));
        int left[] = {0, 1, 2, 3}, code = order;
        for (int n = 4; n > 0; n--) {
            const int pick = code % n;
            code /= n;
            const int which = left[pick];
            left[pick] = left[n - 1];
            if (which == 0) lkv_room_destroy(pair.sending);
            if (which == 1) lkv_room_destroy(pair.receiving);
            if (which == 2) lkv_output_destroy(pair.output);
            if (which == 3) lkv_receiver_destroy(pair.receiver);
        }
    }
}

static void what_was_closed_says_so(void) {
    struct pair pair = pair_open("closed", NULL);
    CHECK_OK(send_painted(pair.output, LKV_PIXEL_RGBA, 16, 16, 0));
    CHECK_OK(lkv_output_wait_sent(pair.output, SOON_MS));
    lkv_event event = LKV_EVENT_INIT;
    expect_event(pair.receiver, LKV_EVENT_SEGMENT_START, &event);
    lkv_room_destroy(pair.receiving); /* closes its receiver */
    expect_event(pair.receiver, LKV_EVENT_FRAME, &event);
    expect_event(pair.receiver, LKV_EVENT_SEGMENT_END, &event);
    CHECK(event.cause == LKV_CAUSE_DISCONNECTED);
    do lkv_event_clear(&event); /* the sender is gone, too */
    while (lkv_receiver_next(pair.receiver, SOON_MS, &event) == LKV_OK);
    CHECK_RESULT(LKV_ERROR_CLOSED, lkv_receiver_next(pair.receiver, LKV_FOREVER, &event));
    CHECK_RESULT(LKV_ERROR_CLOSED, lkv_receiver_wait_sender(pair.receiver, LKV_FOREVER));
    lkv_receiver_destroy(pair.receiver);

    CHECK_OK(lkv_room_close(pair.sending));
    lkv_room_state state = 77;
    lkv_disconnect_reason reason = 77;
    CHECK_OK(lkv_room_get_state(pair.sending, &state, &reason));
    CHECK(state == LKV_ROOM_DISCONNECTED && reason == LKV_DISCONNECT_CLIENT);
    CHECK_RESULT(LKV_ERROR_CLOSED, lkv_room_wait_connected(pair.sending, LKV_FOREVER));
    CHECK_RESULT(LKV_ERROR_CLOSED, lkv_output_flush(pair.output));
    CHECK_RESULT(LKV_ERROR_CLOSED, lkv_output_clear_buffer(pair.output));
    CHECK_RESULT(LKV_ERROR_CLOSED, send_painted(pair.output, LKV_PIXEL_RGBA, 16, 16, 0));
    lkv_output *output = NULL;
    CHECK_RESULT(LKV_ERROR_CLOSED, lkv_output_create(pair.sending, "b", NULL, &output));
    CHECK_RESULT(LKV_ERROR_CLOSED, lkv_room_send_data(pair.sending, NULL, 0, NULL, NULL, true));
    lkv_output_destroy(pair.output);
    lkv_room_destroy(pair.sending);
}

static void closing_a_receiver_ends_its_segment(void) {
    struct pair pair = pair_open("close-receiver", NULL);
    CHECK_OK(send_painted(pair.output, LKV_PIXEL_RGBA, 16, 16, 0));
    lkv_event event = LKV_EVENT_INIT;
    expect_event(pair.receiver, LKV_EVENT_SEGMENT_START, &event);
    expect_event(pair.receiver, LKV_EVENT_FRAME, &event);
    CHECK_OK(lkv_receiver_close(pair.receiver));
    CHECK_OK(lkv_receiver_close(pair.receiver));
    expect_event(pair.receiver, LKV_EVENT_SEGMENT_END, &event);
    CHECK(event.cause == LKV_CAUSE_CLOSED);
    lkv_event_clear(&event);
    CHECK_RESULT(LKV_ERROR_CLOSED, lkv_receiver_next(pair.receiver, LKV_FOREVER, &event));
    /* There may be another one now. */
    lkv_receiver *next = NULL;
    CHECK_OK(lkv_receiver_create(pair.receiving, NULL, &next));
    lkv_receiver_destroy(next);
    pair_destroy(&pair);
}

/* ---- from inside callbacks ---- */

struct inside {
    struct pair pair;
    struct latch ready; /* the handles above are set */
    struct latch called;
    struct latch destroyed;
    void (*act)(struct inside *inside);
};

static void receiver_event_inside(const lkv_event *event, void *user_data) {
    struct inside *inside = user_data;
    latch_wait(&inside->ready, 1);
    if (event->type != LKV_EVENT_FRAME) return;
    CHECK(latch_count(&inside->destroyed) == 0);
    CHECK(latch_count(&inside->called) == 0); /* after a destroy no callback starts */
    inside->act(inside);
    CHECK(is_painted(event->frame, LKV_PIXEL_RGBA, 16, 16, 0)); /* borrowed to the end of the callback */
    latch_add(&inside->called);
}

static void inside_destroyed(void *user_data) { latch_add(&((struct inside *)user_data)->destroyed); }

static void destroy_receiver(struct inside *inside) { lkv_receiver_destroy(inside->pair.receiver); }

static void destroy_receivers_room(struct inside *inside) {
    lkv_room_destroy(inside->pair.receiving);
    lkv_receiver_destroy(inside->pair.receiver);
}

static void destroy_everything(struct inside *inside) { pair_destroy(&inside->pair); }

static void wait_inside(struct inside *inside) {
    lkv_event event = LKV_EVENT_INIT;
    lkv_receiver *receiver = inside->pair.receiver;
    CHECK_RESULT(LKV_ERROR_WOULD_DEADLOCK, lkv_receiver_next(receiver, LKV_FOREVER, &event));
    CHECK_RESULT(LKV_ERROR_WOULD_DEADLOCK, lkv_receiver_wait_sender(receiver, 1));
    CHECK_OK(lkv_receiver_wait_sender(receiver, 0));               /* looking is no waiting */
    CHECK_OK(lkv_room_wait_connected(inside->pair.receiving, 1000)); /* nor does another object wait for us */
    CHECK_OK(lkv_receiver_notify_playback_finished(receiver, 0, 1, false));
    CHECK_OK(lkv_receiver_close(receiver));
    lkv_receiver_destroy(receiver);
}

static void destroying_inside_a_receivers_callback(void) {
    void (*const acts[])(struct inside *) = {destroy_receiver, destroy_receivers_room, destroy_everything, wait_inside};
    for (size_t i = 0; i < sizeof acts / sizeof *acts; i++) {
        struct inside inside = {.ready = LATCH_INIT, .called = LATCH_INIT, .destroyed = LATCH_INIT, .act = acts[i]};
        lkv_receiver_callbacks callbacks = LKV_RECEIVER_CALLBACKS_INIT;
        callbacks.on_event = receiver_event_inside;
        callbacks.user_data = &inside;
        callbacks.destroy = inside_destroyed;
        inside.pair = pair_open("inside-receiver", &callbacks);
        struct pair pair = inside.pair;
        for (int frame = 0; frame < 3; frame++) CHECK_OK(send_painted(pair.output, LKV_PIXEL_RGBA, 16, 16, 0));
        latch_add(&inside.ready);
        latch_wait(&inside.called, 1);
        latch_wait(&inside.destroyed, 1);
        if (acts[i] != destroy_everything) {
            lkv_output_destroy(pair.output);
            lkv_room_destroy(pair.sending);
            if (acts[i] != destroy_receivers_room) lkv_room_destroy(pair.receiving);
        }
        CHECK(latch_count(&inside.called) == 1 && latch_count(&inside.destroyed) == 1);
    }
}

static void finished_inside(const lkv_event *event, void *user_data) {
    struct inside *inside = user_data;
    CHECK(event->type == LKV_EVENT_PLAYBACK_FINISHED && latch_count(&inside->destroyed) == 0);
    lkv_output *output = inside->pair.output;
    CHECK_RESULT(LKV_ERROR_WOULD_DEADLOCK, lkv_output_wait_sent(output, LKV_FOREVER));
    lkv_event next = LKV_EVENT_INIT;
    CHECK_RESULT(LKV_ERROR_WOULD_DEADLOCK, lkv_output_next(output, 1, &next));
    lkv_output_destroy(output);
    lkv_room_destroy(inside->pair.sending);
    latch_add(&inside->called);
}

static void destroying_inside_a_listener(void) {
    struct inside inside = {.called = LATCH_INIT, .destroyed = LATCH_INIT, .pair = pair_open("inside-listener", NULL)};
    lkv_playback_listener listener = LKV_PLAYBACK_LISTENER_INIT;
    listener.on_event = finished_inside;
    listener.user_data = &inside;
    listener.destroy = inside_destroyed;
    CHECK_OK(lkv_output_add_playback_finished_listener(inside.pair.output, &listener, NULL));
    lkv_event event = LKV_EVENT_INIT;
    CHECK_OK(send_painted(inside.pair.output, LKV_PIXEL_RGBA, 16, 16, 0));
    CHECK_OK(lkv_output_flush(inside.pair.output));
    expect_event(inside.pair.receiver, LKV_EVENT_SEGMENT_START, &event);
    CHECK_OK(lkv_receiver_notify_playback_finished(inside.pair.receiver, 1, 0, false));
    latch_wait(&inside.called, 1);
    latch_wait(&inside.destroyed, 1);
    lkv_receiver_destroy(inside.pair.receiver);
    lkv_room_destroy(inside.pair.receiving);
    CHECK(latch_count(&inside.called) == 1 && latch_count(&inside.destroyed) == 1);
}

static void room_event_inside(const lkv_room_event *event, void *user_data) {
    struct inside *inside = user_data;
    latch_wait(&inside->ready, 1);
    if (event->type != LKV_ROOM_EVENT_DATA) return;
    lkv_room *room = inside->pair.receiving;
    CHECK(strcmp(event->identity, "agent") == 0 && latch_count(&inside->destroyed) == 0);
    CHECK_RESULT(LKV_ERROR_WOULD_DEADLOCK, lkv_room_wait_connected(room, LKV_FOREVER));
    CHECK_RESULT(LKV_ERROR_WOULD_DEADLOCK, lkv_room_wait_participant(room, "nobody", 1));
    lkv_room_event next = LKV_ROOM_EVENT_INIT;
    CHECK_RESULT(LKV_ERROR_WOULD_DEADLOCK, lkv_room_next_event(room, LKV_FOREVER, &next));
    lkv_room_destroy(room);
    latch_add(&inside->called);
}

static void destroying_inside_a_rooms_callback(void) {
    struct inside inside = {.ready = LATCH_INIT, .called = LATCH_INIT, .destroyed = LATCH_INIT};
    lkv_room_callbacks callbacks = LKV_ROOM_CALLBACKS_INIT;
    callbacks.on_event = room_event_inside;
    callbacks.user_data = &inside;
    callbacks.destroy = inside_destroyed;
    inside.pair.receiving = join("inside-room", "player", &callbacks);
    latch_add(&inside.ready);
    lkv_room *agent = join("inside-room", "agent", NULL);
    CHECK_OK(lkv_room_wait_participant(agent, "player", SOON_MS));
    CHECK_OK(lkv_room_send_data(agent, (const uint8_t *)"x", 1, "t", "player", true));
    latch_wait(&inside.called, 1);
    latch_wait(&inside.destroyed, 1);
    lkv_room_destroy(agent);
    CHECK(latch_count(&inside.called) == 1 && latch_count(&inside.destroyed) == 1);
}

static void destroy_while_listed(const lkv_participant *participant, void *user_data) {
    CHECK(strcmp(participant->identity, "player") == 0);
    lkv_room_destroy(user_data);
}

static void destroying_while_participants_are_listed(void) {
    struct pair pair = pair_open("listed", NULL);
    CHECK_OK(lkv_room_wait_participant(pair.sending, "player", SOON_MS));
    CHECK_OK(lkv_room_for_each_participant(pair.sending, destroy_while_listed, pair.sending));
    lkv_output_destroy(pair.output);
    lkv_receiver_destroy(pair.receiver);
    lkv_room_destroy(pair.receiving);
}

/* ---- from inside destroy functions ---- */

struct farewell {
    struct pair pair;
    struct latch called;
};

static void ask_around(void *user_data) {
    struct farewell *farewell = user_data;
    lkv_room_state state;
    lkv_output_stats output_stats = LKV_OUTPUT_STATS_INIT;
    CHECK_OK(lkv_room_get_state(farewell->pair.sending, &state, NULL));
    CHECK_OK(lkv_room_get_state(farewell->pair.receiving, &state, NULL));
    CHECK_OK(lkv_output_get_stats(farewell->pair.output, &output_stats));
    CHECK_OK(lkv_output_clear_buffer(farewell->pair.output));
    latch_add(&farewell->called);
}

static void ignore_event(const lkv_event *event, void *user_data) { (void)event, (void)user_data; }
static void ignore_result(const lkv_rpc_result *result, void *user_data) { (void)result, (void)user_data; }
static void ignore_call(lkv_rpc_invocation *invocation, const char *caller, const char *payload, void *user_data) {
    (void)caller, (void)payload, (void)user_data;
    CHECK_OK(lkv_rpc_invocation_answer(invocation, ""));
}

static void destroy_functions_may_call_the_library(void) {
    struct farewell farewell = {.called = LATCH_INIT, .pair = pair_open("farewell", NULL)};
    struct pair *pair = &farewell.pair;
    int expected = 0;

    lkv_playback_listener listener = LKV_PLAYBACK_LISTENER_INIT;
    listener.on_event = ignore_event;
    listener.user_data = &farewell;
    listener.destroy = ask_around;
    uint64_t id;
    CHECK_OK(lkv_output_add_playback_finished_listener(pair->output, &listener, &id));
    CHECK_OK(lkv_output_remove_playback_finished_listener(pair->output, id));
    latch_wait(&farewell.called, ++expected);

    lkv_rpc_method method = LKV_RPC_METHOD_INIT;
    method.on_invocation = ignore_call;
    method.user_data = &farewell;
    method.destroy = ask_around;
    CHECK_OK(lkv_room_register_rpc_method(pair->receiving, "m", &method));
    CHECK_RESULT(LKV_ERROR_BUSY, lkv_room_register_rpc_method(pair->receiving, "m", &method));
    latch_wait(&farewell.called, ++expected);

    lkv_rpc_callbacks rpc = LKV_RPC_CALLBACKS_INIT;
    rpc.on_result = ignore_result;
    rpc.user_data = &farewell;
    rpc.destroy = ask_around;
    CHECK_OK(lkv_room_perform_rpc(pair->sending, "player", "m", "", SOON_MS, &rpc));
    latch_wait(&farewell.called, ++expected);
    CHECK_OK(lkv_room_unregister_rpc_method(pair->receiving, "m"));
    latch_wait(&farewell.called, ++expected);

    lkv_receiver_callbacks callbacks = LKV_RECEIVER_CALLBACKS_INIT;
    callbacks.on_event = ignore_event;
    callbacks.user_data = &farewell;
    callbacks.destroy = ask_around;
    lkv_receiver_options options = LKV_RECEIVER_OPTIONS_INIT;
    options.callbacks = &callbacks;
    options.sender = "somebody else";
    lkv_receiver *receiver = NULL;
    CHECK_OK(lkv_receiver_create(pair->receiving, &options, &receiver));
    lkv_receiver_destroy(receiver);
    CHECK(latch_count(&farewell.called) == ++expected);

    /* With its object: the output is still there when its listeners go. */
    CHECK_OK(lkv_room_register_rpc_method(pair->receiving, "m", &method));
    lkv_room_close(pair->receiving);
    latch_wait(&farewell.called, ++expected);
    pair_destroy(pair);
    CHECK(latch_count(&farewell.called) == expected);
}

int main(void) {
    RUN(closing_wakes_who_waits);
    RUN(destroy_waits_for_threads_inside);
    RUN(any_order_will_do);
    RUN(what_was_closed_says_so);
    RUN(closing_a_receiver_ends_its_segment);
    RUN(destroying_inside_a_receivers_callback);
    RUN(destroying_inside_a_listener);
    RUN(destroying_inside_a_rooms_callback);
    RUN(destroying_while_participants_are_listed);
    RUN(destroy_functions_may_call_the_library);
    return 0;
}
