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

/* What waiting costs: nobody sleeps, or everybody does at once. */
static const bench_contender gap[] = {
    {&bench_peer_processes, "processes", "spin", BENCH_SHARED, BENCH_LIMIT},
    {&bench_peer_processes, "processes", "sleep", BENCH_SHARED, BENCH_ANCHOR},
    {&bench_peer_serial, "serial", "one core", BENCH_HUGE, BENCH_ANCHOR},
    {&bench_peer_furrow, "furrow", "caller runs", BENCH_FURROW, BENCH_CONTENDER},
    {&bench_peer_furrow, "furrow", "caller waits", BENCH_FURROW, BENCH_CONTENDER},
    {&bench_peer_libgomp, "libgomp", "default", BENCH_HUGE, BENCH_CONTENDER},
    {&bench_peer_libgomp, "libgomp", "active", BENCH_HUGE, BENCH_CONTENDER},
    {&bench_peer_libgomp, "libgomp", "passive", BENCH_HUGE, BENCH_CONTENDER},
    {0}};

/* A chunk an item, but where furrow or libgomp chooses. */
static const bench_contender items[] = {
    {&bench_peer_bound, "limit", "dealt", BENCH_MALLOC, BENCH_LIMIT},
    {&bench_peer_processes, "processes", "dealt", BENCH_SHARED, BENCH_ANCHOR},
    {&bench_peer_furrow, "furrow", "caller runs", BENCH_FURROW, BENCH_CONTENDER},
    {&bench_peer_furrow, "furrow", "caller waits", BENCH_FURROW, BENCH_CONTENDER},
    {&bench_peer_furrow, "furrow", "its own chunk", BENCH_FURROW, BENCH_CONTENDER},
    {&bench_peer_libgomp, "libgomp", "static", BENCH_HUGE, BENCH_CONTENDER},
    {&bench_peer_libgomp, "libgomp", "dynamic", BENCH_HUGE, BENCH_CONTENDER},
    {&bench_peer_libgomp, "libgomp", "guided", BENCH_HUGE, BENCH_CONTENDER},
    {0}};

/* No kernel runs in the caller, but with the anchors. */
static const bench_contender isolated[] = {
    {&bench_peer_handover, "floor", "futex + line", BENCH_NO_MEMORY, BENCH_LIMIT},
    {&bench_peer_floor, "floor", "one line", BENCH_NO_MEMORY, BENCH_ANCHOR},
    {&bench_peer_furrow, "furrow", "caller waits", BENCH_NO_MEMORY, BENCH_CONTENDER},
    {&bench_peer_furrow, "furrow", "async", BENCH_NO_MEMORY, BENCH_CONTENDER},
    {&bench_peer_furrow, "furrow", "caller runs", BENCH_NO_MEMORY, BENCH_ANCHOR},
    {0}};

static const bench_contender isolated_small[] = {
    {&bench_peer_serial, "serial", "one core", BENCH_HUGE, BENCH_LIMIT},
    {&bench_peer_furrow, "furrow", "caller waits", BENCH_FURROW, BENCH_CONTENDER},
    {&bench_peer_furrow, "furrow", "async", BENCH_FURROW, BENCH_CONTENDER},
    {&bench_peer_furrow, "furrow", "caller runs", BENCH_FURROW, BENCH_ANCHOR},
    {0}};

/* Two processes on one processor that sleep in the kernel for each other. */
static const bench_contender pipes[] = {
    {&bench_peer_sockets, "sockets", "read, write", BENCH_NO_MEMORY, BENCH_LIMIT},
    {&bench_peer_connection, "furrow", "duplex", BENCH_NO_MEMORY, BENCH_CONTENDER},
    {&bench_peer_connection, "furrow", "two pipes", BENCH_NO_MEMORY, BENCH_CONTENDER},
    {&bench_peer_python, "python", "Pipe", BENCH_NO_MEMORY, BENCH_CONTENDER},
    {0}};

static const bench_contender lock[] = {
    {&bench_peer_mutex, "glibc", "alone", BENCH_NO_MEMORY, BENCH_LIMIT},
    {&bench_peer_lock, "furrow", "alone", BENCH_NO_MEMORY, BENCH_CONTENDER},
    {&bench_peer_semaphore, "semaphore", "alone", BENCH_NO_MEMORY, BENCH_ANCHOR},
    {0}};

static const bench_contender lock_contended[] = {
    {&bench_peer_mutex, "glibc", "contended", BENCH_NO_MEMORY, BENCH_LIMIT},
    {&bench_peer_lock, "furrow", "contended", BENCH_NO_MEMORY, BENCH_CONTENDER},
    {&bench_peer_semaphore, "semaphore", "contended", BENCH_NO_MEMORY, BENCH_ANCHOR},
    {0}};

static const bench_contender barrier[] = {
    {&bench_peer_meet_glibc, "glibc", "all meet", BENCH_NO_MEMORY, BENCH_LIMIT},
    {&bench_peer_meet, "furrow", "all meet", BENCH_NO_MEMORY, BENCH_CONTENDER},
    {0}};

/* How many put and get; "said so": in the queue's options, for any number may. */
static const bench_contender queue[] = {
    {&bench_peer_queue, "furrow", "1:1", BENCH_NO_MEMORY, BENCH_CONTENDER},
    {&bench_peer_queue, "furrow", "1:1, said so", BENCH_NO_MEMORY, BENCH_CONTENDER},
    {&bench_peer_ck_mpmc, "ck mpmc", "1:1 processes", BENCH_NO_MEMORY, BENCH_CONTENDER},
    {&bench_peer_ck_spsc, "ck spsc", "1:1 processes", BENCH_NO_MEMORY, BENCH_CONTENDER},
    {&bench_peer_ck_mpmc, "ck mpmc", "1:1 threads", BENCH_NO_MEMORY, BENCH_CONTENDER},
    {&bench_peer_ck_spsc, "ck spsc", "1:1 threads", BENCH_NO_MEMORY, BENCH_CONTENDER},
    {&bench_peer_moodycamel, "moodycamel", "1:1 threads", BENCH_NO_MEMORY,
     BENCH_CONTENDER},
    {&bench_peer_python_queue, "python", "1:1", BENCH_NO_MEMORY, BENCH_CONTENDER},
    {0}};

static const bench_contender queue_2x2[] = {
    {&bench_peer_queue, "furrow", "2:2", BENCH_NO_MEMORY, BENCH_CONTENDER},
    {&bench_peer_ck_mpmc, "ck mpmc", "2:2 processes", BENCH_NO_MEMORY, BENCH_CONTENDER},
    {&bench_peer_ck_mpmc, "ck mpmc", "2:2 threads", BENCH_NO_MEMORY, BENCH_CONTENDER},
    {&bench_peer_moodycamel, "moodycamel", "2:2 threads", BENCH_NO_MEMORY,
     BENCH_CONTENDER},
    {0}};

static const bench_contender queue_trip[] = {
    {&bench_peer_floor, "floor", "one line", BENCH_NO_MEMORY, BENCH_LIMIT},
    {&bench_peer_floor, "floor", "two lines", BENCH_NO_MEMORY, BENCH_LIMIT},
    {&bench_peer_queue_trip, "furrow", "1:1", BENCH_NO_MEMORY, BENCH_CONTENDER},
    {&bench_peer_queue_trip, "furrow", "1:1, said so", BENCH_NO_MEMORY,
     BENCH_CONTENDER},
    {0}};

static const bench_contender start_thread[] = {
    {&bench_peer_bare_start, "bare", "pthread", BENCH_SHARED, BENCH_LIMIT},
    {&bench_peer_start, "furrow", "thread", BENCH_FURROW, BENCH_CONTENDER},
    {&bench_peer_python_start, "python", "thread", BENCH_SHARED, BENCH_CONTENDER},
    {0}};

static const bench_contender start_fork[] = {
    {&bench_peer_bare_start, "bare", "fork", BENCH_SHARED, BENCH_LIMIT},
    {&bench_peer_start, "furrow", "fork", BENCH_FURROW, BENCH_CONTENDER},
    {&bench_peer_python_start, "python", "fork", BENCH_SHARED, BENCH_CONTENDER},
    {0}};

static const bench_contender start_forkserver[] = {
    {&bench_peer_bare_start, "bare", "fork", BENCH_SHARED, BENCH_LIMIT},
    {&bench_peer_start, "furrow", "forkserver", BENCH_FURROW, BENCH_CONTENDER},
    {&bench_peer_python_start, "python", "forkserver", BENCH_SHARED, BENCH_CONTENDER},
    {0}};

/* The bare one runs `true`, which is less of a program than this one. */
static const bench_contender start_spawn[] = {
    {&bench_peer_bare_start, "bare", "posix_spawn", BENCH_SHARED, BENCH_LIMIT},
    {&bench_peer_start, "furrow", "spawn", BENCH_FURROW, BENCH_CONTENDER},
    {&bench_peer_python_start, "python", "spawn", BENCH_SHARED, BENCH_CONTENDER},
    {0}};

const bench_row bench_rows[] = {
    {"dispatch", "an empty call, one chunk per worker", "ns", 1, BENCH_OPS,
     bench_measure_dispatch, dispatch, NULL, 0, NULL, 0},
    {"small", "a *= k on 10,000 doubles, one call", "ns", 1, BENCH_SCALE,
     bench_measure_small, small, NULL, 0, NULL, 0},
    {"scale", "a *= k (16 bytes an element)", "GB/s", 0, BENCH_SCALE,
     bench_measure_sweep, sweep_blas, NULL, 0, NULL, 0},
    {"triad", "a = b + k c (24 bytes an element)", "GB/s", 0, BENCH_TRIAD,
     bench_measure_sweep, sweep, NULL, 0, NULL, 0},
    {"dot", "sum of b c (16 bytes an element)", "GB/s", 0, BENCH_DOT,
     bench_measure_sweep, sweep_blas, NULL, 0, NULL, 0},
    {"copy", "a = b (16 bytes an element)", "GB/s", 0, BENCH_COPY, bench_measure_sweep,
     sweep, NULL, 0, NULL, 0},
    {"fill", "a = k (8 bytes an element)", "GB/s", 0, BENCH_FILL, bench_measure_sweep,
     sweep, NULL, 0, NULL, 0},
    {"axpy", "a += k b (24 bytes an element)", "GB/s", 0, BENCH_AXPY,
     bench_measure_sweep, sweep_blas, NULL, 0, NULL, 0},
    {"first", "from allocation to the end of the first fill", "ms", 1, BENCH_FILL,
     bench_measure_first, first, NULL, 0, NULL, 0},
    {"gap-10us", "`small` 10 us after the last call", "us", 1, BENCH_SCALE,
     bench_measure_gap, gap, "gap", 10, NULL, 0},
    {"gap-30us", "`small` 30 us after the last call", "us", 1, BENCH_SCALE,
     bench_measure_gap, gap, "gap", 30, NULL, 0},
    {"gap-100us", "`small` 100 us after the last call", "us", 1, BENCH_SCALE,
     bench_measure_gap, gap, "gap", 100, NULL, 0},
    {"gap-300us", "`small` 300 us after the last call", "us", 1, BENCH_SCALE,
     bench_measure_gap, gap, "gap", 300, NULL, 0},
    {"gap-1ms", "`small` 1 ms after the last call", "us", 1, BENCH_SCALE,
     bench_measure_gap, gap, "gap", 1e3, NULL, 0},
    {"gap-3ms", "`small` 3 ms after the last call", "us", 1, BENCH_SCALE,
     bench_measure_gap, gap, "gap", 3e3, NULL, 0},
    {"gap-10ms", "`small` 10 ms after the last call", "us", 1, BENCH_SCALE,
     bench_measure_gap, gap, "gap", 10e3, NULL, 0},
    {"gap-30ms", "`small` 30 ms after the last call", "us", 1, BENCH_SCALE,
     bench_measure_gap, gap, "gap", 30e3, NULL, 0},
    {"gap-100ms", "`small` 100 ms after the last call", "us", 1, BENCH_SCALE,
     bench_measure_gap, gap, "gap", 100e3, NULL, 0},
    {"triangle", "item i costs i", "efficiency", 0, BENCH_ITEMS, bench_measure_items,
     items, NULL, 0, bench_cost_rising, 0},
    {"reversed", "item i of n costs n - i", "efficiency", 0, BENCH_ITEMS,
     bench_measure_items, items, NULL, 0, bench_cost_falling, 0},
    {"heavy", "1 % of the items cost 100 times as much", "efficiency", 0, BENCH_ITEMS,
     bench_measure_items, items, NULL, 0, bench_cost_heavy, 0},
    {"hog", "even items, the last CPU half busy", "efficiency", 0, BENCH_ITEMS,
     bench_measure_items, items, NULL, 0, bench_cost_even, 1},
    {"isolated-empty", "`dispatch`, not in the caller, on the CPU of a worker", "ns", 1,
     BENCH_OPS, bench_measure_isolated, isolated, "isolated", 0, NULL, 0},
    {"isolated-small", "`small`, not in the caller, on the CPU of a worker", "ns", 1,
     BENCH_SCALE, bench_measure_small, isolated_small, "isolated", 0, NULL, 0},
    {"pipe", "8 bytes to another process on the same processor and back", "ns", 1,
     BENCH_OPS, bench_measure_pipe, pipes, NULL, 0, NULL, 0},
    {"lock", "lock and unlock, beside glibc's robust mutex", "ns", 1, BENCH_OPS,
     bench_measure_sync, lock, "sync", 0, NULL, 0},
    {"lock-contended", "the same while all other processes do it", "ns", 1, BENCH_OPS,
     bench_measure_sync, lock_contended, "sync", 0, NULL, 0},
    {"barrier", "all processes meet, beside glibc's barrier", "ns", 1, BENCH_OPS,
     bench_measure_sync, barrier, "sync", 0, NULL, 0},
    {"queue", "a message of 48 bytes from one process to another", "ns", 1, BENCH_OPS,
     bench_measure_pipe, queue, "queues", 0, NULL, 0},
    {"queue-2x2", "the same, two put and two get", "ns", 1, BENCH_OPS,
     bench_measure_pipe, queue_2x2, "queues", 0, NULL, 0},
    {"queue-trip", "through one queue and back through another, both spin", "ns", 1,
     BENCH_OPS, bench_measure_pipe, queue_trip, "queues", 0, NULL, 0},
    {"start-thread", "start and join of a thread", "us", 1, BENCH_OPS,
     bench_measure_pipe, start_thread, "start", 0, NULL, 0},
    {"start-fork", "start and join of a process, 1 GiB mapped", "us", 1, BENCH_OPS,
     bench_measure_pipe, start_fork, "start", 0, NULL, 0},
    {"start-forkserver", "the same by forkserver", "us", 1, BENCH_OPS,
     bench_measure_pipe, start_forkserver, "start", 0, NULL, 0},
    {"start-spawn", "the same by spawn", "us", 1, BENCH_OPS, bench_measure_pipe,
     start_spawn, "start", 0, NULL, 0},
    {0}};

const bench_goal bench_goals[] = {
    {.row = "dispatch",
     .text = "furrow's dispatch takes at most 1.5 times the floor",
     .who = "furrow",
     .setting = "caller runs",
     .factor = 1 / 1.5},
    {.row = "dispatch",
     .text = "furrow's dispatch is not slower than libgomp's active one",
     .who = "furrow",
     .setting = "caller runs",
     .other = "libgomp",
     .other_setting = "active",
     .factor = 1},
    {.row = "scale",
     .text = "furrow's scale reaches 0.95 of the limit",
     .who = "furrow",
     .setting = "caller runs",
     .factor = 0.95},
    {.row = "triad",
     .text = "furrow's builtin triad is 1.3 times as fast as libgomp's loop",
     .who = "furrow",
     .setting = "builtin",
     .other = "libgomp",
     .other_setting = "active",
     .factor = 1.3},
    {.row = "gap",
     .text = "furrow is not slower than libgomp as it comes",
     .who = "furrow",
     .setting = "caller runs",
     .other = "libgomp",
     .other_setting = "default",
     .factor = 1,
     .until_us = 10e3},
    {.row = "gap",
     .text = "furrow burns no more CPU than libgomp as it comes",
     .who = "furrow",
     .setting = "caller runs",
     .other = "libgomp",
     .other_setting = "default",
     .factor = 1,
     .burnt = 1,
     .until_us = 10e3},
    {.row = "triangle",
     .text = "furrow reaches 0.95 of the best deal",
     .who = "furrow",
     .setting = "caller waits",
     .factor = 0.95},
    {.row = "reversed",
     .text = "furrow reaches 0.95 of the best deal",
     .who = "furrow",
     .setting = "caller waits",
     .factor = 0.95},
    {.row = "heavy",
     .text = "furrow reaches 0.95 of the best deal",
     .who = "furrow",
     .setting = "caller waits",
     .factor = 0.95},
    {.row = "isolated-empty",
     .text = "a call that waits takes at most 3 us",
     .who = "furrow",
     .setting = "caller waits",
     .factor = 1,
     .most = 3000},
    {.row = "lock",
     .text = "a pair takes at most 20 ns",
     .who = "furrow",
     .setting = "alone",
     .factor = 1,
     .most = 20},
    {.row = "queue",
     .text = "a message takes at most 70 ns",
     .who = "furrow",
     .setting = "1:1",
     .factor = 1,
     .most = 70},
    {.row = "queue-trip",
     .text = "the round trip takes at most 3 times the floor",
     .who = "furrow",
     .setting = "1:1",
     .factor = 1 / 3.0},
    {.row = "start-fork",
     .text = "start and join take at most 0.3 ms",
     .who = "furrow",
     .setting = "fork",
     .factor = 1,
     .most = 300},
    {0}};

int bench_row_is(const bench_row *row, const char *name)
{
    return strcmp(row->name, name) == 0 ||
           (row->family && strcmp(row->family, name) == 0);
}

void bench_contender_name(const bench_row *row, const bench_contender *c, char *out,
                          size_t size)
{
    snprintf(out, size, "%s/%s/%s/%s", row->name, c->peer->name, c->setting,
             bench_memory_name(c->memory));
}
