/* SPDX-License-Identifier: MIT
 *
 * rival_ck_none.c - stands for Concurrency Kit where it is not installed.
 */
#include "rival.h"

const bench_rival bench_rival_ck_spsc = {.missing = "Concurrency Kit was not found"};
const bench_rival bench_rival_ck_mpmc = {.missing = "Concurrency Kit was not found"};
