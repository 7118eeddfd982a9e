/* SPDX-License-Identifier: MIT
 *
 * Slab pages: small blocks of equal size in one 4 KiB unit, each with its owner.
 *
 * All functions need the heap's lock.
 */
#ifndef FW_SLAB_H
#define FW_SLAB_H

#include "segment.h"

#define FW_SLAB_LARGEST 1024

void *fw_slab_alloc(const fw_segment *s, size_t size, int participant);

/* The owner of the slot at p, 0 when published, -1 when no slot in use begins there. */
int fw_slab_owner(const fw_segment *s, const void *p);

/* owner: 0 publishes, else participant + 1. -1 when no slot in use begins at p. */
int fw_slab_own(const fw_segment *s, void *p, int owner);

/* The size of the slot in use that begins at p, or 0. */
size_t fw_slab_size(const fw_segment *s, const void *p);

void fw_slab_free(const fw_segment *s, void *p);

/* Free the slots of `owner` (participant + 1) in the page at `unit`. */
void fw_slab_sweep(const fw_segment *s, size_t unit, int owner);

size_t fw_slab_used(const fw_segment *s, size_t unit);
int fw_slab_check(const fw_segment *s, size_t unit);

#endif
