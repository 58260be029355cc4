/* SPDX-License-Identifier: Apache-2.0
 *
 * A fault of the library is caught at the boundary and poisons the handle. For a library with the feature `test-panic`. */
#include "support.h"

lkv_result lkv_test_panic(lkv_room *room);

int main(void) {
    struct pair pair = pair_open("panic", NULL);
    CHECK_RESULT(LKV_ERROR_PANIC, lkv_test_panic(pair.sending));
    char text[256];
    CHECK_OK(lkv_last_error_message(text, sizeof text, NULL));
    CHECK(strstr(text, "on purpose"));
    lkv_room_state state;
    CHECK_RESULT(LKV_ERROR_PANIC, lkv_room_get_state(pair.sending, &state, NULL));
    CHECK_RESULT(LKV_ERROR_PANIC, lkv_room_close(pair.sending));
    CHECK_OK(lkv_room_get_state(pair.receiving, &state, NULL)); /* the others are well */
    CHECK_OK(send_painted(pair.output, LKV_PIXEL_RGBA, 8, 8, 0));
    pair_destroy(&pair);
    return 0;
}
