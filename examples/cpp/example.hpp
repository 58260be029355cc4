// SPDX-License-Identifier: Apache-2.0
//
// What the C++ examples share: the C helpers of examples/common as objects, and the frame of a main function.
#ifndef EXAMPLES_EXAMPLE_HPP
#define EXAMPLES_EXAMPLE_HPP

#include "access.h"
#include "checksum.h"
#include "interrupt.h"
#include "options.h"
#include "report.h"
#include "sink.h"
#include "source.h"
#include "stats.h"
#include "timing.h"

#include <lkvideo.hpp>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <string>

namespace example {

// Something failed and was told on stderr already.
struct Told : std::exception {};

inline void must(bool done) {
    if (!done) throw Told();
}

// For calls whose time-out is a failure here; right after the call.
inline void in_time(bool done) {
    if (!done) throw lkv::Error(lkv::Status(LKV_ERROR_TIMEOUT));
}

// Pictures to send.
class Source {
public:
    explicit Source(const options &options) { must(source_open(&source_, &options)); }
    ~Source() { source_close(&source_); }
    Source(const Source &) = delete;
    Source &operator=(const Source &) = delete;

    const picture &next(unsigned segment, unsigned number) {
        const picture *picture = source_next(&source_, segment, number);
        must(picture != nullptr);
        return *picture;
    }

private:
    source source_;
};

// Where received pictures are saved.
class Sink {
public:
    explicit Sink(const options &options) { must(sink_open(&sink_, options.save, options_playback_fps(&options))); }
    ~Sink() { close(); }
    Sink(const Sink &) = delete;
    Sink &operator=(const Sink &) = delete;

    void save(const picture &picture) { sink_save(&sink_, &picture); }
    // False if anything could not be saved.
    bool close() { return sink_close(&sink_); }

private:
    sink sink_;
};

// Reports the counters of an object that outlives it.
class Stats {
public:
    explicit Stats(const lkv::Output &output) { must(stats_begin(&stats_, output.get(), nullptr)); }
    explicit Stats(const lkv::Receiver &receiver) { must(stats_begin(&stats_, nullptr, receiver.get())); }
    ~Stats() { stats_end(&stats_); }
    Stats(const Stats &) = delete;
    Stats &operator=(const Stats &) = delete;

private:
    stats stats_;
};

// Counts what happens on other threads, until it is closed because nothing more will.
class Counter {
public:
    void add() {
        const std::lock_guard<std::mutex> lock(mutex_);
        ++count_;
        changed_.notify_all();
    }
    void close() {
        const std::lock_guard<std::mutex> lock(mutex_);
        closed_ = true;
        changed_.notify_all();
    }
    // True if the count was reached in time.
    bool wait(std::uint64_t count, std::chrono::milliseconds limit) {
        std::unique_lock<std::mutex> lock(mutex_);
        changed_.wait_for(lock, limit, [&] { return count_ >= count || closed_; });
        return count_ >= count;
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::uint64_t count_ = 0;
    bool closed_ = false;
};

inline void report(const lkv::RoomEvent &event) {
    if (event.type() == LKV_ROOM_EVENT_STATE) report_room_state(event.state(), event.reason());
    if (event.type() == LKV_ROOM_EVENT_PARTICIPANT_JOINED) say("%s joined", event.identity().data());
    if (event.type() == LKV_ROOM_EVENT_PARTICIPANT_LEFT) say("%s left", event.identity().data());
}

// A room, connected as the command line says but for the URL. Its events are reported; Ctrl-C closes it, and so does
// the end of the scope, which waits for the last event.
class Connection {
public:
    // `on_end` is called when the room is disconnected for good.
    Connection(const options &options, const std::string &url, std::function<void()> on_end = [] {}) {
        const char *token;
        must(access_token(&options, &token));
        lkv::RoomOptions room_options;
        room_options.ca_file = options.ca_file ? options.ca_file : "";
        room_options.dual_peer_connection = options.dual_pc;
        room_options.on_event = [this, on_end](const lkv::RoomEvent &event) {
            report(event);
            if (event.type() != LKV_ROOM_EVENT_STATE || event.state() != LKV_ROOM_DISCONNECTED) return;
            on_end();
            ended_.close();
        };
        room_ = lkv::Room(url, token ? token : "", room_options);
        interrupt_calls(close_room, room_.get());
    }
    ~Connection() {
        interrupt_calls(nullptr, nullptr);
        room_.close();
        ended_.wait(1, std::chrono::seconds(2));
    }
    Connection(const Connection &) = delete;
    Connection &operator=(const Connection &) = delete;

    lkv::Room &room() { return room_; }

private:
    Counter ended_;
    lkv::Room room_; // destroyed first: its callback uses the counter
};

// A main function: `run` gets the options and says whether everything expected happened.
inline int run(program program, int argc, char **argv, bool (*run)(const options &)) {
    interrupt_begin();
    const options options = options_parse(program, argc, argv);
    bool done = false;
    try {
        must(report_open(options.events));
        access_log(&options);
        done = run(options);
    } catch (const lkv::Error &error) {
        report_error(error.result(), error.what());
    } catch (const Told &) {
    }
    report_close();
    interrupt_end();
    return done ? 0 : 1;
}

} // namespace example

#endif
