/* SPDX-License-Identifier: MIT
 *
 * Blocks of the heap: what is known about one, and the marks of large ones, which lie
 * in the flags of its unit word and end with it. Marks are set under the heap's lock.
 */
#include "heap.h"

#include "slab.h"
#include "unit.h"

int fw_heap_holds(const void *p, size_t size)
{
    const fw_segment *s = fw_segment_peek();
    const fw_zone *zone = s ? &s->zone[FW_ZONE_SMALL] : NULL;
    size_t u;

    if (!s || fw_unit_zone(s, p) != FW_ZONE_SMALL)
        return 0;
    u = fw_unit_at(zone, p);
    if (u != FW_UNIT_NONE)
        return fw_unit_step(zone, u) * zone->unit >= size;
    return fw_slab_size(s, p) >= size;
}

int fw_heap_spans(const void *p, size_t size, int window)
{
    const fw_segment *s = fw_segment_peek();
    int z = s ? fw_unit_zone(s, p) : -1;

    return z >= 0 && (z == FW_ZONE_WINDOW) == window &&
           size <= (size_t)(s->zone[z].base + s->zone[z].units * s->zone[z].unit -
                            (const char *)p);
}

int fw_heap_taken(const void *block)
{
    const fw_segment *s = fw_segment_peek();
    const fw_zone *zone = &s->zone[FW_ZONE_LARGE];
    size_t u;

    if (fw_unit_zone(s, block) != FW_ZONE_LARGE)
        return 1;
    u = fw_unit_at(zone, block);
    return u == FW_UNIT_NONE || fw_unit_flags(fw_unit_load(zone, u)) & FW_UNIT_TAKEN;
}

static int set_flag(void *block, int flag)
{
    fw_heap *heap = fw_heap_lock();
    const fw_segment *s = fw_segment_peek();
    const fw_zone *zone;
    size_t u;

    if (!heap)
        return furrow_last_error()->code;
    zone = &s->zone[FW_ZONE_LARGE];
    u = fw_unit_zone(s, block) == FW_ZONE_LARGE ? fw_unit_at(zone, block)
                                                : FW_UNIT_NONE;
    if (u != FW_UNIT_NONE)
        fw_unit_store(zone, u, fw_unit_with_flags(fw_unit_load(zone, u), flag));
    fw_heap_unlock(heap);
    return 0;
}

int fw_heap_set_taken(void *block)
{
    return set_flag(block, FW_UNIT_TAKEN);
}

int fw_heap_set_placed(void *block)
{
    return set_flag(block, FW_UNIT_PLACED);
}
