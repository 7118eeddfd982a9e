/* SPDX-License-Identifier: MIT
 *
 * The ground that rows of heap and arrays stand on: a heap with a layout, a bystander
 * whose data nobody may touch, and the number of blocks that there must be.
 *
 * A layout is a string, from the left to the right in the zone (or in the slab page) that
 * row.size belongs to:
 *
 *   #      a block of one unit
 *   1..9   a block of so many units, freed before the window: a hole
 *   S      the subject: a published block of row.size bytes, filled with a pattern
 *   O      16 units (2 of the large zone) that a survivor frees first: room for him
 *   =n     everything that is left but n units
 */
#ifndef KILL_GROUND_H
#define KILL_GROUND_H

#include "row.h"

enum {
    GROUND_BLOCKS, /* scene.number[]: blocks of the heap before the window */
    GROUND_OWN     /* the first that is the row's own */
};

/* row.set_up for most: heap, bystander, layout; counts the blocks. */
int ground_lay(scene *s);

/* Count the blocks again, after more of setting up. */
int ground_count(scene *s);
long ground_blocks(void);

/* Everything works, memory is zeros, the bystander is as it was. */
int ground_use(scene *s);

/* After a death: whole before the sweep and after it, and row.expect more blocks than
 * before (or, unless `exact`, as many as before); then ground_use(). */
int ground_bury(scene *s, int exact);

/* row.visit, row.recover: whole before the sweep and after it. */
int ground_sweep(scene *s);

/* Is there shared memory of this name? */
int ground_has_name(const char *name);

/* This process still has its participant line. */
int ground_is_alive(void);

/* A rival: holds the heap's lock until relief. */
int ground_hold_lock(scene *s);

void ground_fill(void *block, size_t size);
int ground_holds(const void *block, size_t size);
int ground_is_zero(const void *block, size_t size);

#endif
