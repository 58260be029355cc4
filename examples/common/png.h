// SPDX-License-Identifier: Apache-2.0
#ifndef EXAMPLES_PNG_H
#define EXAMPLES_PNG_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// Writes 8-bit RGB as a PNG file, uncompressed, so that no library is needed. False, with errno, if the file cannot be
// written.
bool png_write(const char *path, uint32_t width, uint32_t height, const uint8_t *rgb);

#ifdef __cplusplus
}
#endif
#endif
