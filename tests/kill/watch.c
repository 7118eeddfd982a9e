/* SPDX-License-Identifier: MIT
 *
 * Watched memory (see watch.h). Reading a hole of the small zone takes its page: no
 * structure of the heap minds that.
 */
#include "watch.h"

#include "segment.h"

#include <string.h>

enum { RANGES = 64 + 80, LINES = 16, NAMES = 2, UNITS = 256, SLABS = 64, HEADER = 128 };

#define MOST ((size_t)256 << 10)

static struct {
    const void *at;
    size_t size, copy; /* where its copy begins */
} range[RANGES];
static int ranges;
static char copies[MOST];
static size_t used;

void watch_add(const volatile void *at, size_t size)
{
    if (ranges == RANGES || size > MOST - used)
        return;
    range[ranges].at = (const void *)(uintptr_t)at;
    range[ranges].size = size;
    range[ranges].copy = used;
    memcpy(copies + used, range[ranges].at, size);
    used += size;
    ranges++;
}

void watch_heap(void)
{
    const fw_segment *s = fw_segment_peek();

    if (!s)
        return;
    watch_add(s->heap, offsetof(fw_heap, participant) + LINES * sizeof(fw_participant));
    watch_add(s->heap->name, NAMES * sizeof(fw_name));
    for (int z = 0; z < FW_ZONES; z++) {
        size_t units = s->zone[z].units < UNITS ? s->zone[z].units : UNITS;

        watch_add(s->zone[z].map, units * 8);
        watch_add(s->zone[z].map + s->zone[z].units - units, units * 8);
    }
    for (size_t u = 0; u < SLABS; u++)
        watch_add(s->zone[FW_ZONE_SMALL].base + u * FW_SMALL_UNIT, HEADER);
}

int watch_changed(void)
{
    int changed = 0;

    for (int i = 0; i < ranges; i++)
        if (memcmp(range[i].at, copies + range[i].copy, range[i].size) != 0) {
            memcpy(copies + range[i].copy, range[i].at, range[i].size);
            changed = 1;
        }
    return changed;
}
