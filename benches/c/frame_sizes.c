// SPDX-License-Identifier: Apache-2.0
//
// Throughput and latency by frame size: RGBA frames from one room of the process to another, on `loopback:` and through
// a server. Prints a JSON object for each size.
//
//   frame_sizes [--size WxH] [--fps F] [--seconds S] [--quick]
//
// Without --size all sizes from 4 KiB to 33 MB; --fps 0 (the default) is as fast as it goes, where a frame's latency is mostly
// its wait in the queues. The server is that of LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET; without them there is
// `loopback:` only.
#include "pair.h"

#include <stdio.h>

static const uint32_t SIZES[][2] = {{32, 32},   {64, 64},    {160, 120},   {320, 240},
                                    {640, 480}, {1280, 720}, {1920, 1080}, {3840, 2160}};

// For the room that the samples take: no transport brings more in the seconds that a measurement lasts.
static const uint64_t MOST_FRAMES = 4000000;

static void measure(const struct place *place, unsigned number, const struct load *load) {
    struct pair pair;
    pair_open(&pair, place, number, load);
    const int64_t cpu_ns = process_cpu_ns(), start_ns = now_ns();
    pair_start(&pair, start_ns);
    pair_finish(&pair);
    const double seconds = (double)(now_ns() - start_ns) / NS_PER_S;
    const double cpu = (double)(process_cpu_ns() - cpu_ns) / NS_PER_S / seconds;
    const struct holdings holdings = process_holdings();
    const double fps = pair_rate(&pair);
    printf("{\"path\": \"%s\", \"width\": %u, \"height\": %u, \"bytes\": %zu, \"asked_fps\": %g, "
           "\"sent\": %llu, \"received\": %llu, \"damaged\": %llu, \"fps\": %.1f, \"mbit_per_s\": %.1f, "
           "\"p50_ms\": %.3f, \"p99_ms\": %.3f, \"max_ms\": %.3f, \"cpu_s_per_s\": %.3f, \"rss_mb\": %.1f}\n",
           place_name(place), load->width, load->height, pair.frame_bytes, load->fps, (unsigned long long)pair.sent,
           (unsigned long long)pair.received, (unsigned long long)pair.damaged, fps,
           fps * (double)pair.frame_bytes * 8 / 1e6, (double)samples_at(&pair.latencies, 0.5) / NS_PER_MS,
           (double)samples_at(&pair.latencies, 0.99) / NS_PER_MS, (double)samples_at(&pair.latencies, 1) / NS_PER_MS, cpu,
           (double)holdings.resident_kb / 1e3);
    fflush(stdout);
    pair_close(&pair);
}

int main(int argc, char **argv) {
    static unsigned rooms; // each measurement has one of its own
    struct place places[2];
    const unsigned paths = places_find(places);
    const bool quick = argument_flag(argc, argv, "--quick");
    const char *size = argument(argc, argv, "--size", NULL);
    struct load load = {0, 0, argument_number(argc, argv, "--fps", 0),
                        argument_number(argc, argv, "--seconds", quick ? 0.3 : 2), MOST_FRAMES};
    for (unsigned path = 0; path < paths; path++) {
        if (size) {
            if (sscanf(size, "%ux%u", &load.width, &load.height) != 2) give_up("--size wants WIDTHxHEIGHT");
            measure(&places[path], rooms++, &load);
            continue;
        }
        for (unsigned i = 0; i < sizeof SIZES / sizeof *SIZES; i++) {
            load.width = SIZES[i][0];
            load.height = SIZES[i][1];
            measure(&places[path], rooms++, &load);
        }
    }
    return 0;
}
