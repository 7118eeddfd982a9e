/* SPDX-License-Identifier: MIT
 *
 * First fit over the runs of a zone. Neighbouring free runs are merged by whoever walks
 * past them, so that freeing is one store.
 */
#include "unit.h"

/* The free run at u with all free runs behind it, as one. Returns its length. */
static size_t merge(const fw_zone *zone, size_t u)
{
    size_t first = fw_unit_step(zone, u), length = first;

    while (u + length < zone->units) {
        uint64_t next = fw_unit_load(zone, u + length);

        if (fw_unit_state(next) != FW_UNIT_FREE)
            break;
        length += fw_unit_step(zone, u + length);
    }
    if (length != first)
        fw_unit_store(zone, u, fw_unit_word(FW_UNIT_FREE, 0, length));
    return length;
}

/* The first of the `length` units at u for `owner`, the rest free. */
static void cut(const fw_zone *zone, size_t u, size_t length, size_t units, int owner)
{
    if (length > units)
        fw_unit_store(zone, u + units, fw_unit_word(FW_UNIT_FREE, 0, length - units));
    fw_unit_store(zone, u, fw_unit_word(FW_UNIT_RUN, owner, units));
}

size_t fw_unit_take(const fw_zone *zone, fw_zone_hint *hint, size_t units, int owner)
{
    size_t length, first_free = FW_UNIT_NONE;

    for (size_t u = hint->first; u < zone->units; u += length) {
        uint64_t word = fw_unit_load(zone, u);

        length = fw_unit_step(zone, u);
        if (fw_unit_state(word) != FW_UNIT_FREE)
            continue;
        length = merge(zone, u);
        if (first_free == FW_UNIT_NONE)
            first_free = hint->first = u;
        if (length >= units) {
            cut(zone, u, length, units, owner);
            if (first_free == u)
                hint->first = u + units < zone->units ? u + units : u;
            return u;
        }
    }
    return FW_UNIT_NONE;
}

size_t fw_unit_whole(const fw_zone *zone, size_t unit)
{
    size_t length = fw_unit_length(fw_unit_load(zone, unit));

    if (length > zone->units - unit)
        return 0;
    for (size_t i = 1; i < length; i++) {
        int state = fw_unit_state(fw_unit_load(zone, unit + i));

        if (state == FW_UNIT_RUN || state == FW_UNIT_SLAB)
            return 0;
    }
    return length;
}

void fw_unit_release(const fw_zone *zone, fw_zone_hint *hint, size_t unit)
{
    size_t length = fw_unit_step(zone, unit);

    if (unit < hint->first)
        hint->first = unit;
    fw_unit_store(zone, unit, fw_unit_word(FW_UNIT_FREE, 0, length));
}
