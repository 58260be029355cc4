// SPDX-License-Identifier: Apache-2.0
//
// Sends frames that were made in advance, and nothing else: what the library costs a sender. Leaves when its standard
// input ends.
#include "measure.h"

int main(int argc, char **argv) {
    const struct wanted wanted = wanted_parse(argc, argv);
    lkv_output_options options = LKV_OUTPUT_OPTIONS_INIT;
    options.queue_frames = wanted.queue;
    lkv_output *output = NULL;
    lkv_room *room = measured_connect(&wanted, "sender", LKV_KIND_AGENT);
    const bool done = room && !broke("wait", lkv_room_wait_participant(room, "receiver", IDLE_LIMIT_MS)) &&
                      !broke("create an output", lkv_output_create(room, "receiver", &options, &output)) &&
                      measured_send(&wanted, output);
    if (done) wait_until_input_ends();
    lkv_output_destroy(output);
    lkv_room_destroy(room);
    return done ? 0 : 1;
}
