// SPDX-License-Identifier: Apache-2.0
//
// Where the sender's pictures come from: a y4m file, or the colour wave; in the pixel type that was asked for.
#ifndef EXAMPLES_SOURCE_H
#define EXAMPLES_SOURCE_H

#include "options.h"
#include "picture.h"
#include "y4m.h"

#ifdef __cplusplus
extern "C" {
#endif

struct source {
    struct picture picture; // the current one
    uint8_t *pixels;        // its data
    struct canvas canvas;
    struct y4m_reader file;
    struct picture file_picture;
    uint8_t *file_pixels;
    uint64_t step;
};

// Says why on stderr if it cannot.
bool source_open(struct source *source, const struct options *options);
// The next picture, the same memory each time; NULL if the file ran dry. The numbers are drawn on the wave.
const struct picture *source_next(struct source *source, unsigned segment, unsigned number);
void source_close(struct source *source);

#ifdef __cplusplus
}
#endif
#endif
