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
    fw_zone zone[FW_ZONES];
} fw_segment;

/* The segment of this process, made when there is none. NULL with an error when it cannot
 * be made; the next call tries again. */
const fw_segment *fw_segment_get(void);

/* The same without making one: NULL when there is none. */
const fw_segment *fw_segment_peek(void);

#endif
