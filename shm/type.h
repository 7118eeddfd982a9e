/* SPDX-License-Identifier: MIT
 *
 * The typecode table, and structs of typecodes.
 */
#ifndef FW_TYPE_H
#define FW_TYPE_H

#include "furrow_shm.h"

#define FW_TYPE_FORMAT_MAX 192 /* bytes of a format string with its NUL */
#define FW_TYPE_FIELDS_MAX 32

typedef struct fw_field {
    char name[32]; /* "" when the format gives none */
    char code;
    size_t offset;
    size_t count; /* a repeat count: an array of so many */
} fw_field;

/* The layout of a struct, by C's own rules for alignment. */
typedef struct fw_struct {
    size_t size; /* with tail padding */
    size_t align;
    int count;
    fw_field field[FW_TYPE_FIELDS_MAX];
} fw_struct;

/* The first type of the table with NumPy's kind ('i', 'f', 'c', ...) and size, or NULL
 * (without an error). */
const furrow_type *fw_type_of_numpy(char kind, size_t size);

/* Parse "T{d:x:d:y:i:id:}" ("T{dd3i}": names optional, repeat counts allowed, white space
 * ignored, a leading '@' allowed; from NumPy's own formats also "(2,3)d" for 6 doubles,
 * "Zf", and "4x" for padding). FURROW_EINVAL says at which character it is wrong. */
int fw_type_parse_struct(const char *format, fw_struct *out);

/* One item of a signature such as "dT{di}>d": *at is moved past it. Returns the code (and
 * for a struct its layout in *layout), 0 at '>' or the end (*at stays there), or a
 * negative error. */
int fw_type_parse_item(const char **at, fw_struct *layout);

#endif
