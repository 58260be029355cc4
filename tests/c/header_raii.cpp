// SPDX-License-Identifier: Apache-2.0
//
// lkvideo.hpp alone in a translation unit, twice: compiled for each standard.
#include <lkvideo.hpp>
#include <lkvideo.hpp>
