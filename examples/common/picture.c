// SPDX-License-Identifier: Apache-2.0
#include "picture.h"

#include <stdlib.h>
#include <string.h>

struct picture picture_of_frame(const lkv_frame *frame) {
    lkv_frame_info info = LKV_FRAME_INFO_INIT;
    lkv_frame_get_info(frame, &info);
    const struct picture picture = {info.type, info.width, info.height, info.data, info.size};
    return picture;
}

int64_t time_of_frame(const lkv_frame *frame) {
    lkv_frame_info info = LKV_FRAME_INFO_INIT;
    lkv_frame_get_info(frame, &info);
    return info.pts_us;
}

bool canvas_init(struct canvas *canvas, uint32_t width, uint32_t height) {
    const size_t samples = (size_t)width * height;
    canvas->width = width;
    canvas->height = height;
    canvas->y = malloc(samples * 3);
    canvas->u = canvas->y ? canvas->y + samples : NULL;
    canvas->v = canvas->y ? canvas->u + samples : NULL;
    return canvas->y != NULL;
}

void canvas_free(struct canvas *canvas) {
    free(canvas->y);
    memset(canvas, 0, sizeof *canvas);
}

// ---- red, green, blue ----

struct rgb_order {
    int bytes, r, g, b, a; // bytes of a pixel, and where in it; a < 0: no alpha
};

static bool rgb_order_of(lkv_pixel type, struct rgb_order *order) {
    static const struct rgb_order RGBA = {4, 0, 1, 2, 3}, ABGR = {4, 3, 2, 1, 0}, ARGB = {4, 1, 2, 3, 0},
                                  BGRA = {4, 2, 1, 0, 3}, RGB24 = {3, 0, 1, 2, -1};
    switch (type) {
    case LKV_PIXEL_RGBA: *order = RGBA; return true;
    case LKV_PIXEL_ABGR: *order = ABGR; return true;
    case LKV_PIXEL_ARGB: *order = ARGB; return true;
    case LKV_PIXEL_BGRA: *order = BGRA; return true;
    case LKV_PIXEL_RGB24: *order = RGB24; return true;
    default: return false;
    }
}

static uint8_t clamp(int value) { return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value); }

static void read_rgb(struct canvas *canvas, const uint8_t *pixel, struct rgb_order order) {
    const size_t count = (size_t)canvas->width * canvas->height;
    for (size_t i = 0; i < count; i++, pixel += order.bytes) {
        const int r = pixel[order.r], g = pixel[order.g], b = pixel[order.b];
        canvas->y[i] = (uint8_t)(((66 * r + 129 * g + 25 * b + 128) >> 8) + 16);
        canvas->u[i] = (uint8_t)((-38 * r - 74 * g + 112 * b + 128 + (128 << 8)) >> 8);
        canvas->v[i] = (uint8_t)((112 * r - 94 * g - 18 * b + 128 + (128 << 8)) >> 8);
    }
}

static void write_rgb(const struct canvas *canvas, uint8_t *pixel, struct rgb_order order) {
    const size_t count = (size_t)canvas->width * canvas->height;
    for (size_t i = 0; i < count; i++, pixel += order.bytes) {
        const int y = 298 * (canvas->y[i] - 16) + 128, u = canvas->u[i] - 128, v = canvas->v[i] - 128;
        pixel[order.r] = clamp((y + 409 * v) / 256);
        pixel[order.g] = clamp((y - 100 * u - 208 * v) / 256);
        pixel[order.b] = clamp((y + 516 * u) / 256);
        if (order.a >= 0) pixel[order.a] = 255;
    }
}

// ---- planes of Y', Cb and Cr ----

struct planar {
    uint32_t shift_x, shift_y; // chroma has 1 / 2^shift of luma's columns and rows, rounded up
    size_t sample_bytes;       // 2: ten bits, little endian
    bool interleaved, alpha;   // Cb and Cr in one plane; a fourth plane
};

static struct planar planar_of(lkv_pixel type) {
    struct planar layout = {1, 1, 1, false, false};
    switch (type) {
    case LKV_PIXEL_I420A: layout.alpha = true; break;
    case LKV_PIXEL_I422: layout.shift_y = 0; break;
    case LKV_PIXEL_I444: layout.shift_x = layout.shift_y = 0; break;
    case LKV_PIXEL_I010: layout.sample_bytes = 2; break;
    case LKV_PIXEL_NV12: layout.interleaved = true; break;
    default: break;
    }
    return layout;
}

// A plane as the samples first, first + step, ...
struct plane {
    size_t first, step, columns, rows;
};

static void planes_of(struct planar layout, uint32_t width, uint32_t height, struct plane planes[4]) {
    const size_t columns = ((size_t)width + layout.shift_x) >> layout.shift_x;
    const size_t rows = ((size_t)height + layout.shift_y) >> layout.shift_y;
    const size_t luma = (size_t)width * height, chroma = columns * rows, step = layout.interleaved ? 2 : 1;
    const struct plane y = {0, 1, width, height}, u = {luma, step, columns, rows};
    const struct plane v = {luma + (layout.interleaved ? 1 : chroma), step, columns, rows},
                       a = {luma + 2 * chroma, 1, width, height};
    planes[0] = y, planes[1] = u, planes[2] = v, planes[3] = a;
}

static uint8_t read_sample(const uint8_t *data, size_t index, size_t sample_bytes) {
    return sample_bytes == 1 ? data[index] : (uint8_t)((data[index * 2] | data[index * 2 + 1] << 8) >> 2);
}

static void write_sample(uint8_t *data, size_t index, size_t sample_bytes, unsigned value) {
    if (sample_bytes == 1) {
        data[index] = (uint8_t)value;
    } else {
        data[index * 2] = (uint8_t)(value << 2);
        data[index * 2 + 1] = (uint8_t)(value >> 6);
    }
}

// Spreads a plane's samples over the canvas.
static void read_plane(const struct canvas *canvas, uint8_t *samples, const uint8_t *data, struct plane plane,
                       uint32_t shift_x, uint32_t shift_y, size_t sample_bytes) {
    for (size_t y = 0; y < canvas->height; y++) {
        const size_t row = (y >> shift_y) * plane.columns;
        for (size_t x = 0; x < canvas->width; x++) {
            samples[y * canvas->width + x] =
                read_sample(data, plane.first + (row + (x >> shift_x)) * plane.step, sample_bytes);
        }
    }
}

// Each sample of the plane is the mean of those that it covers.
static void write_plane(const struct canvas *canvas, const uint8_t *samples, uint8_t *data, struct plane plane,
                        uint32_t shift_x, uint32_t shift_y, size_t sample_bytes) {
    for (size_t row = 0; row < plane.rows; row++) {
        const size_t top = row << shift_y, bottom = top + shift_y < canvas->height ? top + shift_y : top;
        for (size_t column = 0; column < plane.columns; column++) {
            const size_t left = column << shift_x, right = left + shift_x < canvas->width ? left + shift_x : left;
            const uint8_t *upper = samples + top * canvas->width, *lower = samples + bottom * canvas->width;
            const unsigned mean = (unsigned)(upper[left] + upper[right] + lower[left] + lower[right] + 2) / 4;
            write_sample(data, plane.first + (row * plane.columns + column) * plane.step, sample_bytes, mean);
        }
    }
}

void canvas_read(struct canvas *canvas, const struct picture *picture) {
    struct rgb_order order;
    if (rgb_order_of(picture->type, &order)) {
        read_rgb(canvas, picture->data, order);
        return;
    }
    const struct planar layout = planar_of(picture->type);
    struct plane planes[4];
    planes_of(layout, picture->width, picture->height, planes);
    read_plane(canvas, canvas->y, picture->data, planes[0], 0, 0, layout.sample_bytes);
    read_plane(canvas, canvas->u, picture->data, planes[1], layout.shift_x, layout.shift_y, layout.sample_bytes);
    read_plane(canvas, canvas->v, picture->data, planes[2], layout.shift_x, layout.shift_y, layout.sample_bytes);
}

void canvas_write(const struct canvas *canvas, lkv_pixel type, uint8_t *data) {
    struct rgb_order order;
    if (rgb_order_of(type, &order)) {
        write_rgb(canvas, data, order);
        return;
    }
    const struct planar layout = planar_of(type);
    struct plane planes[4];
    planes_of(layout, canvas->width, canvas->height, planes);
    write_plane(canvas, canvas->y, data, planes[0], 0, 0, layout.sample_bytes);
    write_plane(canvas, canvas->u, data, planes[1], layout.shift_x, layout.shift_y, layout.sample_bytes);
    write_plane(canvas, canvas->v, data, planes[2], layout.shift_x, layout.shift_y, layout.sample_bytes);
    if (layout.alpha) memset(data + planes[3].first, 255, planes[3].columns * planes[3].rows);
}
