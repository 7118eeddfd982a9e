/* SPDX-License-Identifier: MIT
 *
 * The kernels behind fill, copy, scale, axpy, triad, sum, min, max and dot: one row per
 * numeric typecode, made from builtin.def; fill and copy move bytes of any type.
 */
#ifndef FW_BUILTIN_H
#define FW_BUILTIN_H

#include "furrow.h"
#include "reduce.h"

/* ctx of scale, axpy, triad and copy: the scalar, one element of the arrays' type. */
typedef struct fw_builtin_ctx {
    unsigned char scalar[16];
    size_t itemsize;
    int stream; /* the output is larger than the cache and not read */
} fw_builtin_ctx;

/* ctx of fill: the element follows. */
typedef struct fw_builtin_fill {
    size_t itemsize;
    int stream;
    unsigned char element[];
} fw_builtin_fill;

typedef struct fw_builtin {
    int code;
    furrow_kernel scale; /* out[0] *= a             NULL for ? */
    furrow_kernel axpy;  /* out[0] += a in[0]       NULL for ? */
    furrow_kernel triad; /* out[0] = in[0] + a in[1]  NULL for ? */
    furrow_kernel sum;   /* slot: total of in[0] */
    furrow_kernel dot;   /* slot: total of in[0] in[1]  NULL for ? */
    furrow_kernel min;   /* slot: element; NULL for complex numbers */
    furrow_kernel max;
    fw_reduce_fold add; /* of sums and dots */
    fw_reduce_fold lesser;
    fw_reduce_fold greater;
    size_t total_size; /* bytes of a sum */
} fw_builtin;

/* The row of a typecode; NULL where there is no arithmetic (c and structs). */
const fw_builtin *fw_builtin_of(int code);

/* Each has a number from 1 up, the same in every program with this version of furrow. 0: it
 * is none of them. NULL: there is no such number. */
unsigned fw_builtin_number(furrow_kernel kernel);
furrow_kernel fw_builtin_numbered(unsigned number);

int fw_builtin_fill_kernel(furrow_chunk c);
int fw_builtin_copy_kernel(furrow_chunk c);

#endif
