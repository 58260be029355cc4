// SPDX-License-Identifier: Apache-2.0
//
// Sender and receiver in one process, through sessions and wire, without a server. Leaves when all has arrived and its
// standard input ends.
#include "measure.h"

static bool has_ended(const void *arrivals) { return ((const struct arrivals *)arrivals)->ended; }

int main(int argc, char **argv) {
    struct wanted wanted = wanted_parse(argc, argv);
    wanted.url = "loopback:";
    struct monitor monitor;
    monitor_init(&monitor);
    struct arrivals arrivals = {.monitor = &monitor};
    const lkv_receiver_callbacks callbacks = {
        .struct_size = sizeof callbacks, .on_event = arrivals_event, .user_data = &arrivals};
    lkv_receiver_options receiving = LKV_RECEIVER_OPTIONS_INIT;
    receiving.callbacks = &callbacks;
    receiving.queue_frames = wanted.queue;
    lkv_output_options sending = LKV_OUTPUT_OPTIONS_INIT;
    sending.queue_frames = wanted.queue;
    lkv_receiver *receiver = NULL;
    lkv_output *output = NULL;

    lkv_room *theirs = measured_connect(&wanted, "receiver", LKV_KIND_STANDARD);
    lkv_room *ours = theirs ? measured_connect(&wanted, "sender", LKV_KIND_AGENT) : NULL;
    const bool done = ours && !broke("create a receiver", lkv_receiver_create(theirs, &receiving, &receiver)) &&
                      !broke("wait", lkv_room_wait_participant(ours, "receiver", IDLE_LIMIT_MS)) &&
                      !broke("create an output", lkv_output_create(ours, "receiver", &sending, &output)) &&
                      measured_send(&wanted, output) && monitor_wait(&monitor, has_ended, &arrivals, IDLE_LIMIT_MS);
    if (done) wait_until_input_ends();
    lkv_output_destroy(output);
    lkv_receiver_destroy(receiver);
    lkv_room_destroy(ours);
    lkv_room_destroy(theirs);
    monitor_destroy(&monitor);
    return done ? 0 : 1;
}
