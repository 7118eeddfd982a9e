/* SPDX-License-Identifier: MIT
 *
 * Slab pages.
 *
 * The first 128 bytes of the page name the owner of each slot: 0 free, 0xFFFF published,
 * else participant + 1. One 16-bit store claims or frees a slot and names the owner, so
 * there is nothing to repair after a death. The size class is in the unit's word.
 */
#include "slab.h"

#include "status.h"
#include "unit.h"

#include <string.h>

static const size_t class_size[FW_SLAB_CLASSES] = {64, 128, 256, 512, 1024};

typedef struct slab {
    _Atomic uint16_t owner[FW_SLAB_SLOTS];
} slab;

static slab *page_of(const fw_segment *s, size_t unit)
{
    return (slab *)(void *)(s->zone[FW_ZONE_SMALL].base + unit * FW_SMALL_UNIT);
}

/* Slots begin behind the owners, on a multiple of their size. */
static size_t first_offset(int class)
{
    return class_size[class] < sizeof(slab) ? sizeof(slab) : class_size[class];
}

static int slots(int class)
{
    return (int)((FW_SMALL_UNIT - first_offset(class)) / class_size[class]);
}

/* The class of the slab page at `unit`, or -1. */
static int class_at(const fw_segment *s, size_t unit)
{
    const fw_zone *zone = &s->zone[FW_ZONE_SMALL];
    uint64_t word = unit < zone->units ? fw_unit_load(zone, unit) : 0;

    if (fw_unit_state(word) != FW_UNIT_SLAB || fw_unit_owner(word) >= FW_SLAB_CLASSES)
        return -1;
    return fw_unit_owner(word);
}

static int free_slot(const fw_segment *s, size_t unit, int class)
{
    slab *page = page_of(s, unit);

    for (int i = 0; i < slots(class); i++)
        if (fw_load_relaxed(&page->owner[i]) == 0)
            return i;
    return -1;
}

static int class_for(size_t size)
{
    int class = 0;

    while (class_size[class] < size)
        class ++;
    return class;
}

/* A page of the class with a free slot, from the hint on; FW_UNIT_NONE when there is none. */
static size_t find_page(const fw_segment *s, int class)
{
    const fw_zone *zone = &s->zone[FW_ZONE_SMALL];
    size_t u = (size_t)s->heap->slab_hint[class];

    if (class_at(s, u) != class)
        u = 0;
    while (u < zone->units) {
        if (class_at(s, u) == class && free_slot(s, u, class) >= 0) {
            s->heap->slab_hint[class] = u;
            return u;
        }
        u += fw_unit_step(zone, u);
    }
    return FW_UNIT_NONE;
}

/* The page is all zeros (units are given back before they are freed): all slots free. */
static size_t new_page(const fw_segment *s, int class, int participant)
{
    const fw_zone *zone = &s->zone[FW_ZONE_SMALL];
    size_t u = fw_unit_take(zone, &s->heap->hint[FW_ZONE_SMALL], 1, participant + 1);

    if (u == FW_UNIT_NONE)
        return u;
    fw_unit_store(zone, u, fw_unit_word(FW_UNIT_SLAB, class, 1));
    s->heap->slab_hint[class] = u;
    return u;
}

void *fw_slab_alloc(const fw_segment *s, size_t size, int participant)
{
    int slot, class = class_for(size);
    size_t u = find_page(s, class);

    if (u == FW_UNIT_NONE)
        u = new_page(s, class, participant);
    if (u == FW_UNIT_NONE) {
        fw_fail(FURROW_ENOMEM, "the small zone of the heap is full");
        return NULL;
    }
    slot = free_slot(s, u, class);
    if (slot < 0) {
        fw_fail(FURROW_ECORRUPT, "the heap is overwritten: slab page at unit %zu", u);
        return NULL;
    }
    fw_store_relaxed(&page_of(s, u)->owner[slot], (uint16_t)(participant + 1));
    fw_fence_death();
    return (char *)page_of(s, u) + first_offset(class) +
           (size_t)slot * class_size[class];
}

/* The owner word of the slot that begins at p, or NULL. */
static _Atomic uint16_t *owner_of(const fw_segment *s, const void *p)
{
    size_t offset = (size_t)((const char *)p - s->zone[FW_ZONE_SMALL].base);
    size_t unit = offset / FW_SMALL_UNIT, in_page = offset % FW_SMALL_UNIT;
    int class = class_at(s, unit);
    size_t slot;

    if (class < 0 || in_page < first_offset(class))
        return NULL;
    slot = (in_page - first_offset(class)) / class_size[class];
    if ((in_page - first_offset(class)) % class_size[class] ||
        slot >= (size_t)slots(class))
        return NULL;
    return &page_of(s, unit)->owner[slot];
}

int fw_slab_owner(const fw_segment *s, const void *p)
{
    _Atomic uint16_t *word = owner_of(s, p);
    int owner = word ? fw_load_relaxed(word) : 0;

    return owner == 0 ? -1 : owner == FW_SLAB_PUBLISHED ? 0 : owner;
}

size_t fw_slab_size(const fw_segment *s, const void *p)
{
    size_t offset = (size_t)((const char *)p - s->zone[FW_ZONE_SMALL].base);

    int class = class_at(s, offset / FW_SMALL_UNIT);

    return class < 0 || fw_slab_owner(s, p) < 0 ? 0 : class_size[class];
}

int fw_slab_own(const fw_segment *s, void *p, int owner)
{
    _Atomic uint16_t *word = owner_of(s, p);

    if (!word || fw_load_relaxed(word) == 0)
        return -1;
    fw_fence_death();
    fw_store_relaxed(word, (uint16_t)(owner ? owner : FW_SLAB_PUBLISHED));
    return 0;
}

/* An empty page goes back, unless allocation is just using it. */
static void release_if_empty(const fw_segment *s, size_t unit, int class)
{
    const fw_zone *zone = &s->zone[FW_ZONE_SMALL];

    if (s->heap->slab_hint[class] == unit || fw_slab_used(s, unit) > 0)
        return;
    if (fw_os_punch(page_of(s, unit), FW_SMALL_UNIT) != 0)
        memset(page_of(s, unit), 0, FW_SMALL_UNIT);
    fw_unit_release(zone, &s->heap->hint[FW_ZONE_SMALL], unit);
}

/* A slot of the page is free again: allocation looks there before it looks further up.
 * The page that it looked at until now may be empty. */
static void slot_freed(const fw_segment *s, size_t unit, int class)
{
    size_t until_now = s->heap->slab_hint[class];

    if (unit < until_now) {
        s->heap->slab_hint[class] = unit;
        if (class_at(s, until_now) == class)
            release_if_empty(s, until_now, class);
    }
    release_if_empty(s, unit, class);
}

void fw_slab_free(const fw_segment *s, void *p)
{
    size_t unit = (size_t)((char *)p - s->zone[FW_ZONE_SMALL].base) / FW_SMALL_UNIT;
    _Atomic uint16_t *owner = owner_of(s, p);
    int class = class_at(s, unit);

    if (!owner || class < 0)
        return; /* a scribbler was here: nobody knows what this page is */
    fw_fence_death();
    fw_store_relaxed(owner, 0);
    slot_freed(s, unit, class);
}

void fw_slab_sweep(const fw_segment *s, size_t unit, int owner)
{
    int class = class_at(s, unit);

    for (int i = 0; class >= 0 && i < slots(class); i++)
        if (fw_load_relaxed(&page_of(s, unit)->owner[i]) == owner)
            fw_store_relaxed(&page_of(s, unit)->owner[i], 0);
    if (class >= 0 && free_slot(s, unit, class) >= 0)
        slot_freed(s, unit, class);
}

size_t fw_slab_used(const fw_segment *s, size_t unit)
{
    int class = class_at(s, unit);
    size_t used = 0;

    for (int i = 0; class >= 0 && i < slots(class); i++)
        used += fw_load_relaxed(&page_of(s, unit)->owner[i]) != 0;
    return used;
}

int fw_slab_check(const fw_segment *s, size_t unit)
{
    int class = class_at(s, unit);

    if (class < 0 || fw_unit_length(fw_unit_load(&s->zone[FW_ZONE_SMALL], unit)) != 1)
        return fw_fail(FURROW_ECORRUPT, "the slab page at unit %zu has no class", unit);
    for (int i = 0; i < slots(class); i++) {
        int owner = fw_load_relaxed(&page_of(s, unit)->owner[i]);

        if (owner != 0 && owner != FW_SLAB_PUBLISHED &&
            (owner > FW_PARTICIPANTS ||
             !fw_load_relaxed(&s->heap->participant[owner - 1].live)))
            return fw_fail(FURROW_ECORRUPT,
                           "slot %d of the page at unit %zu belongs to %d", i, unit,
                           owner);
    }
    return 0;
}
