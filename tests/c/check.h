/* SPDX-License-Identifier: Apache-2.0
 *
 * Checks for tests in C: the first one that does not hold says where and ends the program. */
#ifndef CHECK_H
#define CHECK_H

#include <lkvideo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Generous, for loaded machines and valgrind: only what is broken waits so long. */
enum { SOON_MS = 60000 };

static inline void check_failed(const char *file, int line, const char *what) {
    char why[256] = "";
    lkv_last_error_message(why, sizeof why, NULL);
    fprintf(stderr, "%s:%d: %s\n    last error of the thread: %s\n", file, line, what, why);
    exit(1);
}

static inline void check_result(const char *file, int line, const char *call, lkv_result expected, lkv_result result) {
    if (result != expected) {
        fprintf(stderr, "%s where %s is expected\n", lkv_result_name(result), lkv_result_name(expected));
        check_failed(file, line, call);
    }
}

#define CHECK(condition) ((condition) ? (void)0 : check_failed(__FILE__, __LINE__, #condition))
#define CHECK_RESULT(expected, call) check_result(__FILE__, __LINE__, #call, expected, call)
#define CHECK_OK(call) CHECK_RESULT(LKV_OK, call)
#define CHECK_INVALID(call) CHECK_RESULT(LKV_ERROR_INVALID_ARGUMENT, call)

/* Runs one test function and says so. */
#define RUN(test) (fprintf(stderr, "%s\n", #test), test())

/* "\xff" is never a part of UTF-8. */
#define NOT_UTF8 "caf\xff"

#endif
