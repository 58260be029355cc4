// SPDX-License-Identifier: Apache-2.0
#include "png.h"

#include "checksum.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STORED_BLOCK = 65535 }; // the most that a stored deflate block holds

static uint8_t *put_be32(uint8_t *at, uint32_t value) {
    for (int shift = 24; shift >= 0; shift -= 8) *at++ = (uint8_t)(value >> shift);
    return at;
}

static uint8_t *put_le16(uint8_t *at, uint32_t value) {
    *at++ = (uint8_t)value;
    *at++ = (uint8_t)(value >> 8);
    return at;
}

// A chunk whose type and content lie one behind the other: length, both, crc32 of both.
static bool write_chunk(FILE *file, const uint8_t *type_and_content, size_t size) {
    uint8_t length[4], crc[4];
    put_be32(length, (uint32_t)(size - 4));
    put_be32(crc, checksum_crc32(type_and_content, size));
    return fwrite(length, 4, 1, file) == 1 && fwrite(type_and_content, size, 1, file) == 1 &&
           fwrite(crc, 4, 1, file) == 1;
}

static bool write_header(FILE *file, uint32_t width, uint32_t height) {
    static const uint8_t SIGNATURE[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    uint8_t header[17] = {'I', 'H', 'D', 'R'};
    uint8_t *at = put_be32(put_be32(header + 4, width), height);
    *at++ = 8; // bits a sample
    *at++ = 2; // RGB; then deflate, the usual filters, not interlaced: all 0
    return fwrite(SIGNATURE, sizeof SIGNATURE, 1, file) == 1 && write_chunk(file, header, sizeof header);
}

// The rows, each behind its filter byte (0: none).
static uint8_t *filtered_rows(uint32_t width, uint32_t height, const uint8_t *rgb, size_t *size) {
    const size_t row = (size_t)width * 3;
    *size = (row + 1) * height;
    uint8_t *rows = malloc(*size);
    for (uint32_t y = 0; rows && y < height; y++) {
        rows[(row + 1) * y] = 0;
        memcpy(rows + (row + 1) * y + 1, rgb + row * y, row);
    }
    return rows;
}

static bool write_pixels(FILE *file, const uint8_t *rows, size_t size) {
    const size_t blocks = (size + STORED_BLOCK - 1) / STORED_BLOCK;
    uint8_t *chunk = malloc(4 + 2 + size + blocks * 5 + 4);
    if (!chunk) return false;
    memcpy(chunk, "IDAT", 4);
    uint8_t *at = put_le16(chunk + 4, 0x0178); // zlib's header
    for (size_t done = 0; done < size;) {
        const size_t length = size - done < STORED_BLOCK ? size - done : STORED_BLOCK;
        *at++ = done + length == size; // 1: the last block
        at = put_le16(put_le16(at, (uint32_t)length), ~(uint32_t)length);
        memcpy(at, rows + done, length);
        at += length;
        done += length;
    }
    at = put_be32(at, checksum_adler32(rows, size));
    const bool written = write_chunk(file, chunk, (size_t)(at - chunk));
    free(chunk);
    return written;
}

bool png_write(const char *path, uint32_t width, uint32_t height, const uint8_t *rgb) {
    size_t size;
    uint8_t *rows = filtered_rows(width, height, rgb, &size);
    FILE *file = rows ? fopen(path, "wb") : NULL;
    bool written = file && write_header(file, width, height) && write_pixels(file, rows, size) &&
                   write_chunk(file, (const uint8_t *)"IEND", 4);
    if (file && fclose(file)) written = false;
    free(rows);
    return written;
}
