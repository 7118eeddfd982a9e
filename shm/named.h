/* SPDX-License-Identifier: MIT
 *
 * Named arrays: what their file holds besides the elements.
 */
#ifndef FW_NAMED_H
#define FW_NAMED_H

#include "array.h"

/* Is it "/x", as shm_open() wants it? It leads to no other folder then. */
int fw_named_is_name(const char *name);

/* "x" or "/x", into "/x": 0 or FURROW_EINVAL. */
int fw_named_spell(const char *name, char out[FW_NAME_MAX]);

/* The file of that name ("x" or "/x"), or an error of furrow's. */
int fw_named_open(const char *name, size_t *size);

/* Write the header into the first page of the file, before the file has its name. */
void fw_named_write(void *page, const fw_array_spec *s);

/* Read and check the header of somebody's file. FURROW_ECORRUPT says what is wrong. */
int fw_named_read(int fd, size_t size, fw_array_spec *s);

#endif
