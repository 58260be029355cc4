/* SPDX-License-Identifier: Apache-2.0
 *
 * lkvideo: video frames over LiveKit data streams.
 *
 * Generated from src/ffi by `cargo xtask header`; do not edit. For C99 and later, C++11 and later; the calling convention
 * is cdecl. lkvideo.hpp wraps it for C++17.
 *
 * Results.   Functions return LKV_OK (0) or a negative LKV_ERROR_*; lkv_last_error_message then has the text, on the same
 *            thread. Outputs are written on success only (a size that is too small is answered with the one needed).
 *            What fails later comes in an event, with number and text.
 * Handles.   lkv_room, lkv_receiver and lkv_output are made by a function that gives them and freed by theirs *_destroy.
 *            *_close wakes every waiter and may be called from anywhere; *_destroy closes, waits for the callback under
 *            way and for threads inside a call, and frees. Inside any callback of the library, *_destroy returns at once
 *            and the rest happens afterwards. Destroying a room closes its receivers and outputs, which still want their
 *            own *_destroy. NULL is never an error there.
 * Frames.    lkv_frame is counted and immutable: lkv_frame_retain keeps one, lkv_frame_release gives it up, on any thread,
 *            also when the room is gone.
 * Structs.   Those that begin with struct_size are extensible: start with LKV_..._INIT or lkv_..._init, which fill it. 0
 *            and NULL are the defaults of options. Reserved fields are 0.
 * Strings.   NUL-terminated UTF-8. In: copied during the call. Out: copied into a buffer of yours, or borrowed for the time
 *            of a callback, or owned by an event until it is cleared.
 * Threads.   Every function may be called on any thread, several at once, unless it says otherwise.
 * Callbacks. Each object that has callbacks has one thread for them: in order, one at a time, never inside the call that
 *            registers them, with no lock held; a slow one delays its own object only. Inside a callback everything may
 *            be called; what would wait for the same object says LKV_ERROR_WOULD_DEADLOCK. user_data is the last argument;
 *            its destroy function runs exactly once, after the last call. Callbacks must not throw. What comes by callback
 *            can be pulled instead, with the *_next functions.
 * Time-outs. int32_t milliseconds: 0 tries only, LKV_FOREVER waits as long as it takes.
 */
#ifndef LKVIDEO_H
#define LKVIDEO_H


#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// The most planes that any pixel type has.
#define LKV_MAX_PLANES 4

/// The greatest width and the greatest height of a frame, in pixels.
#define LKV_MAX_DIMENSION 16384

/// `pts_us` of a frame whose presentation time is not known.
#define LKV_NO_PTS INT64_MIN

/// As `timeout_ms`: wait until it happens or the object is closed. 0 tries only; a positive number is milliseconds.
#define LKV_FOREVER -1

/// Version of this header, first number.
#define LKV_VERSION_MAJOR 0

/// Version of this header, second number. While the first is 0, a change here may break.
#define LKV_VERSION_MINOR 1

/// Version of this header, third number.
#define LKV_VERSION_PATCH 0

/// Version of this header in one: major * 10000 + minor * 100 + patch.
#define LKV_VERSION_NUMBER (((LKV_VERSION_MAJOR * 10000) + (LKV_VERSION_MINOR * 100)) + LKV_VERSION_PATCH)

/// Version of the binary interface of this header: programs and libraries of different ones do not fit.
#define LKV_ABI_VERSION 1

/// One picture: immutable and counted. Read it with lkv_frame_get_info.
typedef struct lkv_frame lkv_frame;

/// Sends video to one participant. Destroy it with lkv_output_destroy.
typedef struct lkv_output lkv_output;

/// Receives the video that one participant sends to us. Destroy it with lkv_receiver_destroy.
typedef struct lkv_receiver lkv_receiver;

/// A connection to one room as one participant; it carries any number of receivers and outputs. Destroy it with
/// lkv_room_destroy.
typedef struct lkv_room lkv_room;

/// A remote call that came in and waits for its answer.
typedef struct lkv_rpc_invocation lkv_rpc_invocation;

/// What a function says: LKV_OK or one of the negative LKV_ERROR_* numbers, which are stable and never reused.
typedef int32_t lkv_result;

/// What an event tells: LKV_EVENT_*.
typedef int32_t lkv_event_type;

/// Why a segment ended: LKV_CAUSE_*.
typedef int32_t lkv_segment_cause;

/// How the sender answered a playback-finished: LKV_ANSWER_*.
typedef int32_t lkv_answer;

/// How pixels are stored: LKV_PIXEL_*.
typedef int32_t lkv_pixel;

/// What a receiver or an output has to tell. Which fields count is said at each LKV_EVENT_*; the others are 0.
///
/// Start with LKV_EVENT_INIT. A pulled event owns its frame and message until lkv_event_clear, and is cleared before it is
/// used again. In a callback it is borrowed: retain the frame to keep it, copy the message.
typedef struct lkv_event {
    /// Set by the caller: sizeof(lkv_event).
    uint32_t struct_size;
    /// LKV_EVENT_*.
    lkv_event_type type;
    /// The segment, from 1; each receiver and each output counts its own.
    uint64_t segment;
    /// The frame's number in its segment, from 0. At a segment's end: as `frames`.
    uint64_t number;
    /// Whole frames of the segment that arrived, delivered or dropped by the queue's policy.
    uint64_t frames;
    /// The playback position, in microseconds.
    int64_t position_us;
    /// Why the segment ended: LKV_CAUSE_*.
    lkv_segment_cause cause;
    /// How the peer answered: LKV_ANSWER_*.
    lkv_answer answer;
    /// What went wrong.
    lkv_result error;
    /// 1 if playback stopped before the segment's end.
    uint8_t interrupted;
    /// 1 if the library made it up because the receiver's can no longer come; the position is the last one known.
    uint8_t made_up;
    /// 0.
    uint8_t reserved0[2];
    /// Pixel type of the segment's first frame: LKV_PIXEL_*.
    lkv_pixel pixel_type;
    /// Width of the segment's first frame, in pixels.
    uint32_t width;
    /// Height, in pixels.
    uint32_t height;
    /// 0.
    uint32_t reserved1;
    /// The frame, owned by the event.
    const struct lkv_frame *frame;
    /// Text, owned by the event; may be NULL.
    const char *message;
    /// The library's.
    void *reserved2;
    /// Frames of the segment that the sender has sent and that did not arrive whole, as far as is known; 0 where the sender
    /// speaks version 0 of the wire.
    uint64_t frames_lost;
} lkv_event;

/// One plane of a picture.
typedef struct lkv_plane {
    /// Its first row.
    const uint8_t *data;
    /// Bytes from row to row.
    size_t stride;
    /// Bytes of pixels in a row.
    uint32_t row_bytes;
    /// Number of rows.
    uint32_t rows;
} lkv_plane;

/// What a frame is and where its pixels are.
typedef struct lkv_frame_info {
    /// Set by the caller: sizeof(lkv_frame_info).
    uint32_t struct_size;
    /// How the pixels are stored: LKV_PIXEL_*.
    lkv_pixel type;
    /// Width in pixels.
    uint32_t width;
    /// Height in pixels.
    uint32_t height;
    /// How many of `planes` are used.
    uint32_t plane_count;
    /// Frames of the same segment that were lost directly before this one.
    uint32_t lost_before;
    /// The segment it belongs to, from 1.
    uint64_t segment;
    /// Its number in the segment, from 0.
    uint64_t number;
    /// Presentation time in the segment, in microseconds; LKV_NO_PTS if the sender gave none, or its version of the wire
    /// does not carry it.
    int64_t pts_us;
    /// All planes one after the other, rows tight; good as long as a reference to the frame is held.
    const uint8_t *data;
    /// Bytes of `data`.
    size_t size;
    /// The planes in `data`, in the order of the pixel type.
    struct lkv_plane planes[LKV_MAX_PLANES];
} lkv_frame_info;

/// A frame to send: where its pixels are. Only `data` and `stride` of each plane are needed; `row_bytes` and `rows` may be 0,
/// else they must be enough.
typedef struct lkv_frame_desc {
    /// sizeof(lkv_frame_desc).
    uint32_t struct_size;
    /// How the pixels are stored: LKV_PIXEL_*.
    lkv_pixel type;
    /// Width in pixels, 1 to LKV_MAX_DIMENSION.
    uint32_t width;
    /// Height in pixels, 1 to LKV_MAX_DIMENSION.
    uint32_t height;
    /// Planes of the pixel type.
    uint32_t plane_count;
    /// 0.
    uint32_t reserved0;
    /// Presentation time in the segment, in microseconds; LKV_NO_PTS, as by LKV_FRAME_DESC_INIT: none. 0 is a time.
    int64_t pts_us;
    /// The planes, in the order of the pixel type.
    struct lkv_plane planes[LKV_MAX_PLANES];
} lkv_frame_desc;

/// How much is logged; each level includes those before it. LKV_LOG_*.
typedef int32_t lkv_log_level;

/// Takes one record. `target` says which part of the library speaks; both strings are borrowed for the call. It is called on
/// any thread, also on several at once, and should be quick: the network may be waiting. What it does in the library is not
/// logged.
typedef void (*lkv_log_callback)(lkv_log_level level, const char *target, const char *message, void *user_data);

/// What happens to a frame that finds a queue full: LKV_POLICY_*.
typedef int32_t lkv_queue_policy;

/// How to send. 0 is the default.
typedef struct lkv_output_options {
    /// sizeof(lkv_output_options).
    uint32_t struct_size;
    /// What happens to a frame when the queue is full: LKV_POLICY_*.
    lkv_queue_policy policy;
    /// Frames the queue holds; 0: 8.
    uint32_t queue_frames;
    /// 0.
    uint32_t reserved0;
    /// Bytes of frames the queue holds; 0: 64 MiB.
    uint64_t queue_bytes;
    /// Larger frames are refused; 0: 64 MiB.
    uint64_t max_frame_bytes;
    /// The queue holds no more than the transport takes in this time, microseconds, going by the frames before, but always
    /// one frame; 0: 50 ms. LKV_FOREVER: as much as queue_frames and queue_bytes allow.
    int64_t queue_us;
    /// A frame that has been queued for so long, microseconds, is dropped whole; one that is being sent never is. 0: 500 ms
    /// under LKV_POLICY_DROP_OLDEST, else LKV_FOREVER: any age will do.
    int64_t max_age_us;
    /// Tells several outputs to one destination apart; NULL: none. At most 64 bytes without control characters. The
    /// destination has a receiver of that label; one that speaks version 0 of the wire only knows no labels, which an
    /// LKV_EVENT_ERROR says.
    const char *label;
} lkv_output_options;

/// Gives lent pixels back: exactly once, on any thread, possibly before the call that lent them returns. It should be quick;
/// functions that do not wait may be called inside.
typedef void (*lkv_release_callback)(void *user_data);

/// A function that an output calls on its own thread when a segment is on show or was played, one at a time, in order.
typedef struct lkv_playback_listener {
    /// sizeof(lkv_playback_listener).
    uint32_t struct_size;
    /// 0.
    uint32_t reserved0;
    /// Takes an LKV_EVENT_PLAYBACK_STARTED, LKV_EVENT_PLAYBACK_FINISHED or LKV_EVENT_ERROR, borrowed for the call. Every
    /// function may be called inside; those that wait on this output say LKV_ERROR_WOULD_DEADLOCK.
    void (*on_event)(const struct lkv_event *event, void *user_data);
    /// Handed to `on_event`; may be NULL.
    void *user_data;
    /// Frees `user_data`: exactly once, after the last callback, also if adding the listener fails. May be NULL.
    void (*destroy)(void *user_data);
} lkv_playback_listener;

/// Counters of an output since its creation. Whatever was dropped or refused is in one of them.
typedef struct lkv_output_stats {
    /// Set by the caller: sizeof(lkv_output_stats).
    uint32_t struct_size;
    /// Frames queued now.
    uint32_t queue_frames;
    /// Bytes of the frames queued now.
    uint64_t queue_bytes;
    /// Frames taken from the application.
    uint64_t frames_accepted;
    /// Their bytes.
    uint64_t bytes_accepted;
    /// Frames handed to the transport whole.
    uint64_t frames_sent;
    /// Their bytes.
    uint64_t bytes_sent;
    /// Frames dropped by a clear.
    uint64_t dropped_cleared;
    /// Queued frames dropped for newer ones.
    uint64_t dropped_oldest;
    /// Frames dropped because the queue was full.
    uint64_t dropped_newest;
    /// Frames lost with their stream, the destination or the room, or still queued at close.
    uint64_t dropped_disconnected;
    /// Frames not taken, for either of the causes that refused_* count.
    uint64_t refused;
    /// Segments started.
    uint64_t segments_started;
    /// Segments ended.
    uint64_t segments_finished;
    /// Playback-finished events, made-up ones included.
    uint64_t playback_finished;
    /// Playback-finished of the receiver that no segment waited for.
    uint64_t playback_unmatched;
    /// Events dropped because too many waited for lkv_output_next or a slow listener.
    uint64_t events_dropped;
    /// Frames dropped because they were queued longer than max_age_us.
    uint64_t dropped_late;
    /// Frames dropped because the receiver cannot take their type or size.
    uint64_t dropped_unsupported;
    /// Frames not taken because the queue was full, under LKV_POLICY_REFUSE.
    uint64_t refused_full;
    /// Frames not taken because they are over max_frame_bytes.
    uint64_t refused_large;
    /// Times that a segment went on in another stream, after a full reconnect.
    uint64_t segments_resumed;
    /// Control messages and calls of the library's own that were refused: not for this output, too late, or not to be
    /// read.
    uint64_t messages_stale;
    /// Full reconnects of the room.
    uint64_t reconnects;
    /// Bytes that the receiver lets us send now; 0: none, or unknown, as in version 0 of the wire.
    uint64_t credit;
    /// Microseconds for which frames had to wait because the receiver gave no credit.
    int64_t blocked_us;
    /// Round trip to the receiver, microseconds, smoothed; 0: unknown.
    int64_t round_trip_us;
    /// The version of the wire that is spoken: 0 or 1; -1: unknown, as it was not agreed on yet.
    int32_t wire_version;
    /// 0.
    uint32_t reserved0;
} lkv_output_stats;

/// Functions that a receiver calls on its own thread, one at a time, in order.
typedef struct lkv_receiver_callbacks {
    /// sizeof(lkv_receiver_callbacks).
    uint32_t struct_size;
    /// 0.
    uint32_t reserved0;
    /// Takes one event, borrowed for the call. Every function may be called inside; those that wait on this receiver say
    /// LKV_ERROR_WOULD_DEADLOCK.
    void (*on_event)(const struct lkv_event *event, void *user_data);
    /// Handed to `on_event`; may be NULL.
    void *user_data;
    /// Frees `user_data`: exactly once, after the last callback, also if the creation fails. May be NULL.
    void (*destroy)(void *user_data);
} lkv_receiver_callbacks;

/// How to receive. 0 and NULL are the defaults.
typedef struct lkv_receiver_options {
    /// sizeof(lkv_receiver_options).
    uint32_t struct_size;
    /// What happens when the queue is full: LKV_POLICY_BLOCK, LKV_POLICY_DROP_OLDEST or LKV_POLICY_DROP_NEWEST.
    lkv_queue_policy policy;
    /// Identity of the sender; NULL: the first participant of kind LKV_KIND_AGENT.
    const char *sender;
    /// NULL: events are pulled with lkv_receiver_next.
    const struct lkv_receiver_callbacks *callbacks;
    /// Frames the queue holds; 0: 120.
    uint32_t queue_frames;
    /// A segment ends with LKV_CAUSE_TIMED_OUT when nothing came for so many milliseconds; 0: 10000.
    uint32_t idle_timeout_ms;
    /// Bytes of frames the queue holds; 0: 64 MiB.
    uint64_t queue_bytes;
    /// Larger frames are refused; 0: 64 MiB.
    uint64_t max_frame_bytes;
    /// Which of the sender's outputs to us: as its lkv_output_options say; NULL: the one without a label. At most 64 bytes
    /// without control characters. Senders of version 0 of the wire have no other.
    const char *label;
} lkv_receiver_options;

/// Counters of a receiver since its creation. Whatever was dropped or refused is in one of them.
typedef struct lkv_receiver_stats {
    /// Set by the caller: sizeof(lkv_receiver_stats).
    uint32_t struct_size;
    /// Frames queued now.
    uint32_t queue_frames;
    /// Bytes of the frames queued now.
    uint64_t queue_bytes;
    /// Whole frames that arrived.
    uint64_t frames_received;
    /// Bytes that arrived.
    uint64_t bytes_received;
    /// Frames handed to the application.
    uint64_t frames_delivered;
    /// Queued frames dropped for newer ones.
    uint64_t dropped_oldest;
    /// Frames dropped because the queue was full.
    uint64_t dropped_newest;
    /// Queued frames dropped by a clear of the sender.
    uint64_t dropped_cleared;
    /// Frames that began to arrive and did not become whole.
    uint64_t dropped_truncated;
    /// Segments started.
    uint64_t segments_started;
    /// Segments ended.
    uint64_t segments_ended;
    /// Streams refused, for any of the causes that refused_* count.
    uint64_t streams_refused;
    /// Chunks of streams that are not open.
    uint64_t chunks_unknown;
    /// Chunks that never came.
    uint64_t chunks_lost;
    /// Chunks dropped because they came again.
    uint64_t chunks_repeated;
    /// Chunks that were not as they should be.
    uint64_t chunks_refused;
    /// Frames that the sender has sent and that did not arrive whole, as far as is known; 0 in version 0 of the wire.
    uint64_t frames_lost;
    /// Times that a segment went on in another stream, after a full reconnect.
    uint64_t segments_resumed;
    /// Streams refused because they are not from the sender.
    uint64_t refused_foreign;
    /// Streams refused because their attributes are no video.
    uint64_t refused_bad;
    /// Streams refused because their frames are over max_frame_bytes.
    uint64_t refused_large;
    /// Streams refused because too many segments wait to be taken.
    uint64_t refused_many;
    /// Streams refused because they are of another label or life of the sender, or of a segment that is over or cleared.
    uint64_t refused_stale;
    /// Control messages and calls of the library's own that were refused: not for this receiver, too late, claiming what
    /// cannot be, or not to be read.
    uint64_t messages_stale;
    /// Full reconnects of the room.
    uint64_t reconnects;
    /// Bytes that the sender may be ahead by; it follows the path. 0: unknown, as in version 0 of the wire.
    uint64_t window;
    /// Round trip to the sender, microseconds, smoothed; 0: unknown.
    int64_t round_trip_us;
    /// From the sending of a frame to its arrival, microseconds, smoothed; 0: unknown, as where the clocks of both sides do
    /// not agree.
    int64_t latency_us;
    /// The version of the wire that the sender spoke last: 0 or 1; -1: unknown.
    int32_t wire_version;
    /// 0.
    uint32_t reserved0;
} lkv_receiver_stats;

/// What a room's event tells: LKV_ROOM_EVENT_*.
typedef int32_t lkv_room_event_type;

/// Where a room stands: LKV_ROOM_*.
typedef int32_t lkv_room_state;

/// Why a room is disconnected: LKV_DISCONNECT_*.
typedef int32_t lkv_disconnect_reason;

/// What a participant is: LKV_KIND_*, with LiveKit's numbers.
typedef int32_t lkv_participant_kind;

/// What a room has to tell. Which fields count is said at each LKV_ROOM_EVENT_*; the others are 0.
///
/// Start with LKV_ROOM_EVENT_INIT. A pulled event owns what it points to until lkv_room_event_clear, and is cleared before
/// it is used again. In a callback it is borrowed.
typedef struct lkv_room_event {
    /// Set by the caller: sizeof(lkv_room_event).
    uint32_t struct_size;
    /// LKV_ROOM_EVENT_*.
    lkv_room_event_type type;
    /// LKV_ROOM_*.
    lkv_room_state state;
    /// LKV_DISCONNECT_*.
    lkv_disconnect_reason reason;
    /// Why it could not connect or was disconnected, where that is known.
    lkv_result error;
    /// LKV_KIND_*.
    lkv_participant_kind kind;
    /// 1 if the message was sent reliably.
    uint8_t reliable;
    /// 0.
    uint8_t reserved0[7];
    /// Text for humans; may be NULL.
    const char *message;
    /// The participant; of a message, its sender, "" if that is the server or somebody whom the room does not know yet.
    const char *identity;
    /// The message's topic.
    const char *topic;
    /// The message's bytes.
    const uint8_t *data;
    /// How many.
    size_t size;
    /// The library's.
    void *reserved1;
} lkv_room_event;

/// Functions that a room calls on its own thread, one at a time, in order.
typedef struct lkv_room_callbacks {
    /// sizeof(lkv_room_callbacks).
    uint32_t struct_size;
    /// 0.
    uint32_t reserved0;
    /// Takes one event, borrowed for the call. Every function may be called inside; those that wait on this room say
    /// LKV_ERROR_WOULD_DEADLOCK.
    void (*on_event)(const struct lkv_room_event *event, void *user_data);
    /// Handed to `on_event`; may be NULL.
    void *user_data;
    /// Frees `user_data`: exactly once, after the last callback, also if connecting fails. May be NULL.
    void (*destroy)(void *user_data);
} lkv_room_callbacks;

/// How to connect. 0 and NULL are the defaults.
typedef struct lkv_room_options {
    /// sizeof(lkv_room_options).
    uint32_t struct_size;
    /// Milliseconds for the whole of connecting; 0: 15000.
    uint32_t connect_timeout_ms;
    /// NULL: events are pulled with lkv_room_next_event.
    const struct lkv_room_callbacks *callbacks;
    /// A file of PEM certificates that are trusted for `wss://` and `https://` instead of the system's; NULL: the system's.
    const char *ca_file;
    /// The same as text. At most one of the two is given.
    const char *ca_pem;
    /// Bytes of `ca_pem`; 0: it ends with a NUL.
    size_t ca_pem_size;
    /// 1: two peer connections, for servers older than the single one.
    uint8_t dual_peer_connection;
    /// 0.
    uint8_t reserved0[7];
} lkv_room_options;

/// A remote participant, as lkv_room_for_each_participant shows it. The strings are borrowed for the call.
typedef struct lkv_participant {
    /// sizeof(lkv_participant) of the library.
    uint32_t struct_size;
    /// LKV_KIND_*.
    lkv_participant_kind kind;
    /// Unique in the room.
    const char *identity;
    /// For display; may be "".
    const char *name;
    /// The application's; may be "".
    const char *metadata;
} lkv_participant;

/// Counters of a room since its creation.
typedef struct lkv_room_stats {
    /// Set by the caller: sizeof(lkv_room_stats).
    uint32_t struct_size;
    /// 0.
    uint32_t reserved0;
    /// Events and messages dropped because too many waited for lkv_room_next_event or a slow callback.
    uint64_t events_dropped;
} lkv_room_stats;

/// How a remote call of ours went.
typedef struct lkv_rpc_result {
    /// sizeof(lkv_rpc_result) of the library.
    uint32_t struct_size;
    /// LKV_OK; LKV_ERROR_RPC if the peer answered with an error; or why there is no answer.
    lkv_result result;
    /// The peer's code, with LKV_ERROR_RPC.
    uint32_t rpc_code;
    /// 0.
    uint32_t reserved0;
    /// The answer, or the error's text; borrowed for the call.
    const char *payload;
} lkv_rpc_result;

/// A function that the room calls on its own thread when the answer is there.
typedef struct lkv_rpc_callbacks {
    /// sizeof(lkv_rpc_callbacks).
    uint32_t struct_size;
    /// 0.
    uint32_t reserved0;
    /// Takes the result, borrowed for the call: once, unless the room is destroyed before.
    void (*on_result)(const struct lkv_rpc_result *result, void *user_data);
    /// Handed to `on_result`; may be NULL.
    void *user_data;
    /// Frees `user_data`: exactly once, after the callback, also if the call cannot be made. May be NULL.
    void (*destroy)(void *user_data);
} lkv_rpc_callbacks;

/// A function that the room calls on its own thread for each remote call of a method.
typedef struct lkv_rpc_method {
    /// sizeof(lkv_rpc_method).
    uint32_t struct_size;
    /// 0.
    uint32_t reserved0;
    /// Takes one remote call. The invocation is owned: answer it once, with lkv_rpc_invocation_answer or
    /// lkv_rpc_invocation_fail, now or later, on any thread. The strings are borrowed for the call.
    void (*on_invocation)(struct lkv_rpc_invocation *invocation,
                          const char *caller,
                          const char *payload,
                          void *user_data);
    /// Handed to `on_invocation`; may be NULL.
    void *user_data;
    /// Frees `user_data`: exactly once, after the last callback, also if the registration fails. May be NULL.
    void (*destroy)(void *user_data);
} lkv_rpc_method;

/// What a token says.
typedef struct lkv_token_options {
    /// sizeof(lkv_token_options).
    uint32_t struct_size;
    /// What the participant is: LKV_KIND_*. A receiver without a sender waits for an agent.
    lkv_participant_kind kind;
    /// The API key, as in the server's configuration.
    const char *api_key;
    /// Its secret.
    const char *api_secret;
    /// Who the bearer is in the room.
    const char *identity;
    /// A name for display; may be NULL.
    const char *name;
    /// The room that may be joined.
    const char *room;
    /// The application's; may be NULL.
    const char *metadata;
    /// For how long the token can be used to join, in seconds; 0: 6 hours.
    uint32_t ttl_seconds;
    /// 0.
    uint32_t reserved0;
} lkv_token_options;

/// Done.
#define LKV_OK 0

/// An argument is NULL, not UTF-8, out of range, or a struct_size makes no sense.
#define LKV_ERROR_INVALID_ARGUMENT -1

/// The object was closed, by us or for good by the other side.
#define LKV_ERROR_CLOSED -2

/// The time-out passed; with time-out 0: nothing there, or no room in the queue.
#define LKV_ERROR_TIMEOUT -3

/// The buffer is too small; `*needed` says how many bytes it takes.
#define LKV_ERROR_BUFFER_TOO_SMALL -4

/// Unknown pixel type, or the transport or the peer cannot do it.
#define LKV_ERROR_UNSUPPORTED -5

/// Not a URL of a LiveKit server or a loopback room.
#define LKV_ERROR_URL -6

/// The host name does not resolve.
#define LKV_ERROR_RESOLVE -7

/// Nobody answers there, or the media connection cannot be established.
#define LKV_ERROR_UNREACHABLE -8

/// TLS failed: a certificate that is not trusted, expired or for another name; or bad roots.
#define LKV_ERROR_TLS -9

/// The server refused the token.
#define LKV_ERROR_UNAUTHORIZED -10

/// The server answered something unexpected.
#define LKV_ERROR_SERVER -11

/// The room is not connected, or not yet.
#define LKV_ERROR_NOT_CONNECTED -12

/// The destination is not in the room.
#define LKV_ERROR_NO_DESTINATION -13

/// There is one already: a receiver of that sender, an output to that destination, a handler of that method.
#define LKV_ERROR_BUSY -14

/// Over a limit, as of a frame or a payload.
#define LKV_ERROR_TOO_LARGE -15

/// The peer answered an RPC with an error, or did not answer.
#define LKV_ERROR_RPC -16

/// The peer answered `reject`: it does not take us for its counterpart, or has another.
#define LKV_ERROR_REJECTED -17

/// No such listener, segment, method or participant.
#define LKV_ERROR_NOT_FOUND -18

/// The operating system refused, as with a file.
#define LKV_ERROR_IO -19

/// A fault of the library.
#define LKV_ERROR_INTERNAL -20

/// A fault of the library was caught half-way: the handle says this from now on and can only be destroyed.
#define LKV_ERROR_PANIC -21

/// A call that waits, inside a callback of the same object: it would wait for itself.
#define LKV_ERROR_WOULD_DEADLOCK -22

/// A segment starts: `segment`, and of its first frame `pixel_type`, `width`, `height`: later ones may have others.
#define LKV_EVENT_SEGMENT_START 1

/// A whole frame: `frame`, `segment`, `number`.
#define LKV_EVENT_FRAME 2

/// The segment that started last is over: `segment`, `cause`, `frames`, `frames_lost`.
#define LKV_EVENT_SEGMENT_END 3

/// The sender cleared its buffer: what is on show is void. The end of each open segment follows.
#define LKV_EVENT_CLEARED 4

/// A playback-finished of ours was answered: `segment`, `position_us`, `answer`, and if that is not LKV_ANSWER_OK, `error`
/// and `message`.
#define LKV_EVENT_NOTIFIED 5

/// Something went wrong and the object goes on: `error`, `message`.
#define LKV_EVENT_ERROR 6

/// The participant that a receiver listens to came, changed or left: `message` is its identity, "" if it is gone.
#define LKV_EVENT_SENDER 7

/// A segment of an output was played: `segment`, `position_us`, `interrupted`, `made_up`.
#define LKV_EVENT_PLAYBACK_FINISHED 8

/// The receiver of an output shows a segment: `segment`. Not every receiver tells; who does tells before the segment's
/// LKV_EVENT_PLAYBACK_FINISHED.
#define LKV_EVENT_PLAYBACK_STARTED 9

/// Not the end of a segment.
#define LKV_CAUSE_NONE 0

/// The sender flushed it. Every frame arrived, but for `frames_lost` of version 1 of the wire.
#define LKV_CAUSE_FLUSHED 1

/// The sender cleared it.
#define LKV_CAUSE_CLEARED 2

/// It was broken off, or nobody knows how it ended; in version 0 of the wire also if something of it was lost.
#define LKV_CAUSE_TRUNCATED 3

/// Nothing came for the idle time-out.
#define LKV_CAUSE_TIMED_OUT 4

/// The sender left the room, in version 1 of the wire for longer than 5 s.
#define LKV_CAUSE_SENDER_LEFT 5

/// The sender's program or output started anew (version 1 of the wire only).
#define LKV_CAUSE_SENDER_RESTARTED 6

/// The room was closed or lost for good.
#define LKV_CAUSE_DISCONNECTED 7

/// The application closed the receiver.
#define LKV_CAUSE_CLOSED 8

/// It took it.
#define LKV_ANSWER_OK 1

/// It does not take us for its destination.
#define LKV_ANSWER_REJECT 2

/// No answer came.
#define LKV_ANSWER_FAILED 3

/// Bytes R, G, B, A.
#define LKV_PIXEL_RGBA 0

/// Bytes A, B, G, R.
#define LKV_PIXEL_ABGR 1

/// Bytes A, R, G, B.
#define LKV_PIXEL_ARGB 2

/// Bytes B, G, R, A.
#define LKV_PIXEL_BGRA 3

/// Bytes R, G, B.
#define LKV_PIXEL_RGB24 4

/// Planes Y, U, V; chroma halved both ways. Here and below, odd dimensions round chroma up.
#define LKV_PIXEL_I420 5

/// I420 and a plane of alpha in full size.
#define LKV_PIXEL_I420A 6

/// Planes Y, U, V; chroma halved across.
#define LKV_PIXEL_I422 7

/// Planes Y, U, V, all in full size.
#define LKV_PIXEL_I444 8

/// I420 with 10 bits in 16-bit little-endian samples.
#define LKV_PIXEL_I010 9

/// Planes Y and interleaved U, V; chroma halved both ways.
#define LKV_PIXEL_NV12 10

/// Nothing.
#define LKV_LOG_OFF 0

/// What failed.
#define LKV_LOG_ERROR 1

/// What is suspicious, or was dropped.
#define LKV_LOG_WARN 2

/// Milestones.
#define LKV_LOG_INFO 3

/// For developers of an application.
#define LKV_LOG_DEBUG 4

/// For developers of the library; costs speed. Release builds log as much as LKV_LOG_DEBUG.
#define LKV_LOG_TRACE 5

/// Who sends waits. A receiver slows its sender down, by the credit that it grants, and nothing is dropped; a sender of
/// version 0 of the wire knows no credit, so that through a server the oldest frames are dropped then.
#define LKV_POLICY_BLOCK 0

/// The frame is refused with LKV_ERROR_TIMEOUT. Outputs only.
#define LKV_POLICY_REFUSE 1

/// The oldest queued frames make room for it.
#define LKV_POLICY_DROP_OLDEST 2

/// The frame is dropped.
#define LKV_POLICY_DROP_NEWEST 3

/// A person or an application.
#define LKV_KIND_STANDARD 0

/// An ingress worker.
#define LKV_KIND_INGRESS 1

/// An egress worker.
#define LKV_KIND_EGRESS 2

/// A SIP caller.
#define LKV_KIND_SIP 3

/// An agent.
#define LKV_KIND_AGENT 4

/// A connector.
#define LKV_KIND_CONNECTOR 7

/// A bridge.
#define LKV_KIND_BRIDGE 8

/// On its way.
#define LKV_ROOM_CONNECTING 0

/// In the room.
#define LKV_ROOM_CONNECTED 1

/// The connection is lost and being made again.
#define LKV_ROOM_RECONNECTING 2

/// Over: the reason says why. A room does not leave this state.
#define LKV_ROOM_DISCONNECTED 3

/// It is not.
#define LKV_DISCONNECT_NONE 0

/// We closed it.
#define LKV_DISCONNECT_CLIENT 1

/// It never connected.
#define LKV_DISCONNECT_CONNECT_FAILED 2

/// Another participant joined with our identity.
#define LKV_DISCONNECT_DUPLICATE_IDENTITY 3

/// The room was deleted.
#define LKV_DISCONNECT_ROOM_CLOSED 4

/// We were removed from it.
#define LKV_DISCONNECT_PARTICIPANT_REMOVED 5

/// The server went away.
#define LKV_DISCONNECT_SERVER_SHUTDOWN 6

/// The connection was lost and could not be made again.
#define LKV_DISCONNECT_RECONNECT_FAILED 7

/// Something else; where it is known, the event's message says what.
#define LKV_DISCONNECT_OTHER 8

/// The state changed: `state`, `reason`, `error`, `message`.
#define LKV_ROOM_EVENT_STATE 1

/// A participant came, or was there: `identity`, `kind`.
#define LKV_ROOM_EVENT_PARTICIPANT_JOINED 2

/// A participant left: `identity`, `kind`.
#define LKV_ROOM_EVENT_PARTICIPANT_LEFT 3

/// A message of a participant: `identity`, `topic`, `data`, `size`, `reliable`.
#define LKV_ROOM_EVENT_DATA 4

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/// The name of a result, as in "LKV_ERROR_TIMEOUT"; "LKV_ERROR_UNKNOWN" for a number that is none. Never NULL.
///
/// Thread safety: any thread, any callback. Ownership: static, never freed. Since: 0.1.
const char *lkv_result_name(lkv_result result);

/// Copies the text of the last failure on the calling thread into `buf`, always NUL-terminated if `cap` is not 0; a longer
/// text is cut. It is valid right after a function has failed on the same thread; success does not erase it.
///
/// \param buf     may be NULL if `cap` is 0
/// \param cap     bytes of `buf`
/// \param needed  out: bytes of the whole text with its NUL; may be NULL
///
/// Thread safety: any thread, any callback; the text is the thread's own.
/// Ownership: the text is copied.
/// Errors: LKV_ERROR_BUFFER_TOO_SMALL if it was cut, LKV_ERROR_INVALID_ARGUMENT if `buf` is NULL and `cap` is not 0. Neither
/// changes the text.
/// Since: 0.1.
lkv_result lkv_last_error_message(char *buf,
                                  size_t cap,
                                  size_t *needed);

/// Releases the frame and the message of an event and sets everything but `struct_size` to 0, so that it can be used again.
/// NULL and an empty event are no error. Only for events that were pulled, not for those of a callback.
///
/// Thread safety: any thread, any callback; one thread at a time for one event. Since: 0.1.
void lkv_event_clear(struct lkv_event *event);

/// Tells what a frame is and where its pixels are.
///
/// \param info  out: with `struct_size` set by the caller
///
/// Thread safety: any thread, any callback; frames are immutable.
/// Ownership: the pixels stay the frame's.
/// Errors: LKV_ERROR_INVALID_ARGUMENT.
/// Since: 0.1.
lkv_result lkv_frame_get_info(const struct lkv_frame *frame, struct lkv_frame_info *info);

/// Keeps a frame: adds a reference, to be released with lkv_frame_release. Keeping many frames costs memory, never network:
/// the receiver's queue is bounded without them.
///
/// \return `frame`; NULL for NULL
///
/// Thread safety: any thread, any callback, also when the room is gone.
/// Ownership: the caller owns the added reference.
/// Since: 0.1.
const struct lkv_frame *lkv_frame_retain(const struct lkv_frame *frame);

/// Drops a reference; the last one frees the frame. NULL is no frame and no error.
///
/// Thread safety: any thread, any callback, also when the room is gone. Ownership: takes the reference. Since: 0.1.
void lkv_frame_release(const struct lkv_frame *frame);

/// How many bytes a tightly packed frame has.
///
/// \param type  LKV_PIXEL_*
/// \param size  out
///
/// Thread safety: any thread, any callback.
/// Errors: LKV_ERROR_UNSUPPORTED for an unknown type, LKV_ERROR_INVALID_ARGUMENT for dimensions out of range.
/// Since: 0.1.
lkv_result lkv_frame_size(lkv_pixel type, uint32_t width, uint32_t height, size_t *size);

/// The name of a pixel type, as in "rgba" or "i420"; NULL if it is unknown.
///
/// Thread safety: any thread, any callback. Ownership: static, never freed. Since: 0.1.
const char *lkv_pixel_name(lkv_pixel type);

/// Fills the description with its defaults: 0, and LKV_NO_PTS. `size` is sizeof(lkv_frame_desc).
///
/// Thread safety: any thread, any callback. Errors: LKV_ERROR_INVALID_ARGUMENT. Since: 0.1.
lkv_result lkv_frame_desc_init(struct lkv_frame_desc *desc, size_t size);

/// Describes a frame whose planes lie one after the other with tight rows: lkv_frame_size bytes at `data`. It leaves
/// `pts_us` as it is.
///
/// \param desc  in and out: with `struct_size` set, as by LKV_FRAME_DESC_INIT
/// \param type  LKV_PIXEL_*
///
/// Thread safety: any thread, any callback.
/// Ownership: the description points to `data`, which stays the caller's.
/// Errors: LKV_ERROR_UNSUPPORTED for an unknown type, LKV_ERROR_INVALID_ARGUMENT.
/// Since: 0.1.
lkv_result lkv_frame_desc_packed(struct lkv_frame_desc *desc,
                                 lkv_pixel type,
                                 uint32_t width,
                                 uint32_t height,
                                 const uint8_t *data);

/// Sends what the library logs, up to `level`, to a function; NULL or LKV_LOG_OFF turns the log off, as it is at first.
/// When this returns, the function set before is not called any more, unless this is called from inside it.
///
/// \param level      LKV_LOG_*
/// \param callback   may be NULL
/// \param user_data  handed to `callback`; may be NULL
/// \param destroy    frees `user_data` after the last call, exactly once, also if this fails; may be NULL
///
/// Thread safety: any thread, any callback.
/// Ownership: the library keeps `user_data` until it calls `destroy`.
/// Errors: LKV_ERROR_INVALID_ARGUMENT; LKV_ERROR_BUSY if a Rust program round the library has its own logger.
/// Since: 0.1.
lkv_result lkv_set_log_callback(lkv_log_level level,
                                lkv_log_callback callback,
                                void *user_data,
                                void (*destroy)(void *user_data));

/// Fills the options with their defaults. `size` is sizeof(lkv_output_options).
///
/// Thread safety: any thread, any callback. Errors: LKV_ERROR_INVALID_ARGUMENT. Since: 0.1.
lkv_result lkv_output_options_init(struct lkv_output_options *options, size_t size);

/// Makes an output to a participant. It may come later: frames wait in the queue, under its policy.
///
/// \param room         has at most one output to each destination and label
/// \param destination  identity of the participant
/// \param options      copied; NULL: all defaults
/// \param out          out: the output
///
/// Thread safety: any thread, any callback.
/// Ownership: the caller destroys the output, also if the room is destroyed before.
/// Errors: LKV_ERROR_INVALID_ARGUMENT, LKV_ERROR_BUSY if there is such an output, LKV_ERROR_CLOSED.
/// Since: 0.1.
lkv_result lkv_output_create(struct lkv_room *room,
                             const char *destination,
                             const struct lkv_output_options *options,
                             struct lkv_output **out);

/// Sends a copy of a frame. The first frame opens a segment. Size and pixel type may change from frame to frame; where the
/// receiver speaks version 0 of the wire, a change ends the segment and opens the next.
///
/// \param frame       its pixels are free again when the call returns
/// \param timeout_ms  how long to wait for room in the queue under LKV_POLICY_BLOCK: LKV_FOREVER, 0 to try only, or
///                    milliseconds
///
/// Thread safety: any thread; inside this output's own callbacks only with `timeout_ms` 0. lkv_output_close wakes it.
/// Ownership: the pixels are copied.
/// Errors: LKV_ERROR_TIMEOUT if the queue stayed full; LKV_ERROR_CLOSED; LKV_ERROR_TOO_LARGE; LKV_ERROR_UNSUPPORTED for an
/// unknown pixel type; LKV_ERROR_WOULD_DEADLOCK; LKV_ERROR_INVALID_ARGUMENT.
/// Since: 0.1.
lkv_result lkv_output_send_frame(struct lkv_output *output,
                                 const struct lkv_frame_desc *frame,
                                 int32_t timeout_ms);

/// Sends a frame without copying it, if its rows are tight and its planes follow each other, as lkv_frame_desc_packed
/// describes; else it is copied. Otherwise like lkv_output_send_frame.
///
/// \param release    gives the pixels back: exactly once on every path, also if this fails; not NULL
/// \param user_data  handed to `release`; may be NULL
///
/// Thread safety: as lkv_output_send_frame.
/// Ownership: the pixels are the library's, and unchanged, until `release` is called.
/// Errors: as lkv_output_send_frame.
/// Since: 0.1.
lkv_result lkv_output_send_frame_owned(struct lkv_output *output,
                                       const struct lkv_frame_desc *frame,
                                       int32_t timeout_ms,
                                       lkv_release_callback release,
                                       void *user_data);

/// Ends the segment after what is queued. Without an open segment it does nothing. The receiver's playback-finished comes to
/// the listeners, or to lkv_output_next.
///
/// Thread safety: any thread, any callback; never waits.
/// Errors: LKV_ERROR_CLOSED, LKV_ERROR_INVALID_ARGUMENT.
/// Since: 0.1.
lkv_result lkv_output_flush(struct lkv_output *output);

/// Waits until everything queued, and the end of a flushed segment, is handed to the transport.
///
/// \param timeout_ms  LKV_FOREVER, 0 to look only, or milliseconds
///
/// Thread safety: any thread; not in this output's own callbacks. lkv_output_close wakes it.
/// Errors: LKV_ERROR_TIMEOUT, LKV_ERROR_CLOSED, LKV_ERROR_WOULD_DEADLOCK, LKV_ERROR_INVALID_ARGUMENT.
/// Since: 0.1.
lkv_result lkv_output_wait_sent(struct lkv_output *output, int32_t timeout_ms);

/// Drops what is queued, tells the receiver to drop what it has, and ends the segment. The next frame opens the next segment.
///
/// Thread safety: any thread, any callback; never waits. A failure to reach the receiver comes as an LKV_EVENT_ERROR.
/// Errors: LKV_ERROR_CLOSED, LKV_ERROR_INVALID_ARGUMENT.
/// Since: 0.1.
lkv_result lkv_output_clear_buffer(struct lkv_output *output);

/// Adds a function that is called when a segment is on show and when it was played. Each listener gets each event.
///
/// \param listener     copied
/// \param listener_id  out: names the listener when it is removed; may be NULL
///
/// Thread safety: any thread, any callback.
/// Ownership: the library keeps `user_data` until it calls the listener's `destroy`.
/// Errors: LKV_ERROR_CLOSED, LKV_ERROR_INVALID_ARGUMENT.
/// Since: 0.1.
lkv_result lkv_output_add_playback_finished_listener(struct lkv_output *output,
                                                     const struct lkv_playback_listener *listener,
                                                     uint64_t *listener_id);

/// Removes a listener. When this returns, it is not called any more, unless this is called from inside it.
///
/// Thread safety: any thread, any callback.
/// Errors: LKV_ERROR_NOT_FOUND, LKV_ERROR_INVALID_ARGUMENT.
/// Since: 0.1.
lkv_result lkv_output_remove_playback_finished_listener(struct lkv_output *output, uint64_t listener_id);

/// Takes the next LKV_EVENT_PLAYBACK_STARTED, LKV_EVENT_PLAYBACK_FINISHED or LKV_EVENT_ERROR of an output that has no
/// listener.
///
/// \param timeout_ms  LKV_FOREVER, 0 to look only, or milliseconds
/// \param event       out: empty, as by LKV_EVENT_INIT or lkv_event_clear
///
/// Thread safety: any thread, also several; each event goes to one of them. lkv_output_close wakes it.
/// Ownership: the caller clears the event with lkv_event_clear.
/// Errors: LKV_ERROR_TIMEOUT; LKV_ERROR_CLOSED when the output is closed and everything was taken;
/// LKV_ERROR_WOULD_DEADLOCK, LKV_ERROR_INVALID_ARGUMENT.
/// Since: 0.1.
lkv_result lkv_output_next(struct lkv_output *output, int32_t timeout_ms, struct lkv_event *event);

/// Reads the counters.
///
/// \param stats  out: with `struct_size` set by the caller
///
/// Thread safety: any thread, any callback. Errors: LKV_ERROR_INVALID_ARGUMENT. Since: 0.1.
lkv_result lkv_output_get_stats(struct lkv_output *output, struct lkv_output_stats *stats);

/// Stops sending and wakes every waiter with LKV_ERROR_CLOSED. What is queued is dropped: call lkv_output_wait_sent before
/// if it matters. Segments whose playback-finished did not come get a made-up one. Closing twice is no error.
///
/// Thread safety: any thread, any callback; never waits. Errors: LKV_ERROR_INVALID_ARGUMENT. Since: 0.1.
lkv_result lkv_output_close(struct lkv_output *output);

/// Closes and frees an output. It waits for the callback under way and for threads inside a call on the output; no callback
/// starts any more. From inside any callback of the library it returns at once, and the rest happens afterwards. NULL is
/// no error.
///
/// Thread safety: any thread, any callback; nobody may use the handle from now on.
/// Ownership: takes the handle; lent pixels are released.
/// Since: 0.1.
void lkv_output_destroy(struct lkv_output *output);

/// Fills the options with their defaults. `size` is sizeof(lkv_receiver_options).
///
/// Thread safety: any thread, any callback. Errors: LKV_ERROR_INVALID_ARGUMENT. Since: 0.1.
lkv_result lkv_receiver_options_init(struct lkv_receiver_options *options, size_t size);

/// Starts to receive. The sender may come later; the room need not be connected yet.
///
/// \param room     has at most one receiver of each sender and label, and for each label one without a named sender
/// \param options  copied; NULL: all defaults
/// \param out      out: the receiver; written before the first callback runs
///
/// Thread safety: any thread, any callback.
/// Ownership: the caller destroys the receiver, also if the room is destroyed before.
/// Errors: LKV_ERROR_INVALID_ARGUMENT, LKV_ERROR_BUSY if there is such a receiver, LKV_ERROR_CLOSED.
/// Since: 0.1.
lkv_result lkv_receiver_create(struct lkv_room *room,
                               const struct lkv_receiver_options *options,
                               struct lkv_receiver **out);

/// Waits until the sender is in the room.
///
/// \param timeout_ms  LKV_FOREVER, 0 to look only, or milliseconds
///
/// Thread safety: any thread; not in this receiver's own callbacks. lkv_receiver_close wakes it.
/// Errors: LKV_ERROR_TIMEOUT, LKV_ERROR_CLOSED, LKV_ERROR_WOULD_DEADLOCK, LKV_ERROR_INVALID_ARGUMENT.
/// Since: 0.1.
lkv_result lkv_receiver_wait_sender(struct lkv_receiver *receiver, int32_t timeout_ms);

/// Takes the next event of a receiver that has no callbacks.
///
/// \param timeout_ms  LKV_FOREVER, 0 to look only, or milliseconds
/// \param event       out: empty, as by LKV_EVENT_INIT or lkv_event_clear
///
/// Thread safety: any thread, also several; each event goes to one of them. lkv_receiver_close wakes it.
/// Ownership: the caller clears the event with lkv_event_clear.
/// Errors: LKV_ERROR_TIMEOUT; LKV_ERROR_CLOSED when the receiver is closed and everything was taken;
/// LKV_ERROR_WOULD_DEADLOCK; LKV_ERROR_INVALID_ARGUMENT, also if it has callbacks.
/// Since: 0.1.
lkv_result lkv_receiver_next(struct lkv_receiver *receiver, int32_t timeout_ms, struct lkv_event *event);

/// Tells the sender how far playback of a segment came. Returns at once; the answer is an LKV_EVENT_NOTIFIED.
///
/// A sender of version 0 of the wire cannot tell segments apart: notify every one, in order. One of version 1 is told by the
/// library of a segment that it cleared if the application has not done so a second later.
///
/// \param segment      0: the oldest one that was not told about yet
/// \param position_us  microseconds played, 0 or more; the application's own count, cumulative over segments if it likes
/// \param interrupted  whether playback stopped before the segment's end
///
/// Thread safety: any thread, any callback.
/// Errors: LKV_ERROR_NOT_FOUND if no such segment waits for it, LKV_ERROR_INVALID_ARGUMENT, LKV_ERROR_CLOSED.
/// Since: 0.1.
lkv_result lkv_receiver_notify_playback_finished(struct lkv_receiver *receiver,
                                                 uint64_t segment,
                                                 int64_t position_us,
                                                 bool interrupted);

/// Tells the sender that a segment is on show; it gets an LKV_EVENT_PLAYBACK_STARTED. Call it when the segment's first frame is
/// shown; again changes nothing. Returns at once. Senders of version 0 of the wire are not told, which is no error.
///
/// \param segment  0: the one whose start was taken last
///
/// Thread safety: any thread, any callback. If the sender cannot be told, an LKV_EVENT_ERROR says so.
/// Errors: LKV_ERROR_NOT_FOUND if there is no such segment, or its playback is finished; LKV_ERROR_CLOSED;
/// LKV_ERROR_INVALID_ARGUMENT.
/// Since: 0.1.
lkv_result lkv_receiver_notify_playback_started(struct lkv_receiver *receiver,
                                                uint64_t segment);

/// Reads the counters.
///
/// \param stats  out: with `struct_size` set by the caller
///
/// Thread safety: any thread, any callback. Errors: LKV_ERROR_INVALID_ARGUMENT. Since: 0.1.
lkv_result lkv_receiver_get_stats(struct lkv_receiver *receiver, struct lkv_receiver_stats *stats);

/// Stops receiving and wakes every waiter with LKV_ERROR_CLOSED. An open segment ends with LKV_CAUSE_CLOSED; what is queued
/// can still be taken. Closing twice is no error.
///
/// Thread safety: any thread, any callback; never waits. Errors: LKV_ERROR_INVALID_ARGUMENT. Since: 0.1.
lkv_result lkv_receiver_close(struct lkv_receiver *receiver);

/// Closes and frees a receiver. It waits for the callback under way and for threads inside a call on the receiver; no callback
/// starts any more, what is queued is dropped. From inside any callback of the library it returns at once, and the rest
/// happens afterwards. NULL is no error.
///
/// Thread safety: any thread, any callback; nobody may use the handle from now on.
/// Ownership: takes the handle. Frames that were retained live on.
/// Since: 0.1.
void lkv_receiver_destroy(struct lkv_receiver *receiver);

/// Fills the options with their defaults. `size` is sizeof(lkv_room_options).
///
/// Thread safety: any thread, any callback. Errors: LKV_ERROR_INVALID_ARGUMENT. Since: 0.1.
lkv_result lkv_room_options_init(struct lkv_room_options *options, size_t size);

/// Starts to connect and returns at once: lkv_room_wait_connected waits, and events tell. What can be known at once (a bad
/// URL, a bad argument) is said at once.
///
/// \param url      `ws://`, `wss://`, `http://` or `https://` of a LiveKit server; or `loopback:NAME`, a room inside this
///                 process that needs no server and no token. `loopback:NAME?identity=alice&kind=agent` says who we are
///                 there; who comes with an identity that is in use takes it over, as on a server
/// \param token    an access token, as from lkv_token_create; NULL for `loopback:`
/// \param options  copied; NULL: all defaults
/// \param out      out: the room; written before the first callback runs
///
/// Thread safety: any thread, any callback.
/// Ownership: the caller destroys the room.
/// Errors: LKV_ERROR_INVALID_ARGUMENT, LKV_ERROR_URL, LKV_ERROR_IO if `ca_file` cannot be read, LKV_ERROR_TLS for bad
/// certificates in it. Later ones come with the state.
/// Since: 0.1.
lkv_result lkv_room_connect(const char *url,
                            const char *token,
                            const struct lkv_room_options *options,
                            struct lkv_room **out);

/// Waits until the room is connected.
///
/// \param timeout_ms  LKV_FOREVER, 0 to look only, or milliseconds
///
/// Thread safety: any thread; not in this room's own callbacks. lkv_room_close wakes it.
/// Errors: why it could not connect (LKV_ERROR_RESOLVE, LKV_ERROR_UNREACHABLE, LKV_ERROR_TLS, LKV_ERROR_UNAUTHORIZED,
/// LKV_ERROR_SERVER); LKV_ERROR_TIMEOUT, LKV_ERROR_CLOSED, LKV_ERROR_WOULD_DEADLOCK, LKV_ERROR_INVALID_ARGUMENT.
/// Since: 0.1.
lkv_result lkv_room_wait_connected(struct lkv_room *room, int32_t timeout_ms);

/// Waits until a participant is in the room and can be sent to.
///
/// \param timeout_ms  LKV_FOREVER, 0 to look only, or milliseconds
///
/// Thread safety: any thread; not in this room's own callbacks. lkv_room_close wakes it.
/// Errors: as lkv_room_wait_connected.
/// Since: 0.1.
lkv_result lkv_room_wait_participant(struct lkv_room *room, const char *identity, int32_t timeout_ms);

/// Tells where the room stands.
///
/// \param state   out: LKV_ROOM_*; may be NULL
/// \param reason  out: LKV_DISCONNECT_*; may be NULL
///
/// Thread safety: any thread, any callback. Errors: LKV_ERROR_INVALID_ARGUMENT. Since: 0.1.
lkv_result lkv_room_get_state(struct lkv_room *room, lkv_room_state *state, lkv_disconnect_reason *reason);

/// Copies our own identity; "" before a server has confirmed it.
///
/// \param buf     out: NUL-terminated; may be NULL if `cap` is 0
/// \param cap     bytes of `buf`
/// \param needed  out: bytes with the NUL, also if the buffer is too small; may be NULL
///
/// Thread safety: any thread, any callback. Ownership: copied.
/// Errors: LKV_ERROR_BUFFER_TOO_SMALL, LKV_ERROR_INVALID_ARGUMENT. Since: 0.1.
lkv_result lkv_room_identity(struct lkv_room *room, char *buf, size_t cap, size_t *needed);

/// Copies the room's name; "" before a server has confirmed it.
///
/// \param buf     out: NUL-terminated; may be NULL if `cap` is 0
/// \param cap     bytes of `buf`
/// \param needed  out: bytes with the NUL, also if the buffer is too small; may be NULL
///
/// Thread safety: any thread, any callback. Ownership: copied.
/// Errors: LKV_ERROR_BUFFER_TOO_SMALL, LKV_ERROR_INVALID_ARGUMENT. Since: 0.1.
lkv_result lkv_room_name(struct lkv_room *room, char *buf, size_t cap, size_t *needed);

/// Calls a function with each remote participant, on the calling thread, before this returns.
///
/// \param each       gets a participant to borrow for the call
/// \param user_data  handed to `each`; may be NULL
///
/// Thread safety: any thread, any callback. Errors: LKV_ERROR_INVALID_ARGUMENT. Since: 0.1.
lkv_result lkv_room_for_each_participant(struct lkv_room *room, void (*each)(const struct lkv_participant *participant,
                                                                             void *user_data), void *user_data);

/// Takes the next event of a room that has no callbacks.
///
/// \param timeout_ms  LKV_FOREVER, 0 to look only, or milliseconds
/// \param event       out: empty, as by LKV_ROOM_EVENT_INIT or lkv_room_event_clear
///
/// Thread safety: any thread, also several; each event goes to one of them. lkv_room_close wakes it.
/// Ownership: the caller clears the event with lkv_room_event_clear.
/// Errors: LKV_ERROR_TIMEOUT; LKV_ERROR_CLOSED when the room is closed and everything was taken;
/// LKV_ERROR_WOULD_DEADLOCK; LKV_ERROR_INVALID_ARGUMENT, also if it has callbacks.
/// Since: 0.1.
lkv_result lkv_room_next_event(struct lkv_room *room, int32_t timeout_ms, struct lkv_room_event *event);

/// Reads the counters.
///
/// \param stats  out: with `struct_size` set by the caller
///
/// Thread safety: any thread, any callback. Errors: LKV_ERROR_INVALID_ARGUMENT. Since: 0.1.
lkv_result lkv_room_get_stats(struct lkv_room *room, struct lkv_room_stats *stats);

/// Sends a message to one or all participants; they get an LKV_ROOM_EVENT_DATA.
///
/// \param data         may be NULL if `size` is 0
/// \param size         at most 15000 bytes
/// \param topic        the application's; NULL: none. Topics of the library are refused
/// \param destination  identity of a participant; NULL: all
/// \param reliable     false: it may be lost or overtaken
///
/// Thread safety: any thread, any callback.
/// Ownership: everything is copied.
/// Errors: LKV_ERROR_NOT_CONNECTED; LKV_ERROR_BUSY if too many messages wait to be sent; LKV_ERROR_TOO_LARGE;
/// LKV_ERROR_CLOSED; LKV_ERROR_INVALID_ARGUMENT.
/// Since: 0.1.
lkv_result lkv_room_send_data(struct lkv_room *room,
                              const uint8_t *data,
                              size_t size,
                              const char *topic,
                              const char *destination,
                              bool reliable);

/// Leaves the room and closes its receivers and outputs. Every waiter is woken with LKV_ERROR_CLOSED. Closing twice is no
/// error.
///
/// Thread safety: any thread, any callback; never waits. Errors: LKV_ERROR_INVALID_ARGUMENT. Since: 0.1.
lkv_result lkv_room_close(struct lkv_room *room);

/// Closes and frees a room. Its receivers and outputs are closed and still want to be destroyed. It waits for the callback
/// under way and for threads inside a call on the room; no callback starts any more. From inside any callback of the library
/// it returns at once, and the rest happens afterwards. NULL is no error.
///
/// Thread safety: any thread, any callback; nobody may use the handle from now on.
/// Ownership: takes the handle.
/// Since: 0.1.
void lkv_room_destroy(struct lkv_room *room);

/// Frees what an event owns and sets everything but `struct_size` to 0, so that it can be used again. NULL and an empty event
/// are no error. Only for events that were pulled, not for those of a callback.
///
/// Thread safety: any thread, any callback; one thread at a time for one event. Since: 0.1.
void lkv_room_event_clear(struct lkv_room_event *event);

/// Calls a method of a participant and returns at once.
///
/// \param destination  identity of the participant
/// \param method       its name; those of the library are refused
/// \param payload      text of the application, at most 15 KiB
/// \param timeout_ms   milliseconds until the answer must be there, not 0; LKV_FOREVER: as long as LiveKit lets calls take
/// \param callbacks    copied; NULL: nobody wants the answer
///
/// Thread safety: any thread, any callback.
/// Ownership: strings are copied; the library keeps `user_data` until it calls `destroy`.
/// Errors: LKV_ERROR_NOT_CONNECTED, LKV_ERROR_TOO_LARGE, LKV_ERROR_CLOSED, LKV_ERROR_INVALID_ARGUMENT; others come with the
/// result.
/// Since: 0.1.
lkv_result lkv_room_perform_rpc(struct lkv_room *room,
                                const char *destination,
                                const char *method,
                                const char *payload,
                                int32_t timeout_ms,
                                const struct lkv_rpc_callbacks *callbacks);

/// Answers the calls of a method, by whomever.
///
/// \param method   its name; those of the library are refused
/// \param handler  copied
///
/// Thread safety: any thread, any callback.
/// Ownership: the library keeps `user_data` until it calls `destroy`.
/// Errors: LKV_ERROR_BUSY if the method has a handler, LKV_ERROR_CLOSED, LKV_ERROR_INVALID_ARGUMENT.
/// Since: 0.1.
lkv_result lkv_room_register_rpc_method(struct lkv_room *room,
                                        const char *method,
                                        const struct lkv_rpc_method *handler);

/// Answers the calls of a method no more. Calls that came before are still handed to the handler, and those it has taken can
/// be answered; its `destroy` runs after the last, soon and without waiting here.
///
/// Thread safety: any thread, any callback.
/// Errors: LKV_ERROR_NOT_FOUND, LKV_ERROR_INVALID_ARGUMENT.
/// Since: 0.1.
lkv_result lkv_room_unregister_rpc_method(struct lkv_room *room,
                                          const char *method);

/// Answers a remote call.
///
/// \param payload  text of the application, at most 15 KiB
///
/// Thread safety: any thread, any callback, also when the room is gone.
/// Ownership: takes the invocation, also if this fails: the peer then gets an error.
/// Errors: LKV_ERROR_TOO_LARGE, LKV_ERROR_CLOSED, LKV_ERROR_INVALID_ARGUMENT.
/// Since: 0.1.
lkv_result lkv_rpc_invocation_answer(struct lkv_rpc_invocation *invocation, const char *payload);

/// Answers a remote call with an error.
///
/// \param code     the application's; 1400 to 1599 are LiveKit's
/// \param message  text for the peer; may be NULL
///
/// Thread safety: any thread, any callback, also when the room is gone.
/// Ownership: takes the invocation, also if this fails.
/// Errors: LKV_ERROR_CLOSED, LKV_ERROR_INVALID_ARGUMENT.
/// Since: 0.1.
lkv_result lkv_rpc_invocation_fail(struct lkv_rpc_invocation *invocation, uint32_t code, const char *message);

/// Fills the options with their defaults. `size` is sizeof(lkv_token_options).
///
/// Thread safety: any thread, any callback. Errors: LKV_ERROR_INVALID_ARGUMENT. Since: 0.1.
lkv_result lkv_token_options_init(struct lkv_token_options *options, size_t size);

/// Makes an access token that lets its bearer join the room and send data. It is for tests, demos and single machines: in
/// production the secret stays on your server, which makes the tokens.
///
/// \param options  key, secret, identity and room must not be empty
/// \param buf      out: the token, NUL-terminated; may be NULL if `cap` is 0
/// \param cap      bytes of `buf`; 1024 is ample for short names
/// \param needed   out: bytes with the NUL, also if the buffer is too small; may be NULL
///
/// Thread safety: any thread, any callback.
/// Ownership: everything is copied.
/// Errors: LKV_ERROR_INVALID_ARGUMENT, LKV_ERROR_BUFFER_TOO_SMALL.
/// Since: 0.1.
lkv_result lkv_token_create(const struct lkv_token_options *options,
                            char *buf,
                            size_t cap,
                            size_t *needed);

/// The version of the library that is loaded, as in "0.1.0".
///
/// Thread safety: any thread, any callback. Ownership: static, never freed. Since: 0.1.
const char *lkv_version_string(void);

/// The version of the library that is loaded, as LKV_VERSION_NUMBER is made.
///
/// Thread safety: any thread, any callback. Since: 0.1.
uint32_t lkv_version_number(void);

/// The binary interface of the library that is loaded: compare it with LKV_ABI_VERSION.
///
/// Thread safety: any thread, any callback. Since: 0.1.
uint32_t lkv_abi_version(void);

/// Closes every room of the process, and with them their receivers and outputs, as before the library is unloaded. Their
/// handles still want to be destroyed.
///
/// Thread safety: any thread. It waits for callbacks of rooms under way, unless it is called inside a callback; not in log
/// and release callbacks. Since: 0.1.
void lkv_shutdown_all(void);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

/* Structs with their size set and the rest 0, but for LKV_FRAME_DESC_INIT, whose pts_us is LKV_NO_PTS:
 * `lkv_event event = LKV_EVENT_INIT;`. */
#ifdef __cplusplus
template <typename Struct> inline Struct lkv_sized() {
    Struct value = Struct();
    value.struct_size = static_cast<uint32_t>(sizeof(Struct));
    return value;
}
inline lkv_frame_desc lkv_timeless_desc() {
    lkv_frame_desc desc = lkv_sized<lkv_frame_desc>();
    desc.pts_us = LKV_NO_PTS;
    return desc;
}
#define LKV_SIZED(type) lkv_sized<type>()
#define LKV_FRAME_DESC_INIT lkv_timeless_desc()
#else
#define LKV_SIZED(type) { .struct_size = sizeof(type) }
#define LKV_FRAME_DESC_INIT { .struct_size = sizeof(lkv_frame_desc), .pts_us = LKV_NO_PTS }
#endif

#define LKV_EVENT_INIT LKV_SIZED(lkv_event)
#define LKV_FRAME_INFO_INIT LKV_SIZED(lkv_frame_info)
#define LKV_OUTPUT_OPTIONS_INIT LKV_SIZED(lkv_output_options)
#define LKV_OUTPUT_STATS_INIT LKV_SIZED(lkv_output_stats)
#define LKV_PLAYBACK_LISTENER_INIT LKV_SIZED(lkv_playback_listener)
#define LKV_RECEIVER_CALLBACKS_INIT LKV_SIZED(lkv_receiver_callbacks)
#define LKV_RECEIVER_OPTIONS_INIT LKV_SIZED(lkv_receiver_options)
#define LKV_RECEIVER_STATS_INIT LKV_SIZED(lkv_receiver_stats)
#define LKV_ROOM_CALLBACKS_INIT LKV_SIZED(lkv_room_callbacks)
#define LKV_ROOM_EVENT_INIT LKV_SIZED(lkv_room_event)
#define LKV_ROOM_OPTIONS_INIT LKV_SIZED(lkv_room_options)
#define LKV_ROOM_STATS_INIT LKV_SIZED(lkv_room_stats)
#define LKV_RPC_CALLBACKS_INIT LKV_SIZED(lkv_rpc_callbacks)
#define LKV_RPC_METHOD_INIT LKV_SIZED(lkv_rpc_method)
#define LKV_TOKEN_OPTIONS_INIT LKV_SIZED(lkv_token_options)

#endif // LKVIDEO_H
