/* SPDX-License-Identifier: MIT
 *
 * A .npy file of the user's: what is in it, and a pass over it that is verified. The
 * file itself is only read.
 */
#include "demo.h"
#include "numeric.h"
#include "progress.h"
#include "report.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define CHUNK ((size_t)1 << 16)
#define BLOCK 512 /* elements turned into doubles at a time */

/* What one chunk holds; NaN is counted and left out. Written by its worker alone. */
typedef struct part {
    double low, high, sum, square;
    size_t nan;
} part;
#define PART_FORMAT "T{d:low:d:high:d:sum:d:square:L:nan:}"

typedef struct survey {
    part *slot; /* one for each chunk */
    int type;
} survey;

static void add_block(part *p, const double *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (isnan(x[i])) {
            p->nan++;
            continue;
        }
        p->low = x[i] < p->low ? x[i] : p->low;
        p->high = x[i] > p->high ? x[i] : p->high;
        p->sum += x[i];
        p->square += x[i] * x[i];
    }
}

static int survey_chunk(furrow_chunk c)
{
    const survey *s = c.ctx;
    const size_t size = furrow_type_of(s->type)->size;
    part p = {.low = INFINITY, .high = -INFINITY};
    double block[BLOCK];

    for (size_t i = 0; i < c.len; i += BLOCK) {
        const size_t n = c.len - i < BLOCK ? c.len - i : BLOCK;
        numeric_to_double(s->type, (const char *)c.in[0] + i * size, block, n);
        add_block(&p, block, n);
    }
    s->slot[c.index] = p;
    return 0;
}

static part fold(const part *slot, size_t n)
{
    part all = slot[0];

    for (size_t i = 1; i < n; i++) {
        all.low = fmin(all.low, slot[i].low);
        all.high = fmax(all.high, slot[i].high);
        all.sum += slot[i].sum;
        all.square += slot[i].square;
        all.nan += slot[i].nan;
    }
    return all;
}

/* Returns 0 when it failed. */
static int survey_array(demo *d, furrow_pool *pool, furrow_array *a, part *all)
{
    const size_t chunks = (a->len + CHUNK - 1) / CHUNK;
    const furrow_array_options format = {.format = PART_FORMAT};
    furrow_array *slots = furrow_array_new(FURROW_STRUCT, chunks, &format);

    if (!slots)
        return report_call(d, furrow_last_error()->code, "slots");
    const survey s = {slots->data, a->type};
    const furrow_call call = {.kernel = survey_chunk,
                              .in = {a},
                              .ctx = &s,
                              .ctx_size = sizeof s,
                              .chunk = CHUNK};
    const int good = report_call(d, progress_map(pool, &call, "survey"), "survey");
    if (good)
        *all = fold(slots->data, chunks);
    furrow_array_free(slots);
    return good;
}

/* ---- telling ----------------------------------------------------------------------*/

static void tell_array(const furrow_array *a)
{
    char shape[200] = "";
    size_t used = 0;
    const furrow_type *type = furrow_type_of(a->type);
    report_number bytes;

    for (int i = 0; i < a->ndim && used < sizeof shape; i++)
        used += (size_t)snprintf(shape + used, sizeof shape - used, "%s%zu",
                                 i ? " x " : "", a->shape[i]);
    report_line("type", "%c, %s, %s in NumPy", a->type, type->c_name,
                type->numpy ? type->numpy : "nothing");
    report_line("shape", "%s: %s bytes", shape,
                report_count(&bytes, a->len * a->itemsize));
}

/* Extremes by furrow's reductions, which must be those that the survey saw. */
static void tell_extreme(demo *d, furrow_pool *pool, furrow_array *a, double seen,
                         int high)
{
    _Alignas(16) char element[NUMERIC_ELEMENT];
    char text[64];
    double value;
    const char *label = high ? "greatest" : "least";
    const int rc = high ? furrow_max(pool, a, element) : furrow_min(pool, a, element);

    if (!report_call(d, rc, label))
        return;
    numeric_text(a->type, element, text, sizeof text);
    numeric_to_double(a->type, element, &value, 1);
    report_check(d, value == seen, label, "%s", text);
}

static void tell_statistics(demo *d, furrow_pool *pool, furrow_array *a,
                            const part *all)
{
    const double count = (double)(a->len - all->nan);
    const char *of = numeric_is_complex(a->type) ? " of the moduli" : "";

    if (all->nan)
        report_line("not numbers", "%zu NaN, left out of what follows", all->nan);
    if (all->nan == a->len)
        return;
    if (all->nan || numeric_is_complex(a->type)) {
        report_line("least", "%.9g%s", all->low, of);
        report_line("greatest", "%.9g%s", all->high, of);
    } else {
        tell_extreme(d, pool, a, all->low, 0);
        tell_extreme(d, pool, a, all->high, 1);
    }
    report_line("mean", "%.9g%s", all->sum / count, of);
    report_line("RMS", "%.9g%s", sqrt(all->square / count), of);
}

static int invert(furrow_chunk c)
{
    unsigned char *a = c.out[0];

    for (size_t i = 0; i < c.len; i++)
        a[i] = !a[i];
    return 0;
}

/* Three times every element; truth values, which have no product, are inverted. */
static int change(furrow_pool *pool, furrow_array *a)
{
    _Alignas(16) char factor[NUMERIC_ELEMENT];
    const furrow_call call = {.kernel = invert, .types = ">?", .out = {a}};

    if (a->type == '?')
        return furrow_map(pool, &call);
    numeric_factor(a->type, factor);
    return furrow_scale(pool, a, factor);
}

/* In place, in the shared copy; compared with a copy of that. */
static void change_array(demo *d, furrow_pool *pool, furrow_array *a)
{
    furrow_array *before = furrow_array_new(a->type, a->len, NULL);
    report_number n;

    if (report_call(d, furrow_copy(pool, before, a), "copy")) {
        const double start = demo_seconds();
        const int rc = change(pool, a);
        const double seconds = demo_seconds() - start;
        if (report_call(d, rc, "scale"))
            report_check(d, numeric_wrong(a->type, before->data, a->data, a->len) == 0,
                         a->type == '?' ? "inverted in place" : "times 3 in place",
                         "%s elements in %.3f ms: %.2f GB/s", report_count(&n, a->len),
                         seconds * 1e3,
                         2e-9 * (double)(a->len * a->itemsize) / seconds);
    }
    furrow_array_free(before);
}

static void work_on(demo *d, furrow_pool *pool, furrow_array *a)
{
    part all = {0};

    tell_array(a);
    if (a->len == 0) {
        report_line("empty", "nothing to do");
        return;
    }
    const double start = demo_seconds();
    if (!survey_array(d, pool, a, &all))
        return;
    report_line("one pass", "%.3f ms", (demo_seconds() - start) * 1e3);
    tell_statistics(d, pool, a, &all);
    change_array(d, pool, a);
}

void anynpy_run(demo *d, const char *path)
{
    const char *base = strrchr(path, '/');

    report_step("%s", path);
    furrow_pool *pool = demo_pool_open(d);
    const double start = demo_seconds();
    furrow_array *a = pool ? furrow_npy_load(path) : NULL;

    if (pool && !a) {
        report_call(d, furrow_last_error()->code, "read");
    } else if (a && !numeric_is(a->type)) {
        report_check(d, 0, "type", "elements of %s are no numbers",
                     furrow_array_format(a));
    } else if (a) {
        report_line("read", "%.1f ms", (demo_seconds() - start) * 1e3);
        work_on(d, pool, a);
    }
    furrow_array_free(a);
    demo_pool_close(d, pool, base ? base + 1 : path);
}
