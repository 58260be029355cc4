// SPDX-License-Identifier: Apache-2.0
#include "options.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SENDS = PROGRAM_SENDER | PROGRAM_LOOPBACK,
    RECEIVES = PROGRAM_RECEIVER | PROGRAM_LOOPBACK,
    REMOTE = PROGRAM_SENDER | PROGRAM_RECEIVER,
    EVERY = PROGRAM_SENDER | PROGRAM_RECEIVER | PROGRAM_LOOPBACK
};

enum kind { TEXT, COUNT, RATE, SIZE, PIXEL, POLICY, LOG_LEVEL, KIND, FLAG };

struct option {
    const char *name, *argument, *help;
    unsigned programs;
    enum kind kind;
    size_t offset; // of the field in struct options
};

#define FIELD(name) offsetof(struct options, name)

static const struct option OPTIONS[] = {
    {"--url", "URL", "the LiveKit server (LIVEKIT_URL; ws://127.0.0.1:7880)", REMOTE, TEXT, FIELD(url)},
    {"--url", "URL", "the meeting place (loopback:demo)", PROGRAM_LOOPBACK, TEXT, FIELD(url)},
    {"--token", "TOKEN", "access token (LIVEKIT_TOKEN)", REMOTE, TEXT, FIELD(token)},
    {"--api-key", "KEY", "without a token: make one (LIVEKIT_API_KEY)", REMOTE, TEXT, FIELD(api_key)},
    {"--api-secret", "SECRET", "and sign it (LIVEKIT_API_SECRET)", REMOTE, TEXT, FIELD(api_secret)},
    {"--room", "NAME", "the room that such a token is for (demo)", REMOTE, TEXT, FIELD(room)},
    {"--identity", "ID", "and who we are in it (sender, receiver)", REMOTE, TEXT, FIELD(identity)},
    {"--kind", "KIND", "and what: standard or agent (sender: agent)", REMOTE, KIND, FIELD(kind)},
    {"--ca-file", "PEM", "trust these roots instead of the system's", REMOTE, TEXT, FIELD(ca_file)},
    {"--dual-pc", NULL, "two peer connections, as older servers want", REMOTE, FLAG, FIELD(dual_pc)},
    {"--destination", "ID", "who gets the video (receiver)", PROGRAM_SENDER, TEXT, FIELD(destination)},
    {"--sender", "ID", "whose video to take (the first agent's)", PROGRAM_RECEIVER, TEXT, FIELD(sender)},
    {"--label", "LABEL", "which of the sender's outputs to one destination (none)", REMOTE, TEXT, FIELD(label)},
    {"--wait-timeout", "SECONDS", "for the other one to join (60)", REMOTE, COUNT, FIELD(wait_timeout)},
    {"--segments", "N", "segments to send (2)", SENDS, COUNT, FIELD(segments)},
    {"--segments", "N", "leave after so many (0: stay while the sender does)", PROGRAM_RECEIVER, COUNT,
     FIELD(segments)},
    {"--frames", "N", "frames in each segment (150)", SENDS, COUNT, FIELD(frames)},
    {"--fps", "RATE", "frames a second; 0: as fast as it goes (30)", SENDS, RATE, FIELD(fps)},
    {"--fps", "RATE", "frames a second of the playback (30)", PROGRAM_RECEIVER, RATE, FIELD(fps)},
    {"--size", "WxH", "of the frames, if there is no --input (640x480)", SENDS, SIZE, FIELD(width)},
    {"--type", "TYPE", "pixel type: rgba abgr argb bgra rgb24 i420 ... (rgba)", SENDS, PIXEL, FIELD(type)},
    {"--input", "FILE.y4m", "video to send, over and over (a colour wave)", SENDS, TEXT, FIELD(input)},
    {"--clear-after", "N", "clear after N frames of the first segment", SENDS, COUNT, FIELD(clear_after)},
    {"--policy", "POLICY", "full queue: block refuse drop-oldest drop-newest (block)", PROGRAM_SENDER, POLICY, FIELD(policy)},
    {"--send-timeout", "SECONDS", "for the receiver to take a frame (30)", PROGRAM_SENDER, COUNT, FIELD(send_timeout)},
    {"--finish-timeout", "SECONDS", "for the last playback-finished (5)", SENDS, COUNT, FIELD(finish_timeout)},
    {"--save", "PATH", "FILE.y4m: what came; DIRECTORY: a PNG each second", RECEIVES, TEXT, FIELD(save)},
    {"--slow", "MS", "take so much longer for each frame (0)", PROGRAM_RECEIVER, COUNT, FIELD(slow)},
    {"--stay", NULL, "wait for another sender when one has left", PROGRAM_RECEIVER, FLAG, FIELD(stay)},
    {"--events", "FILE", "one JSON object a line for all that happens (-: stdout)", EVERY, TEXT, FIELD(events)},
    {"--log-level", "LEVEL", "off error warn info debug trace (warn)", EVERY, LOG_LEVEL, FIELD(log_level)},
};
enum { OPTION_COUNT = sizeof OPTIONS / sizeof *OPTIONS };

static bool equal_ignoring_case(const char *a, const char *b) {
    while (*a && tolower((unsigned char)*a) == tolower((unsigned char)*b)) a++, b++;
    return *a == *b;
}

// The index of the name in the list, or -1.
static int find_name(const char *name, const char *const *list, int count) {
    for (int i = 0; i < count; i++) {
        if (equal_ignoring_case(name, list[i])) return i;
    }
    return -1;
}

static bool parse_count(const char *text, unsigned *value) {
    char *end;
    errno = 0;
    unsigned long parsed = strtoul(text, &end, 10);
    if (!isdigit((unsigned char)*text) || *end || errno || parsed > 2000000) return false;
    *value = (unsigned)parsed;
    return true;
}

static bool parse_rate(const char *text, double *value) {
    char *end;
    double parsed = strtod(text, &end);
    if (end == text || *end || !(parsed >= 0 && parsed <= 1000000)) return false;
    *value = parsed;
    return true;
}

static bool parse_size(const char *text, uint32_t size[2]) {
    char width[16], height[16], rest;
    unsigned w, h;
    if (sscanf(text, "%15[0-9]x%15[0-9]%c", width, height, &rest) != 2) return false;
    if (!parse_count(width, &w) || !parse_count(height, &h)) return false;
    size[0] = w;
    size[1] = h;
    return true;
}

static bool parse_pixel(const char *text, lkv_pixel *type) {
    const char *name;
    for (lkv_pixel candidate = 0; (name = lkv_pixel_name(candidate)) != NULL; candidate++) {
        if (equal_ignoring_case(text, name)) {
            *type = candidate;
            return true;
        }
    }
    return false;
}

static bool parse_value(const struct option *option, const char *text, void *field) {
    static const char *const LEVELS[] = {"off", "error", "warn", "info", "debug", "trace"};
    static const char *const POLICIES[] = {"block", "refuse", "drop-oldest", "drop-newest"}; // LKV_POLICY_*
    int index;
    switch (option->kind) {
    case TEXT: *(const char **)field = text; return true;
    case COUNT: return parse_count(text, field);
    case RATE: return parse_rate(text, field);
    case SIZE: return parse_size(text, field); // width and height are neighbours
    case PIXEL: return parse_pixel(text, field);
    case POLICY:
        index = find_name(text, POLICIES, sizeof POLICIES / sizeof *POLICIES);
        *(lkv_queue_policy *)field = index;
        return index >= 0;
    case LOG_LEVEL:
        index = find_name(text, LEVELS, sizeof LEVELS / sizeof *LEVELS);
        if (equal_ignoring_case(text, "warning")) index = LKV_LOG_WARN;
        *(lkv_log_level *)field = index;
        return index >= 0;
    case KIND:
        *(lkv_participant_kind *)field = equal_ignoring_case(text, "agent") ? LKV_KIND_AGENT : LKV_KIND_STANDARD;
        return equal_ignoring_case(text, "agent") || equal_ignoring_case(text, "standard");
    case FLAG: break;
    }
    return false;
}

static void print_help(enum program program, const char *name) {
    static const char *const WHAT[] = {"Sends video to one participant of a LiveKit room.",
                                       "Receives video from one participant of a LiveKit room.",
                                       "Sends video to itself, without any server."};
    printf("%s\n\nusage: %s [options]\n\n",
           WHAT[program == PROGRAM_SENDER     ? 0
                : program == PROGRAM_RECEIVER ? 1
                                              : 2],
           name);
    for (int i = 0; i < OPTION_COUNT; i++) {
        if (!(OPTIONS[i].programs & program)) continue;
        char left[40];
        snprintf(left, sizeof left, "%s %s", OPTIONS[i].name, OPTIONS[i].argument ? OPTIONS[i].argument : "");
        printf("  %-26s %s\n", left, OPTIONS[i].help);
    }
}

static void refuse(const char *program_name, const char *what, const char *why) {
    fprintf(stderr, "%s: %s %s (see --help)\n", program_name, what, why);
    exit(2);
}

static const struct option *find_option(enum program program, const char *argument, size_t length) {
    for (int i = 0; i < OPTION_COUNT; i++) {
        const struct option *option = &OPTIONS[i];
        if ((option->programs & program) && strlen(option->name) == length &&
            !strncmp(option->name, argument, length)) {
            return option;
        }
    }
    return NULL;
}

static const char *from_environment(const char *name) {
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

static struct options defaults(enum program program) {
    struct options options;
    memset(&options, 0, sizeof options);
    options.url = program == PROGRAM_LOOPBACK ? "loopback:demo" : from_environment("LIVEKIT_URL");
    if (!options.url) options.url = "ws://127.0.0.1:7880";
    options.token = from_environment("LIVEKIT_TOKEN");
    options.api_key = from_environment("LIVEKIT_API_KEY");
    options.api_secret = from_environment("LIVEKIT_API_SECRET");
    options.room = "demo";
    options.identity = program == PROGRAM_RECEIVER ? "receiver" : "sender";
    options.kind = program == PROGRAM_RECEIVER ? LKV_KIND_STANDARD : LKV_KIND_AGENT;
    options.destination = "receiver";
    options.wait_timeout = 60;
    options.segments = program == PROGRAM_RECEIVER ? 0 : 2;
    options.frames = 150;
    options.fps = 30;
    options.width = 640;
    options.height = 480;
    options.type = LKV_PIXEL_RGBA;
    options.send_timeout = 30;
    options.finish_timeout = 5;
    options.policy = LKV_POLICY_BLOCK;
    options.log_level = LKV_LOG_WARN;
    return options;
}

struct options options_parse(enum program program, int argc, char **argv) {
    struct options options = defaults(program);
    for (int i = 1; i < argc; i++) {
        const char *argument = argv[i], *equals = strchr(argument, '=');
        if (!strcmp(argument, "--help") || !strcmp(argument, "-h")) {
            print_help(program, argv[0]);
            exit(0);
        }
        const struct option *option =
            find_option(program, argument, equals ? (size_t)(equals - argument) : strlen(argument));
        if (!option) refuse(argv[0], argument, "is no option of this program");
        void *field = (char *)&options + option->offset;
        if (option->kind == FLAG) {
            if (equals) refuse(argv[0], argument, "takes no value");
            *(bool *)field = true;
            continue;
        }
        const char *value = equals ? equals + 1 : argv[++i];
        if (!value) refuse(argv[0], argument, "needs a value");
        if (!parse_value(option, value, field)) {
            char what[256];
            snprintf(what, sizeof what, "%s: \"%s\"", option->name, value);
            refuse(argv[0], what, "is not valid");
        }
    }
    return options;
}

double options_playback_fps(const struct options *options) { return options->fps > 0 ? options->fps : 30; }

int64_t options_frame_time_us(const struct options *options, uint64_t frames) {
    return llround((double)frames * 1e6 / options_playback_fps(options));
}
