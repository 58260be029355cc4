// SPDX-License-Identifier: Apache-2.0
#ifndef EXAMPLES_WAVE_H
#define EXAMPLES_WAVE_H

#include "picture.h"

#ifdef __cplusplus
extern "C" {
#endif

// Draws an animated colour wave at its `step`, and on it which frame this is: SEGMENT:NUMBER.
void wave_draw(struct canvas *canvas, uint64_t step, unsigned segment, unsigned number);

#ifdef __cplusplus
}
#endif
#endif
