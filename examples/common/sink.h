// SPDX-License-Identifier: Apache-2.0
//
// Where received pictures are saved: FILE.y4m gets all of them (in their own type if y4m has it, else as I420), any
// other path is a directory that gets a PNG each second.
#ifndef EXAMPLES_SINK_H
#define EXAMPLES_SINK_H

#include "picture.h"

#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

struct sink {
    const char *path; // NULL: nothing is saved
    double fps;
    uint64_t pictures;
    bool failed; // something could not be saved; that was told on stderr
    FILE *file;
    struct picture written; // type and dimensions of the file, or of the PNG's pixels
    uint8_t *pixels;
    struct canvas canvas;
};

bool sink_open(struct sink *sink, const char *path, double fps);
void sink_save(struct sink *sink, const struct picture *picture);
// False if anything could not be saved.
bool sink_close(struct sink *sink);

#ifdef __cplusplus
}
#endif
#endif
