// SPDX-License-Identifier: Apache-2.0
//
// What calls cost beyond the copy of the pixels, on `loopback:`. Prints a JSON object for each measurement; times are
// medians in nanoseconds, of calls and copies in turns.
//
//   call_cost [--calls N] [--quick]
//
// send      lkv_output_send_frame and lkv_output_send_frame_owned (which lends and copies nothing) for RGBA frames.
//           "awake": the destination is not in the room, a new frame replaces the one before it, and a lending send follows
//           a copying one at once, so that it has nobody to wake: lend_ns is the call's own work.
//           "asleep": each frame is sent some time after the one before it has arrived, as in a paced stream. A call then
//           wakes a thread, which is the system's work and not in the copy either: the same is measured of this program, as
//           memcpy of the same bytes and a semaphore that a sleeping thread waits for (copy_and_wake_ns, wake_ns).
// callback  from the return of one to the entry of the next: time (gap_ns) and CPU time of the thread that calls, with events
//           waiting ("awake"), and CPU time with one event after the other, which includes going to sleep and being woken
//           ("asleep").
#define _POSIX_C_SOURCE 200809L
#include "support.h"

#include <lkvideo.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TIMEOUT_MS = 10000, WARM_UP = 20, BURST = 64, PAUSE_US = 2000 };

static const uint32_t SIZES[][2] = {{320, 240}, {640, 480}, {1280, 720}};

// What callbacks note. Frames come in bursts; the first of a burst of several waits inside until all others are queued.
struct arrivals {
    unsigned burst, in_burst;
    sem_t queued, arrived; // all of a burst
    bool before;           // whether a callback came before
    int64_t returned_ns, returned_cpu_ns;
    struct samples gaps, cpu; // from a return to the next entry
};

struct rooms {
    lkv_room *sending, *receiving;
    lkv_output *output;
    lkv_receiver *receiver;
    struct arrivals arrivals;
};

static int64_t thread_cpu_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (int64_t)time.tv_sec * NS_PER_S + time.tv_nsec;
}

static void wait_for(sem_t *semaphore) {
    while (sem_wait(semaphore)) continue;
}

static void on_event(const lkv_event *event, void *user_data) {
    const int64_t entered_ns = now_ns(), entered_cpu_ns = thread_cpu_ns();
    struct arrivals *arrivals = user_data;
    if (event->type != LKV_EVENT_FRAME) return;
    const bool first = arrivals->burst > 1 && arrivals->in_burst == 0;
    if (arrivals->before && !first) {
        samples_add(&arrivals->gaps, entered_ns - arrivals->returned_ns);
        samples_add(&arrivals->cpu, entered_cpu_ns - arrivals->returned_cpu_ns);
    }
    arrivals->before = true;
    if (first) wait_for(&arrivals->queued);
    if (++arrivals->in_burst == arrivals->burst) {
        arrivals->in_burst = 0;
        sem_post(&arrivals->arrived);
    }
    arrivals->returned_cpu_ns = thread_cpu_ns();
    arrivals->returned_ns = now_ns();
}

// With `present` false the destination is never in the room.
static void rooms_open(struct rooms *rooms, bool present, unsigned burst, unsigned calls) {
    memset(rooms, 0, sizeof *rooms);
    rooms->arrivals.burst = burst;
    sem_init(&rooms->arrivals.queued, 0, 0);
    sem_init(&rooms->arrivals.arrived, 0, 0);
    rooms->arrivals.gaps = samples_new(calls);
    rooms->arrivals.cpu = samples_new(calls);
    lkv_receiver_callbacks callbacks = LKV_RECEIVER_CALLBACKS_INIT;
    callbacks.on_event = on_event;
    callbacks.user_data = &rooms->arrivals;
    lkv_receiver_options receiving = LKV_RECEIVER_OPTIONS_INIT;
    receiving.sender = "sender";
    receiving.callbacks = &callbacks;
    const char *url = present ? "loopback:calls?identity=receiver" : "loopback:calls?identity=bystander";
    expect("connect", lkv_room_connect(url, NULL, NULL, &rooms->receiving));
    expect("receive", lkv_receiver_create(rooms->receiving, &receiving, &rooms->receiver));
    expect("connect", lkv_room_connect("loopback:calls?identity=sender", NULL, NULL, &rooms->sending));
    lkv_output_options sending = LKV_OUTPUT_OPTIONS_INIT;
    sending.queue_frames = present ? 0 : 1;
    sending.policy = present ? LKV_POLICY_BLOCK : LKV_POLICY_DROP_OLDEST;
    expect("create an output", lkv_output_create(rooms->sending, "receiver", &sending, &rooms->output));
}

static void rooms_close(struct rooms *rooms) {
    lkv_output_destroy(rooms->output);
    lkv_room_destroy(rooms->sending);
    lkv_receiver_destroy(rooms->receiver);
    lkv_room_destroy(rooms->receiving);
    samples_free(&rooms->arrivals.gaps);
    samples_free(&rooms->arrivals.cpu);
    sem_destroy(&rooms->arrivals.arrived);
    sem_destroy(&rooms->arrivals.queued);
}

static uint8_t *picture(size_t size) {
    uint8_t *pixels = malloc(size);
    if (!pixels) give_up("out of memory");
    memset(pixels, 0x55, size);
    return pixels;
}

static lkv_frame_desc describe(const uint32_t size[2], const uint8_t *pixels) {
    lkv_frame_desc desc = LKV_FRAME_DESC_INIT;
    expect("describe", lkv_frame_desc_packed(&desc, LKV_PIXEL_RGBA, size[0], size[1], pixels));
    return desc;
}

static void keep(void *user_data) { (void)user_data; }

// A thread that sleeps until it is called, and answers.
struct sleeper {
    pthread_t thread;
    sem_t call, answer;
    bool over;
};

static void *sleep_and_answer(void *user_data) {
    struct sleeper *sleeper = user_data;
    do {
        wait_for(&sleeper->call);
        sem_post(&sleeper->answer);
    } while (!sleeper->over);
    return NULL;
}

static void sleeper_start(struct sleeper *sleeper) {
    sem_init(&sleeper->call, 0, 0);
    sem_init(&sleeper->answer, 0, 0);
    sleeper->over = false;
    if (pthread_create(&sleeper->thread, NULL, sleep_and_answer, sleeper)) give_up("no thread can be started");
}

static void sleeper_end(struct sleeper *sleeper) {
    sleeper->over = true;
    sem_post(&sleeper->call);
    pthread_join(sleeper->thread, NULL);
    sem_destroy(&sleeper->call);
    sem_destroy(&sleeper->answer);
}

// Lets all other threads go to sleep, where each call is to wake them.
static int64_t begin(bool pause) {
    if (pause) sleep_until_ns(now_ns() + PAUSE_US * NS_PER_US);
    return now_ns();
}

static int64_t median(struct samples *samples) {
    samples_sort(samples);
    return samples_at(samples, 0.5);
}

static void measure_send(const uint32_t size[2], bool present, unsigned calls) {
    struct rooms rooms;
    rooms_open(&rooms, present, 1, calls);
    const size_t bytes = (size_t)size[0] * size[1] * 4;
    // Two in turns, as the library's pool has it: a frame is written while the last one is queued.
    uint8_t *pixels = picture(bytes), *copies[2] = {picture(bytes), picture(bytes)};
    const lkv_frame_desc desc = describe(size, pixels);
    struct samples copying = samples_new(calls), sending = samples_new(calls), lending = samples_new(calls),
                   waking = samples_new(calls), both = samples_new(calls);
    struct sleeper sleeper;
    sleeper_start(&sleeper);
    for (unsigned call = 0; call < WARM_UP + calls; call++) {
        const bool counts = call >= WARM_UP;
        uint8_t *copy = copies[call % 2];
        int64_t begun = begin(present);
        memcpy(copy, pixels, bytes);
        if (counts) samples_add(&copying, now_ns() - begun);
        // Reads what was copied: no compiler leaves the copy out.
        if (copy[call % bytes] != 0x55) give_up("memcpy did not copy");

        begun = begin(present);
        expect("send", lkv_output_send_frame(rooms.output, &desc, TIMEOUT_MS));
        if (counts) samples_add(&sending, now_ns() - begun);
        if (present) wait_for(&rooms.arrivals.arrived);

        begun = begin(present);
        expect("lend", lkv_output_send_frame_owned(rooms.output, &desc, TIMEOUT_MS, keep, NULL));
        if (counts) samples_add(&lending, now_ns() - begun);
        if (present) wait_for(&rooms.arrivals.arrived);

        begun = begin(present);
        sem_post(&sleeper.call);
        if (counts) samples_add(&waking, now_ns() - begun);
        wait_for(&sleeper.answer);

        begun = begin(present);
        memcpy(copy, pixels, bytes);
        sem_post(&sleeper.call);
        if (counts) samples_add(&both, now_ns() - begun);
        wait_for(&sleeper.answer);
    }
    sleeper_end(&sleeper);
    const long long copy_ns = median(&copying), send_ns = median(&sending), lend_ns = median(&lending);
    printf("{\"call\": \"send\", \"way\": \"%s\", \"width\": %u, \"height\": %u, \"memcpy_ns\": %lld, \"send_ns\": %lld, "
           "\"lend_ns\": %lld",
           present ? "asleep" : "awake", size[0], size[1], copy_ns, send_ns, lend_ns);
    if (present) {
        const long long both_ns = median(&both), wake_ns = median(&waking);
        printf(", \"copy_and_wake_ns\": %lld, \"wake_ns\": %lld, \"send_beyond_copy_ns\": %lld, "
               "\"send_beyond_copy_and_wake_ns\": %lld, \"lend_beyond_wake_ns\": %lld",
               both_ns, wake_ns, send_ns - copy_ns, send_ns - both_ns, lend_ns - wake_ns);
    }
    printf("}\n");
    fflush(stdout);
    samples_free(&copying);
    samples_free(&sending);
    samples_free(&lending);
    samples_free(&waking);
    samples_free(&both);
    free(copies[0]);
    free(copies[1]);
    rooms_close(&rooms);
    free(pixels); // lent until here
}

static void measure_callback(unsigned burst, unsigned calls) {
    static const uint32_t size[2] = {32, 32};
    struct rooms rooms;
    rooms_open(&rooms, true, burst, calls);
    uint8_t *pixels = picture((size_t)size[0] * size[1] * 4);
    const lkv_frame_desc desc = describe(size, pixels);
    for (unsigned call = 0; call < calls; call += burst) {
        for (unsigned i = 0; i < burst; i++) expect("send", lkv_output_send_frame(rooms.output, &desc, TIMEOUT_MS));
        if (burst > 1) {
            expect("wait until all is sent", lkv_output_wait_sent(rooms.output, TIMEOUT_MS));
            sem_post(&rooms.arrivals.queued);
        }
        wait_for(&rooms.arrivals.arrived);
    }
    struct arrivals *arrivals = &rooms.arrivals;
    if (burst > 1) {
        printf("{\"call\": \"callback\", \"way\": \"awake\", \"gap_ns\": %lld, \"cpu_ns\": %lld}\n",
               (long long)median(&arrivals->gaps), (long long)median(&arrivals->cpu));
    } else {
        printf("{\"call\": \"callback\", \"way\": \"asleep\", \"cpu_ns\": %lld}\n", (long long)median(&arrivals->cpu));
    }
    fflush(stdout);
    free(pixels);
    rooms_close(&rooms);
}

int main(int argc, char **argv) {
    const bool quick = argument_flag(argc, argv, "--quick");
    const unsigned calls = (unsigned)argument_number(argc, argv, "--calls", quick ? 100 : 1000);
    for (int present = 0; present <= 1; present++) {
        const unsigned counted = present ? calls / 4 : calls; // the pauses take their time
        for (unsigned i = 0; i < sizeof SIZES / sizeof *SIZES; i++) measure_send(SIZES[i], present, counted);
    }
    measure_callback(BURST, calls);
    measure_callback(1, calls);
    return 0;
}
