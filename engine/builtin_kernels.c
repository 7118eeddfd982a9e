/* SPDX-License-Identifier: MIT
 *
 * The built-in kernels and their table.
 *
 * Integers are computed as unsigned ones and so wrap modulo 2^N. Complex products are
 * written out: C's own operator looks for infinities first, and calls a function when
 * it finds them. This file is compiled without contraction: a product is rounded before
 * it is added, with streaming stores and without.
 */
#include "builtin.h"
#include "cpu.h"

#include <complex.h>
#include <string.h>

#undef I /* a typecode here */

enum { LANES = 16, ORDER_BLOCK = 2048 };
#define ORDER_LANES (128 / sizeof(ELEMENT))

/* ---- bytes ------------------------------------------------------------------------*/

int fw_builtin_fill_kernel(furrow_chunk c)
{
    const fw_builtin_fill *fill = c.ctx;
    const size_t size = fill->itemsize;

    if (fill->stream)
        fw_cpu_stream_fill(c.out[0], fill->element, size, c.len * size);
    else
        fw_cpu_fill(c.out[0], fill->element, size, c.len * size);
    return 0;
}

int fw_builtin_copy_kernel(furrow_chunk c)
{
    const fw_builtin_ctx *ctx = c.ctx;

    if (ctx->stream)
        fw_cpu_stream_copy(c.out[0], c.in[0], c.len * ctx->itemsize);
    else
        memcpy(c.out[0], c.in[0], c.len * ctx->itemsize);
    return 0;
}

/* ---- folds of totals --------------------------------------------------------------*/

static void add_u(fw_slot *into, const fw_slot *later)
{
    into->u += later->u;
}

static void add_d(fw_slot *into, const fw_slot *later)
{
    into->d += later->d;
}

static void add_g(fw_slot *into, const fw_slot *later)
{
    into->g += later->g;
}

static void add_D(fw_slot *into, const fw_slot *later)
{
    into->D += later->D;
}

/* ---- one set of kernels for each typecode -----------------------------------------*/

#define PASTE(name, code)        name##_##code
#define PASTE_VALUES(name, code) PASTE(name, code)
#define NAME(name)               PASTE_VALUES(name, CODE)
#define REAL_MUL(a, b)           ((a) * (b))

static float complex mul_F(float complex a, float complex b)
{
    const float z[2] = {crealf(a) * crealf(b) - cimagf(a) * cimagf(b),
                        crealf(a) * cimagf(b) + cimagf(a) * crealf(b)};
    float complex product;

    memcpy(&product, z, sizeof product);
    return product;
}

static double complex mul_D(double complex a, double complex b)
{
    const double z[2] = {creal(a) * creal(b) - cimag(a) * cimag(b),
                         creal(a) * cimag(b) + cimag(a) * creal(b)};
    double complex product;

    memcpy(&product, z, sizeof product);
    return product;
}

#define MUL       REAL_MUL
#define MUL_TOTAL REAL_MUL
#define TOTAL     uint64_t
#define CODE      b
#define ELEMENT   signed char
#define WIDE      unsigned
#include "builtin_order.def"
#include "builtin.def"

#define CODE    B
#define ELEMENT unsigned char
#define WIDE    unsigned
#include "builtin_order.def"
#include "builtin.def"

#define CODE    h
#define ELEMENT short
#define WIDE    unsigned
#include "builtin_order.def"
#include "builtin.def"

#define CODE    H
#define ELEMENT unsigned short
#define WIDE    unsigned
#include "builtin_order.def"
#include "builtin.def"

#define CODE    i
#define ELEMENT int
#define WIDE    unsigned
#include "builtin_order.def"
#include "builtin.def"

#define CODE    I
#define ELEMENT unsigned
#define WIDE    unsigned
#include "builtin_order.def"
#include "builtin.def"

#define CODE    l
#define ELEMENT long
#define WIDE    unsigned long
#include "builtin_order.def"
#include "builtin.def"

#define CODE    L
#define ELEMENT unsigned long
#define WIDE    unsigned long
#include "builtin_order.def"
#include "builtin.def"

#define CODE    q
#define ELEMENT long long
#define WIDE    unsigned long long
#include "builtin_order.def"
#include "builtin.def"

#define CODE    Q
#define ELEMENT unsigned long long
#define WIDE    unsigned long long
#include "builtin_order.def"
#include "builtin.def"

#undef TOTAL
#define TOTAL   double
#define CODE    f
#define ELEMENT float
#define WIDE    float
#include "builtin_order.def"
#include "builtin.def"

#define CODE    d
#define ELEMENT double
#define WIDE    double
#include "builtin_order.def"
#include "builtin.def"

#undef TOTAL
#define TOTAL   long double
#define CODE    g
#define ELEMENT long double
#define WIDE    long double
#include "builtin_order.def"
#include "builtin.def"

#undef TOTAL
#undef MUL
#undef MUL_TOTAL
#define TOTAL     double complex
#define MUL_TOTAL mul_D
#define MUL       mul_F
#define CODE      F
#define ELEMENT   float complex
#define WIDE      float complex
#include "builtin.def"

#undef MUL
#define MUL     mul_D
#define CODE    D
#define ELEMENT double complex
#define WIDE    double complex
#include "builtin.def"

/* ---- streaming triads -------------------------------------------------------------*/

static int stream_triad_d(furrow_chunk c)
{
    if (!((const fw_builtin_ctx *)c.ctx)->stream)
        return triad_d(c);
    fw_cpu_stream_triad_d(c.out[0], c.in[0], scalar_of_d(c), c.in[1], c.len);
    return 0;
}

static int stream_triad_f(furrow_chunk c)
{
    if (!((const fw_builtin_ctx *)c.ctx)->stream)
        return triad_f(c);
    fw_cpu_stream_triad_f(c.out[0], c.in[0], scalar_of_f(c), c.in[1], c.len);
    return 0;
}

/* ---- truth: bytes of which some other program may have written more than 0 and 1 --*/

static size_t count_true(const furrow_chunk *c)
{
    const unsigned char *x = c->in[0];
    size_t count = 0;

    for (size_t i = 0; i < c->len; i++)
        count += x[i] != 0;
    return count;
}

static int sum_bool(furrow_chunk c)
{
    const uint64_t total = count_true(&c);

    fw_reduce_put(&c, &total, sizeof total);
    return 0;
}

static int min_bool(furrow_chunk c)
{
    const unsigned char all = count_true(&c) == c.len;

    fw_reduce_put(&c, &all, sizeof all);
    return 0;
}

static int max_bool(furrow_chunk c)
{
    const unsigned char any = count_true(&c) != 0;

    fw_reduce_put(&c, &any, sizeof any);
    return 0;
}

/* ---- the table --------------------------------------------------------------------*/

#define ARITHMETIC(letter, c, total)                                                   \
    .code = letter, .scale = scale_##c, .axpy = axpy_##c, .sum = sum_##c,              \
    .dot = dot_##c, .add = add_##total, .total_size = sizeof(((fw_slot *)0)->total)
#define ORDER(c)                                                                       \
    .min = min_##c, .max = max_##c, .lesser = lesser_##c, .greater = greater_##c

static const fw_builtin table[] = {
    {ARITHMETIC('b', b, u), .triad = triad_b, ORDER(b)},
    {ARITHMETIC('B', B, u), .triad = triad_B, ORDER(B)},
    {ARITHMETIC('h', h, u), .triad = triad_h, ORDER(h)},
    {ARITHMETIC('H', H, u), .triad = triad_H, ORDER(H)},
    {ARITHMETIC('i', i, u), .triad = triad_i, ORDER(i)},
    {ARITHMETIC('I', I, u), .triad = triad_I, ORDER(I)},
    {ARITHMETIC('l', l, u), .triad = triad_l, ORDER(l)},
    {ARITHMETIC('L', L, u), .triad = triad_L, ORDER(L)},
    {ARITHMETIC('q', q, u), .triad = triad_q, ORDER(q)},
    {ARITHMETIC('Q', Q, u), .triad = triad_Q, ORDER(Q)},
    {ARITHMETIC('f', f, d), .triad = stream_triad_f, ORDER(f)},
    {ARITHMETIC('d', d, d), .triad = stream_triad_d, ORDER(d)},
    {ARITHMETIC('g', g, g), .triad = triad_g, ORDER(g)},
    {ARITHMETIC('F', F, D), .triad = triad_F},
    {ARITHMETIC('D', D, D), .triad = triad_D},
    {.code = '?',
     .sum = sum_bool,
     .min = min_bool,
     .max = max_bool,
     .add = add_u,
     .lesser = lesser_B,
     .greater = greater_B,
     .total_size = sizeof(uint64_t)},
};

const fw_builtin *fw_builtin_of(int code)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (table[i].code == code)
            return &table[i];
    return NULL;
}

/* ---- by number --------------------------------------------------------------------*/

enum { LOOSE = 2, PER_ROW = 7, ROWS = sizeof table / sizeof *table };

static furrow_kernel of_row(const fw_builtin *row, unsigned k)
{
    const furrow_kernel kernels[PER_ROW] = {row->scale, row->axpy, row->triad, row->sum,
                                            row->dot,   row->min,  row->max};

    return kernels[k];
}

furrow_kernel fw_builtin_numbered(unsigned number)
{
    static const furrow_kernel loose[LOOSE] = {fw_builtin_fill_kernel,
                                               fw_builtin_copy_kernel};
    unsigned k = number - 1 - LOOSE;

    if (number == 0 || number > LOOSE + ROWS * PER_ROW)
        return NULL;
    return number <= LOOSE ? loose[number - 1]
                           : of_row(&table[k / PER_ROW], k % PER_ROW);
}

unsigned fw_builtin_number(furrow_kernel kernel)
{
    for (unsigned i = 1; i <= LOOSE + ROWS * PER_ROW; i++)
        if (fw_builtin_numbered(i) == kernel)
            return i;
    return 0;
}
