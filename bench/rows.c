/* SPDX-License-Identifier: MIT
 *
 * rows.c - what is measured, and who is measured beside whom.
 */
#include "bench.h"

#include <stdio.h>
#include <string.h>

static const bench_contender dispatch[] = {
    {&bench_peer_floor, "floor", "one line", BENCH_NO_MEMORY, BENCH_LIMIT},
    {&bench_peer_floor, "floor", "two lines", BENCH_NO_MEMORY, BENCH_LIMIT},
    {&bench_peer_processes, "processes", "spin", BENCH_NO_MEMORY, BENCH_ANCHOR},
    {&bench_peer_furrow, "furrow", "caller runs", BENCH_NO_MEMORY, BENCH_CONTENDER},
    {&bench_peer_furrow, "furrow", "caller waits", BENCH_NO_MEMORY, BENCH_CONTENDER},
    {&bench_peer_libgomp, "libgomp", "default", BENCH_NO_MEMORY, BENCH_CONTENDER},
    {&bench_peer_libgomp, "libgomp", "active", BENCH_NO_MEMORY, BENCH_CONTENDER},
    {&bench_peer_barrier, "barrier", "pthread", BENCH_NO_MEMORY, BENCH_CONTENDER},
    {0}};

static const bench_contender small[] = {
    {&bench_peer_serial, "serial", "one core", BENCH_HUGE, BENCH_LIMIT},
    {&bench_peer_processes, "processes", "spin", BENCH_SHARED, BENCH_ANCHOR},
    {&bench_peer_furrow, "furrow", "caller runs", BENCH_FURROW, BENCH_CONTENDER},
    {&bench_peer_furrow, "furrow", "caller waits", BENCH_FURROW, BENCH_CONTENDER},
    {&bench_peer_builtin, "furrow", "builtin", BENCH_FURROW, BENCH_CONTENDER},
    {&bench_peer_libgomp, "libgomp", "default", BENCH_HUGE, BENCH_CONTENDER},
    {&bench_peer_libgomp, "libgomp", "active", BENCH_HUGE, BENCH_CONTENDER},
    {&bench_peer_openblas, "openblas", "default", BENCH_HUGE, BENCH_CONTENDER},
    {0}};

/* Of operations that write what they do not read: streaming stores spare a quarter of
 * the traffic of triad, a third of copy's and half of fill's. */
static const bench_contender sweep[] = {
    {&bench_peer_processes, "limit", "processes", BENCH_HUGE, BENCH_LIMIT},
    {&bench_peer_processes, "limit", "processes", BENCH_SHARED, BENCH_LIMIT},
    {&bench_peer_processes, "processes", "streaming", BENCH_HUGE, BENCH_ANCHOR},
    {&bench_peer_processes, "processes", "streaming", BENCH_SHARED, BENCH_ANCHOR},
    {&bench_peer_serial, "serial", "one core", BENCH_HUGE, BENCH_ANCHOR},
    {&bench_peer_furrow, "furrow", "caller runs", BENCH_FURROW, BENCH_CONTENDER},
    {&bench_peer_builtin, "furrow", "builtin", BENCH_FURROW, BENCH_CONTENDER},
    {&bench_peer_libgomp, "libgomp", "default", BENCH_HUGE, BENCH_CONTENDER},
    {&bench_peer_libgomp, "libgomp", "active", BENCH_HUGE, BENCH_CONTENDER},
    {&bench_peer_libgomp, "libgomp", "active", BENCH_FURROW, BENCH_CONTENDER},
    {0}};

static const bench_contender sweep_blas[] = {
    {&bench_peer_processes, "limit", "processes", BENCH_HUGE, BENCH_LIMIT},
    {&bench_peer_processes, "limit", "processes", BENCH_SHARED, BENCH_LIMIT},
    {&bench_peer_serial, "serial", "one core", BENCH_HUGE, BENCH_ANCHOR},
    {&bench_peer_furrow, "furrow", "caller runs", BENCH_FURROW, BENCH_CONTENDER},
    {&bench_peer_builtin, "furrow", "builtin", BENCH_FURROW, BENCH_CONTENDER},
    {&bench_peer_libgomp, "libgomp", "default", BENCH_HUGE, BENCH_CONTENDER},
    {&bench_peer_libgomp, "libgomp", "active", BENCH_HUGE, BENCH_CONTENDER},
    {&bench_peer_libgomp, "libgomp", "active", BENCH_FURROW, BENCH_CONTENDER},
    {&bench_peer_openblas, "openblas", "default", BENCH_HUGE, BENCH_CONTENDER},
    {&bench_peer_openblas, "openblas", "default", BENCH_FURROW, BENCH_CONTENDER},
    {0}};

static const bench_contender first[] = {
    {&bench_peer_processes, "limit", "faults", BENCH_HUGE, BENCH_LIMIT},
    {&bench_peer_processes, "limit", "populate", BENCH_HUGE, BENCH_LIMIT},
    {&bench_peer_processes, "limit", "populate", BENCH_SHARED, BENCH_LIMIT},
    {&bench_peer_furrow, "furrow", "caller runs", BENCH_FURROW, BENCH_CONTENDER},
    {&bench_peer_builtin, "furrow", "builtin", BENCH_FURROW, BENCH_CONTENDER},
    {&bench_peer_libgomp, "libgomp", "default", BENCH_MALLOC, BENCH_CONTENDER},
    {&bench_peer_libgomp, "libgomp", "active", BENCH_MALLOC, BENCH_CONTENDER},
    {&bench_peer_libgomp, "libgomp", "active", BENCH_HUGE, BENCH_CONTENDER},
    {0}};

const bench_row bench_rows[] = {{"dispatch", "an empty call, one chunk per worker",
                                 "ns", 1, BENCH_OPS, bench_measure_dispatch, dispatch},
                                {"small", "a *= k on 10,000 doubles, one call", "ns", 1,
                                 BENCH_SCALE, bench_measure_small, small},
                                {"scale", "a *= k (16 bytes an element)", "GB/s", 0,
                                 BENCH_SCALE, bench_measure_sweep, sweep_blas},
                                {"triad", "a = b + k c (24 bytes an element)", "GB/s",
                                 0, BENCH_TRIAD, bench_measure_sweep, sweep},
                                {"dot", "sum of b c (16 bytes an element)", "GB/s", 0,
                                 BENCH_DOT, bench_measure_sweep, sweep_blas},
                                {"copy", "a = b (16 bytes an element)", "GB/s", 0,
                                 BENCH_COPY, bench_measure_sweep, sweep},
                                {"fill", "a = k (8 bytes an element)", "GB/s", 0,
                                 BENCH_FILL, bench_measure_sweep, sweep},
                                {"axpy", "a += k b (24 bytes an element)", "GB/s", 0,
                                 BENCH_AXPY, bench_measure_sweep, sweep_blas},
                                {"first",
                                 "from allocation to the end of the first fill", "ms",
                                 1, BENCH_FILL, bench_measure_first, first},
                                {0}};

const bench_goal bench_goals[] = {
    {"dispatch", "furrow's dispatch takes at most 1.5 times the floor", "furrow",
     "caller runs", NULL, NULL, 1 / 1.5},
    {"dispatch", "furrow's dispatch is not slower than libgomp's active one", "furrow",
     "caller runs", "libgomp", "active", 1},
    {"scale", "furrow's scale reaches 0.95 of the limit", "furrow", "caller runs", NULL,
     NULL, 0.95},
    {"triad", "furrow's builtin triad is 1.3 times as fast as libgomp's loop", "furrow",
     "builtin", "libgomp", "active", 1.3},
    {0}};

const bench_row *bench_row_find(const char *name)
{
    for (const bench_row *row = bench_rows; row->name; row++)
        if (strcmp(row->name, name) == 0)
            return row;
    return NULL;
}

void bench_contender_name(const bench_row *row, const bench_contender *c, char *out,
                          size_t size)
{
    snprintf(out, size, "%s/%s/%s/%s", row->name, c->peer->name, c->setting,
             bench_memory_name(c->memory));
}
