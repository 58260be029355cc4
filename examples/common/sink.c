// SPDX-License-Identifier: Apache-2.0
#define _POSIX_C_SOURCE 200809L
#include "sink.h"

#include "png.h"
#include "report.h"
#include "y4m.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static bool is_video_file(const char *path) {
    const size_t length = strlen(path);
    return length >= 4 && !strcmp(path + length - 4, ".y4m");
}

static void give_up(struct sink *sink, const char *path, const char *why) {
    if (!sink->failed) say("%s: %s", path, why);
    sink->failed = true;
}

bool sink_open(struct sink *sink, const char *path, double fps) {
    memset(sink, 0, sizeof *sink);
    sink->path = path;
    sink->fps = fps;
    if (!path) return true;
    if (is_video_file(path)) {
        sink->file = fopen(path, "wb");
        if (!sink->file) give_up(sink, path, strerror(errno));
    } else if (mkdir(path, 0777) && errno != EEXIST) {
        give_up(sink, path, strerror(errno));
    }
    return !sink->failed;
}

// Makes room for pictures like this one, converted to the type.
static bool prepare(struct sink *sink, const struct picture *picture, lkv_pixel type) {
    free(sink->pixels);
    canvas_free(&sink->canvas);
    sink->written = *picture;
    sink->written.type = type;
    if (lkv_frame_size(type, picture->width, picture->height, &sink->written.size) != LKV_OK) return false;
    sink->written.data = sink->pixels = malloc(sink->written.size);
    return sink->pixels && canvas_init(&sink->canvas, picture->width, picture->height);
}

static const uint8_t *convert(struct sink *sink, const struct picture *picture) {
    if (picture->type == sink->written.type) return picture->data;
    canvas_read(&sink->canvas, picture);
    canvas_write(&sink->canvas, sink->written.type, sink->pixels);
    return sink->pixels;
}

static void save_video(struct sink *sink, const struct picture *picture) {
    if (sink->pictures == 0 &&
        (!prepare(sink, picture, y4m_type_for(picture->type)) ||
         !y4m_write_header(sink->file, sink->written.type, picture->width, picture->height, sink->fps))) {
        give_up(sink, sink->path, "cannot be written");
    } else if (picture->width != sink->written.width || picture->height != sink->written.height) {
        give_up(sink, sink->path, "holds one size of picture only; save to a directory when sizes change");
    } else if (!y4m_write_frame(sink->file, convert(sink, picture), sink->written.size)) {
        give_up(sink, sink->path, strerror(errno));
    }
}

static void save_image(struct sink *sink, const struct picture *picture) {
    const uint64_t second = (uint64_t)((double)sink->pictures / sink->fps);
    if (sink->pictures > 0 && second == (uint64_t)((double)(sink->pictures - 1) / sink->fps)) return;
    char path[4096];
    snprintf(path, sizeof path, "%s/second-%04lu.png", sink->path, (unsigned long)second);
    if (!prepare(sink, picture, LKV_PIXEL_RGB24)) give_up(sink, path, "no memory");
    else if (!png_write(path, picture->width, picture->height, convert(sink, picture)))
        give_up(sink, path, strerror(errno));
}

void sink_save(struct sink *sink, const struct picture *picture) {
    if (!sink->path) return;
    if (!sink->file) save_image(sink, picture);
    else if (!sink->failed) save_video(sink, picture);
    sink->pictures++;
}

bool sink_close(struct sink *sink) {
    if (sink->file && fclose(sink->file)) give_up(sink, sink->path, strerror(errno));
    free(sink->pixels);
    canvas_free(&sink->canvas);
    const bool saved = !sink->failed;
    memset(sink, 0, sizeof *sink);
    return saved;
}
