/* SPDX-License-Identifier: MIT
 *
 * Step 3: a worker is killed in the middle of a call that cannot be repeated:
 * a[i] = a[i]*3+1, in place. The error names the elements that are torn; all others
 * must have been transformed exactly once; and the pool must go on.
 */
#include "demo.h"
#include "progress.h"
#include "report.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define ELEMENTS ((size_t)1 << 24)
#define CHUNK    ((size_t)1 << 16)
#define ROUNDS   64
#define ATTEMPTS 20
#define PATIENCE 10.0 /* seconds for a replacement to appear */
#define TOLD     4    /* torn ranges printed */

typedef struct victim {
    furrow_pool *pool;
    furrow_array *a;
    int worker;
    long pid;
    size_t torn; /* elements */
} victim;

static int number_elements(furrow_chunk c)
{
    uint64_t *a = c.out[0];

    for (size_t i = 0; i < c.len; i++)
        a[i] = c.begin + i;
    return 0;
}

static int transform(furrow_chunk c)
{
    uint64_t *a = c.out[0];

    for (size_t i = 0; i < c.len; i++) {
        uint64_t x = a[i];
        for (int r = 0; r < ROUNDS; r++)
            x = x * 3 + 1;
        a[i] = x;
    }
    return 0;
}

/* What becomes of i: 3^64 i + (3^64 - 1) / 2, modulo 2^64. */
static uint64_t transformed(uint64_t i)
{
    uint64_t factor = 1, summand = 0;

    for (int r = 0; r < ROUNDS; r++) {
        factor *= 3;
        summand = summand * 3 + 1;
    }
    return factor * i + summand;
}

static int renumber(demo *d, const victim *v)
{
    const furrow_call call = {.kernel = number_elements, .types = ">Q", .out = {v->a}};

    return report_call(d, furrow_map(v->pool, &call), "number");
}

/* Kill the worker when an eighth of the call is done. Returns what the call returns. */
static int kill_in_the_middle(const victim *v)
{
    const furrow_call call = {
        .kernel = transform, .types = ">Q", .out = {v->a}, .chunk = CHUNK};
    furrow_future *future = furrow_map_async(v->pool, &call);
    size_t done = 0, total = SIZE_MAX;

    while (future && !furrow_future_ready(future) && done < total / 8) {
        furrow_future_wait(future, furrow_in(0.0005));
        furrow_future_progress(future, &done, &total);
    }
    kill((pid_t)v->pid, SIGKILL);
    const int rc = progress_wait(future, FURROW_FOREVER, "a worker killed");
    furrow_future_free(future);
    return rc;
}

/* Elements of [begin, end) that were not transformed exactly once. */
static size_t count_wrong(const uint64_t *a, size_t begin, size_t end)
{
    const uint64_t first = transformed(0), factor = transformed(1) - first;
    size_t wrong = 0;

    for (size_t i = begin; i < end; i++)
        wrong += a[i] != factor * i + first;
    return wrong;
}

/* Elements of a torn range that are neither as before nor as after. */
static size_t count_spoilt(const uint64_t *a, const furrow_torn *t)
{
    size_t spoilt = 0;

    for (size_t i = t->begin; i < t->end; i++)
        spoilt += a[i] != transformed(i) && a[i] != i;
    return spoilt;
}

static void tell_range(const furrow_torn *t)
{
    report_number begin, end;

    report_line("torn", "[%s, %s) by worker %d, process %ld, signal %d",
                report_count(&begin, t->begin), report_count(&end, t->end), t->worker,
                t->pid, t->signal);
}

/* Outside the torn ranges everything, inside nothing but before and after. */
static void check_ranges(demo *d, victim *v)
{
    const furrow_torn *range;
    const size_t ranges = furrow_error_ranges(&range);
    const uint64_t *a = v->a->data;
    size_t at = 0, wrong = 0, spoilt = 0, undone = 0;
    report_number n, m;

    for (size_t r = 0; r < ranges; at = range[r++].end) {
        if (r < TOLD)
            tell_range(&range[r]);
        wrong += count_wrong(a, at, range[r].begin);
        spoilt += count_spoilt(a, &range[r]);
        undone += count_wrong(a, range[r].begin, range[r].end);
        v->torn += range[r].end - range[r].begin;
    }
    wrong += count_wrong(a, at, v->a->len);
    report_check(d, ranges > 0 && v->torn > 0 && spoilt == 0, "torn elements",
                 "%s in %zu range%s, %s of them not yet done",
                 report_count(&n, v->torn), ranges, ranges == 1 ? "" : "s",
                 report_count(&m, undone));
    report_check(d, wrong == 0, "all others", "%s elements, each exactly once",
                 report_count(&n, v->a->len - v->torn));
}

/* The pid of the worker, once it is another than the one we killed; -1 when none comes.
 */
static long wait_for_worker(const victim *v)
{
    const double until = demo_seconds() + PATIENCE;
    long pid = -1;

    while ((pid = furrow_pool_worker_pid(v->pool, v->worker)) <= 0 || pid == v->pid) {
        if (demo_seconds() > until)
            return -1;
        nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
    }
    return pid;
}

/* Kill until a chunk is hit: a kill between two chunks tears nothing, and then the call
 * must have succeeded with every element done. */
static int hit_a_chunk(demo *d, victim *v)
{
    for (int attempt = 1; attempt <= ATTEMPTS; attempt++) {
        v->pid = wait_for_worker(v);
        if (v->pid <= 0 || !renumber(d, v))
            return report_check(d, 0, "kill", "worker %d has no process", v->worker);
        const int rc = kill_in_the_middle(v);
        if (rc == FURROW_EDIED)
            return report_check(d, 1, "the call",
                                "failed with FURROW_EDIED, attempt %d", attempt);
        if (!report_call(d, rc, "the call"))
            return 0;
        if (count_wrong(v->a->data, 0, v->a->len))
            return report_check(d, 0, "the call", "succeeded, but elements are wrong");
        report_line("too late", "attempt %d hit no chunk; again", attempt);
    }
    return report_check(d, 0, "kill", "no chunk hit in %d attempts", ATTEMPTS);
}

static void check_pool_goes_on(demo *d, const victim *v)
{
    const furrow_call call = {.kernel = transform, .types = ">Q", .out = {v->a}};
    furrow_pool_stats stats = {0};
    report_number n;

    const long pid = wait_for_worker(v);
    report_check(d, pid > 0, "replacement", "worker %d is process %ld now", v->worker,
                 pid);
    if (!renumber(d, v) || !report_call(d, furrow_map(v->pool, &call), "next call"))
        return;
    report_check(d, count_wrong(v->a->data, 0, v->a->len) == 0, "the next call",
                 "%s elements, each exactly once", report_count(&n, v->a->len));
    if (report_call(d, furrow_pool_stat(v->pool, &stats), "statistics"))
        report_check(d, stats.deaths >= 1 && stats.replaced == stats.deaths, "the pool",
                     "%llu died, %llu replaced, %llu calls, %llu chunks",
                     (unsigned long long)stats.deaths,
                     (unsigned long long)stats.replaced,
                     (unsigned long long)stats.calls, (unsigned long long)stats.chunks);
}

void killed_run(demo *d)
{
    victim v = {0};

    report_step("3  A worker killed in the middle: a = a*3+1, %d times over, in place",
                ROUNDS);
    v.pool = demo_pool_open(d);
    if (!v.pool)
        return;
    v.worker = furrow_pool_workers(v.pool) - 1;
    if (furrow_pool_worker_pid(v.pool, v.worker) <= 0) {
        report_line("skipped", "the workers are threads: a kill would end the program");
        furrow_pool_close(v.pool);
        return;
    }
    v.a = furrow_array_new('Q', ELEMENTS, NULL);
    if (!v.a)
        report_call(d, furrow_last_error()->code, "shared array");
    else if (hit_a_chunk(d, &v)) {
        check_ranges(d, &v);
        check_pool_goes_on(d, &v);
    }
    furrow_array_free(v.a);
    demo_pool_close(d, v.pool, "killed");
}
