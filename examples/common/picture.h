// SPDX-License-Identifier: Apache-2.0
//
// A tightly packed picture of any pixel type, as a frame holds it, and its conversion. Every type is converted by way
// of a canvas (8-bit Y'CbCr 4:4:4, BT.601, limited range), so that one reader and one writer a type are enough. Through
// it, all 8-bit 4:2:0 types keep their samples exactly.
#ifndef EXAMPLES_PICTURE_H
#define EXAMPLES_PICTURE_H

#include <lkvideo.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct picture {
    lkv_pixel type;
    uint32_t width, height;
    const uint8_t *data; // of whoever made the picture
    size_t size;
};

// The picture in a frame that was received; valid as long as the frame.
struct picture picture_of_frame(const lkv_frame *frame);
// When a frame that was received is to be shown, or LKV_NO_PTS.
int64_t time_of_frame(const lkv_frame *frame);

struct canvas {
    uint32_t width, height;
    uint8_t *y, *u, *v; // width * height samples each
};

bool canvas_init(struct canvas *canvas, uint32_t width, uint32_t height);
void canvas_free(struct canvas *canvas);

// Both want the canvas to have the picture's dimensions.
void canvas_read(struct canvas *canvas, const struct picture *picture);
void canvas_write(const struct canvas *canvas, lkv_pixel type, uint8_t *data);

#ifdef __cplusplus
}
#endif
#endif
