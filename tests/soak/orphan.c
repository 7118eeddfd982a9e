/* SPDX-License-Identifier: MIT
 *
 * Orphans: arrays that a worker had made and not yet freed when it was killed.
 *
 * From its publication on an array is nobody's but its users', and whoever has the only
 * pointer to it may die. The soak knows its workers' arrays by their type, and finds them
 * by a walk over the slab pages, where the array objects are.
 */
#include "soak.h"

#include "array.h"
#include "slab.h"
#include "unit.h"

/* An object at p: published, and a worker's array? One that was killed inside of
 * furrow_array_free() is not live any more, but still there. */
static int is_orphan(const fw_segment *s, const char *p)
{
    const fw_array *a = (const void *)p;

    return fw_slab_owner(s, p) == 0 && fw_slab_size(s, p) >= sizeof *a &&
           a->root == a && a->view.type == 'H' && a->kind == FW_ARRAY_HEAP;
}

static unsigned free_in_page(const fw_segment *s, char *page)
{
    unsigned found = 0;

    for (size_t at = 0; at < FW_SMALL_UNIT; at += 64) {
        fw_array *a = (void *)(page + at);

        if (!is_orphan(s, page + at))
            continue;
        found++;
        if (fw_load_acquire(&a->magic) == FW_ARRAY_MAGIC) {
            if (furrow_array_free(&a->view) < 0)
                doom("an orphan cannot be freed: %s", furrow_last_error()->text);
        } else if (fw_heap_free_pair(a, a->block) < 0) {
            doom("half an orphan cannot be freed: %s", furrow_last_error()->text);
        }
    }
    return found;
}

unsigned orphans_free(void)
{
    const fw_segment *s = fw_segment_get();
    const fw_zone *zone = &s->zone[FW_ZONE_SMALL];
    unsigned found = 0;

    for (size_t u = 0; u < zone->units; u += fw_unit_step(zone, u))
        if (fw_unit_state(fw_unit_load(zone, u)) == FW_UNIT_SLAB)
            found += free_in_page(s, zone->base + u * zone->unit);
    return found;
}
