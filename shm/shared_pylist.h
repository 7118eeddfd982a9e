/* SPDX-License-Identifier: MIT
 *
 * The layout of Python's ShareableList, on bytes that anybody may have written.
 */
#ifndef FW_SHARED_PYLIST_H
#define FW_SHARED_PYLIST_H

#include "shared_item.h"

/* Where the list is: a file, read so that a cut is an error, or memory when fd is -1. */
typedef struct fw_pylist_bytes {
    int fd;
    char *at;
    size_t size;
} fw_pylist_bytes;

/* A list in those bytes: what was found when it was looked at. */
typedef struct fw_pylist {
    fw_pylist_bytes bytes;
    size_t len;
    size_t data;    /* where the items begin, */
    size_t formats; /* their formats, of 8 bytes each, */
    size_t codes;   /* and their codes, of one */
} fw_pylist;

/* 0, or FURROW_ECORRUPT. */
int fw_shared_pylist_open(fw_pylist *list, const fw_pylist_bytes *bytes);
int fw_shared_pylist_get(const fw_pylist *list, size_t index, furrow_item *out,
                         void *buffer, size_t size);
int fw_shared_pylist_set(const fw_pylist *list, size_t index, const furrow_item *item);
int64_t fw_shared_pylist_format(const fw_pylist *list, char *text, size_t size);

struct fw_segment_plan;
/* What a segment of such a list is to be: 0, or an error. (shared_pylist_segment.c) */
int fw_shared_pylist_plan(struct fw_segment_plan *plan, const furrow_item *items,
                          size_t len);

/* The bytes that a list of these items takes, or 0 with an error; write it there. */
size_t fw_shared_pylist_size(const furrow_item *items, size_t len);
void fw_shared_pylist_write(char *at, const furrow_item *items, size_t len);

#endif
