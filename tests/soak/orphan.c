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

#include <stdio.h>

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

/* ---- what else is there -----------------------------------------------------------------*/

static void tell_block(const char *p, size_t size, int owner)
{
    const uint64_t *word = (const void *)p;

    fprintf(stderr, "left: a block of %zu bytes at %p, owner %d, begins", size,
            (const void *)p, owner);
    for (size_t i = 0; i < 12 && i < size / 8; i++)
        fprintf(stderr, " %llx", (unsigned long long)word[i]);
    fputc('\n', stderr);
}

static void tell_page(const fw_segment *s, const char *page)
{
    for (size_t at = 0; at < FW_SMALL_UNIT; at += 64)
        if (fw_slab_size(s, page + at))
            tell_block(page + at, fw_slab_size(s, page + at),
                       fw_slab_owner(s, page + at));
}

static void tell_unit(const fw_segment *s, const fw_zone *zone, size_t u)
{
    uint64_t word = fw_unit_load(zone, u);
    const char *p = zone->base + u * zone->unit;

    if (fw_unit_state(word) == FW_UNIT_SLAB)
        tell_page(s, p);
    else if (fw_unit_state(word) == FW_UNIT_RUN)
        tell_block(p, fw_unit_step(zone, u) * zone->unit, fw_unit_owner(word));
}

void blocks_tell(void)
{
    const fw_segment *s = fw_segment_get();

    for (int z = 0; z < FW_ZONE_WINDOW; z++)
        for (size_t u = 0; u < s->zone[z].units; u += fw_unit_step(&s->zone[z], u))
            tell_unit(s, &s->zone[z], u);
}
