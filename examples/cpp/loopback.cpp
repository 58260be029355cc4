// SPDX-License-Identifier: Apache-2.0
//
// A sender and a receiver in one process, without any server: two rooms of the library that meet at `loopback:demo`.
// The receiver's events come on a thread of the library's, so that the program needs none of its own.
//
//   loopback --frames 90 --type i420 --save received.y4m
//
// Exit status 0: every frame arrived bit for bit, and every segment's playback finished.
#include "example.hpp"

#include <optional>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;

namespace {

constexpr std::int32_t TIMEOUT_MS = 10000;

std::string url_of(const options &options, const std::string &identity) {
    return options.url + ("?identity=" + identity + "&kind=agent");
}

// ---- the receiver ----

class Player {
public:
    Player(const options &options, const lkv::Room &room)
        : options_(options), sink_(options), crc32s_(std::size_t(options.segments) * options.frames) {
        lkv::ReceiverOptions receiver_options;
        receiver_options.sender = "sender"; // who comes later
        receiver_options.on_event = [this](const lkv::Event &event) { handle(event); };
        receiver_ = lkv::Receiver(room, receiver_options);
        stats_.emplace(receiver_);
    }

    // What a frame must be when it arrives.
    std::uint32_t &crc32_of(std::uint64_t segment, std::uint64_t number) {
        return crc32s_.at((segment - 1) * options_.frames + number);
    }

    // Waits until the sender knows of every segment that it was played; nothing arrives after that.
    bool all_arrived() {
        const bool answered = answered_.wait(options_.segments, std::chrono::milliseconds(TIMEOUT_MS));
        stats_.reset();
        receiver_ = lkv::Receiver();
        say("%llu frames in %u segments, %u of them whole; %u frames damaged", static_cast<unsigned long long>(frames_),
            ended_, whole_, damaged_);
        return sink_.close() && answered && ended_ == options_.segments && whole_ == options_.segments && damaged_ == 0;
    }

private:
    void handle(const lkv::Event &event) {
        const std::int64_t now_us = unix_time_us();
        switch (event.type()) {
        case LKV_EVENT_SEGMENT_START:
            report_segment_start(event.segment(), event.width(), event.height(), event.pixel_type());
            break;
        case LKV_EVENT_FRAME: on_frame(event.frame(), now_us); break;
        case LKV_EVENT_SEGMENT_END: on_segment_end(event); break;
        case LKV_EVENT_CLEARED: report_cleared(); break;
        case LKV_EVENT_NOTIFIED:
            report_notified(event.segment(), event.answer());
            answered_.add();
            break;
        case LKV_EVENT_ERROR: report_error(event.error(), event.message().data()); break;
        }
    }

    void on_frame(const lkv::Frame &frame, std::int64_t now_us) {
        const picture picture = picture_of_frame(frame.get());
        const std::uint32_t crc32 = checksum_crc32(frame.data(), frame.size());
        const bool expected = frame.segment() <= options_.segments && frame.number() < options_.frames;
        if (!expected || crc32 != crc32_of(frame.segment(), frame.number())) {
            say("segment %u: frame %u is damaged", unsigned(frame.segment()), unsigned(frame.number()));
            damaged_++;
        }
        lkv::Status status;
        if (in_segment_ == 0) receiver_.notify_playback_started(frame.segment(), status);
        (void)failed("tell that playback started", status.result());
        in_segment_++;
        frames_++;
        report_frame("frame", frame.segment(), frame.number(), &picture, crc32, frame.info().pts_us, now_us);
        sink_.save(picture);
    }

    void on_segment_end(const lkv::Event &event) {
        const bool cleared = event.cause() == LKV_CAUSE_CLEARED;
        const bool all = event.cause() == LKV_CAUSE_FLUSHED && in_segment_ == options_.frames;
        report_segment_end(event.segment(), event.frames(), event.frames_lost(), event.cause());
        ended_++;
        if (all || (cleared && event.segment() == 1 && options_.clear_after > 0)) whole_++;
        in_segment_ = 0;
        lkv::Status status;
        receiver_.notify_playback_finished(event.segment(), options_frame_time_us(&options_, frames_), cleared, status);
        (void)failed("tell that playback finished", status.result());
    }

    const options &options_;
    example::Sink sink_;
    std::vector<std::uint32_t> crc32s_;
    std::uint64_t frames_ = 0, in_segment_ = 0;
    unsigned ended_ = 0, whole_ = 0, damaged_ = 0;
    example::Counter answered_;
    lkv::Receiver receiver_; // its callbacks use all the others
    std::optional<example::Stats> stats_;
};

// ---- the sender ----

void send_segment(lkv::Output &output, example::Source &source, Player &player, const options &options,
                  unsigned segment) {
    const bool clear = segment == 1 && options.clear_after > 0 && options.clear_after <= options.frames;
    const unsigned frames = clear ? options.clear_after : options.frames;
    const std::int64_t start_us = steady_time_us();
    for (unsigned number = 0; number < frames; number++) {
        const picture &picture = source.next(segment, number);
        const std::uint32_t crc32 = checksum_crc32(picture.data, picture.size);
        const std::int64_t pts_us = options_frame_time_us(&options, number);
        const auto frame = lkv::packed(picture.type, picture.width, picture.height, picture.data, pts_us);
        player.crc32_of(segment, number) = crc32;

        wait_for_frame(start_us, options.fps, number);
        const std::int64_t now_us = unix_time_us();
        example::in_time(output.send(frame, TIMEOUT_MS));
        report_frame("sent", segment, number, &picture, crc32, pts_us, now_us);
    }
    if (!clear) {
        output.flush();
    } else {
        wait_for_frame(start_us, options.fps, frames); // cleared when the next frame would be due
        output.clear_buffer();
    }
}

bool play(const options &options) {
    example::Source source(options);
    example::Connection receiving(options, url_of(options, "receiver"));
    Player player(options, receiving.room());

    example::Counter finished;
    example::Connection sending(options, url_of(options, "sender"), [&] { finished.close(); });
    example::in_time(sending.room().wait_participant("receiver", TIMEOUT_MS));
    lkv::Output output(sending.room(), "receiver");
    const example::Stats stats(output);
    output.on_playback_finished([&](const lkv::Event &event) {
        if (event.type() == LKV_EVENT_ERROR) report_error(event.error(), event.message().data());
        if (event.type() == LKV_EVENT_PLAYBACK_STARTED) report_playback_started(event.segment());
        if (event.type() != LKV_EVENT_PLAYBACK_FINISHED) return;
        report_playback_finished(event.segment(), event.position_us(), event.interrupted());
        finished.add();
    });
    for (unsigned segment = 1; segment <= options.segments; segment++) {
        if (segment > 1) std::this_thread::sleep_for(1s);
        send_segment(output, source, player, options, segment);
        if (!finished.wait(segment, std::chrono::seconds(options.finish_timeout))) return false;
    }
    return player.all_arrived();
}

} // namespace

int main(int argc, char **argv) { return example::run(PROGRAM_LOOPBACK, argc, argv, play); }
