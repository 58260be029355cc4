// SPDX-License-Identifier: Apache-2.0
//
// YUV4MPEG2, the plainest of video files: a line of parameters, then frames of tight planes, each after a line of its
// own. 8-bit 4:2:0, 4:2:2, 4:4:4 and mono, and 10-bit 4:2:0.
#ifndef EXAMPLES_Y4M_H
#define EXAMPLES_Y4M_H

#include "picture.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

struct y4m_reader {
    FILE *file;
    const char *path;
    lkv_pixel type; // of its frames: I420 (mono too), I422, I444 or I010
    uint32_t width, height;
    size_t frame_size;  // bytes of a frame of that type
    size_t stored_size; // bytes of it in the file (mono: luma alone)
    long first_frame;   // where in the file
};

// These say on stderr why they cannot.
bool y4m_open(struct y4m_reader *reader, const char *path);
bool y4m_read(struct y4m_reader *reader, uint8_t *data); // the next frame, or the first again after the last
void y4m_close(struct y4m_reader *reader);

// The type that frames of this one are written as: itself, or I420.
lkv_pixel y4m_type_for(lkv_pixel type);
bool y4m_write_header(FILE *file, lkv_pixel type, uint32_t width, uint32_t height, double fps);
bool y4m_write_frame(FILE *file, const uint8_t *data, size_t size);

#ifdef __cplusplus
}
#endif
#endif
