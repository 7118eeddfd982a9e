/* SPDX-License-Identifier: MIT
 *
 * Runs of units, and the word that says what a run is (drawn in layout.h).
 *
 * Changes need the heap's lock; each is one store.
 */
#ifndef FW_UNIT_H
#define FW_UNIT_H

#include "segment.h"

#define FW_UNIT_NONE SIZE_MAX

static inline int fw_unit_state(uint64_t word)
{
    return (int)(word >> 60);
}
static inline int fw_unit_flags(uint64_t word)
{
    return (int)(word >> 56 & 15);
}
static inline int fw_unit_owner(uint64_t word)
{
    return (int)(word >> 40 & 0xFFFF);
}
static inline size_t fw_unit_length(uint64_t word)
{
    return (size_t)(word & ((UINT64_C(1) << 40) - 1));
}
static inline uint64_t fw_unit_word(int state, int owner, size_t length)
{
    return (uint64_t)state << 60 | (uint64_t)owner << 40 | length;
}
static inline uint64_t fw_unit_with_flags(uint64_t word, int flags)
{
    return word | (uint64_t)flags << 56;
}
static inline uint64_t fw_unit_with_owner(uint64_t word, int owner)
{
    return (word & ~(UINT64_C(0xFFFF) << 40)) | (uint64_t)owner << 40;
}
static inline uint64_t fw_unit_load(const fw_zone *zone, size_t unit)
{
    return fw_load_relaxed(&zone->map[unit]);
}
static inline void fw_unit_store(const fw_zone *zone, size_t unit, uint64_t word)
{
    fw_fence_death();
    fw_store_relaxed(&zone->map[unit], word);
    fw_fence_death();
}

/* The length of the run at `unit`, never 0 and never past the end: walks end, whatever a
 * scribbler wrote. */
static inline size_t fw_unit_step(const fw_zone *zone, size_t unit)
{
    size_t length = fw_unit_length(fw_unit_load(zone, unit));

    return length && length <= zone->units - unit ? length : zone->units - unit;
}

/* The zone in which p lies, or -1. */
static inline int fw_unit_zone(const fw_segment *s, const void *p)
{
    for (int z = 0; z < FW_ZONES; z++) {
        const fw_zone *zone = &s->zone[z];

        if ((const char *)p >= zone->base &&
            (const char *)p < zone->base + zone->units * zone->unit)
            return z;
    }
    return -1;
}

/* The unit at which p, in the zone, begins, or FW_UNIT_NONE when no run does. */
static inline size_t fw_unit_at(const fw_zone *zone, const void *p)
{
    size_t offset = (size_t)((const char *)p - zone->base);
    size_t u = offset / zone->unit;

    if (offset % zone->unit || fw_unit_state(fw_unit_load(zone, u)) != FW_UNIT_RUN)
        return FW_UNIT_NONE;
    return u;
}

/* Take the first free run of `units` units for `owner` (participant + 1). Returns its first
 * unit, or FW_UNIT_NONE. */
size_t fw_unit_take(const fw_zone *zone, fw_zone_hint *hint, size_t units, int owner);

/* The length of the run at `unit` if it can be true: 0 when it is none, passes the end or
 * covers another block, whose memory must not be given back with this one's. */
size_t fw_unit_whole(const fw_zone *zone, size_t unit);

/* The run at `unit` is free again. */
void fw_unit_release(const fw_zone *zone, fw_zone_hint *hint, size_t unit);

#endif
