// SPDX-License-Identifier: Apache-2.0
//
// A second translation unit with lkvideo.hpp.
#include <lkvideo.hpp>

std::string other_unit_name(const lkv::Event &event);

std::string other_unit_name(const lkv::Event &event) { return "event " + std::to_string(event.type()); }
