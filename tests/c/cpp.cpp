// SPDX-License-Identifier: Apache-2.0
//
// lkvideo.hpp as its users write it: one segment each way of receiving it, calls, messages, errors.
#include <lkvideo.hpp>

#include <cstring>
#include <future>
#include <iostream>
#include <thread>
#include <type_traits>

// Defined in cpp_other_unit.cpp: two units that include the header link.
std::string other_unit_name(const lkv::Event &event);

namespace {

constexpr std::int32_t soon_ms = 60000;

void check(bool condition, const char *what, int line) {
    if (condition) return;
    std::cerr << "cpp.cpp:" << line << ": " << what << std::endl;
    std::exit(1);
}
#define CHECK(condition) check((condition), #condition, __LINE__)

template <typename Call> lkv_result thrown_by(Call call) {
    try {
        call();
    } catch (const lkv::Error &error) {
        CHECK(std::strstr(error.what(), lkv_result_name(error.result())));
        return error.result();
    }
    return LKV_OK;
}

lkv::Room join(const std::string &room, const std::string &identity, const lkv::RoomOptions &options = {}) {
    const std::string kind = identity == "agent" ? "agent" : "standard";
    lkv::Room joined("loopback:" + room + "?identity=" + identity + "&kind=" + kind, {}, options);
    CHECK(joined.wait_connected(soon_ms));
    return joined;
}

std::vector<std::uint8_t> pixels(std::uint8_t seed) {
    return std::vector<std::uint8_t>(lkv::frame_size(LKV_PIXEL_RGBA, 16, 8), seed);
}

void send_segment(lkv::Output &output, int frames) {
    for (int i = 0; i < frames; i++) {
        const auto data = pixels(static_cast<std::uint8_t>(i));
        CHECK(output.send(lkv::packed(LKV_PIXEL_RGBA, 16, 8, data.data(), i * 33333), soon_ms));
    }
    output.flush();
}

void video_by_range() {
    lkv::Room player = join("range", "player");
    lkv::Receiver receiver(player);
    lkv::Room agent = join("range", "agent");
    lkv::Output output(agent, "player");
    std::promise<std::int64_t> finished;
    std::promise<std::uint64_t> started;
    const auto listener = output.on_playback_finished([&](const lkv::Event &event) {
        if (event.type() == LKV_EVENT_PLAYBACK_STARTED) started.set_value(event.segment());
        if (event.type() == LKV_EVENT_PLAYBACK_FINISHED) finished.set_value(event.position_us());
    });
    send_segment(output, 5);

    std::vector<lkv::Frame> kept;
    for (auto &event : receiver) {
        CHECK(!other_unit_name(event).empty());
        if (event.type() == LKV_EVENT_SEGMENT_START) {
            CHECK(event.pixel_type() == LKV_PIXEL_RGBA && event.width() == 16 && event.height() == 8);
        }
        if (event.type() == LKV_EVENT_FRAME) {
            CHECK(event.number() == kept.size());
            if (kept.empty()) receiver.notify_playback_started(event.segment());
            kept.push_back(event.frame());
        }
        if (event.type() == LKV_EVENT_SEGMENT_END) {
            CHECK(event.cause() == LKV_CAUSE_FLUSHED && event.frames() == 5 && event.frames_lost() == 0);
            receiver.notify_playback_finished(event.segment(), 166665);
        }
        if (event.type() == LKV_EVENT_NOTIFIED) {
            CHECK(event.answer() == LKV_ANSWER_OK);
            receiver.close();
        }
    }
    CHECK(started.get_future().get() == 1);
    CHECK(finished.get_future().get() == 166665);
    CHECK(thrown_by([&] { receiver.notify_playback_started(1); }) == LKV_ERROR_CLOSED);
    CHECK(agent.stats().events_dropped == 0);
    output.remove_listener(listener);
    CHECK(thrown_by([&] { output.remove_listener(listener); }) == LKV_ERROR_NOT_FOUND);

    player = {};
    agent = {};
    CHECK(kept.size() == 5);
    for (std::size_t i = 0; i < kept.size(); i++) {
        const lkv::Frame copy = kept[i];
        CHECK(copy.width() == 16 && copy.height() == 8 && copy.type() == LKV_PIXEL_RGBA);
        CHECK(copy.size() == 512 && copy.data()[511] == i && copy.segment() == 1 && copy.number() == i);
        CHECK(copy.info().pts_us == static_cast<std::int64_t>(i) * 33333);
        CHECK(copy.data() == kept[i].data()); // the same picture
    }
    lkv::Frame moved = std::move(kept[0]);
    CHECK(moved && !kept[0]);
    moved = kept[1];
    CHECK(moved.get() == kept[1].get());
}

void video_by_callback() {
    lkv::Room player = join("callback", "player");
    auto frames = std::make_shared<int>(0);
    std::promise<std::uint64_t> ended;
    lkv::ReceiverOptions options;
    options.sender = "agent";
    options.label = "front";
    options.on_event = [frames, &ended](const lkv::Event &event) {
        if (event.type() == LKV_EVENT_FRAME) ++*frames;
        if (event.type() == LKV_EVENT_SEGMENT_END) ended.set_value(event.frames());
    };
    lkv::Receiver receiver(player, options);
    options = {};
    lkv::Room agent = join("callback", "agent");
    lkv::OutputOptions labelled;
    labelled.label = "front";
    lkv::Output output(agent, "player", labelled);
    CHECK(receiver.wait_sender(soon_ms));
    send_segment(output, 3);
    CHECK(ended.get_future().get() == 3 && *frames == 3);
    CHECK(receiver.stats().frames_delivered == 3);
    CHECK(output.wait_sent(soon_ms) && output.stats().frames_sent == 3);
    CHECK(frames.use_count() == 2);
    receiver = {};
    CHECK(frames.use_count() == 1); // the function is destroyed with its receiver
}

void lent_pixels_come_back() {
    lkv::Room player = join("lent", "player");
    lkv::Receiver receiver(player);
    lkv::Room agent = join("lent", "agent");
    lkv::Output output(agent, "player");
    const auto data = pixels(7);
    std::promise<void> released;
    CHECK(output.send_owned(lkv::packed(LKV_PIXEL_RGBA, 16, 8, data.data()), [&] { released.set_value(); }, soon_ms));
    released.get_future().get();
    output.clear_buffer();
    while (auto event = receiver.next(soon_ms)) {
        if (event->type() == LKV_EVENT_CLEARED) break;
    }
    CHECK(!receiver.next(0) || receiver.stats().segments_ended == 1);
}

void rooms_talk() {
    lkv::Room answerer = join("talk", "answerer");
    answerer.register_rpc_method("echo", [](lkv::RpcInvocation invocation, std::string_view caller,
                                            std::string_view payload) {
        invocation.answer(std::string(caller) + ": " + std::string(payload));
    });
    answerer.register_rpc_method("forget", [](lkv::RpcInvocation, std::string_view, std::string_view) {});
    std::promise<std::string> message;
    lkv::RoomOptions options;
    options.on_event = [&](const lkv::RoomEvent &event) {
        if (event.type() == LKV_ROOM_EVENT_DATA) {
            message.set_value(std::string(reinterpret_cast<const char *>(event.data()), event.size()));
        }
    };
    lkv::Room caller = join("talk", "caller", options);
    CHECK(caller.wait_participant("answerer", soon_ms) && answerer.wait_participant("caller", soon_ms));
    CHECK(caller.identity() == "caller" && caller.name() == "talk" && caller.state() == LKV_ROOM_CONNECTED);
    CHECK(caller.participants().size() == 1 && caller.participants()[0].identity == "answerer");

    std::promise<std::string> answer;
    caller.perform_rpc("answerer", "echo", "hello", soon_ms, [&](const lkv::RpcResult &result) {
        CHECK(result.result == LKV_OK);
        answer.set_value(std::string(result.payload));
    });
    CHECK(answer.get_future().get() == "caller: hello");
    std::promise<std::uint32_t> code;
    caller.perform_rpc("answerer", "forget", "", soon_ms, [&](const lkv::RpcResult &result) {
        CHECK(result.result == LKV_ERROR_RPC);
        code.set_value(result.code);
    });
    CHECK(code.get_future().get() == 1500);
    answerer.unregister_rpc_method("echo");

    answerer.send_data("ping", "topic", "caller");
    CHECK(message.get_future().get() == "ping");
    std::optional<lkv::RoomEvent> event = answerer.next_event(0);
    while (event && event->type() != LKV_ROOM_EVENT_PARTICIPANT_JOINED) event = answerer.next_event(soon_ms);
    CHECK(event && event->identity() == "caller");
}

void errors_are_thrown_or_noted() {
    CHECK(thrown_by([] { lkv::Room("nonsense"); }) == LKV_ERROR_URL);
    lkv::Status status;
    lkv::Room none("nonsense", {}, {}, status);
    CHECK(!none && !status && status.result() == LKV_ERROR_URL && !status.message().empty());
    CHECK(thrown_by([&] { none.wait_connected(0); }) == LKV_ERROR_INVALID_ARGUMENT);
    CHECK(thrown_by([] { lkv::Output(lkv::Room("loopback:errors"), ""); }) == LKV_ERROR_INVALID_ARGUMENT);

    lkv::Room room = join("errors", "agent");
    lkv::OutputOptions options;
    options.queue_frames = 1;
    lkv::Output output(room, "nobody", options);
    const auto data = pixels(0);
    const auto frame = lkv::packed(LKV_PIXEL_RGBA, 16, 8, data.data());
    CHECK(output.send(frame, 0));
    CHECK(!output.send(frame, 0)); // full: no error, but not sent
    CHECK(!output.send(frame, 0, status) && status.result() == LKV_ERROR_TIMEOUT);
    CHECK(!output.next(0));
    output.close();
    CHECK(thrown_by([&] { output.send(frame, 0); }) == LKV_ERROR_CLOSED);
    output.flush(status);
    CHECK(status.result() == LKV_ERROR_CLOSED && std::strcmp(status.name(), "LKV_ERROR_CLOSED") == 0);

    lkv::TokenOptions token;
    token.api_key = "devkey";
    token.api_secret = "secret";
    token.identity = std::string(400, 'x'); // longer than the first buffer
    token.room = "studio";
    CHECK(lkv::token(token).size() > 400);
    token.room.clear();
    CHECK(thrown_by([&] { lkv::token(token); }) == LKV_ERROR_INVALID_ARGUMENT);
    lkv::set_log(LKV_LOG_ERROR, [](lkv_log_level, std::string_view, std::string_view) {});
    lkv::set_log(LKV_LOG_OFF, {});
}

static_assert(std::is_move_constructible_v<lkv::Room> && !std::is_copy_constructible_v<lkv::Room>);
static_assert(std::is_nothrow_move_assignable_v<lkv::Receiver> && !std::is_copy_constructible_v<lkv::Receiver>);
static_assert(std::is_move_constructible_v<lkv::Output> && !std::is_copy_constructible_v<lkv::Output>);
static_assert(std::is_copy_constructible_v<lkv::Frame> && !std::is_copy_constructible_v<lkv::Event>);

} // namespace

int main() {
    video_by_range();
    video_by_callback();
    lent_pixels_come_back();
    rooms_talk();
    errors_are_thrown_or_noted();
}
