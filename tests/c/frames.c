/* SPDX-License-Identifier: Apache-2.0
 *
 * Frames from one end to the other on loopback: every pixel type, odd sizes, padded rows, lent pixels. */
#include "support.h"

static void expect_frame(lkv_receiver *receiver, lkv_pixel type, uint32_t width, uint32_t height, unsigned seed) {
    lkv_event event = LKV_EVENT_INIT;
    expect_event(receiver, LKV_EVENT_FRAME, &event);
    CHECK(is_painted(event.frame, type, width, height, seed));
    lkv_event_clear(&event);
}

static void expect_start(lkv_receiver *receiver, uint64_t segment, lkv_pixel type, uint32_t width, uint32_t height) {
    lkv_event event = LKV_EVENT_INIT;
    expect_event(receiver, LKV_EVENT_SEGMENT_START, &event);
    CHECK(event.segment == segment);
    CHECK(event.pixel_type == type && event.width == width && event.height == height && event.reserved1 == 0);
    lkv_event_clear(&event);
    CHECK(event.pixel_type == 0 && event.width == 0 && event.height == 0);
}

static void expect_end(lkv_receiver *receiver, uint64_t segment) {
    lkv_event event = LKV_EVENT_INIT;
    expect_event(receiver, LKV_EVENT_SEGMENT_END, &event);
    CHECK(event.segment == segment && event.cause == LKV_CAUSE_FLUSHED);
    lkv_event_clear(&event);
}

static void every_type_arrives_in_every_size(void) {
    const uint32_t sizes[][2] = {{1, 1}, {3, 5}, {64, 48}, {161, 91}};
    struct pair pair = pair_open("types", NULL);
    uint64_t segment = 0;
    for (lkv_pixel type = LKV_PIXEL_RGBA; type <= LKV_PIXEL_NV12; type++) {
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            const uint32_t width = sizes[i][0], height = sizes[i][1];
            for (unsigned seed = 0; seed < 2; seed++) CHECK_OK(send_painted(pair.output, type, width, height, seed));
            CHECK_OK(lkv_output_flush(pair.output));
            segment++;
            expect_start(pair.receiver, segment, type, width, height);
            for (unsigned seed = 0; seed < 2; seed++) expect_frame(pair.receiver, type, width, height, seed);
            expect_end(pair.receiver, segment);
        }
    }
    CHECK_OK(lkv_output_wait_sent(pair.output, SOON_MS));
    lkv_output_stats sent = LKV_OUTPUT_STATS_INIT;
    lkv_receiver_stats received = LKV_RECEIVER_STATS_INIT;
    CHECK_OK(lkv_output_get_stats(pair.output, &sent));
    CHECK_OK(lkv_receiver_get_stats(pair.receiver, &received));
    CHECK(sent.frames_accepted == 2 * segment && sent.frames_sent == sent.frames_accepted);
    CHECK(sent.segments_started == segment && sent.segments_finished == segment && sent.queue_frames == 0);
    CHECK(sent.events_dropped == 0);
    CHECK(received.frames_received == 2 * segment && received.frames_delivered == received.frames_received);
    CHECK(received.segments_ended == segment && received.streams_refused == 0);
    CHECK(received.chunks_lost == 0 && received.chunks_repeated == 0);
    pair_destroy(&pair);
}

static void size_and_type_may_change_inside_a_segment(void) {
    struct pair pair = pair_open("resize", NULL);
    CHECK_OK(send_painted(pair.output, LKV_PIXEL_I420, 16, 16, 1));
    CHECK_OK(send_painted(pair.output, LKV_PIXEL_I420, 18, 16, 2));
    CHECK_OK(send_painted(pair.output, LKV_PIXEL_RGBA, 7, 300, 3));
    CHECK_OK(lkv_output_flush(pair.output));
    expect_start(pair.receiver, 1, LKV_PIXEL_I420, 16, 16);
    expect_frame(pair.receiver, LKV_PIXEL_I420, 16, 16, 1);
    expect_frame(pair.receiver, LKV_PIXEL_I420, 18, 16, 2);
    expect_frame(pair.receiver, LKV_PIXEL_RGBA, 7, 300, 3);
    expect_end(pair.receiver, 1);
    pair_destroy(&pair);
}

static void presentation_times_arrive(void) {
    const int64_t times[] = {0, 33333, INT64_MAX, -1, LKV_NO_PTS, 40000};
    const size_t count = sizeof times / sizeof *times;
    struct pair pair = pair_open("times", NULL);
    size_t size;
    uint8_t *pixels = paint(LKV_PIXEL_RGBA, 4, 4, 0, &size);
    lkv_frame_desc desc = LKV_FRAME_DESC_INIT;
    CHECK_OK(lkv_frame_desc_packed(&desc, LKV_PIXEL_RGBA, 4, 4, pixels));
    for (size_t i = 0; i < count; i++) {
        desc.pts_us = times[i];
        CHECK_OK(lkv_output_send_frame(pair.output, &desc, SOON_MS));
    }
    expect_start(pair.receiver, 1, LKV_PIXEL_RGBA, 4, 4);
    lkv_event event = LKV_EVENT_INIT;
    for (size_t i = 0; i < count; i++) {
        lkv_frame_info info = LKV_FRAME_INFO_INIT;
        expect_event(pair.receiver, LKV_EVENT_FRAME, &event);
        CHECK_OK(lkv_frame_get_info(event.frame, &info));
        CHECK(info.pts_us == times[i] && info.number == i);
    }
    lkv_event_clear(&event);
    free(pixels);
    pair_destroy(&pair);
}

/* The planes of a tight picture, each row followed by padding; free() the planes' data. */
static lkv_frame_desc pad(lkv_pixel type, uint32_t width, uint32_t height, const uint8_t *tight, size_t padding) {
    lkv_frame_desc desc = LKV_FRAME_DESC_INIT;
    CHECK_OK(lkv_frame_desc_packed(&desc, type, width, height, tight));
    for (uint32_t i = 0; i < desc.plane_count; i++) {
        lkv_plane *plane = &desc.planes[i];
        const size_t stride = plane->row_bytes + padding;
        /* The padding of the last row is not there: whoever reads it is found by valgrind. */
        uint8_t *padded = malloc(stride * plane->rows - padding);
        CHECK(padded);
        for (uint32_t row = 0; row < plane->rows; row++) {
            memcpy(padded + row * stride, plane->data + (size_t)row * plane->row_bytes, plane->row_bytes);
            if (row + 1 < plane->rows) memset(padded + row * stride + plane->row_bytes, 0xEE, padding);
        }
        *plane = (lkv_plane){.data = padded, .stride = stride};
    }
    return desc;
}

static void free_planes(lkv_frame_desc *desc) {
    for (uint32_t i = 0; i < desc->plane_count; i++) free((void *)(uintptr_t)desc->planes[i].data);
}

static void padded_rows_are_packed(void) {
    struct pair pair = pair_open("strides", NULL);
    for (lkv_pixel type = LKV_PIXEL_RGBA; type <= LKV_PIXEL_NV12; type++) {
        size_t size;
        uint8_t *tight = paint(type, 13, 7, 5, &size);
        lkv_frame_desc desc = pad(type, 13, 7, tight, 11);
        struct latch released = LATCH_INIT;
        CHECK_OK(lkv_output_send_frame(pair.output, &desc, SOON_MS));
        CHECK_OK(lkv_output_send_frame_owned(pair.output, &desc, SOON_MS, latch_add_user_data, &released));
        CHECK(latch_count(&released) == 1); /* it had to be copied: the pixels are free already */
        free_planes(&desc);
        CHECK_OK(lkv_output_flush(pair.output));
        expect_start(pair.receiver, (uint64_t)type + 1, type, 13, 7);
        expect_frame(pair.receiver, type, 13, 7, 5);
        expect_frame(pair.receiver, type, 13, 7, 5);
        expect_end(pair.receiver, (uint64_t)type + 1);
        free(tight);
    }
    pair_destroy(&pair);
}

static void the_frame_says_where_its_planes_are(void) {
    struct pair pair = pair_open("planes", NULL);
    CHECK_OK(send_painted(pair.output, LKV_PIXEL_NV12, 5, 3, 1));
    lkv_event event = LKV_EVENT_INIT;
    expect_event(pair.receiver, LKV_EVENT_SEGMENT_START, &event);
    expect_event(pair.receiver, LKV_EVENT_FRAME, &event);
    lkv_frame_info info = LKV_FRAME_INFO_INIT;
    CHECK_OK(lkv_frame_get_info(event.frame, &info));
    CHECK(info.segment == 1 && info.number == 0 && info.lost_before == 0 && info.pts_us == LKV_NO_PTS); /* none was sent */
    CHECK(event.segment == 1 && event.number == 0);
    CHECK(info.plane_count == 2 && info.size == 27);
    CHECK(info.planes[0].data == info.data && info.planes[0].row_bytes == 5 && info.planes[0].rows == 3);
    CHECK(info.planes[1].data == info.data + 15 && info.planes[1].row_bytes == 6 && info.planes[1].rows == 2);
    CHECK(info.planes[0].stride == 5 && info.planes[1].stride == 6 && info.planes[2].data == NULL);
    lkv_event_clear(&event);
    CHECK(event.frame == NULL && event.type == 0 && event.struct_size == sizeof event);
    lkv_event_clear(&event);
    pair_destroy(&pair);
}

/* ---- lent pixels ---- */

struct lent {
    struct latch released;
    uint8_t *pixels;
    lkv_frame_desc desc;
};

static void lend(struct lent *lent, uint32_t width, uint32_t height) {
    size_t size;
    lent->released = (struct latch)LATCH_INIT;
    lent->pixels = paint(LKV_PIXEL_RGBA, width, height, 3, &size);
    lent->desc = (lkv_frame_desc)LKV_FRAME_DESC_INIT;
    CHECK_OK(lkv_frame_desc_packed(&lent->desc, LKV_PIXEL_RGBA, width, height, lent->pixels));
}

static lkv_result send_lent(lkv_output *output, struct lent *lent, int32_t timeout_ms) {
    return lkv_output_send_frame_owned(output, &lent->desc, timeout_ms, latch_add_user_data, &lent->released);
}

static void expect_released(struct lent *lent) {
    latch_wait(&lent->released, 1);
    CHECK(latch_count(&lent->released) == 1);
    free(lent->pixels);
}

static void lent_pixels_come_back_when_they_are_sent(void) {
    struct pair pair = pair_open("lent", NULL);
    struct lent lent;
    lend(&lent, 320, 240);
    CHECK_OK(send_lent(pair.output, &lent, SOON_MS));
    CHECK_OK(lkv_output_flush(pair.output));
    expect_start(pair.receiver, 1, LKV_PIXEL_RGBA, 320, 240);
    expect_frame(pair.receiver, LKV_PIXEL_RGBA, 320, 240, 3);
    expect_end(pair.receiver, 1);
    expect_released(&lent);
    pair_destroy(&pair);
}

static void lent_pixels_come_back_when_sending_fails(void) {
    struct lent lent;
    lend(&lent, 4, 4);
    CHECK_INVALID(send_lent(NULL, &lent, 0)); /* no output */
    expect_released(&lent);

    lkv_room *room = join("failing", "agent", NULL);
    lkv_output_options options = LKV_OUTPUT_OPTIONS_INIT;
    options.max_frame_bytes = 1000;
    options.queue_frames = 1;
    lkv_output *output = NULL;
    CHECK_OK(lkv_output_create(room, "nobody", &options, &output));

    lend(&lent, 4, 4);
    CHECK_INVALID(send_lent(output, &lent, -2)); /* no such time-out */
    expect_released(&lent);

    lend(&lent, 4, 4);
    lent.desc.plane_count = 2; /* not what RGBA has */
    CHECK_INVALID(send_lent(output, &lent, 0));
    expect_released(&lent);

    lend(&lent, 4, 4);
    lent.desc.struct_size = 1;
    CHECK_INVALID(send_lent(output, &lent, 0));
    expect_released(&lent);

    lend(&lent, 100, 100);
    CHECK_RESULT(LKV_ERROR_TOO_LARGE, send_lent(output, &lent, 0));
    expect_released(&lent);

    struct lent queued;
    lend(&queued, 4, 4);
    CHECK_OK(send_lent(output, &queued, 0)); /* waits for its destination, which never comes */
    lend(&lent, 4, 4);
    CHECK_RESULT(LKV_ERROR_TIMEOUT, send_lent(output, &lent, 0)); /* no room in the queue */
    expect_released(&lent);
    lend(&lent, 4, 4);
    CHECK_RESULT(LKV_ERROR_TIMEOUT, send_lent(output, &lent, 10));
    expect_released(&lent);
    CHECK(latch_count(&queued.released) == 0);
    CHECK_OK(lkv_output_close(output));
    lend(&lent, 4, 4);
    CHECK_RESULT(LKV_ERROR_CLOSED, send_lent(output, &lent, SOON_MS));
    expect_released(&lent);
    lkv_output_destroy(output);
    expect_released(&queued);
    lkv_room_destroy(room);
}

static void lent_pixels_come_back_from_every_policy(void) {
    const lkv_queue_policy policies[] = {LKV_POLICY_REFUSE, LKV_POLICY_DROP_OLDEST, LKV_POLICY_DROP_NEWEST};
    lkv_room *room = join("policies", "agent", NULL);
    for (size_t i = 0; i < sizeof policies / sizeof *policies; i++) {
        lkv_output_options options = LKV_OUTPUT_OPTIONS_INIT;
        options.policy = policies[i];
        options.queue_frames = 1;
        lkv_output *output = NULL;
        CHECK_OK(lkv_output_create(room, "nobody", &options, &output));
        struct lent first, second;
        lend(&first, 4, 4);
        lend(&second, 4, 4);
        CHECK_OK(send_lent(output, &first, 0));
        CHECK_RESULT(policies[i] == LKV_POLICY_REFUSE ? LKV_ERROR_TIMEOUT : LKV_OK, send_lent(output, &second, 0));
        const bool oldest = policies[i] == LKV_POLICY_DROP_OLDEST;
        expect_released(oldest ? &first : &second);
        struct lent *kept = oldest ? &second : &first;
        CHECK(latch_count(&kept->released) == 0);
        CHECK_OK(lkv_output_clear_buffer(output)); /* drops the queue */
        lkv_output_destroy(output);
        expect_released(kept);
    }
    lkv_room_destroy(room);
}

static void frames_that_wait_too_long_are_dropped_and_counted(void) {
    lkv_room *room = join("late", "agent", NULL);
    lkv_output_options options = LKV_OUTPUT_OPTIONS_INIT;
    options.queue_frames = 1;
    options.max_age_us = 1000;
    lkv_output *output = NULL;
    CHECK_OK(lkv_output_create(room, "nobody", &options, &output));
    struct lent lent;
    for (int i = 0; i < 3; i++) { /* each makes room for the next by growing old */
        lend(&lent, 4, 4);
        CHECK_OK(send_lent(output, &lent, SOON_MS));
        expect_released(&lent);
    }
    lkv_output_stats stats = LKV_OUTPUT_STATS_INIT;
    CHECK_OK(lkv_output_get_stats(output, &stats));
    CHECK(stats.frames_accepted == 3 && stats.dropped_late == 3 && stats.queue_frames == 0);
    CHECK_OK(lkv_output_wait_sent(output, 0));
    lkv_output_destroy(output);
    lkv_room_destroy(room);
}

struct sends_another {
    lkv_output *output;
    struct latch released;
};

static void send_another(void *user_data) {
    struct sends_another *pixels = user_data;
    CHECK_OK(send_painted(pixels->output, LKV_PIXEL_RGBA, 4, 4, 1));
    latch_add(&pixels->released);
}

static void a_release_function_may_call_the_output_that_dropped_its_frame(void) {
    lkv_room *room = join("release", "agent", NULL);
    lkv_output_options options = LKV_OUTPUT_OPTIONS_INIT;
    options.policy = LKV_POLICY_DROP_OLDEST;
    options.queue_frames = 1;
    options.max_age_us = LKV_FOREVER;
    struct sends_another for_newer = {NULL, LATCH_INIT}, cleared = {NULL, LATCH_INIT};
    lkv_output *output = NULL;
    CHECK_OK(lkv_output_create(room, "nobody", &options, &output));
    for_newer.output = cleared.output = output;
    struct lent lent;
    lend(&lent, 4, 4);
    CHECK_OK(lkv_output_send_frame_owned(output, &lent.desc, 0, send_another, &for_newer));
    CHECK_OK(send_painted(output, LKV_PIXEL_RGBA, 4, 4, 0));
    CHECK(latch_count(&for_newer.released) == 1);
    CHECK_OK(lkv_output_send_frame_owned(output, &lent.desc, 0, send_another, &cleared));
    CHECK_OK(lkv_output_clear_buffer(output));
    CHECK(latch_count(&cleared.released) == 1);
    lkv_output_stats stats = LKV_OUTPUT_STATS_INIT;
    CHECK_OK(lkv_output_get_stats(output, &stats));
    CHECK(stats.frames_accepted == 5 && stats.queue_frames == 1);
    CHECK(stats.dropped_oldest == 3 && stats.dropped_cleared == 1);
    lkv_output_destroy(output);
    lkv_room_destroy(room);
    free(lent.pixels);
}

static void a_frame_grows_too_old_also_while_another_is_on_its_way(void) {
    lkv_room *receiving = join("on its way", "player", NULL), *sending = join("on its way", "agent", NULL);
    lkv_receiver_options receiver_options = LKV_RECEIVER_OPTIONS_INIT;
    receiver_options.queue_frames = 1;
    lkv_receiver *receiver = NULL;
    CHECK_OK(lkv_receiver_create(receiving, &receiver_options, &receiver));
    lkv_output_options options = LKV_OUTPUT_OPTIONS_INIT;
    options.queue_frames = 1;
    options.max_age_us = 1000000;
    lkv_output *output = NULL;
    CHECK_OK(lkv_output_create(sending, "player", &options, &output));
    CHECK_OK(send_painted(output, LKV_PIXEL_RGBA, 4, 4, 0));
    CHECK_OK(lkv_output_wait_sent(output, SOON_MS));
    /* The receiver's queue is full: the second frame stays on its way, the third waits behind it. */
    CHECK_OK(send_painted(output, LKV_PIXEL_RGBA, 4, 4, 1));
    struct lent lent;
    lend(&lent, 4, 4);
    CHECK_OK(send_lent(output, &lent, SOON_MS));
    expect_released(&lent);
    lkv_output_stats stats = LKV_OUTPUT_STATS_INIT;
    CHECK_OK(lkv_output_get_stats(output, &stats));
    CHECK(stats.frames_sent == 1 && stats.dropped_late == 1 && stats.queue_frames == 0);
    expect_start(receiver, 1, LKV_PIXEL_RGBA, 4, 4);
    expect_frame(receiver, LKV_PIXEL_RGBA, 4, 4, 0);
    expect_frame(receiver, LKV_PIXEL_RGBA, 4, 4, 1);
    lkv_output_destroy(output);
    lkv_receiver_destroy(receiver);
    lkv_room_destroy(sending);
    lkv_room_destroy(receiving);
}

static void a_frame_outlives_everything(void) {
    struct pair pair = pair_open("outlive", NULL);
    CHECK_OK(send_painted(pair.output, LKV_PIXEL_I444, 31, 17, 9));
    lkv_event event = LKV_EVENT_INIT;
    expect_event(pair.receiver, LKV_EVENT_SEGMENT_START, &event);
    expect_event(pair.receiver, LKV_EVENT_FRAME, &event);
    const lkv_frame *frame = lkv_frame_retain(event.frame);
    CHECK(frame == event.frame);
    lkv_event_clear(&event);
    pair_destroy(&pair);
    CHECK(is_painted(frame, LKV_PIXEL_I444, 31, 17, 9));
    CHECK(lkv_frame_retain(frame) == frame);
    lkv_frame_release(frame);
    CHECK(is_painted(frame, LKV_PIXEL_I444, 31, 17, 9));
    lkv_frame_release(frame);
    lkv_frame_release(NULL);
    CHECK(lkv_frame_retain(NULL) == NULL);
}

int main(void) {
    RUN(every_type_arrives_in_every_size);
    RUN(size_and_type_may_change_inside_a_segment);
    RUN(presentation_times_arrive);
    RUN(padded_rows_are_packed);
    RUN(the_frame_says_where_its_planes_are);
    RUN(lent_pixels_come_back_when_they_are_sent);
    RUN(lent_pixels_come_back_when_sending_fails);
    RUN(lent_pixels_come_back_from_every_policy);
    RUN(frames_that_wait_too_long_are_dropped_and_counted);
    RUN(a_release_function_may_call_the_output_that_dropped_its_frame);
    RUN(a_frame_grows_too_old_also_while_another_is_on_its_way);
    RUN(a_frame_outlives_everything);
    return 0;
}
