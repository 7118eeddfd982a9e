/* SPDX-License-Identifier: MIT
 *
 * The built-in kernels and the streaming stores, called directly: every typecode, odd
 * lengths, starts off any alignment, against one element at a time.
 */
#include "builtin.h"
#include "cpu.h"
#include "engine/naive.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const size_t lengths[] = {0, 1, 7, 63, 64, 65, 4097, ((size_t)1 << 20) + 3};
enum { LENGTHS = sizeof lengths / sizeof *lengths, GUARD = 64 };

/* Memory for len elements that begin `shift` elements after a line. */
typedef struct operand {
    char *block, *data;
} operand;

static operand operand_new(int code, size_t len, size_t shift, uint64_t seed)
{
    const size_t size = naive_size(code), bytes = (len + shift) * size + 2 * GUARD;
    operand o = {.block = aligned_alloc(64, (bytes + 63) / 64 * 64)};

    cr_assert_not_null(o.block);
    memset(o.block, 0x5a, (bytes + 63) / 64 * 64);
    o.data = o.block + GUARD + shift * size;
    naive_randomize(code, o.data, len, seed);
    return o;
}

/* Nothing before or after was written. Frees the operand. */
static void operand_close(operand o, size_t bytes)
{
    for (size_t i = 0; i < GUARD; i++) {
        cr_assert_eq(o.data[bytes + i], 0x5a, "byte %zu after the end", i);
        cr_assert_eq(o.block[i], 0x5a, "byte %zu of the block", i);
    }
    free(o.block);
}

static fw_builtin_ctx ctx_of(int code, naive scalar, int stream)
{
    fw_builtin_ctx ctx = {.itemsize = naive_size(code), .stream = stream};

    naive_store(code, ctx.scalar, 0, scalar);
    return ctx;
}

static void check_triad(int code, size_t len, size_t shift, int stream)
{
    const size_t bytes = len * naive_size(code);
    operand x = operand_new(code, len, shift, 1), y = operand_new(code, len, 1, 2);
    operand z = operand_new(code, len, shift, 3);
    uint64_t seed = 4;
    fw_builtin_ctx ctx = ctx_of(code, naive_any(code, &seed), stream);
    naive a = naive_load(code, ctx.scalar, 0);
    furrow_chunk c = {.in = {x.data, y.data}, .out = {z.data}, .len = len, .ctx = &ctx};

    cr_assert_eq(fw_builtin_of(code)->triad(c), 0);
    cr_assert_eq(naive_check_triad(code, z.data, x.data, a, y.data, len), len,
                 "triad of '%c', %zu elements, shift %zu", code, len, shift);
    operand_close(x, bytes), operand_close(y, bytes), operand_close(z, bytes);
}

Test(kernels, triad)
{
    for (const char *code = NAIVE_ALL; *code; code++)
        for (int n = 0; n < LENGTHS; n++)
            check_triad(*code, lengths[n], (size_t)n % 3, 0);
}

Test(kernels, triad_streamed)
{
    for (const char *code = "df"; *code; code++)
        for (size_t shift = 0; shift < 17; shift++)
            for (int n = 0; n < LENGTHS - 1; n++)
                check_triad(*code, lengths[n], shift, 1);
    check_triad('d', lengths[LENGTHS - 1], 3, 1);
    check_triad('f', lengths[LENGTHS - 1], 5, 1);
}

static void check_axpy(int code, size_t len, size_t shift)
{
    const size_t bytes = len * naive_size(code);
    operand x = operand_new(code, len, shift, 1), y = operand_new(code, len, 1, 2);
    operand old = operand_new(code, len, 0, 2);
    uint64_t seed = 5;
    fw_builtin_ctx ctx = ctx_of(code, naive_any(code, &seed), 0);
    naive a = naive_load(code, ctx.scalar, 0);
    furrow_chunk c = {.in = {x.data}, .out = {y.data}, .len = len, .ctx = &ctx};

    cr_assert_eq(fw_builtin_of(code)->axpy(c), 0);
    cr_assert_eq(naive_check_triad(code, y.data, old.data, a, x.data, len), len,
                 "axpy of '%c', %zu elements, shift %zu", code, len, shift);
    operand_close(x, bytes), operand_close(y, bytes), operand_close(old, bytes);
}

Test(kernels, axpy)
{
    for (const char *code = NAIVE_ALL; *code; code++)
        for (int n = 0; n < LENGTHS; n++)
            check_axpy(*code, lengths[n], (size_t)n % 3);
}

/* a y = 0 + a y. */
static void check_scale(int code, size_t len, size_t shift)
{
    const size_t bytes = len * naive_size(code);
    operand y = operand_new(code, len, shift, 1), old = operand_new(code, len, 0, 1);
    void *zeros = calloc(len + 1, naive_size(code));
    uint64_t seed = 6;
    fw_builtin_ctx ctx = ctx_of(code, naive_any(code, &seed), 0);
    naive a = naive_load(code, ctx.scalar, 0);
    furrow_chunk c = {.out = {y.data}, .len = len, .ctx = &ctx};

    cr_assert_eq(fw_builtin_of(code)->scale(c), 0);
    cr_assert_eq(naive_check_triad(code, y.data, zeros, a, old.data, len), len,
                 "scale of '%c', %zu elements, shift %zu", code, len, shift);
    operand_close(y, bytes), operand_close(old, bytes), free(zeros);
}

Test(kernels, scale)
{
    for (const char *code = NAIVE_ALL; *code; code++)
        for (int n = 0; n < LENGTHS; n++)
            check_scale(*code, lengths[n], (size_t)n % 3);
}

/* Run a reduction kernel as chunk 2 of three; the other slots must stay. */
static fw_slot slot_of(furrow_kernel kernel, const void *x, const void *y, size_t len)
{
    fw_slot slots[3] = {{.u = 77}, {.u = 77}, {.u = 77}}, *at = slots;
    furrow_chunk c = {.in = {x, y}, .len = len, .ctx = &at, .index = 1};

    memset(&slots[1], 0, sizeof slots[1]);
    cr_assert_eq(kernel(c), 0);
    cr_assert_eq(slots[0].u, 77);
    cr_assert_eq(slots[2].u, 77);
    return slots[1];
}

static void check_totals(int code, size_t len, size_t shift)
{
    const fw_builtin *row = fw_builtin_of(code);
    const size_t bytes = len * naive_size(code);
    const int total = naive_total(code);
    operand x = operand_new(code, len, shift, 1), y = operand_new(code, len, 1, 2);
    fw_slot sum = slot_of(row->sum, x.data, NULL, len);
    fw_slot dot = row->dot ? slot_of(row->dot, x.data, y.data, len) : sum;
    naive sum_wanted = naive_sum(code, x.data, NULL, len);
    naive dot_wanted = row->dot ? naive_sum(code, x.data, y.data, len) : sum_wanted;

    cr_assert_eq(row->total_size, naive_size(total));
    cr_assert(naive_equal(naive_load(total, &sum, 0), sum_wanted),
              "sum of '%c', %zu elements, shift %zu", code, len, shift);
    cr_assert(naive_equal(naive_load(total, &dot, 0), dot_wanted),
              "dot of '%c', %zu elements, shift %zu", code, len, shift);
    operand_close(x, bytes), operand_close(y, bytes);
}

Test(kernels, sum_and_dot)
{
    for (const char *code = NAIVE_ALL "?"; *code; code++)
        for (int n = 0; n < LENGTHS; n++)
            check_totals(*code, lengths[n], (size_t)n % 3);
}

static void check_order(int code, size_t len, size_t shift)
{
    const fw_builtin *row = fw_builtin_of(code);
    operand x = operand_new(code, len, shift, len);
    fw_slot least = slot_of(row->min, x.data, NULL, len);
    fw_slot greatest = slot_of(row->max, x.data, NULL, len);

    cr_assert(
        naive_equal(naive_load(code, &least, 0), naive_extreme(code, x.data, len, 0)),
        "min of '%c', %zu elements, shift %zu", code, len, shift);
    cr_assert(naive_equal(naive_load(code, &greatest, 0),
                          naive_extreme(code, x.data, len, 1)),
              "max of '%c', %zu elements, shift %zu", code, len, shift);
    operand_close(x, len * naive_size(code));
}

Test(kernels, min_and_max)
{
    for (const char *code = NAIVE_ORDERED "?"; *code; code++)
        for (int n = 1; n < LENGTHS; n++)
            check_order(*code, lengths[n], (size_t)n % 3);
}

static int extreme_of_ints(const int *x, size_t len, int greatest)
{
    const fw_builtin *row = fw_builtin_of('i');
    const fw_slot s = slot_of(greatest ? row->max : row->min, x, NULL, len);
    int v;

    memcpy(&v, s.bytes, sizeof v);
    return v;
}

Test(kernels, extremes_are_found_everywhere)
{
    int x[200];

    for (size_t at = 0; at < 200; at++)
        for (size_t len = at + 1; len <= 200; len += 37) {
            for (int i = 0; i < 200; i++)
                x[i] = 1000 - i;
            x[at] = -5;
            cr_assert_eq(extreme_of_ints(x, len, 0), -5);
            x[at] = 5000;
            cr_assert_eq(extreme_of_ints(x, len, 1), 5000);
        }
}

Test(kernels, nan_wins_wherever_it_is)
{
    enum { LEN = 4500 }; /* more than two blocks */
    static float x[LEN];
    static double y[LEN];

    for (size_t at = 0; at < LEN; at += at < 70 ? 1 : 97) {
        for (size_t i = 0; i < LEN; i++)
            x[i] = (float)(y[i] = (double)(i % 50));
        x[7] = -(float)(y[9] = (double)INFINITY); /* looks like NaN at first sight */
        x[at] = (float)(y[at] = (double)NAN);
        for (int greatest = 0; greatest < 2; greatest++) {
            const fw_builtin *f = fw_builtin_of('f'), *d = fw_builtin_of('d');
            fw_slot s = slot_of(greatest ? f->max : f->min, x, NULL, LEN);
            fw_slot t = slot_of(greatest ? d->max : d->min, y, NULL, LEN);

            cr_assert(isnan(creall(naive_load('f', &s, 0).z)), "float NaN at %zu", at);
            cr_assert(isnan(t.d), "double NaN at %zu", at);
        }
    }
}

Test(kernels, infinities_are_numbers)
{
    double x[100] = {1, -INFINITY, 3, INFINITY};

    cr_assert_eq(slot_of(fw_builtin_of('d')->min, x, NULL, 100).d, -INFINITY);
    cr_assert_eq(slot_of(fw_builtin_of('d')->max, x, NULL, 100).d, INFINITY);
}

static double folded(fw_reduce_fold fold, double a, double b)
{
    fw_slot s = {.d = a};

    fold(&s, &(fw_slot){.d = b});
    return s.d;
}

Test(kernels, folds_keep_nan)
{
    const fw_builtin *row = fw_builtin_of('d');

    cr_assert_eq(folded(row->greater, 1, 2), 2);
    cr_assert_eq(folded(row->greater, 2, 1), 2);
    cr_assert_eq(folded(row->lesser, 1, 2), 1);
    cr_assert_eq(folded(row->lesser, 2, 1), 1);
    cr_assert(isnan(folded(row->lesser, 1, NAN)));
    cr_assert(isnan(folded(row->lesser, NAN, 1)));
    cr_assert(isnan(folded(row->greater, 1, NAN)));
    cr_assert(isnan(folded(row->greater, NAN, 1)));
    cr_assert_eq(folded(row->add, 1, 2), 3);
}

Test(kernels, integers_wrap)
{
    signed char b[3] = {127, -128, 100};
    long long q[2] = {INT64_MAX, INT64_MIN};
    short h[2] = {-32768, 32767};
    fw_builtin_ctx two = ctx_of('b', (naive){.u = 2}, 0);

    fw_builtin_of('b')->scale((furrow_chunk){.out = {b}, .len = 3, .ctx = &two});
    cr_assert(b[0] == -2 && b[1] == 0 && b[2] == -56);
    two = ctx_of('q', (naive){.u = 2}, 0);
    fw_builtin_of('q')->scale((furrow_chunk){.out = {q}, .len = 2, .ctx = &two});
    cr_assert(q[0] == -2 && q[1] == 0);
    two = ctx_of('h', (naive){.u = (uint64_t)-32768}, 0);
    fw_builtin_of('h')->scale((furrow_chunk){.out = {h}, .len = 2, .ctx = &two});
    cr_assert(h[0] == 0 && h[1] == -32768);
    q[0] = INT64_MAX, q[1] = 1;
    cr_assert_eq((int64_t)slot_of(fw_builtin_of('q')->sum, q, NULL, 2).u, INT64_MIN);
}

Test(kernels, fill_every_size_and_start)
{
    static const size_t sizes[] = {1, 2, 4, 8, 16, 3, 12, 24, 40, 96, 5000};

    for (int n = 0; n < 11; n++)
        for (size_t len = 0; len < 300; len += 7)
            for (int way = 0; way < 4; way++) {
                const size_t bytes = len * sizes[n], shift = way < 2 ? 0 : sizes[n];
                operand o = operand_new('B', bytes, shift, 1);
                unsigned char element[5000];

                for (size_t i = 0; i < sizes[n]; i++)
                    element[i] = (unsigned char)(i * 37 + 1);
                (way & 1 ? fw_cpu_stream_fill : fw_cpu_fill)(o.data, element, sizes[n],
                                                             bytes);
                for (size_t i = 0; i < bytes; i++)
                    cr_assert_eq((unsigned char)o.data[i], element[i % sizes[n]],
                                 "size %zu, byte %zu of %zu", sizes[n], i, bytes);
                operand_close(o, bytes);
            }
}

Test(kernels, fill_and_copy_by_ctx)
{
    const double value = 0.1;
    union {
        fw_builtin_fill fill;
        unsigned char room[64];
    } u = {.fill = {.itemsize = sizeof value}};
    fw_builtin_ctx ctx = {.itemsize = sizeof value};
    double x[1000], y[1000];

    memcpy(u.fill.element, &value, sizeof value);
    for (int stream = 0; stream < 2; stream++) {
        memset(x, 0, sizeof x), memset(y, 0, sizeof y);
        u.fill.stream = ctx.stream = stream;
        fw_builtin_fill_kernel((furrow_chunk){.out = {x}, .len = 999, .ctx = &u});
        cr_assert(x[0] == value && x[998] == value && x[999] == 0);
        fw_builtin_copy_kernel(
            (furrow_chunk){.in = {x}, .out = {y}, .len = 1000, .ctx = &ctx});
        cr_assert_arr_eq(x, y, sizeof x);
    }
}

Test(kernels, stream_copy_any_start)
{
    for (size_t to = 0; to < 70; to += 3)
        for (size_t from = 0; from < 70; from += 9)
            for (size_t bytes = 0; bytes < 400; bytes += 13) {
                operand x = operand_new('B', bytes, from, 1);
                operand y = operand_new('B', bytes, to, 2);

                fw_cpu_stream_copy(y.data, x.data, bytes);
                cr_assert_eq(memcmp(x.data, y.data, bytes), 0, "%zu -> %zu, %zu bytes",
                             from, to, bytes);
                operand_close(x, bytes), operand_close(y, bytes);
            }
}

/* Values whose product must be rounded before the sum: a fused one shows. */
static void fill_uneven(double *x, double *y, size_t len)
{
    uint64_t seed = 9;

    for (size_t i = 0; i < len; i++) {
        x[i] = (double)naive_random(&seed) / 3e18;
        y[i] = -(double)naive_random(&seed) / 7e18;
    }
}

Test(kernels, every_instruction_set_rounds_alike)
{
    enum { LEN = 4096 };
    static _Alignas(64) double x[LEN], y[LEN], z[LEN], wanted[LEN];
    static _Alignas(64) float fx[LEN], fy[LEN], fz[LEN], fwanted[LEN];
    size_t count, fused = 0;
    const fw_cpu_lines *set = fw_cpu_lines_here(&count);
    volatile double product;
    volatile float fproduct;

    fill_uneven(x, y, LEN);
    for (size_t i = 0; i < LEN; i++) {
        fx[i] = (float)x[i], fy[i] = (float)y[i];
        wanted[i] = x[i] + (product = 0.7 * y[i]);
        fwanted[i] = fx[i] + (fproduct = 0.7f * fy[i]);
        fused += fma(0.7, y[i], x[i]) != wanted[i];
    }
    cr_assert_gt(fused, 100, "the values would not show a fused product");
    cr_assert_geq(count, 1);
    for (; count--; set++) {
        memset(z, 0, sizeof z), memset(fz, 0, sizeof fz);
        set->triad_d(z, x, 0.7, y, LEN / 8);
        set->triad_f(fz, fx, 0.7f, fy, LEN / 16);
        cr_assert_arr_eq(z, wanted, sizeof z, "%s", set->name);
        cr_assert_arr_eq(fz, fwanted, sizeof fz, "%s", set->name);
        memset(z, 0, sizeof z);
        set->copy(z, x, sizeof z / 64);
        cr_assert_arr_eq(z, x, sizeof z, "%s", set->name);
        set->fill(z, y, sizeof z / 64);
        for (size_t i = 0; i < LEN; i++)
            cr_assert_eq(z[i], y[i % 8], "%s", set->name);
    }
}

Test(kernels, plain_and_streamed_triad_are_equal)
{
    enum { LEN = 4099 };
    static double x[LEN], y[LEN], z[2][LEN];
    fw_builtin_ctx ctx = {.itemsize = sizeof(double)};
    const double a = 0.7;

    fill_uneven(x, y, LEN);
    memcpy(ctx.scalar, &a, sizeof a);
    for (ctx.stream = 0; ctx.stream < 2; ctx.stream++)
        fw_builtin_of('d')->triad((furrow_chunk){
            .in = {x, y}, .out = {z[ctx.stream]}, .len = LEN, .ctx = &ctx});
    cr_assert_arr_eq(z[0], z[1], sizeof z[0]);
}

Test(kernels, which_types_have_what)
{
    for (const char *code = NAIVE_ALL; *code; code++) {
        const fw_builtin *row = fw_builtin_of(*code);

        cr_assert(row && row->code == *code && row->scale && row->axpy && row->triad);
        cr_assert_eq(row->min != NULL, strchr(NAIVE_COMPLEX, *code) == NULL);
    }
    cr_assert_null(fw_builtin_of('c'));
    cr_assert_null(fw_builtin_of(FURROW_STRUCT));
    cr_assert_null(fw_builtin_of(0));
    cr_assert_null(fw_builtin_of('?')->scale);
}

Test(kernels, cache_size_is_plausible)
{
    cr_assert_geq(fw_cpu_cache_size(), (size_t)128 << 10);
    cr_assert_leq(fw_cpu_cache_size(), (size_t)4 << 30);
    cr_assert_eq(fw_cpu_cache_size(), fw_cpu_cache_size());
}
