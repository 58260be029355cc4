// SPDX-License-Identifier: Apache-2.0
//
// Receives video from one participant of a LiveKit room, and tells it after each segment how far the playback came. It
// pulls the events (the C example takes them in a callback).
//
//   video_receiver --url ws://127.0.0.1:7880 --api-key devkey --api-secret secret --save received.y4m
//
// Exit status 0: every segment came whole (--segments: so many of them), and the sender took each playback-finished.
#include "example.hpp"

#include <thread>

namespace {

class Player {
public:
    Player(const options &options, lkv::Receiver &receiver) : options_(options), receiver_(receiver), sink_(options) {}

    // False if there is nothing more to wait for.
    bool handle(const lkv::Event &event) {
        const std::int64_t now_us = unix_time_us();
        switch (event.type()) {
        case LKV_EVENT_SEGMENT_START: on_segment_start(event); break;
        case LKV_EVENT_FRAME: on_frame(event.frame(), now_us); break;
        case LKV_EVENT_SEGMENT_END: on_segment_end(event); break;
        case LKV_EVENT_CLEARED: report_cleared(); break;
        case LKV_EVENT_NOTIFIED: on_notified(event); break;
        case LKV_EVENT_SENDER: on_sender(event.message()); break;
        case LKV_EVENT_ERROR: report_error(event.error(), event.message().data()); break;
        }
        const bool enough = options_.segments > 0 && answered_ >= options_.segments;
        const bool left = sender_left_ && !options_.stay && ended_ == started_ && answered_ >= ended_;
        return !enough && !left;
    }

    bool all_arrived() {
        say("%llu frames in %u segments, %u of them whole", static_cast<unsigned long long>(frames_), ended_, whole_);
        return sink_.close() && ended_ > 0 && ended_ == whole_ && ended_ == accepted_ &&
               (options_.segments == 0 || ended_ == options_.segments);
    }

private:
    void on_segment_start(const lkv::Event &event) {
        report_segment_start(event.segment(), event.width(), event.height(), event.pixel_type());
        started_++;
    }

    void on_frame(const lkv::Frame &frame, std::int64_t now_us) {
        const picture picture = picture_of_frame(frame.get());
        if (in_segment_ == 0) {
            lkv::Status gone; // a room that is gone has nobody to tell; its state says so
            receiver_.notify_playback_started(frame.segment(), gone);
        }
        in_segment_++;
        frames_++;
        const std::uint32_t crc32 = checksum_crc32(frame.data(), frame.size());
        report_frame("frame", frame.segment(), frame.number(), &picture, crc32, frame.info().pts_us, now_us);
        sink_.save(picture);
        if (options_.slow > 0) std::this_thread::sleep_for(std::chrono::milliseconds(options_.slow));
    }

    void on_segment_end(const lkv::Event &event) {
        const bool cleared = event.cause() == LKV_CAUSE_CLEARED;
        const bool all = event.frames() == in_segment_ && event.frames_lost() == 0;
        const bool flushed = event.cause() == LKV_CAUSE_FLUSHED && all;
        report_segment_end(event.segment(), event.frames(), event.frames_lost(), event.cause());
        in_segment_ = 0;
        ended_++;
        if (cleared || flushed) whole_++;
        if (event.cause() == LKV_CAUSE_DISCONNECTED) return; // there is nobody to tell

        lkv::Status status;
        const std::int64_t position_us = options_frame_time_us(&options_, frames_);
        receiver_.notify_playback_finished(event.segment(), position_us, cleared, status);
        if (failed("tell that playback finished", status.result())) answered_++; // by ourselves
    }

    void on_notified(const lkv::Event &event) {
        report_notified(event.segment(), event.answer());
        answered_++;
        if (event.answer() == LKV_ANSWER_OK) accepted_++;
    }

    void on_sender(std::string_view identity) {
        sender_left_ = identity.empty();
        if (sender_left_) say("the sender left");
        else say("receiving from %s", identity.data());
    }

    const options &options_;
    lkv::Receiver &receiver_;
    example::Sink sink_;
    std::uint64_t frames_ = 0, in_segment_ = 0;
    unsigned started_ = 0, ended_ = 0, whole_ = 0; // segments
    unsigned answered_ = 0, accepted_ = 0;         // of our playback-finished
    bool sender_left_ = false;
};

bool receive_video(const options &options) {
    example::Connection connection(options, options.url);
    lkv::Room &room = connection.room();
    room.wait_connected();

    lkv::ReceiverOptions receiver_options;
    receiver_options.sender = options.sender ? options.sender : "";
    receiver_options.label = options.label ? options.label : "";
    lkv::Receiver receiver(room, receiver_options);
    const example::Stats stats(receiver);
    Player player(options, receiver);
    say("waiting for %s", options.sender ? options.sender : "an agent");
    const auto first = receiver.next(static_cast<std::int32_t>(options.wait_timeout) * 1000);
    example::in_time(first.has_value());
    if (player.handle(*first)) {
        for (const auto &event : receiver) {
            if (!player.handle(event)) break;
        }
    }
    return player.all_arrived();
}

} // namespace

int main(int argc, char **argv) { return example::run(PROGRAM_RECEIVER, argc, argv, receive_video); }
