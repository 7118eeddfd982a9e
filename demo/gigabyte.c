/* SPDX-License-Identifier: MIT
 *
 * Step 2: a big array of doubles, scaled in place again and again, at what part of the
 * machine's memory speed? Element i begins as i+1 and every sweep doubles it, so that
 * after any number of sweeps each element tells exactly how often it was worked on.
 */
#include "demo.h"
#include "limit.h"
#include "progress.h"
#include "report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VERIFY_CHUNK ((size_t)1 << 16)
#define MIN_MIB      8

typedef struct field {
    furrow_pool *pool;
    furrow_array *a;
    int sweeps; /* how often every element was doubled */
} field;

/* ---- kernels ----------------------------------------------------------------------*/

static int number_elements(furrow_chunk c)
{
    double *a = c.out[0];

    for (size_t i = 0; i < c.len; i++)
        a[i] = (double)(c.begin + i + 1);
    return 0;
}

/* Furrow and the measured limit both run this very function. */
static int scale(furrow_chunk c)
{
    const double factor = *(const double *)c.ctx;
    double *a = c.out[0];

    for (size_t i = 0; i < c.len; i++)
        a[i] *= factor;
    return 0;
}

static size_t count_wrong(const double *a, size_t begin, size_t len, double factor)
{
    size_t wrong = 0;

    for (size_t i = 0; i < len; i++)
        wrong += a[i] != (double)(begin + i + 1) * factor;
    return wrong;
}

typedef struct verify {
    size_t *wrong; /* one slot per chunk */
    double factor;
} verify;

static int verify_chunk(furrow_chunk c)
{
    const verify *v = c.ctx;

    v->wrong[c.index] = count_wrong(c.in[0], c.begin, c.len, v->factor);
    return 0;
}

/* ---- memory -----------------------------------------------------------------------*/

/* MiB that the system could give now without swapping; 0 where it does not say. */
static size_t available_mib(void)
{
    char line[128];
    size_t kib = 0;
    FILE *f = fopen("/proc/meminfo", "r");

    while (f && fgets(line, sizeof line, f) &&
           sscanf(line, "MemAvailable: %zu kB", &kib) != 1)
        ;
    if (f)
        fclose(f);
    return kib / 1024;
}

/* The array, its memory taken by its owners; smaller where there is not enough. */
static furrow_array *take_memory(demo *d, furrow_pool *pool, size_t *mib)
{
    const size_t available = available_mib();

    for (*mib = d->mib; *mib >= MIN_MIB; *mib /= 2) {
        if (available && *mib > MIN_MIB && *mib > available / 2)
            continue;
        furrow_array *a = furrow_array_new('d', *mib * (1024 * 1024 / 8), NULL);
        if (a && furrow_pool_populate(pool, a) == 0)
            return a;
        furrow_array_free(a);
        if (furrow_last_error()->code != FURROW_ENOMEM)
            break;
    }
    report_call(d, furrow_last_error()->code, "memory");
    return NULL;
}

/* ---- sweeps -----------------------------------------------------------------------*/

static double gb_per_second(const field *f, double seconds)
{
    return 2 * (double)(f->a->len * f->a->itemsize) / seconds / 1e9;
}

/* Seconds of the best of some sweeps by the pool; -1 on failure. */
static double sweep(demo *d, field *f, int builtin)
{
    const double factor = 2;
    const furrow_call call = {.kernel = scale,
                              .types = ">d",
                              .out = {f->a},
                              .ctx = &factor,
                              .ctx_size = sizeof factor};
    double best = -1;

    for (int s = 0; s < LIMIT_SWEEPS + 1; s++) {
        const double start = demo_seconds();
        const int rc = builtin ? furrow_scale(f->pool, f->a, &factor)
                               : progress_map(f->pool, &call, "scaling");
        const double seconds = demo_seconds() - start;
        if (!report_call(d, rc, "scale"))
            return -1;
        f->sweeps++;
        if (s > 0 && (best < 0 || seconds < best))
            best = seconds;
    }
    return best;
}

/* The same by plain processes. */
static double sweep_plainly(demo *d, field *f, int processes)
{
    const double factor = 2;
    const double best = limit_measure(&(limit){.kernel = scale,
                                               .array = f->a,
                                               .ctx = &factor,
                                               .pool = f->pool,
                                               .processes = processes});

    if (best < 0)
        report_check(d, 0, "limit", "%d plain processes could not measure it",
                     processes);
    else
        f->sweeps += LIMIT_SWEEPS + 1;
    return best;
}

static double lesser(double a, double b)
{
    return b >= 0 && b < a ? b : a;
}

/* Furrow between two measurements of the limit, for a machine's speed drifts. */
static void tell_speed(demo *d, field *f)
{
    const int workers = furrow_pool_workers(f->pool);
    const int many = workers < LIMIT_PROCESSES ? workers : LIMIT_PROCESSES;
    const double one = sweep_plainly(d, f, 1);
    double bare = sweep_plainly(d, f, many);
    double own = sweep(d, f, 0);
    const double builtin = sweep(d, f, 1);

    own = lesser(own, sweep(d, f, 0));
    bare = lesser(bare, sweep_plainly(d, f, many));
    if (one < 0 || bare < 0 || own < 0 || builtin < 0)
        return;
    report_line("furrow_map", "%7.2f GB/s read and written, best sweep %.1f ms",
                gb_per_second(f, own), own * 1e3);
    report_line("furrow_scale", "%7.2f GB/s", gb_per_second(f, builtin));
    report_line("measured limit",
                "%7.2f GB/s by %d plain pinned processes: furrow_map %.0f %%",
                gb_per_second(f, bare), many, 100 * bare / own);
    report_line("one core", "%7.2f GB/s: furrow_map is %.2f times as fast",
                gb_per_second(f, one), one / own);
}

/* ---- verification -----------------------------------------------------------------*/

static size_t wrong_by_pool(demo *d, const field *f, double factor)
{
    const size_t chunks = (f->a->len + VERIFY_CHUNK - 1) / VERIFY_CHUNK;
    furrow_array *slots = furrow_array_new('L', chunks, NULL);
    size_t wrong = f->a->len;

    if (!slots && !report_call(d, furrow_last_error()->code, "slots"))
        return wrong;
    const verify v = {slots->data, factor};
    const furrow_call call = {.kernel = verify_chunk,
                              .types = "d>",
                              .in = {f->a},
                              .ctx = &v,
                              .ctx_size = sizeof v,
                              .chunk = VERIFY_CHUNK};
    memset(slots->data, 0xff, chunks * sizeof(size_t)); /* a slot left out is wrong */
    if (report_call(d, progress_map(f->pool, &call, "verifying"), "verify")) {
        wrong = 0;
        for (size_t i = 0; i < chunks; i++)
            wrong += ((const size_t *)slots->data)[i];
    }
    furrow_array_free(slots);
    return wrong;
}

static void check_all(demo *d, const field *f)
{
    const double factor = ldexp(1, f->sweeps);
    report_number n;

    report_count(&n, f->a->len);
    report_check(d, count_wrong(f->a->data, 0, f->a->len, factor) == 0, "verified here",
                 "%s elements, each doubled %d times", n.text, f->sweeps);
    report_check(d, wrong_by_pool(d, f, factor) == 0, "verified by the pool",
                 "%s elements", n.text);
}

static void work_on(demo *d, field *f)
{
    const furrow_call number = {
        .kernel = number_elements, .types = ">d", .out = {f->a}};

    if (!report_call(d, progress_map(f->pool, &number, "numbering"), "number"))
        return;
    tell_speed(d, f);
    check_all(d, f);
}

void gigabyte_run(demo *d)
{
    field f = {0};
    size_t mib = 0;

    report_step("2  A big array, scaled in place: %zu MiB of doubles", d->mib);
    f.pool = demo_pool_open(d);
    if (!f.pool)
        return;
    const size_t available = available_mib();
    const double start = demo_seconds();
    f.a = take_memory(d, f.pool, &mib);
    if (f.a) {
        if (mib < d->mib)
            report_line("smaller", "%zu MiB only: %zu MiB are available", mib,
                        available);
        report_line("memory taken", "%7.1f ms, by the workers that own it",
                    (demo_seconds() - start) * 1e3);
        work_on(d, &f);
    }
    furrow_array_free(f.a);
    demo_pool_close(d, f.pool, "gigabyte");
}
