/* SPDX-License-Identifier: MIT
 *
 * Arithmetic on elements of any typecode, one at a time and the slow way: the reference
 * for the built-in kernels. Integers wrap; reals are small whole numbers in the tests,
 * for which every type's arithmetic is exact in any order.
 */
#ifndef TEST_NAIVE_H
#define TEST_NAIVE_H

#include <complex.h>
#include <stdint.h>
#include <string.h>

#include "furrow_shm.h"

#undef I

#define NAIVE_INTEGERS "bBhHiIlLqQ"
#define NAIVE_REALS    "fdg"
#define NAIVE_COMPLEX  "FD"
#define NAIVE_ALL      NAIVE_INTEGERS NAIVE_REALS NAIVE_COMPLEX
#define NAIVE_ORDERED  NAIVE_INTEGERS NAIVE_REALS

typedef struct naive {
    uint64_t u;            /* integers and ?, sign-extended */
    long double complex z; /* reals and complex numbers */
} naive;

static inline int naive_integer(int code)
{
    return strchr(NAIVE_INTEGERS "?", code) != NULL;
}

static inline size_t naive_size(int code)
{
    return furrow_type_of(code)->size;
}

/* Element k of the array at p. */
static inline naive naive_load(int code, const void *p, size_t k)
{
    switch (code) {
    case 'b':
        return (naive){.u = (uint64_t)((const signed char *)p)[k]};
    case 'h':
        return (naive){.u = (uint64_t)((const short *)p)[k]};
    case 'i':
        return (naive){.u = (uint64_t)((const int *)p)[k]};
    case 'B':
    case '?':
        return (naive){.u = ((const unsigned char *)p)[k]};
    case 'H':
        return (naive){.u = ((const unsigned short *)p)[k]};
    case 'I':
        return (naive){.u = ((const unsigned *)p)[k]};
    case 'f':
        return (naive){.z = ((const float *)p)[k]};
    case 'd':
        return (naive){.z = ((const double *)p)[k]};
    case 'g':
        return (naive){.z = ((const long double *)p)[k]};
    case 'F':
        return (naive){.z = ((const float complex *)p)[k]};
    case 'D':
        return (naive){.z = ((const double complex *)p)[k]};
    default:
        return (naive){.u = ((const uint64_t *)p)[k]};
    }
}

static inline void naive_store(int code, void *p, size_t k, naive v)
{
    const long double re = creall(v.z);

    switch (code) {
    case 'f':
        ((float *)p)[k] = (float)re;
        break;
    case 'd':
        ((double *)p)[k] = (double)re;
        break;
    case 'g':
        ((long double *)p)[k] = re;
        break;
    case 'F':
        ((float complex *)p)[k] = (float complex)v.z;
        break;
    case 'D':
        ((double complex *)p)[k] = (double complex)v.z;
        break;
    default: /* the low bytes: little-endian machines */
        memcpy((char *)p + k * naive_size(code), &v.u, naive_size(code));
    }
}

static inline naive naive_add(naive x, naive y)
{
    return (naive){.u = x.u + y.u, .z = x.z + y.z};
}

static inline naive naive_mul(naive x, naive y)
{
    return (naive){.u = x.u * y.u, .z = x.z * y.z};
}

/* Is a before b? */
static inline int naive_less(int code, naive a, naive b)
{
    if (strchr("bhilq", code))
        return (int64_t)a.u < (int64_t)b.u;
    return naive_integer(code) ? a.u < b.u : creall(a.z) < creall(b.z);
}

static inline int naive_equal(naive a, naive b)
{
    return a.u == b.u && a.z == b.z;
}

static inline uint64_t naive_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state >> 16 ^ *state << 47;
}

/* Any bits for integers, whole numbers from -8 to 8 for the others. */
static inline naive naive_any(int code, uint64_t *state)
{
    const uint64_t r = naive_random(state);
    naive v = {.u = r};

    if (code == '?')
        return (naive){.u = r & 1};
    if (naive_integer(code))
        return v;
    v = (naive){.z = (long double)(r % 17) - 8};
    if (strchr(NAIVE_COMPLEX, code))
        v.z += ((long double)(r / 17 % 17) - 8) * _Complex_I;
    return v;
}

static inline void naive_randomize(int code, void *p, size_t len, uint64_t seed)
{
    for (size_t i = 0; i < len; i++)
        naive_store(code, p, i, naive_any(code, &seed));
}

/* The typecode in which sums of `code` come. */
static inline int naive_total(int code)
{
    if (naive_integer(code))
        return strchr("bhilq", code) ? 'q' : 'Q';
    return strchr(NAIVE_COMPLEX, code) ? 'D' : code == 'g' ? 'g' : 'd';
}

/* x[0] y[0] + ..., or the sum of x when y is NULL. */
static inline naive naive_sum(int code, const void *x, const void *y, size_t len)
{
    naive total = {.u = 0};

    for (size_t i = 0; i < len; i++) {
        naive v = naive_load(code, x, i);

        total = naive_add(total, y ? naive_mul(v, naive_load(code, y, i)) : v);
    }
    return total;
}

static inline naive naive_extreme(int code, const void *x, size_t len, int greatest)
{
    naive best = naive_load(code, x, 0);

    for (size_t i = 1; i < len; i++) {
        const naive v = naive_load(code, x, i);

        if (greatest ? naive_less(code, best, v) : naive_less(code, v, best))
            best = v;
    }
    return best;
}

/* The first element that is not x[i] + a y[i], or len. */
static inline size_t naive_check_triad(int code, const void *z, const void *x, naive a,
                                       const void *y, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        const naive product = naive_mul(a, naive_load(code, y, i));
        const naive sum = naive_add(naive_load(code, x, i), product);
        unsigned char rounded[16] = {0};

        naive_store(code, rounded, 0, sum);
        if (!naive_equal(naive_load(code, rounded, 0), naive_load(code, z, i)))
            return i;
    }
    return len;
}

#endif
