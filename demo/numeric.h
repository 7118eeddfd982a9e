/* SPDX-License-Identifier: MIT
 *
 * Numbers of any typecode: seen as doubles, printed, and scaled ones verified.
 */
#ifndef DEMO_NUMERIC_H
#define DEMO_NUMERIC_H

#include <stddef.h>

#define NUMERIC_ELEMENT 32 /* bytes that hold one element of any type */

/* Is it a number (no characters, no struct)? Is it a complex one? */
int numeric_is(int type);
int numeric_is_complex(int type);

/* n elements as doubles; the modulus of complex ones. */
void numeric_to_double(int type, const void *from, double *to, size_t n);

/* One element as text, exactly for whole numbers. */
void numeric_text(int type, const void *element, char *text, size_t size);

/* The factor 3 as one element; not for ?, which has no product. */
void numeric_factor(int type, void *element);

/* How many of n elements are not three times those before; for ?, not their opposite.
 */
size_t numeric_wrong(int type, const void *before, const void *after, size_t n);

#endif
