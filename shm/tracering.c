/* SPDX-License-Identifier: MIT
 *
 * Trace rings: one block for all workers, the rings first, then their records.
 */
#include "tracering.h"

#include "heap.h"
#include "status.h"

fw_tracering *fw_tracering_new(int count, size_t capacity)
{
    size_t rings = (size_t)count * sizeof(fw_tracering), bytes;
    fw_tracering *ring;
    fw_trace *record;

    if (__builtin_mul_overflow((size_t)count * sizeof(fw_trace), capacity, &bytes) ||
        __builtin_add_overflow(bytes, rings, &bytes)) {
        fw_fail(FURROW_ENOMEM, "%zu trace records per worker are too many", capacity);
        return NULL;
    }
    ring = fw_heap_alloc(bytes);
    if (!ring)
        return NULL;
    record = (fw_trace *)(void *)(ring + count);
    for (int i = 0; i < count; i++) {
        ring[i].capacity = capacity;
        ring[i].record = record + (size_t)i * capacity;
    }
    (void)fw_heap_publish_pair(ring, NULL);
    return ring;
}
