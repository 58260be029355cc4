// SPDX-License-Identifier: Apache-2.0
//
// Sends video to one participant of a LiveKit room, in segments, and waits until the other side has played each of
// them.
//
//   video_sender --url ws://127.0.0.1:7880 --api-key devkey --api-secret secret --destination receiver
//
// Exit status 0: every frame was sent (or refused, as --policy asks), and every segment's playback finished.
#include "example.hpp"

#include <atomic>
#include <thread>

using namespace std::chrono_literals;

namespace {

struct Playback {
    example::Counter finished;         // segments; closed when no more can come
    std::atomic<bool> given_up{false}; // the receiver is gone, so that the library finished a segment in its place

    void on_event(const lkv::Event &event) {
        if (event.type() == LKV_EVENT_ERROR) report_error(event.error(), event.message().data());
        if (event.type() == LKV_EVENT_PLAYBACK_STARTED) report_playback_started(event.segment());
        if (event.type() != LKV_EVENT_PLAYBACK_FINISHED) return;
        if (event.made_up()) {
            given_up = true;
            report_playback_made_up(event.segment());
        } else {
            report_playback_finished(event.segment(), event.position_us(), event.interrupted());
        }
        finished.add();
    }
};

std::int32_t send_timeout_ms(const options &options) { return static_cast<std::int32_t>(options.send_timeout) * 1000; }

// False if the frame is refused, as --policy asks. A room that reconnects takes its time, and the frames wait for it.
bool send_frame(lkv::Room &room, lkv::Output &output, const lkv_frame_desc &frame, const options &options) {
    while (!output.send(frame, send_timeout_ms(options))) {
        if (options.policy == LKV_POLICY_REFUSE) return false;
        example::in_time(room.state() == LKV_ROOM_RECONNECTING);
    }
    return true;
}

void send_segment(lkv::Room &room, lkv::Output &output, example::Source &source, const options &options,
                  unsigned segment) {
    const bool clear = segment == 1 && options.clear_after > 0 && options.clear_after <= options.frames;
    const unsigned frames = clear ? options.clear_after : options.frames;
    const std::int64_t start_us = steady_time_us();
    for (unsigned number = 0; number < frames; number++) {
        const picture &picture = source.next(segment, number);
        const std::uint32_t crc32 = checksum_crc32(picture.data, picture.size);
        const std::int64_t pts_us = options_frame_time_us(&options, number);
        const auto frame = lkv::packed(picture.type, picture.width, picture.height, picture.data, pts_us);

        wait_for_frame(start_us, options.fps, number);
        const std::int64_t now_us = unix_time_us();
        const bool taken = send_frame(room, output, frame, options);
        report_frame(taken ? "sent" : "refused", segment, number, &picture, crc32, pts_us, now_us);
    }
    say("segment %u: %u frames in %.2f s", segment, frames, static_cast<double>(steady_time_us() - start_us) / 1e6);
    if (!clear) {
        output.flush();
    } else {
        wait_for_frame(start_us, options.fps, frames); // cleared when the next frame would be due
        say("segment %u: cleared", segment);
        output.clear_buffer();
    }
}

// Every segment that started must be finished, by a receiver that is there.
bool wait_playback_finished(lkv::Output &output, Playback &playback, const options &options) {
    example::in_time(output.wait_sent(send_timeout_ms(options)));
    const auto started = output.stats().segments_started;
    if (!playback.finished.wait(started, std::chrono::seconds(options.finish_timeout))) {
        report_error(LKV_ERROR_TIMEOUT, "a playback-finished is missing");
        return false;
    }
    std::this_thread::sleep_for(300ms); // our answer to the last one is still on its way
    return started == options.segments && !playback.given_up;
}

bool send_video(const options &options) {
    example::Source source(options);
    Playback playback;
    example::Connection connection(options, options.url, [&] { playback.finished.close(); });
    lkv::Room &room = connection.room();
    room.wait_connected();
    say("waiting for %s", options.destination);
    example::in_time(
        room.wait_participant(options.destination, static_cast<std::int32_t>(options.wait_timeout) * 1000));

    lkv::OutputOptions output_options;
    output_options.policy = options.policy;
    output_options.label = options.label ? options.label : "";
    lkv::Output output(room, options.destination, output_options);
    const example::Stats stats(output);
    output.on_playback_finished([&](const lkv::Event &event) { playback.on_event(event); });
    for (unsigned segment = 1; segment <= options.segments; segment++) {
        if (segment > 1) std::this_thread::sleep_for(1s);
        send_segment(room, output, source, options, segment);
    }
    return wait_playback_finished(output, playback, options);
}

} // namespace

int main(int argc, char **argv) { return example::run(PROGRAM_SENDER, argc, argv, send_video); }
