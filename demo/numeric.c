/* SPDX-License-Identifier: MIT
 *
 * Numbers of any typecode, one plain loop for each. Whole numbers wrap around, which
 * depends on their size alone and not on their sign.
 */
#include "numeric.h"

#include <complex.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

int numeric_is(int type)
{
    return type && strchr("bBhHiIlLqQfdgFD?", type) != NULL;
}

int numeric_is_complex(int type)
{
    return type == 'F' || type == 'D';
}

static int is_floating(int type)
{
    return type == 'f' || type == 'd' || type == 'g';
}

static size_t size_of(int type)
{
    switch (type) {
    case 'h':
    case 'H':
        return sizeof(short);
    case 'i':
    case 'I':
        return sizeof(int);
    case 'l':
    case 'L':
        return sizeof(long);
    case 'q':
    case 'Q':
        return sizeof(long long);
    default:
        return 1;
    }
}

/* ---- as doubles -------------------------------------------------------------------*/

static void floating_to_double(int type, const void *from, double *to, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        switch (type) {
        case 'f':
            to[i] = ((const float *)from)[i];
            break;
        case 'd':
            to[i] = ((const double *)from)[i];
            break;
        case 'g':
            to[i] = (double)((const long double *)from)[i];
            break;
        case 'F':
            to[i] = cabsf(((const float complex *)from)[i]);
            break;
        default:
            to[i] = cabs(((const double complex *)from)[i]);
        }
    }
}

static long long signed_value(int type, const void *from, size_t i)
{
    switch (type) {
    case 'b':
        return ((const signed char *)from)[i];
    case 'h':
        return ((const short *)from)[i];
    case 'i':
        return ((const int *)from)[i];
    case 'l':
        return ((const long *)from)[i];
    default:
        return ((const long long *)from)[i];
    }
}

static unsigned long long unsigned_value(int type, const void *from, size_t i)
{
    switch (type) {
    case 'H':
        return ((const unsigned short *)from)[i];
    case 'I':
        return ((const unsigned *)from)[i];
    case 'L':
        return ((const unsigned long *)from)[i];
    case 'Q':
        return ((const unsigned long long *)from)[i];
    default: /* B and ? */
        return ((const unsigned char *)from)[i];
    }
}

static int is_signed(int type)
{
    return strchr("bhilq", type) != NULL;
}

void numeric_to_double(int type, const void *from, double *to, size_t n)
{
    if (is_floating(type) || numeric_is_complex(type))
        floating_to_double(type, from, to, n);
    else if (is_signed(type))
        for (size_t i = 0; i < n; i++)
            to[i] = (double)signed_value(type, from, i);
    else
        for (size_t i = 0; i < n; i++)
            to[i] = (double)unsigned_value(type, from, i);
}

void numeric_text(int type, const void *element, char *text, size_t size)
{
    double value;

    if (is_floating(type) || numeric_is_complex(type)) {
        numeric_to_double(type, element, &value, 1);
        snprintf(text, size, "%.9g", value);
    } else if (is_signed(type)) {
        snprintf(text, size, "%lld", signed_value(type, element, 0));
    } else {
        snprintf(text, size, "%llu", unsigned_value(type, element, 0));
    }
}

/* ---- scaling ----------------------------------------------------------------------*/

static void whole_factor(int type, void *element)
{
    const uint8_t factor = 3;

    switch (size_of(type)) {
    case 1:
        *(uint8_t *)element = factor;
        break;
    case 2:
        *(uint16_t *)element = factor;
        break;
    case 4:
        *(uint32_t *)element = factor;
        break;
    default:
        *(uint64_t *)element = factor;
    }
}

void numeric_factor(int type, void *element)
{
    switch (type) {
    case 'F':
        *(float complex *)element = 3;
        break;
    case 'D':
        *(double complex *)element = 3;
        break;
    case 'g':
        *(long double *)element = 3;
        break;
    case 'd':
        *(double *)element = 3;
        break;
    case 'f':
        *(float *)element = 3;
        break;
    default:
        whole_factor(type, element);
    }
}

static uint64_t bits_of(size_t size, const void *from, size_t i)
{
    switch (size) {
    case 1:
        return ((const uint8_t *)from)[i];
    case 2:
        return ((const uint16_t *)from)[i];
    case 4:
        return ((const uint32_t *)from)[i];
    default:
        return ((const uint64_t *)from)[i];
    }
}

static size_t whole_wrong(int type, const void *before, const void *after, size_t n)
{
    const size_t size = size_of(type);
    size_t wrong = 0;

    for (size_t i = 0; i < n; i++) {
        const uint64_t old = bits_of(size, before, i),
                       want = type == '?' ? !old : old * 3;
        wrong += (want ^ bits_of(size, after, i)) << (64 - 8 * size) != 0;
    }
    return wrong;
}

/* NaN is expected where NaN comes out. */
static int differ(long double want, long double got)
{
    return want != got && !(isnan(want) && isnan(got));
}

static size_t floating_wrong(int type, const void *before, const void *after, size_t n)
{
    size_t wrong = 0;

    for (size_t i = 0; i < n; i++) {
        if (type == 'f')
            wrong += (size_t)differ(((const float *)before)[i] * 3,
                                    ((const float *)after)[i]);
        else if (type == 'd')
            wrong += (size_t)differ(((const double *)before)[i] * 3,
                                    ((const double *)after)[i]);
        else
            wrong += (size_t)differ(((const long double *)before)[i] * 3,
                                    ((const long double *)after)[i]);
    }
    return wrong;
}

/* A product with an infinite or missing part spoils the other part too. */
static size_t complex_wrong(int type, const void *before, const void *after, size_t n)
{
    size_t wrong = 0;

    for (size_t i = 0; i < n; i++) {
        if (type == 'F') {
            const float complex x = ((const float complex *)before)[i];
            const float complex y = ((const float complex *)after)[i];
            if (isfinite(crealf(x) * 3) && isfinite(cimagf(x) * 3))
                wrong += crealf(y) != crealf(x) * 3 || cimagf(y) != cimagf(x) * 3;
        } else {
            const double complex x = ((const double complex *)before)[i];
            const double complex y = ((const double complex *)after)[i];
            if (isfinite(creal(x) * 3) && isfinite(cimag(x) * 3))
                wrong += creal(y) != creal(x) * 3 || cimag(y) != cimag(x) * 3;
        }
    }
    return wrong;
}

size_t numeric_wrong(int type, const void *before, const void *after, size_t n)
{
    if (numeric_is_complex(type))
        return complex_wrong(type, before, after, n);
    return is_floating(type) ? floating_wrong(type, before, after, n)
                             : whole_wrong(type, before, after, n);
}
