// SPDX-License-Identifier: Apache-2.0
//
// Takes frames in a callback, looks at their stamps and reports them: what the library costs a receiver. Leaves when its
// standard input ends.
#include "measure.h"

int main(int argc, char **argv) {
    const struct wanted wanted = wanted_parse(argc, argv);
    struct monitor monitor;
    monitor_init(&monitor);
    struct arrivals arrivals = {.monitor = &monitor};
    const lkv_receiver_callbacks callbacks = {
        .struct_size = sizeof callbacks, .on_event = arrivals_event, .user_data = &arrivals};
    lkv_receiver_options options = LKV_RECEIVER_OPTIONS_INIT;
    options.callbacks = &callbacks;
    options.sender = "sender"; // a server may take seconds to announce it; with a name nobody has to wait for that
    lkv_receiver *receiver = NULL;
    lkv_room *room = measured_connect(&wanted, "receiver", LKV_KIND_STANDARD);
    const bool done = room && !broke("create a receiver", lkv_receiver_create(room, &options, &receiver));
    if (done) wait_until_input_ends();
    lkv_receiver_destroy(receiver);
    lkv_room_destroy(room);
    monitor_destroy(&monitor);
    return done ? 0 : 1;
}
