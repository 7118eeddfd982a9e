/* SPDX-License-Identifier: MIT
 *
 * A ring of the last chunks that one worker ran, for the timeline.
 *
 * Written by its worker alone; when full, the oldest record is overwritten. A reader who
 * is no party of the team's driver lock may see a record half old, half new; the timeline
 * is read while no call runs.
 */
#ifndef FW_TRACERING_H
#define FW_TRACERING_H

#include "atomic.h"

#include <stddef.h>

typedef struct fw_trace {
    int64_t start, end; /* ns of CLOCK_MONOTONIC; end 0: not finished */
    uint64_t epoch;     /* of the call */
    uint32_t chunk;
    uint32_t stolen;
} fw_trace;

/* Where a ring is: private to each process, for what is in shared memory may be written
 * over. The rings of a team lie in one block, their heads first. */
typedef struct fw_tracering {
    _Atomic uint64_t *head; /* records written so far */
    fw_trace *record;
    size_t capacity;
} fw_tracering;

/* `count` rings of `capacity`, or NULL. */
fw_tracering *fw_tracering_new(int count, size_t capacity);

/* The same rings, for another process of the family: `block` is ring[0].head. */
fw_tracering *fw_tracering_at(void *block, int count, size_t capacity);

/* Frees the block too. NULL is fine. */
void fw_tracering_free(fw_tracering *rings);

/* Begin a record; fill in the end when it is done. */
static inline fw_trace *fw_tracering_begin(fw_tracering *ring, fw_trace record)
{
    uint64_t head = fw_load_relaxed(ring->head);
    fw_trace *at = &ring->record[head % ring->capacity];

    *at = record;
    fw_store_release(ring->head, head + 1);
    return at;
}

#endif
