/* SPDX-License-Identifier: MIT
 *
 * rival_moodycamel_none.c - stands for moodycamel's queue where it, or a C++ compiler, is
 * not installed.
 */
#include "rival.h"

const bench_rival bench_rival_moodycamel = {
    .missing = "moodycamel's concurrentqueue, or a C++ compiler, was not found"};
