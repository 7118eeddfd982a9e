/* SPDX-License-Identifier: MIT
 *
 * The verbs over the built-in kernels, on pools: every typecode against one element at
 * a time, the same bits for any number of workers, and every refusal.
 */
#include "builtin.h"
#include "child.h"
#include "chunk.h"
#include "cpu.h"
#include "engine/naive.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const size_t lengths[] = {0, 1, 7, 63, 64, 65, 4097, 100003};
enum { LENGTHS = sizeof lengths / sizeof *lengths };

static furrow_pool *pool_of(int workers)
{
    furrow_pool *pool = furrow_pool_open(
        &(furrow_pool_options){.workers = workers, .pin = FURROW_PIN_NONE});

    cr_assert_not_null(pool, "%s", furrow_last_error()->text);
    return pool;
}

static furrow_array *array_of(int code, size_t len, uint64_t seed)
{
    furrow_array *a = furrow_array_new(code, len, NULL);

    cr_assert_not_null(a, "%s", furrow_last_error()->text);
    naive_randomize(code, a->data, len, seed);
    return a;
}

/* An array whose data begins one element after a line. */
static furrow_array *unaligned_of(int code, size_t len, uint64_t seed)
{
    furrow_array *whole = array_of(code, len + 1, seed), *a;

    a = furrow_array_slice(whole, 1, len + 1);
    cr_assert_not_null(a, "%s", furrow_last_error()->text);
    cr_assert_eq(furrow_array_free(whole), 0);
    return a;
}

static void check_ok(int rc, const char *what, int code, size_t len)
{
    cr_assert_eq(rc, 0, "%s of '%c', %zu: %s", what, code, len,
                 furrow_last_error()->text);
}

static void check_maps(furrow_pool *pool, int code, size_t len)
{
    furrow_array *x = array_of(code, len, 1), *y = unaligned_of(code, len, 2);
    furrow_array *z = unaligned_of(code, len, 3), *zero = array_of(code, len, 4);
    unsigned char scalar[16];
    uint64_t seed = 5;
    naive a, none = {.u = 0};

    naive_store(code, scalar, 0, naive_any(code, &seed));
    a = naive_load(code, scalar, 0);
    check_ok(furrow_triad(pool, z, x, scalar, y), "triad", code, len);
    cr_assert_eq(naive_check_triad(code, z->data, x->data, a, y->data, len), len,
                 "triad of '%c', %zu elements", code, len);
    check_ok(furrow_copy(pool, z, y), "copy", code, len);
    check_ok(furrow_axpy(pool, scalar, x, z), "axpy", code, len);
    cr_assert_eq(naive_check_triad(code, z->data, y->data, a, x->data, len), len,
                 "axpy of '%c', %zu elements", code, len);
    memset(scalar, 0, sizeof scalar);
    check_ok(furrow_fill(pool, zero, scalar), "fill", code, len);
    naive_store(code, scalar, 0, a);
    check_ok(furrow_copy(pool, z, y), "copy", code, len);
    check_ok(furrow_scale(pool, z, scalar), "scale", code, len);
    cr_assert_eq(naive_check_triad(code, z->data, zero->data, a, y->data, len), len,
                 "scale of '%c', %zu elements", code, len);
    check_ok(furrow_fill(pool, z, scalar), "fill", code, len);
    cr_assert_eq(naive_check_triad(code, z->data, z->data, none, x->data, len), len);
    for (size_t i = 0; i < len; i++)
        cr_assert(naive_equal(naive_load(code, z->data, i), a), "fill of '%c'", code);
    furrow_array_free(x), furrow_array_free(y);
    furrow_array_free(z), furrow_array_free(zero);
}

Test(builtin, maps_of_every_type)
{
    furrow_pool *pool = pool_of(2);

    for (const char *code = NAIVE_ALL; *code; code++)
        for (int n = 0; n < LENGTHS; n++)
            check_maps(pool, *code, lengths[n]);
    cr_assert_eq(furrow_pool_close(pool), 0);
}

Test(builtin, maps_of_a_million)
{
    furrow_pool *pool = pool_of(3);

    for (const char *code = "dfib"; *code; code++)
        check_maps(pool, *code, ((size_t)1 << 20) + 3);
    cr_assert_eq(furrow_pool_close(pool), 0);
}

static void check_totals(furrow_pool *pool, int code, size_t len)
{
    furrow_array *x = array_of(code, len, 1), *y = unaligned_of(code, len, 2);
    const int total = naive_total(code);
    unsigned char out[32];

    memset(out, 0xee, sizeof out);
    check_ok(furrow_sum(pool, x, out), "sum", code, len);
    cr_assert(naive_equal(naive_load(total, out, 0), naive_sum(code, x->data, 0, len)),
              "sum of '%c', %zu elements", code, len);
    cr_assert_eq(out[naive_size(total)], 0xee, "sum of '%c' writes too much", code);
    if (code != '?') {
        check_ok(furrow_dot(pool, x, y, out), "dot", code, len);
        cr_assert(naive_equal(naive_load(total, out, 0),
                              naive_sum(code, x->data, y->data, len)),
                  "dot of '%c', %zu elements", code, len);
    }
    furrow_array_free(x), furrow_array_free(y);
}

Test(builtin, totals_of_every_type)
{
    furrow_pool *pool = pool_of(2);

    for (const char *code = NAIVE_ALL "?"; *code; code++) {
        for (int n = 0; n < LENGTHS; n++)
            check_totals(pool, *code, lengths[n]);
        check_totals(pool, *code, ((size_t)1 << 20) + 3);
    }
    cr_assert_eq(furrow_pool_close(pool), 0);
}

static void check_order(furrow_pool *pool, int code, size_t len)
{
    furrow_array *x = unaligned_of(code, len, len);
    unsigned char least[16], greatest[16];

    check_ok(furrow_min(pool, x, least), "min", code, len);
    check_ok(furrow_max(pool, x, greatest), "max", code, len);
    cr_assert(
        naive_equal(naive_load(code, least, 0), naive_extreme(code, x->data, len, 0)),
        "min of '%c', %zu elements", code, len);
    cr_assert(naive_equal(naive_load(code, greatest, 0),
                          naive_extreme(code, x->data, len, 1)),
              "max of '%c', %zu elements", code, len);
    furrow_array_free(x);
}

Test(builtin, extremes_of_every_type)
{
    furrow_pool *pool = pool_of(2);

    for (const char *code = NAIVE_ORDERED "?"; *code; code++)
        for (int n = 1; n < LENGTHS; n++)
            check_order(pool, *code, lengths[n]);
    cr_assert_eq(furrow_pool_close(pool), 0);
}

Test(builtin, nan_in_any_chunk_wins)
{
    furrow_pool *pool = pool_of(2);
    furrow_array *a = array_of('d', 100000, 1);
    double *x = a->data, out;

    for (size_t at = 0; at < a->len; at += 9999) {
        const double old = x[at];

        x[at] = NAN;
        cr_assert_eq(furrow_min(pool, a, &out), 0);
        cr_assert(isnan(out), "min, NaN at %zu", at);
        cr_assert_eq(furrow_max(pool, a, &out), 0);
        cr_assert(isnan(out), "max, NaN at %zu", at);
        x[at] = old;
    }
    furrow_array_free(a);
    cr_assert_eq(furrow_pool_close(pool), 0);
}

/* Values of all magnitudes, so that every other order of additions gives other bits. */
static void fill_uneven(furrow_array *a)
{
    uint64_t seed = 11;

    for (size_t i = 0; i < a->len; i++) {
        const uint64_t r = naive_random(&seed);
        const double v = ldexp((double)(int64_t)r, (int)(r % 40) - 80);

        if (a->type == 'd')
            ((double *)a->data)[i] = v;
        else
            ((float *)a->data)[i] = (float)v;
    }
}

typedef struct totals {
    double sum[2], dot[2];
} totals;

static totals totals_of(int workers, furrow_array *d, furrow_array *f)
{
    furrow_pool *pool = pool_of(workers);
    totals t = {.sum = {0}};

    cr_assert_eq(furrow_sum(pool, d, &t.sum[0]), 0);
    cr_assert_eq(furrow_sum(pool, f, &t.sum[1]), 0);
    cr_assert_eq(furrow_dot(pool, d, d, &t.dot[0]), 0);
    cr_assert_eq(furrow_dot(pool, f, f, &t.dot[1]), 0);
    cr_assert_eq(furrow_pool_close(pool), 0);
    return t;
}

Test(builtin, totals_have_the_same_bits_on_any_number_of_workers)
{
    static const size_t lens[] = {5000, 99999, ((size_t)1 << 20) + 3, 3000001};
    static const int teams[] = {1, 2, 3, 7};

    for (int n = 0; n < 4; n++) {
        furrow_array *d = array_of('d', lens[n], 1), *f = array_of('f', lens[n], 1);
        totals first;

        fill_uneven(d), fill_uneven(f);
        first = totals_of(1, d, f);
        for (int t = 0; t < 4; t++) {
            const totals again = totals_of(teams[t], d, f);

            cr_assert_eq(memcmp(&again, &first, sizeof first), 0,
                         "%zu elements, %d workers", lens[n], teams[t]);
        }
        furrow_array_free(d), furrow_array_free(f);
    }
}

/* What the chunks come to when the kernel is called here, folded by hand. */
static double sum_by_hand(const furrow_array *a)
{
    const size_t chunk = fw_chunk_for_reduce(a->len, 8);
    fw_slot slots[64] = {{.u = 0}}, *at = slots;
    size_t count = 0;

    for (size_t begin = 0; begin < a->len; begin += chunk, count++) {
        const size_t left = a->len - begin;

        fw_builtin_of('d')->sum((furrow_chunk){.in = {(const double *)a->data + begin},
                                               .len = left < chunk ? left : chunk,
                                               .index = count,
                                               .ctx = &at});
    }
    for (; count > 1; count = (count + 1) / 2)
        for (size_t i = 0; i < (count + 1) / 2; i++)
            slots[i].d = slots[2 * i].d + (2 * i + 1 < count ? slots[2 * i + 1].d : 0);
    return slots[0].d;
}

Test(builtin, caller_and_pool_fold_the_same_tree)
{
    static const size_t lens[] = {1, 100, 4095, 4097, 12289, 50000, 200001};
    furrow_pool *pool = pool_of(2);

    for (int n = 0; n < 7; n++) {
        furrow_array *a = array_of('d', lens[n], 1);
        double sum, wanted;

        fill_uneven(a);
        wanted = sum_by_hand(a);
        cr_assert_eq(furrow_sum(pool, a, &sum), 0);
        cr_assert_eq(memcmp(&sum, &wanted, sizeof sum), 0, "%zu: %a, not %a", lens[n],
                     sum, wanted);
        furrow_array_free(a);
    }
    cr_assert_eq(furrow_pool_close(pool), 0);
}

Test(builtin, more_than_the_cache)
{
    const size_t size = fw_cpu_cache_size();
    const size_t len = (size < (size_t)64 << 20 ? size : (size_t)64 << 20) / 8 + 1001;
    furrow_pool *pool = pool_of(2);
    furrow_array *x = array_of('d', 1, 1), *y = array_of('d', len, 1);
    furrow_array *z = array_of('d', len, 2);
    const double a = 0.7, one = 0.3;
    volatile double product;

    furrow_array_free(x);
    x = furrow_array_new('d', len, NULL);
    cr_assert_not_null(x);
    cr_assert_eq(furrow_fill(pool, x, &one), 0);
    fill_uneven(y);
    cr_assert_eq(furrow_triad(pool, z, x, &a, y), 0);
    for (size_t i = 0; i < len; i++) {
        product = a * ((double *)y->data)[i];
        cr_assert_eq(((double *)z->data)[i], one + product, "element %zu", i);
    }
    cr_assert_eq(furrow_copy(pool, z, y), 0);
    cr_assert_arr_eq(z->data, y->data, len * 8);
    furrow_array_free(x), furrow_array_free(y), furrow_array_free(z);
    cr_assert_eq(furrow_pool_close(pool), 0);
}

Test(builtin, in_place)
{
    furrow_pool *pool = pool_of(2);
    furrow_array *x = array_of('i', 50000, 1);
    const int two = 2, *p = x->data, first = p[0], last = p[49999];

    cr_assert_eq(furrow_axpy(pool, &two, x, x), 0); /* x + 2 x */
    cr_assert_eq((unsigned)p[0], 3u * (unsigned)first);
    cr_assert_eq(furrow_triad(pool, x, x, &two, x), 0);
    cr_assert_eq((unsigned)p[0], 9u * (unsigned)first);
    cr_assert_eq((unsigned)p[49999], 9u * (unsigned)last);
    cr_assert_eq(furrow_copy(pool, x, x), 0);
    cr_assert_eq((unsigned)p[49999], 9u * (unsigned)last);
    furrow_array_free(x);
    cr_assert_eq(furrow_pool_close(pool), 0);
}

Test(builtin, bytes_bools_and_structs)
{
    typedef struct particle {
        double x;
        int id;
    } particle;
    furrow_pool *pool = pool_of(2);
    const furrow_array_options o = {.format = "T{d:x:i:id:}"},
                               other = {.format = "T{dI}"};
    furrow_array *s = furrow_array_new(FURROW_STRUCT, 10000, &o);
    furrow_array *t = furrow_array_new(FURROW_STRUCT, 10000, &o);
    furrow_array *u = furrow_array_new(FURROW_STRUCT, 10000, &other);
    furrow_array *b = array_of('?', 100000, 1), *c = furrow_array_new('c', 100, NULL);
    const particle p = {.x = 0.5, .id = 7};
    const _Bool yes = 1;
    _Bool any;
    uint64_t count;

    cr_assert(s && t && u && b && c);
    cr_assert_eq(furrow_fill(pool, s, &p), 0);
    cr_assert_eq(furrow_copy(pool, t, s), 0);
    cr_assert_eq(((particle *)t->data)[9999].id, 7);
    cr_assert_eq(((particle *)t->data)[0].x, 0.5);
    cr_assert_eq(furrow_copy(pool, u, s), FURROW_ETYPE);
    cr_assert_eq(furrow_fill(pool, b, &yes), 0);
    ((_Bool *)b->data)[77777] = 0;
    cr_assert_eq(furrow_sum(pool, b, &count), 0);
    cr_assert_eq(count, 99999);
    cr_assert_eq(furrow_min(pool, b, &any), 0);
    cr_assert_eq(any, 0);
    cr_assert_eq(furrow_max(pool, b, &any), 0);
    cr_assert_eq(any, 1);
    cr_assert_eq(furrow_fill(pool, c, "x"), 0);
    cr_assert_eq(((char *)c->data)[99], 'x');
    furrow_array_free(s), furrow_array_free(t), furrow_array_free(u);
    furrow_array_free(b), furrow_array_free(c);
    cr_assert_eq(furrow_pool_close(pool), 0);
}

/* ---- refusals ---------------------------------------------------------------------*/

static void check_refusal(int rc, int code, const char *function, const char *text)
{
    const furrow_error *e = furrow_last_error();

    cr_assert_eq(rc, code, "%s: %d", function, rc);
    cr_assert_str_eq(e->function, function);
    cr_assert_not_null(strstr(e->text, text), "\"%s\" lacks \"%s\"", e->text, text);
    furrow_error_clear();
}

Test(builtin, operands_that_differ)
{
    furrow_pool *pool = pool_of(1);
    furrow_array *f = array_of('f', 10, 1), *d = array_of('d', 12, 1);
    furrow_array *d10 = array_of('d', 10, 1);
    const double a = 1;
    double out = 42;

    check_refusal(furrow_axpy(pool, &a, f, d), FURROW_ETYPE, "furrow_axpy",
                  "x is 'f' with 10 elements, y is 'd' with 12");
    check_refusal(furrow_axpy(pool, &a, d10, d), FURROW_EINVAL, "furrow_axpy",
                  "x is 'd' with 10 elements, y is 'd' with 12");
    check_refusal(furrow_copy(pool, d, d10), FURROW_EINVAL, "furrow_copy", "to is 'd'");
    check_refusal(furrow_triad(pool, d, d, &a, f), FURROW_ETYPE, "furrow_triad",
                  "y is");
    check_refusal(furrow_triad(pool, d, d10, &a, d), FURROW_EINVAL, "furrow_triad",
                  "x is");
    check_refusal(furrow_dot(pool, d, d10, &out), FURROW_EINVAL, "furrow_dot", "b is");
    cr_assert_eq(out, 42);
    furrow_array_free(f), furrow_array_free(d), furrow_array_free(d10);
    cr_assert_eq(furrow_pool_close(pool), 0);
}

Test(builtin, overlapping_operands)
{
    furrow_pool *pool = pool_of(1);
    furrow_array *a = array_of('d', 100, 1);
    furrow_array *low = furrow_array_slice(a, 0, 60),
                 *high = furrow_array_slice(a, 40, 100);
    furrow_array *left = furrow_array_slice(a, 0, 50),
                 *right = furrow_array_slice(a, 50, 100);
    const double two = 2;
    double dot;

    cr_assert(low && high && left && right);
    check_refusal(furrow_copy(pool, low, high), FURROW_EINVAL, "furrow_copy",
                  "overlap");
    check_refusal(furrow_axpy(pool, &two, high, low), FURROW_EINVAL, "furrow_axpy",
                  "overlap");
    check_refusal(furrow_triad(pool, low, low, &two, high), FURROW_EINVAL,
                  "furrow_triad", "overlap");
    cr_assert_eq(furrow_dot(pool, low, high, &dot), 0, "reading twice is fine");
    cr_assert_eq(furrow_copy(pool, left, right), 0, "neighbours do not overlap");
    furrow_array_free(low), furrow_array_free(high);
    furrow_array_free(left), furrow_array_free(right), furrow_array_free(a);
    cr_assert_eq(furrow_pool_close(pool), 0);
}

Test(builtin, types_without_the_operation)
{
    furrow_pool *pool = pool_of(1);
    furrow_array *b = array_of('?', 10, 1), *D = array_of('D', 10, 1);
    furrow_array *c = furrow_array_new('c', 10, NULL);
    unsigned char out[16];

    check_refusal(furrow_scale(pool, b, "x"), FURROW_ETYPE, "furrow_scale", "'?'");
    check_refusal(furrow_axpy(pool, "x", b, b), FURROW_ETYPE, "furrow_axpy", "'?'");
    check_refusal(furrow_triad(pool, b, b, "x", b), FURROW_ETYPE, "furrow_triad",
                  "'?'");
    check_refusal(furrow_dot(pool, b, b, out), FURROW_ETYPE, "furrow_dot", "'?'");
    check_refusal(furrow_min(pool, D, out), FURROW_ETYPE, "furrow_min", "'D'");
    check_refusal(furrow_max(pool, D, out), FURROW_ETYPE, "furrow_max", "'D'");
    check_refusal(furrow_sum(pool, c, out), FURROW_ETYPE, "furrow_sum", "'c'");
    furrow_array_free(b), furrow_array_free(c), furrow_array_free(D);
    cr_assert_eq(furrow_pool_close(pool), 0);
}

Test(builtin, empty_arrays)
{
    furrow_pool *pool = pool_of(1);
    furrow_array *d = furrow_array_new('d', 0, NULL),
                 *q = furrow_array_new('q', 0, NULL);
    double sum = 42, least = 42;
    int64_t total = 42;

    cr_assert(d && q, "%s", furrow_last_error()->text);
    cr_assert_eq(furrow_sum(pool, d, &sum), 0);
    cr_assert_eq(sum, 0);
    cr_assert_eq(furrow_dot(pool, q, q, &total), 0);
    cr_assert_eq(total, 0);
    cr_assert_eq(furrow_fill(pool, d, &sum), 0);
    check_refusal(furrow_min(pool, d, &least), FURROW_EINVAL, "furrow_min", "empty");
    check_refusal(furrow_max(pool, d, &least), FURROW_EINVAL, "furrow_max", "empty");
    cr_assert_eq(least, 42);
    furrow_array_free(d), furrow_array_free(q);
    cr_assert_eq(furrow_pool_close(pool), 0);
}

Test(builtin, null_operands)
{
    furrow_pool *pool = pool_of(1);
    furrow_array *d = array_of('d', 10, 1);
    double v = 1;

    furrow_error_clear();
    check_refusal(furrow_fill(NULL, d, &v), FURROW_EINVAL, "furrow_fill",
                  "pool is NULL");
    check_refusal(furrow_fill(pool, NULL, &v), FURROW_EINVAL, "furrow_fill",
                  "a is NULL");
    check_refusal(furrow_fill(pool, d, NULL), FURROW_EINVAL, "furrow_fill", "value");
    check_refusal(furrow_copy(pool, d, NULL), FURROW_EINVAL, "furrow_copy", "from");
    check_refusal(furrow_scale(pool, d, NULL), FURROW_EINVAL, "furrow_scale", "factor");
    check_refusal(furrow_axpy(pool, &v, NULL, d), FURROW_EINVAL, "furrow_axpy", "x is");
    check_refusal(furrow_axpy(pool, NULL, d, d), FURROW_EINVAL, "furrow_axpy", "a is");
    check_refusal(furrow_triad(pool, NULL, d, &v, d), FURROW_EINVAL, "furrow_triad",
                  "z");
    check_refusal(furrow_sum(pool, d, NULL), FURROW_EINVAL, "furrow_sum",
                  "out is NULL");
    check_refusal(furrow_min(pool, NULL, &v), FURROW_EINVAL, "furrow_min", "a is NULL");
    check_refusal(furrow_dot(pool, d, NULL, &v), FURROW_EINVAL, "furrow_dot",
                  "b is NULL");
    furrow_array_free(d);
    cr_assert_eq(furrow_pool_close(pool), 0);
}

Test(builtin, failed_handles_keep_the_first_message)
{
    furrow_pool *pool = pool_of(1);
    furrow_array *bad = furrow_array_new('!', 10, NULL);
    double sum;
    int rc;

    cr_assert_null(bad);
    rc = furrow_last_error()->code;
    cr_assert_eq(furrow_sum(pool, bad, &sum), rc);
    cr_assert_str_eq(furrow_last_error()->function, "furrow_array_new");
    cr_assert_eq(furrow_pool_close(pool), 0);
}

/* ---- small operands, which no worker sees -----------------------------------------*/

static furrow_array *file_of(const char *path, size_t len, int writable)
{
    furrow_array *content = furrow_array_new('d', len, NULL), *a;

    cr_assert(content);
    for (size_t i = 0; i < len; i++)
        ((double *)content->data)[i] = 1;
    cr_assert_eq(furrow_npy_save(content, path), 0, "%s", furrow_last_error()->text);
    furrow_array_free(content);
    a = furrow_npy_map(path, writable);
    cr_assert_not_null(a, "%s", furrow_last_error()->text);
    unlink(path);
    return a;
}

Test(builtin, small_operands_that_may_not_be_written)
{
    furrow_pool *pool = pool_of(1);
    furrow_array *d = array_of('d', 10, 1), *file = file_of("small.npy", 10, 0);
    const double one = 1;
    double sum = 0;

    check_refusal(furrow_fill(pool, file, &one), FURROW_EINVAL, "furrow_fill",
                  "out[0] is mapped read-only");
    check_refusal(furrow_copy(pool, file, d), FURROW_EINVAL, "furrow_copy",
                  "read-only");
    check_refusal(furrow_axpy(pool, &one, d, file), FURROW_EINVAL, "furrow_axpy",
                  "read-only");
    cr_assert_eq(furrow_copy(pool, d, file), 0);
    cr_assert_eq(furrow_sum(pool, file, &sum), 0);
    cr_assert_eq(sum, 10);
    furrow_array_free(d), furrow_array_free(file);
    cr_assert_eq(furrow_pool_close(pool), 0);
}

Test(builtin, small_operands_that_are_freed)
{
    furrow_pool *pool = pool_of(1);
    furrow_array *a = array_of('d', 10, 1), *slice = furrow_array_slice(a, 0, 10);
    const double one = 1;
    double sum = 42;

    cr_assert_eq(furrow_array_free(slice), 0); /* its memory is there still */
    *slice = *a;                               /* and so are its words */
    check_refusal(furrow_fill(pool, slice, &one), FURROW_EINVAL, "furrow_fill",
                  "not a live array");
    check_refusal(furrow_sum(pool, slice, &sum), FURROW_EINVAL, "furrow_sum",
                  "not a live array");
    check_refusal(furrow_dot(pool, a, slice, &sum), FURROW_EINVAL, "furrow_dot",
                  "in[1] is not a live array");
    cr_assert_eq(sum, 42);
    memset(slice, 0, sizeof *slice); /* free memory is zeros */
    furrow_array_free(a);
    cr_assert_eq(furrow_pool_close(pool), 0);
}

/* The file was mapped by another process, after this one came to be. */
static int works_on_the_file(void *arg)
{
    furrow_array *_Atomic *told = arg;
    furrow_array *file;
    furrow_pool *pool;
    double sum = 0, least = 0, two = 2;

    while (!(file = *told))
        usleep(1000);
    pool = furrow_pool_open(&(furrow_pool_options){.workers = 1});
    child_want(pool);
    child_want(furrow_sum(pool, file, &sum) == 0 && sum == 100);
    child_want(furrow_min(pool, file, &least) == 0 && least == 1);
    child_want(furrow_scale(pool, file, &two) == 0);
    return furrow_pool_close(pool) != 0;
}

Test(builtin, small_operands_of_another_process)
{
    furrow_array *shared = furrow_array_new('L', 1, NULL), *file;
    pid_t child;

    cr_assert(shared);
    child = child_start(works_on_the_file, shared->data);
    file = file_of("others.npy", 100, 1);
    *(furrow_array * _Atomic *)shared->data = file;
    cr_assert_eq(child_wait(child), 0);
    cr_assert_eq(((double *)file->data)[99], 2);
    furrow_array_free(file), furrow_array_free(shared);
}
