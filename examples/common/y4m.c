// SPDX-License-Identifier: Apache-2.0
#include "y4m.h"

#include "report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { LINE = 1024, MONO = -1 };

struct colour_space {
    const char *name;
    int type; // lkv_pixel, or MONO
};

// The first of a type is the name that it is written with.
static const struct colour_space COLOUR_SPACES[] = {
    {"420jpeg", LKV_PIXEL_I420}, {"420", LKV_PIXEL_I420}, {"420mpeg2", LKV_PIXEL_I420}, {"420paldv", LKV_PIXEL_I420},
    {"422", LKV_PIXEL_I422},     {"444", LKV_PIXEL_I444}, {"420p10", LKV_PIXEL_I010},   {"mono", MONO},
};
enum { COLOUR_SPACE_COUNT = sizeof COLOUR_SPACES / sizeof *COLOUR_SPACES };

static bool find_colour_space(const char *name, int *type) {
    for (int i = 0; i < COLOUR_SPACE_COUNT; i++) {
        if (!strcmp(COLOUR_SPACES[i].name, name)) {
            *type = COLOUR_SPACES[i].type;
            return true;
        }
    }
    return false;
}

// A line without its end; false if there is none that fits.
static bool read_line(FILE *file, char line[LINE]) {
    if (!fgets(line, LINE, file)) return false;
    char *end = strchr(line, '\n');
    if (end) *end = '\0';
    return end != NULL;
}

static bool parse_header(struct y4m_reader *reader, char *line) {
    int type = LKV_PIXEL_I420;
    char *word = strtok(line, " ");
    if (!word || strcmp(word, "YUV4MPEG2")) return false;
    while ((word = strtok(NULL, " ")) != NULL) {
        if (*word == 'W') reader->width = (uint32_t)strtoul(word + 1, NULL, 10);
        if (*word == 'H') reader->height = (uint32_t)strtoul(word + 1, NULL, 10);
        if (*word == 'C' && !find_colour_space(word + 1, &type)) return false;
    }
    reader->type = type == MONO ? LKV_PIXEL_I420 : type;
    if (lkv_frame_size(reader->type, reader->width, reader->height, &reader->frame_size) != LKV_OK) return false;
    reader->stored_size = type == MONO ? (size_t)reader->width * reader->height : reader->frame_size;
    return true;
}

bool y4m_open(struct y4m_reader *reader, const char *path) {
    char line[LINE];
    memset(reader, 0, sizeof *reader);
    reader->path = path;
    reader->file = fopen(path, "rb");
    if (!reader->file) {
        say("%s: %s", path, strerror(errno));
        return false;
    }
    if (!read_line(reader->file, line) || !parse_header(reader, line)) {
        say("%s: not a y4m file of a kind that this program reads (8-bit 420, 422, 444 or mono, 420p10)", path);
        y4m_close(reader);
        return false;
    }
    reader->first_frame = ftell(reader->file);
    return true;
}

static bool read_frame(struct y4m_reader *reader, uint8_t *data) {
    char line[LINE];
    return read_line(reader->file, line) && !strncmp(line, "FRAME", 5) &&
           fread(data, reader->stored_size, 1, reader->file) == 1;
}

bool y4m_read(struct y4m_reader *reader, uint8_t *data) {
    if (!read_frame(reader, data) &&
        (fseek(reader->file, reader->first_frame, SEEK_SET) || !read_frame(reader, data))) {
        say("%s: holds no whole frame", reader->path);
        return false;
    }
    memset(data + reader->stored_size, 128, reader->frame_size - reader->stored_size); // mono has no chroma
    return true;
}

void y4m_close(struct y4m_reader *reader) {
    if (reader->file) fclose(reader->file);
    reader->file = NULL;
}

lkv_pixel y4m_type_for(lkv_pixel type) {
    return type == LKV_PIXEL_I422 || type == LKV_PIXEL_I444 || type == LKV_PIXEL_I010 ? type : LKV_PIXEL_I420;
}

bool y4m_write_header(FILE *file, lkv_pixel type, uint32_t width, uint32_t height, double fps) {
    const char *name = COLOUR_SPACES[0].name;
    for (int i = COLOUR_SPACE_COUNT - 1; i >= 0; i--) {
        if (COLOUR_SPACES[i].type == type) name = COLOUR_SPACES[i].name;
    }
    const long rate = (long)(fps * 1000 + 0.5), divisor = rate % 1000 ? 1000 : 1;
    return fprintf(file, "YUV4MPEG2 W%lu H%lu F%ld:%ld Ip A1:1 C%s\n", (unsigned long)width, (unsigned long)height,
                   divisor == 1 ? rate / 1000 : rate, divisor, name) > 0;
}

bool y4m_write_frame(FILE *file, const uint8_t *data, size_t size) {
    return fputs("FRAME\n", file) >= 0 && fwrite(data, size, 1, file) == 1;
}
