// SPDX-License-Identifier: Apache-2.0
#include "wave.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { BLACK = 16, WHITE = 235, GREY = 128 }; // grey: of chroma

static uint8_t luma_wave[256], chroma_wave[256];

static void make_waves(void) {
    for (int i = 0; i < 256; i++) {
        const double height = sin(i * 6.283185307179586 / 256);
        luma_wave[i] = (uint8_t)(120 + 60 * height);
        chroma_wave[i] = (uint8_t)(GREY + 90 * height);
    }
}

static void fill(struct canvas *canvas, size_t x, size_t y, size_t width, size_t height, uint8_t luma) {
    for (size_t row = y; row < y + height && row < canvas->height; row++) {
        for (size_t column = x; column < x + width && column < canvas->width; column++) {
            const size_t i = row * canvas->width + column;
            canvas->y[i] = luma;
            canvas->u[i] = canvas->v[i] = GREY;
        }
    }
}

// Digits and colon of 3 x 5 dots, a row in three bits, the top row highest.
static void draw_character(struct canvas *canvas, size_t x, size_t y, size_t dot, char character) {
    static const uint16_t DOTS[11] = {075557, 026227, 071747, 071717, 055711, 074717,
                                      074757, 071111, 075757, 075717, 002020};
    const unsigned dots = DOTS[character == ':' ? 10 : character - '0'];
    for (unsigned i = 0; i < 15; i++) {
        if (dots >> (14 - i) & 1) fill(canvas, x + i % 3 * dot, y + i / 3 * dot, dot, dot, WHITE);
    }
}

static void draw_counter(struct canvas *canvas, unsigned segment, unsigned number) {
    char text[32];
    snprintf(text, sizeof text, "%u:%04u", segment, number);
    const size_t dot = 1 + canvas->width / 100, step = 4 * dot;
    fill(canvas, dot, dot, strlen(text) * step + dot, 7 * dot, BLACK);
    for (size_t i = 0; text[i]; i++) draw_character(canvas, 2 * dot + i * step, 2 * dot, dot, text[i]);
}

void wave_draw(struct canvas *canvas, uint64_t step, unsigned segment, unsigned number) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_waves);
    const uint32_t t = (uint32_t)step, width = canvas->width, height = canvas->height;
    for (uint32_t y = 0; y < height; y++) {
        const uint32_t down = y * 256 / height;
        const size_t row = (size_t)y * width;
        for (uint32_t x = 0; x < width; x++) {
            const uint32_t across = x * 256 / width;
            canvas->y[row + x] = luma_wave[(across + down + 3 * t) & 255];
            canvas->u[row + x] = chroma_wave[(across - 2 * t) & 255];
            canvas->v[row + x] = chroma_wave[(down + 5 * t) & 255];
        }
    }
    draw_counter(canvas, segment, number);
}
