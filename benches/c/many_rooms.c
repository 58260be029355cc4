// SPDX-License-Identifier: Apache-2.0
//
// What many rooms in one process cost: pairs of rooms, a sender in one and a receiver in the other, each with small RGBA
// frames, on `loopback:` and through a server. Prints a JSON object for each number of pairs.
//
//   many_rooms [--pairs N] [--size WxH] [--fps F] [--seconds S] [--quick]
//
// Without --pairs 1, 10 and 50. The server is that of LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET; without them there
// is `loopback:` only. `threads` are those of the library and main, without the senders' own.
#include "pair.h"

#include <stdio.h>
#include <stdlib.h>

static void measure(const struct place *place, unsigned count, const struct load *load) {
    static unsigned rooms; // each pair has a room of its own
    struct pair *pairs = calloc(count, sizeof *pairs);
    struct samples all = samples_new((size_t)load->frames * count);
    if (!pairs) give_up("out of memory");
    const int64_t opening_ns = now_ns();
    for (unsigned i = 0; i < count; i++) pair_open(&pairs[i], place, rooms++, load);
    const int64_t start_ns = now_ns(), cpu_ns = process_cpu_ns();
    // Their frames are due at times of their own, as those of strangers are.
    const double shift_ns = NS_PER_S / load->fps / count;
    for (unsigned i = 0; i < count; i++) pair_start(&pairs[i], start_ns + (int64_t)(shift_ns * i));
    sleep_until_ns(start_ns + (int64_t)(load->seconds * NS_PER_S / 2));
    const struct holdings holdings = process_holdings(); // while all of them send
    uint64_t sent = 0, received = 0, damaged = 0;
    for (unsigned i = 0; i < count; i++) {
        pair_finish(&pairs[i]);
        sent += pairs[i].sent;
        received += pairs[i].received;
        damaged += pairs[i].damaged;
        for (size_t sample = 0; sample < pairs[i].latencies.count; sample++) {
            samples_add(&all, pairs[i].latencies.ns[sample]);
        }
    }
    const double seconds = (double)(now_ns() - start_ns) / NS_PER_S;
    const double cpu = (double)(process_cpu_ns() - cpu_ns) / NS_PER_S / seconds;
    samples_sort(&all);
    printf("{\"path\": \"%s\", \"pairs\": %u, \"width\": %u, \"height\": %u, \"asked_fps\": %g, "
           "\"sent\": %llu, \"received\": %llu, \"damaged\": %llu, \"fps\": %.1f, \"p50_ms\": %.3f, \"p99_ms\": %.3f, "
           "\"max_ms\": %.3f, \"cpu_s_per_s\": %.3f, \"rss_mb\": %.1f, \"threads\": %ld, \"open_ms_per_pair\": %.2f}\n",
           place_name(place), count, load->width, load->height, load->fps, (unsigned long long)sent,
           (unsigned long long)received, (unsigned long long)damaged, (double)received / seconds,
           (double)samples_at(&all, 0.5) / NS_PER_MS, (double)samples_at(&all, 0.99) / NS_PER_MS,
           (double)samples_at(&all, 1) / NS_PER_MS, cpu, (double)holdings.resident_kb / 1e3,
           holdings.threads - (long)count, (double)(start_ns - opening_ns) / NS_PER_MS / count);
    fflush(stdout);
    for (unsigned i = 0; i < count; i++) pair_close(&pairs[i]);
    samples_free(&all);
    free(pairs);
}

int main(int argc, char **argv) {
    static const unsigned COUNTS[] = {1, 10, 50};
    struct place places[2];
    const unsigned paths = places_find(places);
    const bool quick = argument_flag(argc, argv, "--quick");
    const unsigned pairs = (unsigned)argument_number(argc, argv, "--pairs", 0);
    struct load load = {0, 0, argument_number(argc, argv, "--fps", 30),
                        argument_number(argc, argv, "--seconds", quick ? 0.5 : 4), 0};
    if (sscanf(argument(argc, argv, "--size", "64x64"), "%ux%u", &load.width, &load.height) != 2) {
        give_up("--size wants WIDTHxHEIGHT");
    }
    load.frames = (uint64_t)(load.fps * load.seconds);
    if (load.frames < 1) give_up("--fps and --seconds must make a frame");
    for (unsigned path = 0; path < paths; path++) {
        if (pairs) {
            measure(&places[path], pairs, &load);
            continue;
        }
        for (unsigned i = 0; i < sizeof COUNTS / sizeof *COUNTS; i++) measure(&places[path], COUNTS[i], &load);
    }
    return 0;
}
