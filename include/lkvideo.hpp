// SPDX-License-Identifier: Apache-2.0
//
// lkvideo for C++17: the objects of lkvideo.h as classes, in a header alone. What a function does, its threads and its
// errors are said there; here is only how C++ holds it.
//
// Handles (Room, Receiver, Output, RpcInvocation) are moved, not copied, and destroy what they hold. A Frame is counted:
// a copy retains it. Functions given as callbacks live as long as the library may call them.
//
// Errors. Every function that can fail takes an OnError last. Left out, a failure throws lkv::Error; given a Status, it is
// noted there and nothing is thrown. Built without exceptions, a failure that no Status takes ends the program.
// A callback must not throw: that ends the program too.
#ifndef LKVIDEO_HPP
#define LKVIDEO_HPP

#include <lkvideo.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lkv {

/// How a call went: a result and, if it failed, its text.
class Status {
public:
    Status() = default;
    /// A result of the calling thread's last call, with its text.
    explicit Status(lkv_result result) : result_(result) {
        if (result == LKV_OK) return;
        std::size_t needed = 0;
        lkv_last_error_message(nullptr, 0, &needed);
        message_.resize(needed);
        lkv_last_error_message(message_.data(), message_.size(), nullptr);
        if (!message_.empty()) message_.pop_back(); // the NUL
    }

    lkv_result result() const { return result_; }
    /// As in "LKV_ERROR_TIMEOUT".
    const char *name() const { return lkv_result_name(result_); }
    const std::string &message() const { return message_; }
    bool ok() const { return result_ == LKV_OK; }
    explicit operator bool() const { return ok(); }

private:
    lkv_result result_ = LKV_OK;
    std::string message_;
};

/// What is thrown.
class Error : public std::exception {
public:
    explicit Error(const Status &status) : result_(status.result()) {
        text_ = std::string(status.name()) + ": " + status.message();
    }

    lkv_result result() const { return result_; }
    const char *what() const noexcept override { return text_.c_str(); }

private:
    lkv_result result_;
    std::string text_;
};

/// Where a failure goes: into a Status, or up as an Error.
class OnError {
public:
    OnError() = default;
    OnError(Status &status) : status_(&status) {} // meant to convert

    /// True if the call succeeded.
    bool check(lkv_result result) const {
        if (status_) {
            *status_ = Status(result);
        } else if (result != LKV_OK) {
            fail(Status(result));
        }
        return result == LKV_OK;
    }

    /// The same for calls where a time-out is no failure, but false.
    bool check_patiently(lkv_result result) const {
        if (result == LKV_ERROR_TIMEOUT && !status_) return false;
        return check(result);
    }

private:
    [[noreturn]] static void fail(const Status &status) {
#if defined(__cpp_exceptions) || defined(_CPPUNWIND)
        throw Error(status);
#else
        std::fprintf(stderr, "lkvideo: %s\n", Error(status).what());
        std::abort();
#endif
    }

    Status *status_ = nullptr;
};

namespace detail {

inline const char *or_null(const std::string &text) { return text.empty() ? nullptr : text.c_str(); }

inline std::string_view view(const char *text) { return text ? std::string_view(text) : std::string_view(); }

/// Calls a function that copies text into a buffer, until the buffer is large enough.
template <typename Copy> std::string copy_out(Copy copy, OnError on_error) {
    std::string text(256, '\0');
    std::size_t needed = 0;
    lkv_result result = copy(text.data(), text.size(), &needed);
    while (result == LKV_ERROR_BUFFER_TOO_SMALL) {
        text.resize(needed);
        result = copy(text.data(), text.size(), &needed);
    }
    text.resize(on_error.check(result) ? needed - 1 : 0);
    return text;
}

/// A std::function as user_data and the functions that C calls with it.
template <typename... Arguments> struct Bridge {
    using Function = std::function<void(Arguments...)>;

    static void *give(Function function) { return new Function(std::move(function)); }
    static void call(void *user_data, Arguments... arguments) noexcept {
        (*static_cast<Function *>(user_data))(std::forward<Arguments>(arguments)...);
    }
    static void destroy(void *user_data) noexcept { delete static_cast<Function *>(user_data); }
};

/// Fills the callbacks of a C struct whose function takes a `const Raw *`, which the C++ function sees as a `const View &`.
template <typename View, typename Raw, typename Callbacks>
void bridge_events(Callbacks &callbacks, std::function<void(const View &)> function) {
    using To = Bridge<const View &>;
    callbacks.on_event = [](const Raw *raw, void *user_data) { To::call(user_data, View::borrow(*raw)); };
    callbacks.user_data = To::give(std::move(function));
    callbacks.destroy = To::destroy;
}

template <typename T, void (*destroy)(T *)> struct Destroy {
    void operator()(T *handle) const { destroy(handle); }
};

template <typename T, void (*destroy)(T *)> using Handle = std::unique_ptr<T, Destroy<T, destroy>>;

} // namespace detail

/// One picture: immutable, counted. A copy is the same picture.
class Frame {
public:
    Frame() = default;
    /// Keeps a frame of the C interface.
    explicit Frame(const lkv_frame *frame) : frame_(lkv_frame_retain(frame)) {
        if (frame_) lkv_frame_get_info(frame_, &info_);
    }
    Frame(const Frame &other) : frame_(lkv_frame_retain(other.frame_)), info_(other.info_) {}
    Frame(Frame &&other) noexcept : frame_(std::exchange(other.frame_, nullptr)), info_(other.info_) {}
    Frame &operator=(Frame other) noexcept {
        std::swap(frame_, other.frame_);
        std::swap(info_, other.info_);
        return *this;
    }
    ~Frame() { lkv_frame_release(frame_); }

    explicit operator bool() const { return frame_ != nullptr; }
    const lkv_frame *get() const { return frame_; }

    /// Everything about it; good as long as the frame is held.
    const lkv_frame_info &info() const { return info_; }
    lkv_pixel type() const { return info_.type; }
    std::uint32_t width() const { return info_.width; }
    std::uint32_t height() const { return info_.height; }
    std::uint64_t segment() const { return info_.segment; }
    std::uint64_t number() const { return info_.number; }
    /// All planes, tightly packed.
    const std::uint8_t *data() const { return info_.data; }
    std::size_t size() const { return info_.size; }

private:
    const lkv_frame *frame_ = nullptr;
    lkv_frame_info info_ = LKV_FRAME_INFO_INIT;
};

/// What a receiver or an output has to tell: see lkv_event.
class Event {
public:
    Event() = default;
    Event(Event &&other) noexcept : raw_(std::exchange(other.raw_, empty())), borrowed_(other.borrowed_) {}
    Event &operator=(Event &&other) noexcept {
        std::swap(raw_, other.raw_);
        std::swap(borrowed_, other.borrowed_);
        return *this;
    }
    ~Event() { clear(); }

    /// An event of a C callback, for as long as that lasts.
    static Event borrow(const lkv_event &raw) {
        Event event;
        event.raw_ = raw;
        event.borrowed_ = true;
        return event;
    }

    lkv_event_type type() const { return raw_.type; }
    std::uint64_t segment() const { return raw_.segment; }
    std::uint64_t number() const { return raw_.number; }
    std::uint64_t frames() const { return raw_.frames; }
    std::uint64_t frames_lost() const { return raw_.frames_lost; }
    std::int64_t position_us() const { return raw_.position_us; }
    lkv_segment_cause cause() const { return raw_.cause; }
    lkv_answer answer() const { return raw_.answer; }
    lkv_result error() const { return raw_.error; }
    bool interrupted() const { return raw_.interrupted != 0; }
    bool made_up() const { return raw_.made_up != 0; }
    lkv_pixel pixel_type() const { return raw_.pixel_type; }
    std::uint32_t width() const { return raw_.width; }
    std::uint32_t height() const { return raw_.height; }
    /// Good as long as the event.
    std::string_view message() const { return detail::view(raw_.message); }
    /// The frame, which outlives the event.
    Frame frame() const { return Frame(raw_.frame); }

    /// Lets go of what it holds, and gives the C struct to be filled.
    lkv_event *reset() {
        clear();
        return &raw_;
    }

private:
    static lkv_event empty() { return LKV_EVENT_INIT; }
    void clear() {
        if (!borrowed_) lkv_event_clear(&raw_);
        raw_ = empty();
        borrowed_ = false;
    }

    lkv_event raw_ = empty();
    bool borrowed_ = false;
};

/// What a room has to tell: see lkv_room_event.
class RoomEvent {
public:
    RoomEvent() = default;
    RoomEvent(RoomEvent &&other) noexcept : raw_(std::exchange(other.raw_, empty())), borrowed_(other.borrowed_) {}
    RoomEvent &operator=(RoomEvent &&other) noexcept {
        std::swap(raw_, other.raw_);
        std::swap(borrowed_, other.borrowed_);
        return *this;
    }
    ~RoomEvent() { clear(); }

    /// An event of a C callback, for as long as that lasts.
    static RoomEvent borrow(const lkv_room_event &raw) {
        RoomEvent event;
        event.raw_ = raw;
        event.borrowed_ = true;
        return event;
    }

    lkv_room_event_type type() const { return raw_.type; }
    lkv_room_state state() const { return raw_.state; }
    lkv_disconnect_reason reason() const { return raw_.reason; }
    lkv_result error() const { return raw_.error; }
    lkv_participant_kind kind() const { return raw_.kind; }
    bool reliable() const { return raw_.reliable != 0; }
    /// Good as long as the event, as are the next three.
    std::string_view message() const { return detail::view(raw_.message); }
    std::string_view identity() const { return detail::view(raw_.identity); }
    std::string_view topic() const { return detail::view(raw_.topic); }
    const std::uint8_t *data() const { return raw_.data; }
    std::size_t size() const { return raw_.size; }

    /// Lets go of what it holds, and gives the C struct to be filled.
    lkv_room_event *reset() {
        clear();
        return &raw_;
    }

private:
    static lkv_room_event empty() { return LKV_ROOM_EVENT_INIT; }
    void clear() {
        if (!borrowed_) lkv_room_event_clear(&raw_);
        raw_ = empty();
        borrowed_ = false;
    }

    lkv_room_event raw_ = empty();
    bool borrowed_ = false;
};

/// A remote participant.
struct Participant {
    std::string identity;
    std::string name;
    std::string metadata;
    lkv_participant_kind kind = LKV_KIND_STANDARD;
};

/// How a remote call of ours went; the text is the answer, or the error's, and good for the time of the callback.
struct RpcResult {
    lkv_result result;
    std::uint32_t code;
    std::string_view payload;
};

/// A remote call that waits for its answer. Destroyed unanswered, it tells the caller that it failed.
class RpcInvocation {
public:
    explicit RpcInvocation(lkv_rpc_invocation *invocation) : handle_(invocation) {}

    void answer(const std::string &payload, OnError on_error = {}) {
        on_error.check(lkv_rpc_invocation_answer(handle_.release(), payload.c_str()));
    }
    void fail(std::uint32_t code, const std::string &message, OnError on_error = {}) {
        on_error.check(lkv_rpc_invocation_fail(handle_.release(), code, message.c_str()));
    }

private:
    static void abandon(lkv_rpc_invocation *invocation) {
        constexpr std::uint32_t application_error = 1500; // LiveKit's
        lkv_rpc_invocation_fail(invocation, application_error, "unanswered");
    }
    detail::Handle<lkv_rpc_invocation, abandon> handle_;
};

/// How to connect: see lkv_room_options.
struct RoomOptions {
    std::uint32_t connect_timeout_ms = 0;
    std::string ca_file;
    std::string ca_pem;
    bool dual_peer_connection = false;
    /// Empty: events are pulled with Room::next_event. It may be called before the constructor of the room returns.
    std::function<void(const RoomEvent &)> on_event;
};

/// One participant of ours in one room.
class Room {
public:
    /// No room, to be assigned to.
    Room() = default;

    /// Starts to connect: wait_connected waits.
    explicit Room(const std::string &url, const std::string &token = {}, const RoomOptions &options = {},
                  OnError on_error = {}) {
        lkv_room_callbacks callbacks = LKV_ROOM_CALLBACKS_INIT;
        lkv_room_options raw = LKV_ROOM_OPTIONS_INIT;
        raw.connect_timeout_ms = options.connect_timeout_ms;
        raw.ca_file = detail::or_null(options.ca_file);
        raw.ca_pem = detail::or_null(options.ca_pem);
        raw.ca_pem_size = options.ca_pem.size();
        raw.dual_peer_connection = options.dual_peer_connection;
        if (options.on_event) {
            detail::bridge_events<RoomEvent, lkv_room_event>(callbacks, options.on_event);
            raw.callbacks = &callbacks;
        }
        lkv_room *room = nullptr;
        on_error.check(lkv_room_connect(url.c_str(), detail::or_null(token), &raw, &room));
        handle_.reset(room);
    }

    explicit operator bool() const { return handle_ != nullptr; }
    lkv_room *get() const { return handle_.get(); }

    /// False if the time-out passed.
    bool wait_connected(std::int32_t timeout_ms = LKV_FOREVER, OnError on_error = {}) {
        return on_error.check_patiently(lkv_room_wait_connected(get(), timeout_ms));
    }
    /// False if the time-out passed.
    bool wait_participant(const std::string &identity, std::int32_t timeout_ms = LKV_FOREVER, OnError on_error = {}) {
        return on_error.check_patiently(lkv_room_wait_participant(get(), identity.c_str(), timeout_ms));
    }

    lkv_room_state state() const {
        lkv_room_state state = LKV_ROOM_DISCONNECTED;
        lkv_room_get_state(get(), &state, nullptr);
        return state;
    }
    lkv_disconnect_reason disconnect_reason() const {
        lkv_disconnect_reason reason = LKV_DISCONNECT_NONE;
        lkv_room_get_state(get(), nullptr, &reason);
        return reason;
    }
    std::string identity(OnError on_error = {}) const {
        auto copy = [this](char *buf, std::size_t cap, std::size_t *needed) {
            return lkv_room_identity(get(), buf, cap, needed);
        };
        return detail::copy_out(copy, on_error);
    }
    std::string name(OnError on_error = {}) const {
        auto copy = [this](char *buf, std::size_t cap, std::size_t *needed) {
            return lkv_room_name(get(), buf, cap, needed);
        };
        return detail::copy_out(copy, on_error);
    }
    std::vector<Participant> participants(OnError on_error = {}) const {
        std::vector<Participant> all;
        auto each = [](const lkv_participant *one, void *user_data) {
            auto &list = *static_cast<std::vector<Participant> *>(user_data);
            list.push_back({one->identity, one->name, one->metadata, one->kind});
        };
        on_error.check(lkv_room_for_each_participant(get(), each, &all));
        return all;
    }

    /// The next event of a room without on_event; nothing if the time-out passed.
    std::optional<RoomEvent> next_event(std::int32_t timeout_ms = LKV_FOREVER, OnError on_error = {}) {
        RoomEvent event;
        if (!on_error.check_patiently(lkv_room_next_event(get(), timeout_ms, event.reset()))) return std::nullopt;
        return event;
    }

    void perform_rpc(const std::string &destination, const std::string &method, const std::string &payload,
                     std::int32_t timeout_ms, std::function<void(const RpcResult &)> on_result, OnError on_error = {}) {
        using To = detail::Bridge<const RpcResult &>;
        lkv_rpc_callbacks callbacks = LKV_RPC_CALLBACKS_INIT;
        callbacks.on_result = [](const lkv_rpc_result *raw, void *user_data) {
            To::call(user_data, RpcResult{raw->result, raw->rpc_code, detail::view(raw->payload)});
        };
        callbacks.user_data = To::give(std::move(on_result));
        callbacks.destroy = To::destroy;
        on_error.check(lkv_room_perform_rpc(get(), destination.c_str(), method.c_str(), payload.c_str(), timeout_ms,
                                            &callbacks));
    }

    /// The handler gets the invocation, the caller's identity and the payload; the texts are good for the call.
    using RpcHandler = std::function<void(RpcInvocation, std::string_view, std::string_view)>;

    void register_rpc_method(const std::string &method, RpcHandler handler, OnError on_error = {}) {
        using To = detail::Bridge<RpcInvocation, std::string_view, std::string_view>;
        lkv_rpc_method raw = LKV_RPC_METHOD_INIT;
        raw.on_invocation = [](lkv_rpc_invocation *invocation, const char *caller, const char *payload,
                               void *user_data) { To::call(user_data, RpcInvocation(invocation), caller, payload); };
        raw.user_data = To::give(std::move(handler));
        raw.destroy = To::destroy;
        on_error.check(lkv_room_register_rpc_method(get(), method.c_str(), &raw));
    }
    void unregister_rpc_method(const std::string &method, OnError on_error = {}) {
        on_error.check(lkv_room_unregister_rpc_method(get(), method.c_str()));
    }

    /// An empty destination is everyone.
    void send_data(std::string_view data, const std::string &topic = {}, const std::string &destination = {},
                   bool reliable = true, OnError on_error = {}) {
        auto bytes = reinterpret_cast<const std::uint8_t *>(data.data());
        on_error.check(lkv_room_send_data(get(), bytes, data.size(), topic.c_str(), detail::or_null(destination),
                                          reliable));
    }

    lkv_room_stats stats(OnError on_error = {}) const {
        lkv_room_stats stats = LKV_ROOM_STATS_INIT;
        on_error.check(lkv_room_get_stats(get(), &stats));
        return stats;
    }

    void close() {
        if (handle_) lkv_room_close(get());
    }

private:
    detail::Handle<lkv_room, lkv_room_destroy> handle_;
};

/// How to receive: see lkv_receiver_options.
struct ReceiverOptions {
    /// Empty: the first participant of kind LKV_KIND_AGENT.
    std::string sender;
    lkv_queue_policy policy = LKV_POLICY_BLOCK;
    std::uint32_t queue_frames = 0;
    std::uint32_t idle_timeout_ms = 0;
    std::uint64_t queue_bytes = 0;
    std::uint64_t max_frame_bytes = 0;
    /// Which of the sender's outputs; empty: the one without a label.
    std::string label;
    /// Empty: events are pulled with Receiver::next or `for (auto &event : receiver)`. It may be called before the
    /// constructor of the receiver returns.
    std::function<void(const Event &)> on_event;
};

/// The video of one sender.
class Receiver {
public:
    class Iterator;

    /// No receiver, to be assigned to.
    Receiver() = default;

    explicit Receiver(const Room &room, const ReceiverOptions &options = {}, OnError on_error = {}) {
        lkv_receiver_callbacks callbacks = LKV_RECEIVER_CALLBACKS_INIT;
        lkv_receiver_options raw = LKV_RECEIVER_OPTIONS_INIT;
        raw.sender = detail::or_null(options.sender);
        raw.policy = options.policy;
        raw.queue_frames = options.queue_frames;
        raw.idle_timeout_ms = options.idle_timeout_ms;
        raw.queue_bytes = options.queue_bytes;
        raw.max_frame_bytes = options.max_frame_bytes;
        raw.label = detail::or_null(options.label);
        if (options.on_event) {
            detail::bridge_events<Event, lkv_event>(callbacks, options.on_event);
            raw.callbacks = &callbacks;
        }
        lkv_receiver *receiver = nullptr;
        on_error.check(lkv_receiver_create(room.get(), &raw, &receiver));
        handle_.reset(receiver);
    }

    explicit operator bool() const { return handle_ != nullptr; }
    lkv_receiver *get() const { return handle_.get(); }

    /// False if the time-out passed.
    bool wait_sender(std::int32_t timeout_ms = LKV_FOREVER, OnError on_error = {}) {
        return on_error.check_patiently(lkv_receiver_wait_sender(get(), timeout_ms));
    }

    /// The next event of a receiver without on_event; nothing if the time-out passed.
    std::optional<Event> next(std::int32_t timeout_ms = LKV_FOREVER, OnError on_error = {}) {
        Event event;
        if (!on_error.check_patiently(lkv_receiver_next(get(), timeout_ms, event.reset()))) return std::nullopt;
        return event;
    }

    /// Events until the receiver is closed: `for (auto &event : receiver)`.
    Iterator begin();
    Iterator end();

    /// Segment 0 is the oldest that was not told about yet.
    void notify_playback_finished(std::uint64_t segment, std::int64_t position_us, bool interrupted = false,
                                  OnError on_error = {}) {
        on_error.check(lkv_receiver_notify_playback_finished(get(), segment, position_us, interrupted));
    }

    /// To be called when the segment's first frame is shown. Segment 0 is the one whose start was taken last.
    void notify_playback_started(std::uint64_t segment, OnError on_error = {}) {
        on_error.check(lkv_receiver_notify_playback_started(get(), segment));
    }

    lkv_receiver_stats stats(OnError on_error = {}) const {
        lkv_receiver_stats stats = LKV_RECEIVER_STATS_INIT;
        on_error.check(lkv_receiver_get_stats(get(), &stats));
        return stats;
    }

    void close() {
        if (handle_) lkv_receiver_close(get());
    }

private:
    detail::Handle<lkv_receiver, lkv_receiver_destroy> handle_;
};

/// Pulls one event after the other; the event is the iterator's until the next step.
class Receiver::Iterator {
public:
    explicit Iterator(Receiver *receiver) : receiver_(receiver) {
        if (receiver_) ++*this;
    }

    Event &operator*() { return event_; }
    Event *operator->() { return &event_; }
    Iterator &operator++() {
        const lkv_result result = lkv_receiver_next(receiver_->get(), LKV_FOREVER, event_.reset());
        if (result == LKV_ERROR_CLOSED || !OnError().check(result)) receiver_ = nullptr;
        return *this;
    }
    /// Only the end is equal to the end.
    bool operator!=(const Iterator &other) const { return receiver_ != other.receiver_; }
    bool operator==(const Iterator &other) const { return receiver_ == other.receiver_; }

private:
    Receiver *receiver_;
    Event event_;
};

inline Receiver::Iterator Receiver::begin() { return Iterator(this); }
inline Receiver::Iterator Receiver::end() { return Iterator(nullptr); }

/// Describes pixels that lie tightly packed at `data`: lkv_frame_size bytes.
inline lkv_frame_desc packed(lkv_pixel type, std::uint32_t width, std::uint32_t height, const std::uint8_t *data,
                             std::int64_t pts_us = LKV_NO_PTS, OnError on_error = {}) {
    lkv_frame_desc desc = LKV_FRAME_DESC_INIT;
    desc.pts_us = pts_us;
    on_error.check(lkv_frame_desc_packed(&desc, type, width, height, data));
    return desc;
}

/// Bytes of a tightly packed frame.
inline std::size_t frame_size(lkv_pixel type, std::uint32_t width, std::uint32_t height, OnError on_error = {}) {
    std::size_t size = 0;
    on_error.check(lkv_frame_size(type, width, height, &size));
    return size;
}

/// How to send: see lkv_output_options.
struct OutputOptions {
    lkv_queue_policy policy = LKV_POLICY_BLOCK;
    std::uint32_t queue_frames = 0;
    std::uint64_t queue_bytes = 0;
    std::uint64_t max_frame_bytes = 0;
    std::int64_t queue_us = 0;
    std::int64_t max_age_us = 0;
    /// Tells several outputs to one destination apart.
    std::string label;
};

/// Video to one destination.
class Output {
public:
    /// No output, to be assigned to.
    Output() = default;

    Output(const Room &room, const std::string &destination, const OutputOptions &options = {}, OnError on_error = {}) {
        lkv_output_options raw = LKV_OUTPUT_OPTIONS_INIT;
        raw.policy = options.policy;
        raw.queue_frames = options.queue_frames;
        raw.queue_bytes = options.queue_bytes;
        raw.max_frame_bytes = options.max_frame_bytes;
        raw.queue_us = options.queue_us;
        raw.max_age_us = options.max_age_us;
        raw.label = detail::or_null(options.label);
        lkv_output *output = nullptr;
        on_error.check(lkv_output_create(room.get(), destination.c_str(), &raw, &output));
        handle_.reset(output);
    }

    explicit operator bool() const { return handle_ != nullptr; }
    lkv_output *get() const { return handle_.get(); }

    /// Sends a copy. False if the queue stayed full.
    bool send(const lkv_frame_desc &frame, std::int32_t timeout_ms = LKV_FOREVER, OnError on_error = {}) {
        return on_error.check_patiently(lkv_output_send_frame(get(), &frame, timeout_ms));
    }

    /// Sends without a copy, if the frame is tightly packed: the pixels are the library's until `release` is called, once,
    /// on any thread; functions that do not wait may be called inside. False if the queue stayed full.
    bool send_owned(const lkv_frame_desc &frame, std::function<void()> release, std::int32_t timeout_ms = LKV_FOREVER,
                    OnError on_error = {}) {
        using To = detail::Bridge<>;
        auto once = [](void *user_data) {
            To::call(user_data);
            To::destroy(user_data);
        };
        void *user_data = To::give(std::move(release));
        return on_error.check_patiently(lkv_output_send_frame_owned(get(), &frame, timeout_ms, once, user_data));
    }

    void flush(OnError on_error = {}) { on_error.check(lkv_output_flush(get())); }

    /// False if the time-out passed.
    bool wait_sent(std::int32_t timeout_ms = LKV_FOREVER, OnError on_error = {}) {
        return on_error.check_patiently(lkv_output_wait_sent(get(), timeout_ms));
    }

    void clear_buffer(OnError on_error = {}) { on_error.check(lkv_output_clear_buffer(get())); }

    /// Adds a function for playback-started, playback-finished and error events; gives the number that removes it.
    std::uint64_t on_playback_finished(std::function<void(const Event &)> function, OnError on_error = {}) {
        lkv_playback_listener listener = LKV_PLAYBACK_LISTENER_INIT;
        detail::bridge_events<Event, lkv_event>(listener, std::move(function));
        std::uint64_t id = 0;
        on_error.check(lkv_output_add_playback_finished_listener(get(), &listener, &id));
        return id;
    }
    void remove_listener(std::uint64_t id, OnError on_error = {}) {
        on_error.check(lkv_output_remove_playback_finished_listener(get(), id));
    }

    /// The next event of an output without listeners; nothing if the time-out passed.
    std::optional<Event> next(std::int32_t timeout_ms = LKV_FOREVER, OnError on_error = {}) {
        Event event;
        if (!on_error.check_patiently(lkv_output_next(get(), timeout_ms, event.reset()))) return std::nullopt;
        return event;
    }

    lkv_output_stats stats(OnError on_error = {}) const {
        lkv_output_stats stats = LKV_OUTPUT_STATS_INIT;
        on_error.check(lkv_output_get_stats(get(), &stats));
        return stats;
    }

    void close() {
        if (handle_) lkv_output_close(get());
    }

private:
    detail::Handle<lkv_output, lkv_output_destroy> handle_;
};

/// What a token says: see lkv_token_options.
struct TokenOptions {
    std::string api_key;
    std::string api_secret;
    std::string identity;
    std::string room;
    std::string name;
    std::string metadata;
    lkv_participant_kind kind = LKV_KIND_STANDARD;
    std::uint32_t ttl_seconds = 0;
};

/// Makes an access token, for tests and demos.
inline std::string token(const TokenOptions &options, OnError on_error = {}) {
    lkv_token_options raw = LKV_TOKEN_OPTIONS_INIT;
    raw.kind = options.kind;
    raw.api_key = options.api_key.c_str();
    raw.api_secret = options.api_secret.c_str();
    raw.identity = options.identity.c_str();
    raw.room = options.room.c_str();
    raw.name = detail::or_null(options.name);
    raw.metadata = detail::or_null(options.metadata);
    raw.ttl_seconds = options.ttl_seconds;
    auto copy = [&raw](char *buf, std::size_t cap, std::size_t *needed) {
        return lkv_token_create(&raw, buf, cap, needed);
    };
    return detail::copy_out(copy, on_error);
}

/// Where the log goes; an empty function turns it off. It is called on any thread, also on several at once.
inline void set_log(lkv_log_level level, std::function<void(lkv_log_level, std::string_view, std::string_view)> function,
                    OnError on_error = {}) {
    using To = detail::Bridge<lkv_log_level, std::string_view, std::string_view>;
    if (!function) {
        on_error.check(lkv_set_log_callback(LKV_LOG_OFF, nullptr, nullptr, nullptr));
        return;
    }
    auto call = [](lkv_log_level at, const char *target, const char *message, void *user_data) {
        To::call(user_data, at, target, message);
    };
    on_error.check(lkv_set_log_callback(level, call, To::give(std::move(function)), To::destroy));
}

} // namespace lkv

#endif // LKVIDEO_HPP
