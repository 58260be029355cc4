// SPDX-License-Identifier: Apache-2.0
#include "source.h"

#include "report.h"
#include "wave.h"

#include <stdlib.h>
#include <string.h>

static bool open_file(struct source *source, const char *path) {
    if (!y4m_open(&source->file, path)) return false;
    source->file_pixels = malloc(source->file.frame_size);
    const struct picture picture = {source->file.type, source->file.width, source->file.height, source->file_pixels,
                                    source->file.frame_size};
    source->file_picture = picture;
    return source->file_pixels != NULL;
}

bool source_open(struct source *source, const struct options *options) {
    memset(source, 0, sizeof *source);
    if (options->input && !open_file(source, options->input)) return false;
    struct picture *picture = &source->picture;
    picture->type = options->type;
    picture->width = options->input ? source->file.width : options->width;
    picture->height = options->input ? source->file.height : options->height;
    bool open =
        !failed("the size of a frame", lkv_frame_size(picture->type, picture->width, picture->height, &picture->size));
    if (open) {
        picture->data = source->pixels = malloc(picture->size);
        open = source->pixels && canvas_init(&source->canvas, picture->width, picture->height);
    }
    if (!open) source_close(source);
    return open;
}

const struct picture *source_next(struct source *source, unsigned segment, unsigned number) {
    if (!source->file.file) {
        wave_draw(&source->canvas, source->step++, segment, number);
    } else if (!y4m_read(&source->file, source->file_pixels)) {
        return NULL;
    } else if (source->file.type == source->picture.type) {
        return &source->file_picture;
    } else {
        canvas_read(&source->canvas, &source->file_picture);
    }
    canvas_write(&source->canvas, source->picture.type, source->pixels);
    return &source->picture;
}

void source_close(struct source *source) {
    y4m_close(&source->file);
    canvas_free(&source->canvas);
    free(source->file_pixels);
    free(source->pixels);
    memset(source, 0, sizeof *source);
}
