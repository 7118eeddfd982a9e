/* SPDX-License-Identifier: MIT
 *
 * The header of NumPy's .npy files, apart from any file: bytes in, a description out,
 * and back. What is parsed is hostile input.
 *
 *     "\x93NUMPY" major minor | header length, 2 or 4 bytes | header | data
 *
 * The header is the text of a Python dict: {'descr': '<f8', 'fortran_order': False,
 * 'shape': (3, 4), }, padded with spaces so that data begins at a multiple of 64.
 */
#ifndef FW_NPY_H
#define FW_NPY_H

#include "furrow_shm.h"
#include "literal.h"
#include "type.h"

#include <stddef.h>
#include <stdint.h>

/* The most bytes before the data that a parse looks at. Version 1.0 cannot have more,
 * and the structs that furrow can hold need far fewer. */
#define FW_NPY_HEADER_MAX ((size_t)12 + 65535)
#define FW_NPY_ALIGN      64

typedef struct fw_npy_header {
    size_t offset; /* where data begins in the file */
    size_t bytes;  /* of data: len * itemsize */
    size_t len;
    size_t itemsize;
    int type; /* a typecode, or FURROW_STRUCT */
    int ndim; /* 1 .. FURROW_MAX_DIMS; NumPy's shape () is here (1,) */
    size_t shape[FURROW_MAX_DIMS];
    char format[FW_TYPE_FORMAT_MAX]; /* of a struct, else "" */
    fw_struct layout;                /* of a struct, else one field: the element */
    uint32_t swapped; /* bit i: field i of layout is in foreign byte order */
} fw_npy_header;

/* Parse the first `size` bytes of a file; FW_NPY_HEADER_MAX of them are always enough.
 * FURROW_ECORRUPT: it is not a .npy file or a broken one. FURROW_ENOTSUP: it is one
 * that furrow cannot hold, and the sentence says why. */
int fw_npy_parse(const void *bytes, size_t size, fw_npy_header *out);

/* The part of it that reads 'descr' (npy_descr.c): type, format, layout. */
int fw_npy_descr(fw_literal *c, int major, fw_npy_header *out);

/* Bring `len` elements at `data` from the file's byte order into the machine's. */
void fw_npy_swap(const fw_npy_header *header, void *data, size_t len);

/* Write the preamble and header of the array into buffer. Returns their length, a
 * multiple of FW_NPY_ALIGN, or a negative error. */
#define FW_NPY_WRITE_MAX 8192
int fw_npy_write(const furrow_array *a, const char *format,
                 char buffer[FW_NPY_WRITE_MAX]);

#endif
