// SPDX-License-Identifier: Apache-2.0
#include <lkvideo.hpp>

int main() { return lkv::Room("loopback:installed").wait_connected(10000) ? 0 : 1; }
