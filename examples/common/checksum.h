// SPDX-License-Identifier: Apache-2.0
#ifndef EXAMPLES_CHECKSUM_H
#define EXAMPLES_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// zlib's crc32 (reflected 0xEDB88320) and adler32 of so many bytes.
uint32_t checksum_crc32(const uint8_t *data, size_t size);
uint32_t checksum_adler32(const uint8_t *data, size_t size);

#ifdef __cplusplus
}
#endif
#endif
