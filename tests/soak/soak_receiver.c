// SPDX-License-Identifier: Apache-2.0
//
// The receiving side of the soak: receivers that come and go, pulled or with callbacks, with queues of random length, in
// rooms that come and go. It looks at every pixel, tells every event, and reports every segment that ended; it reports no
// position twice, so that the sender's log shows whose report it was.
#include "soak.h"

#include <string.h>

enum { IDLE_LIMIT_MS = 3000 };

struct player {
    struct choices choices; // of the thread that takes events
    unsigned receivers;
    int64_t position; // that was reported last
    const lkv_frame *kept; // a frame that was retained, and what it showed
    struct picture kept_picture;
    // The receiver in use.
    lkv_receiver *receiver;
    atomic_bool closing;
    atomic_uint ended; // segments
    uint64_t told;     // frames
};

// ---- events ----

static bool shows(const lkv_frame *frame, struct picture picture) {
    lkv_frame_info info = LKV_FRAME_INFO_INIT;
    return lkv_frame_get_info(frame, &info) == LKV_OK && picture_is(picture, info.data, info.size);
}

// A frame that is kept stays what it is.
static void keep(struct player *player, const lkv_frame *frame, struct picture picture) {
    if (player->kept && !shows(player->kept, player->kept_picture)) tell("{\"event\":\"damaged\",\"what\":\"kept\"}");
    lkv_frame_release(player->kept);
    player->kept = lkv_frame_retain(frame);
    player->kept_picture = picture;
}

static void on_frame(struct player *player, const lkv_event *event) {
    lkv_frame_info info = LKV_FRAME_INFO_INIT;
    if (failed("look at a frame", lkv_frame_get_info(event->frame, &info))) return;
    const struct picture picture = picture_read(info.data, info.size);
    const struct shape shape = {info.type, info.width, info.height};
    const bool whole = picture_is(picture, info.data, info.size), timed = info.pts_us != LKV_NO_PTS;
    player->told++;
    // Only version 1 of the wire carries presentation times.
    tell("{\"event\":\"frame\",\"segment\":%llu,\"number\":%llu,\"lost\":%u,\"id\":%llu,\"picture\":%llu,\"part\":%llu,"
         "\"version\":%d}",
         (unsigned long long)event->segment, (unsigned long long)event->number, info.lost_before,
         (unsigned long long)picture.id, (unsigned long long)picture.number, (unsigned long long)picture.part, timed);
    if (timed && info.pts_us != picture_pts(picture)) tell("{\"event\":\"damaged\",\"what\":\"time\"}");
    if (memcmp(&picture.shape, &shape, sizeof shape)) tell("{\"event\":\"damaged\",\"what\":\"shape\"}");
    if (event->number == info.lost_before && one_in(&player->choices, 2))
        failed("say what plays", lkv_receiver_notify_playback_started(player->receiver, event->segment));
    if (!whole) tell("{\"event\":\"damaged\",\"what\":\"received\"}");
    if (info.segment != event->segment || info.number != event->number) tell("{\"event\":\"damaged\",\"what\":\"numbers\"}");
    if (one_in(&player->choices, 20)) keep(player, event->frame, picture);
    if (one_in(&player->choices, 30)) nap(between(&player->choices, 1, 100));
}

static void on_segment_end(struct player *player, const lkv_event *event) {
    const bool interrupted = event->cause != LKV_CAUSE_FLUSHED;
    tell("{\"event\":\"end\",\"segment\":%llu,\"cause\":%d,\"frames\":%llu,\"lost\":%llu}",
         (unsigned long long)event->segment, event->cause, (unsigned long long)event->frames,
         (unsigned long long)event->frames_lost);
    atomic_fetch_add(&player->ended, 1);
    if (event->cause == LKV_CAUSE_DISCONNECTED || event->cause == LKV_CAUSE_CLOSED || atomic_load(&player->closing)) return;
    const int64_t position = ++player->position;
    tell("{\"event\":\"notify\",\"segment\":%llu,\"position\":%lld,\"interrupted\":%s}", (unsigned long long)event->segment,
         (long long)position, interrupted ? "true" : "false");
    failed("notify", lkv_receiver_notify_playback_finished(player->receiver, event->segment, position, interrupted));
}

static void on_event(const lkv_event *event, void *user_data) {
    struct player *player = user_data;
    switch (event->type) {
    case LKV_EVENT_SEGMENT_START:
        tell("{\"event\":\"start\",\"segment\":%llu,\"pixels\":%d,\"width\":%u,\"height\":%u}",
             (unsigned long long)event->segment, event->pixel_type, event->width, event->height);
        break;
    case LKV_EVENT_FRAME: on_frame(player, event); break;
    case LKV_EVENT_SEGMENT_END: on_segment_end(player, event); break;
    case LKV_EVENT_CLEARED: tell("{\"event\":\"cleared\"}"); break;
    case LKV_EVENT_NOTIFIED:
        tell("{\"event\":\"notified\",\"segment\":%llu,\"position\":%lld,\"answer\":%d}",
             (unsigned long long)event->segment, (long long)event->position_us, event->answer);
        break;
    case LKV_EVENT_SENDER: tell("{\"event\":\"sender\",\"here\":%s}", *event->message ? "true" : "false"); break;
    case LKV_EVENT_ERROR: tell_error(event); break;
    }
}

// Takes what comes in this time. LKV_ERROR_CLOSED: there will be no more.
static lkv_result pull(struct player *player, uint32_t ms) {
    const int64_t end = now_ms() + ms;
    lkv_result result;
    do {
        lkv_event event = LKV_EVENT_INIT;
        const int64_t left = end - now_ms();
        result = lkv_receiver_next(player->receiver, left > 0 ? (int32_t)left : 0, &event);
        if (result == LKV_OK) on_event(&event, player);
        lkv_event_clear(&event);
        tell_alive();
    } while (result == LKV_OK && now_ms() < end);
    return result;
}

// ---- one receiver ----

static void close_receiver(struct player *player, bool pulled, lkv_room *room) {
    lkv_receiver_stats stats = LKV_RECEIVER_STATS_INIT;
    const int64_t limit = now_ms() + ANSWER_LIMIT_MS;
    tell("{\"event\":\"closing\"}");
    atomic_store(&player->closing, true);
    if (room) lkv_room_close(room); // which closes the receiver as well
    failed("close the receiver", lkv_receiver_close(player->receiver));
    if (pulled && pull(player, ANSWER_LIMIT_MS) != LKV_ERROR_CLOSED)
        tell("{\"event\":\"failed\",\"what\":\"take the last event\",\"error\":\"HANG\"}");
    failed("count", lkv_receiver_get_stats(player->receiver, &stats));
    while (atomic_load(&player->ended) < stats.segments_started && now_ms() < limit) nap(10);
    failed("count", lkv_receiver_get_stats(player->receiver, &stats));
    lkv_receiver_destroy(player->receiver);
    const uint64_t dropped = stats.dropped_oldest + stats.dropped_newest + stats.dropped_cleared;
    const uint64_t causes = stats.refused_foreign + stats.refused_bad + stats.refused_large + stats.refused_many +
                            stats.refused_stale;
    const uint64_t misread = stats.refused_bad + stats.refused_large + stats.refused_many + stats.chunks_refused;
    tell("{\"event\":\"receiver_closed\",\"receiver\":%u,\"started\":%llu,\"ended\":%llu,\"resumed\":%llu,\"received\":%llu,"
         "\"delivered\":%llu,\"told\":%llu,\"dropped\":%llu,\"queued\":%u,\"frames_lost\":%llu,\"refused\":%llu,"
         "\"refused_causes\":%llu,\"misread\":%llu,\"chunks_lost\":%llu}",
         player->receivers, (unsigned long long)stats.segments_started, (unsigned long long)stats.segments_ended,
         (unsigned long long)stats.segments_resumed, (unsigned long long)stats.frames_received,
         (unsigned long long)stats.frames_delivered, (unsigned long long)player->told, (unsigned long long)dropped,
         stats.queue_frames, (unsigned long long)stats.frames_lost, (unsigned long long)stats.streams_refused,
         (unsigned long long)causes, (unsigned long long)misread, (unsigned long long)stats.chunks_lost);
}

static void use_receiver(struct player *player, struct choices *choices, lkv_room *room) {
    static const lkv_queue_policy policies[] = {LKV_POLICY_BLOCK, LKV_POLICY_DROP_OLDEST, LKV_POLICY_DROP_NEWEST};
    const lkv_receiver_callbacks callbacks = {.struct_size = sizeof callbacks, .on_event = on_event, .user_data = player};
    const bool pulled = one_in(choices, 2);
    lkv_receiver_options options = LKV_RECEIVER_OPTIONS_INIT;
    options.policy = policies[below(choices, 3)];
    options.queue_frames = one_in(choices, 2) ? 0 : between(choices, 1, 8);
    options.idle_timeout_ms = IDLE_LIMIT_MS;
    options.sender = one_in(choices, 2) ? "sender" : NULL; // else the first agent, which the sender is
    options.callbacks = pulled ? NULL : &callbacks;
    player->receivers++;
    atomic_store(&player->closing, false);
    player->told = 0;
    atomic_store(&player->ended, 0);
    tell("{\"event\":\"receiver\",\"receiver\":%u}", player->receivers);
    if (failed("create a receiver", lkv_receiver_create(room, &options, &player->receiver))) {
        told_to_end(100);
        return;
    }
    const bool long_life = one_in(choices, 3);
    const int64_t end = now_ms() + (long_life ? between(choices, 20000, 90000) : between(choices, 2000, 15000));
    while (now_ms() < end && !told_to_end(0) && !is_lost(room)) {
        tell_alive();
        if (pulled) pull(player, 100);
        else told_to_end(100);
    }
    close_receiver(player, pulled, one_in(choices, 6) ? room : NULL);
}

int main(int argc, char **argv) {
    struct soak soak = soak_begin(argc, argv);
    struct player player = {.choices = choices_from(soak.choices.state + 1),
                            .position = (int64_t)soak.life * IDS_IN_A_LIFE};
    lkv_room *room;
    while ((room = join(&soak, "receiver", LKV_KIND_STANDARD))) {
        while (!told_to_end(0) && !is_lost(room)) use_receiver(&player, &soak.choices, room);
        lkv_room_destroy(room);
    }
    lkv_frame_release(player.kept);
    tell("{\"event\":\"bye\"}");
    return 0;
}
