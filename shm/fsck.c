/* SPDX-License-Identifier: MIT
 *
 * Is the heap whole? Each zone must be tiled by runs, and each block that is not
 * published must belong to a process with a line. Reads only, under the heap's lock.
 */
#include "heap.h"

#include "slab.h"
#include "status.h"
#include "unit.h"

static int is_live(const fw_heap *heap, int owner)
{
    return owner <= FW_PARTICIPANTS &&
           fw_load_relaxed(&heap->participant[owner - 1].live);
}

static int check_zone(const fw_segment *s, int z)
{
    const fw_zone *zone = &s->zone[z];
    size_t length;

    for (size_t u = 0; u < zone->units; u += length) {
        uint64_t word = fw_unit_load(zone, u);
        int state = fw_unit_state(word), owner = fw_unit_owner(word), rc = 0;

        length = fw_unit_length(word);
        if (length == 0 || length > zone->units - u)
            return fw_fail(FURROW_ECORRUPT,
                           "zone %d: the run at unit %zu has %zu units", z, u, length);
        if (state == FW_UNIT_SLAB && z == FW_ZONE_SMALL)
            rc = fw_slab_check(s, u);
        else if (state == FW_UNIT_RUN && owner > 0 && !is_live(s->heap, owner))
            rc = fw_fail(FURROW_ECORRUPT, "zone %d: unit %zu belongs to nobody", z, u);
        else if (state == FW_UNIT_RUN && !fw_unit_whole(zone, u))
            rc = fw_fail(FURROW_ECORRUPT,
                         "zone %d: the run at unit %zu covers another block", z, u);
        else if (state != FW_UNIT_RUN && state != FW_UNIT_FREE)
            rc =
                fw_fail(FURROW_ECORRUPT, "zone %d: unit %zu has state %d", z, u, state);
        if (rc < 0)
            return rc;
    }
    return 0;
}

int fw_heap_check(const fw_segment *s)
{
    int rc = 0;

    if (s->heap->magic != FW_HEAP_MAGIC || s->heap->size != s->size)
        rc = fw_fail(FURROW_ECORRUPT, "the superblock is overwritten");
    for (int z = 0; z < FW_ZONES && rc == 0; z++)
        rc = check_zone(s, z);
    return rc;
}

int furrow_fsck(void)
{
    fw_heap *heap = fw_heap_lock();
    int rc;

    if (!heap)
        return fw_status_in(__func__, furrow_last_error()->code);
    rc = fw_heap_check(fw_segment_get());
    fw_heap_unlock(heap);
    return fw_status_in(__func__, rc);
}
