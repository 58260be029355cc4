// SPDX-License-Identifier: Apache-2.0
//
// CRC-32 eight bytes at a time ("slicing by 8"): tables[k][b] is the effect of byte b when k more bytes follow it.
#include "checksum.h"

#include <pthread.h>

static uint32_t tables[8][256];

static void make_tables(void) {
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;
        for (int bit = 0; bit < 8; bit++) crc = crc & 1 ? crc >> 1 ^ 0xEDB88320u : crc >> 1;
        tables[0][byte] = crc;
    }
    for (int k = 1; k < 8; k++) {
        for (int byte = 0; byte < 256; byte++) {
            tables[k][byte] = tables[k - 1][byte] >> 8 ^ tables[0][tables[k - 1][byte] & 255];
        }
    }
}

static uint32_t little_endian(const uint8_t *data) {
    return data[0] | (uint32_t)data[1] << 8 | (uint32_t)data[2] << 16 | (uint32_t)data[3] << 24;
}

uint32_t checksum_crc32(const uint8_t *data, size_t size) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_tables);
    uint32_t crc = 0xFFFFFFFFu;
    for (; size >= 8; data += 8, size -= 8) {
        const uint32_t low = crc ^ little_endian(data), high = little_endian(data + 4);
        crc = tables[7][low & 255] ^ tables[6][low >> 8 & 255] ^ tables[5][low >> 16 & 255] ^ tables[4][low >> 24] ^
              tables[3][high & 255] ^ tables[2][high >> 8 & 255] ^ tables[1][high >> 16 & 255] ^ tables[0][high >> 24];
    }
    for (; size > 0; data++, size--) crc = crc >> 8 ^ tables[0][(crc ^ *data) & 255];
    return ~crc;
}

uint32_t checksum_adler32(const uint8_t *data, size_t size) {
    uint32_t a = 1, b = 0;
    while (size > 0) {
        size_t run = size < 5552 ? size : 5552; // as many as fit before b overflows
        size -= run;
        for (; run > 0; run--) b += a += *data++;
        a %= 65521;
        b %= 65521;
    }
    return b << 16 | a;
}
