/* SPDX-License-Identifier: Apache-2.0
 *
 * What two sides that agree on version 1 of the wire have: playback started, labels, credit, every counter. */
#include "support.h"

#include <time.h>

static lkv_output_stats output_stats(lkv_output *output) {
    lkv_output_stats stats;
    memset(&stats, 0xEE, sizeof stats);
    stats.struct_size = sizeof stats;
    CHECK_OK(lkv_output_get_stats(output, &stats));
    return stats;
}

static lkv_receiver_stats receiver_stats(lkv_receiver *receiver) {
    lkv_receiver_stats stats;
    memset(&stats, 0xEE, sizeof stats);
    stats.struct_size = sizeof stats;
    CHECK_OK(lkv_receiver_get_stats(receiver, &stats));
    return stats;
}

/* The next event of an output that has no listener. */
static void expect_output_event(lkv_output *output, lkv_event_type type, lkv_event *event) {
    lkv_event_clear(event);
    CHECK_OK(lkv_output_next(output, SOON_MS, event));
    if (event->type == LKV_EVENT_ERROR && type != LKV_EVENT_ERROR) fprintf(stderr, "%s\n", event->message);
    CHECK(event->type == type);
}

static void expect_segment(lkv_receiver *receiver, uint64_t segment, unsigned seed) {
    lkv_event event = LKV_EVENT_INIT;
    expect_event(receiver, LKV_EVENT_SEGMENT_START, &event);
    CHECK(event.segment == segment);
    expect_event(receiver, LKV_EVENT_FRAME, &event);
    CHECK(is_painted(event.frame, LKV_PIXEL_RGBA, 8, 8, seed));
    expect_event(receiver, LKV_EVENT_SEGMENT_END, &event);
    CHECK(event.segment == segment && event.frames == 1 && event.frames_lost == 0 && event.cause == LKV_CAUSE_FLUSHED);
    lkv_event_clear(&event);
}

static void send_segment(lkv_output *output, unsigned seed) {
    CHECK_OK(send_painted(output, LKV_PIXEL_RGBA, 8, 8, seed));
    CHECK_OK(lkv_output_flush(output));
}

static void every_counter_is_filled(void) {
    struct pair pair = pair_open("counters", NULL);
    const lkv_output_stats idle = output_stats(pair.output);
    CHECK(idle.wire_version >= -1 && idle.wire_version <= 1 && idle.blocked_us == 0 && idle.round_trip_us >= 0);
    CHECK(receiver_stats(pair.receiver).latency_us == 0);
    for (unsigned i = 0; i < 3; i++) CHECK_OK(send_painted(pair.output, LKV_PIXEL_RGBA, 100, 100, i));
    CHECK_OK(lkv_output_flush(pair.output));
    CHECK_OK(lkv_output_wait_sent(pair.output, SOON_MS));

    const lkv_output_stats sent = output_stats(pair.output);
    CHECK(sent.wire_version == 1 && sent.reserved0 == 0 && sent.credit > 0);
    CHECK(sent.frames_accepted == 3 && sent.bytes_accepted == 120000);
    CHECK(sent.frames_sent == 3 && sent.bytes_sent == 120000 && sent.queue_frames == 0 && sent.queue_bytes == 0);
    CHECK(sent.dropped_cleared + sent.dropped_oldest + sent.dropped_newest + sent.dropped_late == 0);
    CHECK(sent.dropped_disconnected + sent.dropped_unsupported + sent.events_dropped == 0);
    CHECK(sent.refused == 0 && sent.refused_full == 0 && sent.refused_large == 0);
    CHECK(sent.segments_started == 1 && sent.segments_finished == 1 && sent.segments_resumed == 0);
    CHECK(sent.playback_finished == 0 && sent.playback_unmatched == 0 && sent.messages_stale == 0);
    CHECK(sent.reconnects == 0 && sent.blocked_us >= 0 && sent.round_trip_us >= 0);

    lkv_event event = LKV_EVENT_INIT;
    expect_event(pair.receiver, LKV_EVENT_SEGMENT_START, &event);
    for (int i = 0; i < 3; i++) expect_event(pair.receiver, LKV_EVENT_FRAME, &event);
    expect_event(pair.receiver, LKV_EVENT_SEGMENT_END, &event);
    lkv_event_clear(&event);
    const lkv_receiver_stats received = receiver_stats(pair.receiver);
    CHECK(received.wire_version == 1 && received.reserved0 == 0 && received.window > 0);
    CHECK(received.frames_received == 3 && received.bytes_received > 120000 && received.frames_delivered == 3);
    CHECK(received.queue_frames == 0 && received.queue_bytes == 0);
    CHECK(received.dropped_oldest + received.dropped_newest + received.dropped_cleared + received.dropped_truncated == 0);
    CHECK(received.segments_started == 1 && received.segments_ended == 1 && received.segments_resumed == 0);
    CHECK(received.streams_refused == 0 && received.refused_foreign == 0 && received.refused_bad == 0);
    CHECK(received.refused_large == 0 && received.refused_many == 0 && received.refused_stale == 0);
    CHECK(received.chunks_unknown == 0 && received.chunks_lost == 0 && received.chunks_repeated == 0);
    CHECK(received.chunks_refused == 0 && received.frames_lost == 0 && received.messages_stale == 0);
    CHECK(received.reconnects == 0 && received.round_trip_us >= 0);
    CHECK(received.latency_us > 0); /* one clock */
    pair_destroy(&pair);
}

static void what_is_refused_is_counted_by_cause(void) {
    struct pair pair = pair_open("refused", NULL);
    lkv_output_options options = LKV_OUTPUT_OPTIONS_INIT;
    options.policy = LKV_POLICY_REFUSE;
    options.queue_frames = 1;
    options.max_frame_bytes = 64;
    lkv_output *output = NULL; /* to nobody: its first frame stays queued */
    CHECK_OK(lkv_output_create(pair.sending, "nobody", &options, &output));
    CHECK_OK(send_painted(output, LKV_PIXEL_RGBA, 4, 4, 0));
    CHECK_RESULT(LKV_ERROR_TIMEOUT, send_painted(output, LKV_PIXEL_RGBA, 4, 4, 0));
    CHECK_RESULT(LKV_ERROR_TIMEOUT, send_painted(output, LKV_PIXEL_RGBA, 4, 4, 0));
    CHECK_RESULT(LKV_ERROR_TOO_LARGE, send_painted(output, LKV_PIXEL_RGBA, 5, 4, 0));
    const lkv_output_stats stats = output_stats(output);
    CHECK(stats.wire_version == -1 && stats.credit == 0);
    CHECK(stats.frames_accepted == 1 && stats.queue_frames == 1 && stats.queue_bytes == 64);
    CHECK(stats.refused == 3 && stats.refused_full == 2 && stats.refused_large == 1);
    lkv_output_destroy(output);
    pair_destroy(&pair);
}

static void a_frame_that_the_receiver_does_not_take_is_told_and_counted(void) {
    lkv_room *receiving = join("unsupported", "player", NULL), *sending = join("unsupported", "agent", NULL);
    lkv_receiver_options options = LKV_RECEIVER_OPTIONS_INIT;
    options.max_frame_bytes = 64;
    lkv_receiver *receiver = NULL;
    CHECK_OK(lkv_receiver_create(receiving, &options, &receiver));
    lkv_output *output = NULL;
    CHECK_OK(lkv_output_create(sending, "player", NULL, &output));
    CHECK_OK(send_painted(output, LKV_PIXEL_RGBA, 5, 4, 0));
    lkv_event event = LKV_EVENT_INIT;
    expect_output_event(output, LKV_EVENT_ERROR, &event);
    CHECK(event.error == LKV_ERROR_UNSUPPORTED && event.message);
    lkv_event_clear(&event);
    CHECK(output_stats(output).dropped_unsupported == 1);
    CHECK_OK(send_painted(output, LKV_PIXEL_RGBA, 4, 4, 1)); /* it goes on */
    expect_event(receiver, LKV_EVENT_SEGMENT_START, &event);
    expect_event(receiver, LKV_EVENT_FRAME, &event);
    CHECK(is_painted(event.frame, LKV_PIXEL_RGBA, 4, 4, 1));
    lkv_event_clear(&event);
    lkv_output_destroy(output);
    lkv_receiver_destroy(receiver);
    lkv_room_destroy(sending);
    lkv_room_destroy(receiving);
}

static void playback_that_started_is_told_once_and_before_its_finish(void) {
    struct pair pair = pair_open("started", NULL);
    lkv_event event = LKV_EVENT_INIT;
    send_segment(pair.output, 1);
    send_segment(pair.output, 2);
    send_segment(pair.output, 3);
    expect_segment(pair.receiver, 1, 1);
    CHECK_OK(lkv_receiver_notify_playback_started(pair.receiver, 1));
    CHECK_OK(lkv_receiver_notify_playback_started(pair.receiver, 1)); /* changes nothing */
    CHECK_RESULT(LKV_ERROR_NOT_FOUND, lkv_receiver_notify_playback_started(pair.receiver, 4));
    expect_output_event(pair.output, LKV_EVENT_PLAYBACK_STARTED, &event);
    CHECK(event.segment == 1 && event.position_us == 0 && !event.made_up && event.message == NULL);
    expect_segment(pair.receiver, 2, 2);
    CHECK_OK(lkv_receiver_notify_playback_started(pair.receiver, 0)); /* the one that was taken last */
    expect_output_event(pair.output, LKV_EVENT_PLAYBACK_STARTED, &event);
    CHECK(event.segment == 2);

    expect_segment(pair.receiver, 3, 3); /* the order of finishes is the application's */
    CHECK_OK(lkv_receiver_notify_playback_finished(pair.receiver, 3, 3000, false));
    expect_output_event(pair.output, LKV_EVENT_PLAYBACK_FINISHED, &event);
    CHECK(event.segment == 3 && event.position_us == 3000 && !event.interrupted && !event.made_up);
    CHECK_OK(lkv_receiver_notify_playback_finished(pair.receiver, 1, 1000, true));
    expect_output_event(pair.output, LKV_EVENT_PLAYBACK_FINISHED, &event);
    CHECK(event.segment == 1 && event.position_us == 1000 && event.interrupted);
    CHECK_RESULT(LKV_ERROR_NOT_FOUND, lkv_receiver_notify_playback_started(pair.receiver, 1));
    const uint64_t notified[] = {3, 1};
    for (size_t i = 0; i < 2; i++) {
        expect_event(pair.receiver, LKV_EVENT_NOTIFIED, &event);
        CHECK(event.segment == notified[i] && event.answer == LKV_ANSWER_OK);
    }
    lkv_event_clear(&event);
    CHECK(output_stats(pair.output).playback_finished == 2);
    CHECK_OK(lkv_receiver_close(pair.receiver));
    CHECK_RESULT(LKV_ERROR_CLOSED, lkv_receiver_notify_playback_started(pair.receiver, 2));
    pair_destroy(&pair);
}

static void listened(const lkv_event *event, void *user_data) {
    if (event->type == LKV_EVENT_PLAYBACK_STARTED && event->segment == 1) latch_add(user_data);
}

static void listeners_hear_that_playback_started(void) {
    struct pair pair = pair_open("started-listener", NULL);
    struct latch heard = LATCH_INIT;
    lkv_playback_listener listener = LKV_PLAYBACK_LISTENER_INIT;
    listener.on_event = listened;
    listener.user_data = &heard;
    CHECK_OK(lkv_output_add_playback_finished_listener(pair.output, &listener, NULL));
    send_segment(pair.output, 0);
    expect_segment(pair.receiver, 1, 0);
    CHECK_OK(lkv_receiver_notify_playback_started(pair.receiver, 1));
    latch_wait(&heard, 1);
    pair_destroy(&pair);
}

static void labels_tell_outputs_to_one_destination_apart(void) {
    const char *labels[] = {"left", "right \xc3\xa4", "0123456789012345678901234567890123456789012345678901234567890123"};
    enum { LABELS = sizeof labels / sizeof *labels };
    struct pair pair = pair_open("labels", NULL); /* has the output without a label */
    lkv_output *outputs[LABELS] = {NULL}, *other_output = NULL;
    lkv_receiver *receivers[LABELS] = {NULL}, *other_receiver = NULL;
    lkv_output_options output_options = LKV_OUTPUT_OPTIONS_INIT;
    lkv_receiver_options receiver_options = LKV_RECEIVER_OPTIONS_INIT;
    receiver_options.sender = "agent";
    for (int i = 0; i < LABELS; i++) {
        output_options.label = receiver_options.label = labels[i];
        CHECK_OK(lkv_output_create(pair.sending, "player", &output_options, &outputs[i]));
        CHECK_OK(lkv_receiver_create(pair.receiving, &receiver_options, &receivers[i]));
        CHECK_RESULT(LKV_ERROR_BUSY, lkv_output_create(pair.sending, "player", &output_options, &other_output));
        CHECK_RESULT(LKV_ERROR_BUSY, lkv_receiver_create(pair.receiving, &receiver_options, &other_receiver));
        receiver_options.sender = i == 0 ? NULL : "agent"; /* named or not */
    }
    output_options.label = ""; /* as good as none */
    CHECK_RESULT(LKV_ERROR_BUSY, lkv_output_create(pair.sending, "player", &output_options, &other_output));
    CHECK(other_output == NULL && other_receiver == NULL);

    for (int i = LABELS - 1; i >= 0; i--) send_segment(outputs[i], 10 + (unsigned)i);
    send_segment(pair.output, 1);
    expect_segment(pair.receiver, 1, 1);
    lkv_event event = LKV_EVENT_INIT;
    for (int i = 0; i < LABELS; i++) {
        expect_segment(receivers[i], 1, 10 + (unsigned)i);
        CHECK_OK(lkv_receiver_notify_playback_finished(receivers[i], 1, 100 + i, false));
        expect_output_event(outputs[i], LKV_EVENT_PLAYBACK_FINISHED, &event);
        CHECK(event.segment == 1 && event.position_us == 100 + i);
        expect_event(receivers[i], LKV_EVENT_NOTIFIED, &event);
    }
    CHECK_OK(send_painted(outputs[0], LKV_PIXEL_RGBA, 8, 8, 5)); /* a clear is for its label alone */
    CHECK_OK(send_painted(pair.output, LKV_PIXEL_RGBA, 8, 8, 6));
    expect_event(receivers[0], LKV_EVENT_SEGMENT_START, &event);
    expect_event(receivers[0], LKV_EVENT_FRAME, &event);
    CHECK_OK(lkv_output_clear_buffer(outputs[0]));
    expect_event(receivers[0], LKV_EVENT_CLEARED, &event);
    CHECK_OK(lkv_output_flush(pair.output));
    expect_segment(pair.receiver, 2, 6);
    lkv_event_clear(&event);
    for (int i = 0; i < LABELS; i++) {
        lkv_output_destroy(outputs[i]);
        lkv_receiver_destroy(receivers[i]);
    }
    pair_destroy(&pair);
}

static void a_receiver_that_does_not_take_frames_stops_its_sender(void) {
    lkv_room *receiving = join("stopped", "player", NULL), *sending = join("stopped", "agent", NULL);
    lkv_receiver_options options = LKV_RECEIVER_OPTIONS_INIT;
    options.queue_frames = 2;
    lkv_receiver *receiver = NULL;
    CHECK_OK(lkv_receiver_create(receiving, &options, &receiver));
    lkv_output_options output_options = LKV_OUTPUT_OPTIONS_INIT;
    output_options.queue_frames = 1;
    lkv_output *output = NULL;
    CHECK_OK(lkv_output_create(sending, "player", &output_options, &output));
    size_t size;
    uint8_t *pixels = paint(LKV_PIXEL_RGBA, 512, 512, 0, &size);
    lkv_frame_desc desc = LKV_FRAME_DESC_INIT;
    CHECK_OK(lkv_frame_desc_packed(&desc, LKV_PIXEL_RGBA, 512, 512, pixels));
    unsigned sent = 0;
    while (sent < 100 && lkv_output_send_frame(output, &desc, 300) == LKV_OK) sent++;
    CHECK(sent < 100);
    CHECK_OK(lkv_output_flush(output));
    lkv_event event = LKV_EVENT_INIT;
    expect_event(receiver, LKV_EVENT_SEGMENT_START, &event);
    for (unsigned i = 0; i < sent; i++) {
        expect_event(receiver, LKV_EVENT_FRAME, &event);
        CHECK(event.number == i); /* none was dropped */
    }
    expect_event(receiver, LKV_EVENT_SEGMENT_END, &event);
    CHECK(event.frames == sent && event.frames_lost == 0 && event.cause == LKV_CAUSE_FLUSHED);
    lkv_event_clear(&event);
    const lkv_receiver_stats received = receiver_stats(receiver);
    CHECK(received.dropped_oldest == 0 && received.dropped_newest == 0 && received.frames_delivered == sent);
    free(pixels);
    lkv_output_destroy(output);
    lkv_receiver_destroy(receiver);
    lkv_room_destroy(sending);
    lkv_room_destroy(receiving);
}

static void events_of_a_room_that_nobody_takes_are_counted(void) {
    lkv_room *talks = join("untaken", "talks", NULL), *sleeps = join("untaken", "sleeps", NULL);
    lkv_room_stats stats = LKV_ROOM_STATS_INIT;
    CHECK_OK(lkv_room_get_stats(sleeps, &stats));
    CHECK(stats.events_dropped == 0 && stats.reserved0 == 0);
    CHECK_OK(lkv_room_wait_participant(talks, "sleeps", SOON_MS));
    const uint8_t byte = 1;
    const time_t deadline = time(NULL) + SOON_MS / 1000;
    while (stats.events_dropped == 0) { /* 1024 wait at most */
        const lkv_result result = lkv_room_send_data(talks, &byte, 1, "t", "sleeps", true);
        CHECK(result == LKV_OK || result == LKV_ERROR_BUSY);
        CHECK(time(NULL) < deadline);
        CHECK_OK(lkv_room_get_stats(sleeps, &stats));
    }
    CHECK_OK(lkv_room_get_stats(talks, &stats));
    CHECK(stats.events_dropped == 0);
    lkv_room_destroy(talks);
    lkv_room_destroy(sleeps);
}

int main(void) {
    RUN(every_counter_is_filled);
    RUN(what_is_refused_is_counted_by_cause);
    RUN(a_frame_that_the_receiver_does_not_take_is_told_and_counted);
    RUN(playback_that_started_is_told_once_and_before_its_finish);
    RUN(listeners_hear_that_playback_started);
    RUN(labels_tell_outputs_to_one_destination_apart);
    RUN(a_receiver_that_does_not_take_frames_stops_its_sender);
    RUN(events_of_a_room_that_nobody_takes_are_counted);
    return 0;
}
