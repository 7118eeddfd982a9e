/* SPDX-License-Identifier: MIT
 *
 * Which part of an array's memory is whose. Pure functions.
 *
 * Workers' ids are contiguous on each node, and their parts of an array follow each
 * other in the order of ids: so what the workers of one node own is one stretch, a
 * band. Parts and bands end on 2 MiB, for a huge page lies on one node.
 */
#ifndef FW_BAND_H
#define FW_BAND_H

#include "place.h"

#define FW_BAND_EDGE ((size_t)2 << 20)

typedef struct fw_band {
    int node;
    size_t from, to; /* bytes; the last one ends at the end of the last 2 MiB */
} fw_band;

/* Where the part of worker w (and the end of worker w-1's) of `workers` begins. */
static inline size_t fw_band_edge(size_t size, int workers, int w)
{
    size_t units = (size + FW_BAND_EDGE - 1) / FW_BAND_EDGE;

    return units * (size_t)w / (size_t)workers * FW_BAND_EDGE;
}

/* The bands of so many bytes, none of them empty: room for one per worker. Returns how
 * many; 0 when all workers are on one node, or none is bound to its own. */
int fw_band_plan(const fw_place *place, size_t size, fw_band *band);

#endif
