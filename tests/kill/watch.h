/* SPDX-License-Identifier: MIT
 *
 * The shared memory that a world watches while it steps its victim.
 */
#ifndef KILL_WATCH_H
#define KILL_WATCH_H

#include <stddef.h>

/* Also watch this range, for rows whose objects lie outside of what is watched anyway:
 * the heap's superblock, the beginning of its maps, the headers of the first small units,
 * and the scene's object. Up to 64 ranges, and 256 KiB in all. */
void watch_add(const volatile void *at, size_t size);

/* Watch the heap of this process, if it has one. */
void watch_heap(void);

/* Has something changed since the last look? */
int watch_changed(void);

#endif
