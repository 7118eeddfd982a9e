/* SPDX-License-Identifier: MIT
 *
 * peer_libgomp_none.c - stands for libgomp where the compiler has no OpenMP: it says
 * so.
 */
#include "bench.h"

static int none_open(const bench_config *config)
{
    (void)config;
    return bench_fail("not built: the compiler does not come with libgomp");
}

const bench_peer bench_peer_libgomp = {.name = "libgomp", .open = none_open};
