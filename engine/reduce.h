/* SPDX-License-Identifier: MIT
 *
 * Reductions that give the same bits for any number of workers, any order of stealing
 * and any retry.
 *
 * The kernel writes the result of chunk c.index into the slot of that number; then the
 * caller folds the slots pairwise, neighbours first. Where chunks end depends on the
 * length and the type alone, the tree on the number of chunks alone.
 */
#ifndef FW_REDUCE_H
#define FW_REDUCE_H

#include "furrow.h"

#include <complex.h>

/* What one chunk came to. Slots lie in shared memory while the workers write them: each
 * is written by the one worker that runs its chunk, and read by the caller afterwards.
 */
typedef union fw_slot {
    uint64_t u;
    double d;
    long double g;
    double complex D;
    unsigned char bytes[16]; /* an element, for min and max */
} fw_slot;

_Static_assert(sizeof(fw_slot) == 16, "slots are written by bytes");

/* Put `later` into `into`, which comes before it. */
typedef void (*fw_reduce_fold)(fw_slot *into, const fw_slot *later);

typedef struct fw_reduction {
    furrow_kernel kernel; /* ends with fw_reduce_put() */
    fw_reduce_fold fold;
    furrow_array *in[2]; /* of one length, not empty; in[1] may be NULL */
} fw_reduction;

/* Run the kernel on all chunks and fold what they came to into *out. */
int fw_reduce(furrow_pool *pool, const fw_reduction *reduction, fw_slot *out);

/* In the kernel: the chunk's result, at most one slot long. */
void fw_reduce_put(const furrow_chunk *c, const void *value, size_t size);

#endif
