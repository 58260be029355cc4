/* SPDX-License-Identifier: Apache-2.0 */
#include <lkvideo.h>
#include <stdio.h>

int main(void) {
    lkv_room *room = NULL;
    if (lkv_abi_version() != LKV_ABI_VERSION || lkv_room_connect("loopback:installed", NULL, NULL, &room)) return 1;
    lkv_result result = lkv_room_wait_connected(room, 10000);
    puts(lkv_result_name(result));
    lkv_room_destroy(room);
    return result != LKV_OK;
}
