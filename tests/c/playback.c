/* SPDX-License-Identifier: Apache-2.0
 *
 * The way back on loopback: playback finished, its answers, its listeners; and clear in the middle of a segment. */
#include "support.h"

static void send_segment(lkv_output *output, unsigned frames) {
    for (unsigned i = 0; i < frames; i++) CHECK_OK(send_painted(output, LKV_PIXEL_RGBA, 8, 8, i));
    CHECK_OK(lkv_output_flush(output));
}

static void receive_segment(lkv_receiver *receiver, uint64_t segment, uint64_t frames) {
    lkv_event event = LKV_EVENT_INIT;
    expect_event(receiver, LKV_EVENT_SEGMENT_START, &event);
    for (uint64_t i = 0; i < frames; i++) {
        expect_event(receiver, LKV_EVENT_FRAME, &event);
        CHECK(event.number == i);
    }
    expect_event(receiver, LKV_EVENT_SEGMENT_END, &event);
    CHECK(event.segment == segment && event.frames == frames && event.cause == LKV_CAUSE_FLUSHED);
    lkv_event_clear(&event);
}

static void expect_finished(lkv_output *output, uint64_t segment, int64_t position_us, bool interrupted) {
    lkv_event event = LKV_EVENT_INIT;
    CHECK_OK(lkv_output_next(output, SOON_MS, &event));
    CHECK(event.type == LKV_EVENT_PLAYBACK_FINISHED && event.segment == segment && !event.made_up);
    CHECK(event.position_us == position_us && event.interrupted == interrupted);
    lkv_event_clear(&event);
}

static void expect_answer(lkv_receiver *receiver, uint64_t segment, int64_t position_us, lkv_answer answer) {
    lkv_event event = LKV_EVENT_INIT;
    expect_event(receiver, LKV_EVENT_NOTIFIED, &event);
    CHECK(event.segment == segment && event.position_us == position_us && event.answer == answer);
    CHECK((event.error == LKV_OK) == (answer == LKV_ANSWER_OK));
    CHECK((event.message != NULL) == (answer != LKV_ANSWER_OK));
    lkv_event_clear(&event);
}

static void finished_segments_are_told_and_answered(void) {
    struct pair pair = pair_open("finished", NULL);
    send_segment(pair.output, 3);
    send_segment(pair.output, 2);
    receive_segment(pair.receiver, 1, 3);
    receive_segment(pair.receiver, 2, 2);
    lkv_event event = LKV_EVENT_INIT;
    CHECK_RESULT(LKV_ERROR_TIMEOUT, lkv_output_next(pair.output, 0, &event));
    CHECK_OK(lkv_receiver_notify_playback_finished(pair.receiver, 0, 5000000, false));
    expect_answer(pair.receiver, 1, 5000000, LKV_ANSWER_OK);
    expect_finished(pair.output, 1, 5000000, false);
    CHECK_RESULT(LKV_ERROR_NOT_FOUND, lkv_receiver_notify_playback_finished(pair.receiver, 1, 1, false));
    CHECK_OK(lkv_receiver_notify_playback_finished(pair.receiver, 2, 10000000, true));
    expect_answer(pair.receiver, 2, 10000000, LKV_ANSWER_OK);
    expect_finished(pair.output, 2, 10000000, true);
    CHECK_RESULT(LKV_ERROR_NOT_FOUND, lkv_receiver_notify_playback_finished(pair.receiver, 0, 1, false));
    pair_destroy(&pair);
}

/* The sender's application has gone on to another output: it does not know the receiver any more. */
static void a_sender_without_an_output_does_not_take_it(void) {
    struct pair pair = pair_open("reject", NULL);
    send_segment(pair.output, 1);
    receive_segment(pair.receiver, 1, 1);
    CHECK_OK(lkv_output_wait_sent(pair.output, SOON_MS));
    lkv_output_destroy(pair.output);
    CHECK_OK(lkv_output_create(pair.sending, "someone else", NULL, &pair.output));
    CHECK_OK(lkv_receiver_notify_playback_finished(pair.receiver, 1, 40000, false));
    expect_answer(pair.receiver, 1, 40000, LKV_ANSWER_REJECT);
    lkv_event event = LKV_EVENT_INIT;
    CHECK_RESULT(LKV_ERROR_TIMEOUT, lkv_output_next(pair.output, 0, &event));
    pair_destroy(&pair);
}

static void clear_in_the_middle_ends_the_segment(void) {
    struct pair pair = pair_open("clear", NULL);
    for (unsigned i = 0; i < 3; i++) CHECK_OK(send_painted(pair.output, LKV_PIXEL_RGBA, 64, 64, i));
    CHECK_OK(lkv_output_wait_sent(pair.output, SOON_MS));
    lkv_event event = LKV_EVENT_INIT;
    expect_event(pair.receiver, LKV_EVENT_SEGMENT_START, &event);
    expect_event(pair.receiver, LKV_EVENT_FRAME, &event);
    CHECK_OK(lkv_output_clear_buffer(pair.output));
    CHECK_OK(send_painted(pair.output, LKV_PIXEL_RGBA, 64, 64, 42));
    CHECK_OK(lkv_output_flush(pair.output));

    do { /* frames that were here already may come before the clear, none after */
        lkv_event_clear(&event);
        CHECK_OK(lkv_receiver_next(pair.receiver, SOON_MS, &event));
        CHECK(event.type == LKV_EVENT_FRAME || event.type == LKV_EVENT_CLEARED);
    } while (event.type != LKV_EVENT_CLEARED);
    expect_event(pair.receiver, LKV_EVENT_SEGMENT_END, &event);
    CHECK(event.segment == 1 && event.cause == LKV_CAUSE_CLEARED);
    CHECK_OK(lkv_receiver_notify_playback_finished(pair.receiver, 1, 33333, true));
    expect_finished(pair.output, 1, 33333, true);

    const lkv_event_type types[] = {LKV_EVENT_SEGMENT_START, LKV_EVENT_FRAME, LKV_EVENT_SEGMENT_END};
    bool notified = false;
    for (int i = 0; i < 3 || !notified;) { /* the answer comes between any two of them */
        lkv_event_clear(&event);
        CHECK_OK(lkv_receiver_next(pair.receiver, SOON_MS, &event));
        if (event.type == LKV_EVENT_NOTIFIED) {
            CHECK(!notified && event.segment == 1 && event.answer == LKV_ANSWER_OK);
            notified = true;
            continue;
        }
        CHECK(i < 3 && event.type == types[i++] && event.segment == 2);
        if (event.type == LKV_EVENT_FRAME) CHECK(is_painted(event.frame, LKV_PIXEL_RGBA, 64, 64, 42));
        if (event.type == LKV_EVENT_SEGMENT_END) CHECK(event.cause == LKV_CAUSE_FLUSHED && event.frames == 1);
    }
    lkv_event_clear(&event);
    pair_destroy(&pair);
}

static void a_cleared_segment_is_finished_for_an_application_that_does_not(void) {
    struct pair pair = pair_open("unfinished", NULL);
    lkv_event event = LKV_EVENT_INIT;
    CHECK_OK(send_painted(pair.output, LKV_PIXEL_RGBA, 8, 8, 0));
    expect_event(pair.receiver, LKV_EVENT_SEGMENT_START, &event);
    CHECK_OK(lkv_output_clear_buffer(pair.output));
    expect_finished(pair.output, 1, 0, true); /* from the receiver's library: not made up here */
    lkv_event_clear(&event);
    pair_destroy(&pair);
}

struct listener {
    struct latch heard;
    struct latch destroyed;
    lkv_output *output;
    uint64_t id;
    bool remove_inside;
};

static void on_finished(const lkv_event *event, void *user_data) {
    struct listener *listener = user_data;
    CHECK(event->struct_size == sizeof *event && event->type == LKV_EVENT_PLAYBACK_FINISHED);
    CHECK(latch_count(&listener->destroyed) == 0);
    if (listener->remove_inside) {
        CHECK_OK(lkv_output_remove_playback_finished_listener(listener->output, listener->id));
    }
    latch_add(&listener->heard);
}

static void on_destroyed(void *user_data) { latch_add(&((struct listener *)user_data)->destroyed); }

static void add_listener(struct listener *listener, lkv_output *output) {
    *listener = (struct listener){.heard = LATCH_INIT, .destroyed = LATCH_INIT, .output = output};
    lkv_playback_listener raw = LKV_PLAYBACK_LISTENER_INIT;
    raw.on_event = on_finished;
    raw.user_data = listener;
    raw.destroy = on_destroyed;
    CHECK_OK(lkv_output_add_playback_finished_listener(output, &raw, &listener->id));
}

static void listeners_come_and_go(void) {
    struct pair pair = pair_open("listeners", NULL);
    struct listener stays, leaves, leaves_inside;
    add_listener(&stays, pair.output);
    add_listener(&leaves, pair.output);
    add_listener(&leaves_inside, pair.output);
    leaves_inside.remove_inside = true;
    CHECK(stays.id != leaves.id && leaves.id != leaves_inside.id);

    for (int segment = 1; segment <= 2; segment++) {
        send_segment(pair.output, 1);
        receive_segment(pair.receiver, (uint64_t)segment, 1);
        CHECK_OK(lkv_receiver_notify_playback_finished(pair.receiver, 0, segment, false));
        expect_answer(pair.receiver, (uint64_t)segment, segment, LKV_ANSWER_OK);
        latch_wait(&stays.heard, segment);
        if (segment == 1) {
            latch_wait(&leaves.heard, 1);
            latch_wait(&leaves_inside.destroyed, 1);
            CHECK_OK(lkv_output_remove_playback_finished_listener(pair.output, leaves.id));
            CHECK(latch_count(&leaves.destroyed) == 1);
            CHECK_RESULT(LKV_ERROR_NOT_FOUND,
                         lkv_output_remove_playback_finished_listener(pair.output, leaves.id));
        }
    }
    CHECK(latch_count(&leaves.heard) == 1 && latch_count(&leaves_inside.heard) == 1);
    pair_destroy(&pair);
    CHECK(latch_count(&stays.heard) == 2 && latch_count(&stays.destroyed) == 1);
    CHECK(latch_count(&leaves.destroyed) == 1 && latch_count(&leaves_inside.destroyed) == 1);
}

static void what_cannot_be_answered_any_more_is_made_up(void) {
    struct pair pair = pair_open("made-up", NULL);
    send_segment(pair.output, 1);
    receive_segment(pair.receiver, 1, 1);
    CHECK_OK(lkv_output_wait_sent(pair.output, SOON_MS));
    CHECK_OK(lkv_output_close(pair.output));
    lkv_event event = LKV_EVENT_INIT;
    CHECK_OK(lkv_output_next(pair.output, SOON_MS, &event));
    CHECK(event.type == LKV_EVENT_PLAYBACK_FINISHED && event.segment == 1 && event.made_up && event.interrupted);
    lkv_event_clear(&event);
    CHECK_RESULT(LKV_ERROR_CLOSED, lkv_output_next(pair.output, SOON_MS, &event));
    pair_destroy(&pair);
}

int main(void) {
    RUN(finished_segments_are_told_and_answered);
    RUN(a_sender_without_an_output_does_not_take_it);
    RUN(clear_in_the_middle_ends_the_segment);
    RUN(a_cleared_segment_is_finished_for_an_application_that_does_not);
    RUN(listeners_come_and_go);
    RUN(what_cannot_be_answered_any_more_is_made_up);
    return 0;
}
