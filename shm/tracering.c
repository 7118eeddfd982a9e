/* SPDX-License-Identifier: MIT
 *
 * Trace rings: one block for all workers, the heads first, a line each, then the records.
 */
#include "tracering.h"

#include "heap.h"
#include "status.h"

#include <stdlib.h>

enum { HEAD_STRIDE = 64 };

fw_tracering *fw_tracering_at(void *block, int count, size_t capacity)
{
    char *heads = block, *records = heads + (size_t)count * HEAD_STRIDE;
    fw_tracering *ring = calloc((size_t)count, sizeof *ring);

    if (!ring) {
        fw_fail(FURROW_ENOMEM, "no memory for %d trace rings", count);
        return NULL;
    }
    for (int i = 0; i < count; i++)
        ring[i] = (fw_tracering){
            .head = (_Atomic uint64_t *)(void *)(heads + (size_t)i * HEAD_STRIDE),
            .record = (fw_trace *)(void *)records + (size_t)i * capacity,
            .capacity = capacity};
    return ring;
}

fw_tracering *fw_tracering_new(int count, size_t capacity)
{
    size_t heads = (size_t)count * HEAD_STRIDE, bytes;
    fw_tracering *ring;
    void *block;

    if (__builtin_mul_overflow((size_t)count * sizeof(fw_trace), capacity, &bytes) ||
        __builtin_add_overflow(bytes, heads, &bytes)) {
        fw_fail(FURROW_ENOMEM, "%zu trace records per worker are too many", capacity);
        return NULL;
    }
    block = fw_heap_alloc(bytes);
    ring = block ? fw_tracering_at(block, count, capacity) : NULL;
    if (!ring && block)
        (void)fw_heap_free(block);
    if (ring)
        (void)fw_heap_publish_pair(block, NULL);
    return ring;
}

void fw_tracering_free(fw_tracering *rings)
{
    if (!rings)
        return;
    (void)fw_heap_free((void *)rings[0].head);
    free(rings);
}
