/* SPDX-License-Identifier: MIT
 *
 * The heap segment: made at the first use, mapped at the same address in all processes
 * that are forked later.
 */
#ifndef FW_SEGMENT_H
#define FW_SEGMENT_H

#include "layout.h"

/* One zone as this process sees it: geometry that no other process can change. */
typedef struct fw_zone {
    char *base;
    size_t unit;  /* bytes */
    size_t units; /* how many */
    _Atomic uint64_t *map;
} fw_zone;

typedef struct fw_segment {
    fw_heap *heap;
    char *base;
    size_t size;   /* of the memfd: superblock, maps, small and large zone */
    size_t wanted; /* before any limit */
    int fd;        /* of the memfd: for programs that are run to map it too */
    fw_file_id id;
    fw_zone zone[FW_ZONES];
} fw_segment;

/* The segment of this process, made when there is none. NULL with an error when it cannot
 * be made; the next call tries again. */
const fw_segment *fw_segment_get(void);

/* The same without making one: NULL when there is none. */
const fw_segment *fw_segment_peek(void);

/* The fd of the heap, for a process that runs another program; -EBADF when this program
 * has closed it, or put another file in its place; or another -errno. */
int fw_segment_fd(const fw_segment *s);

/* In a program that a process of the family has run: map its heap, where that process has
 * it. Takes the fd over. FURROW_EBUSY: this process has a heap already; FURROW_ECORRUPT: it
 * is no heap, or not of that size; FURROW_ENOMEM: other things lie there. */
int fw_segment_adopt(int fd, char *base, size_t size);

#endif
