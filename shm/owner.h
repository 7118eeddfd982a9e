/* SPDX-License-Identifier: MIT
 *
 * Whose a block of the heap is: 0 (published: nobody's and everybody's) or a participant's
 * line + 1. All of it needs the heap's lock.
 */
#ifndef FW_OWNER_H
#define FW_OWNER_H

#include "segment.h"

/* Change the owner of an object and the block that goes with it (or NULL) as one. */
int fw_owner_set_pair(const fw_segment *s, void *object, void *block, int owner);

/* Change *word from `expected` to `desired` and, as one with that, the owner of the block,
 * and of another one unless `with` is NULL. Both have the same owner before. */
typedef struct fw_pass {
    void *block;
    _Atomic uint64_t *word;
    uint64_t expected, desired;
    void *with;
} fw_pass;
int fw_owner_pass(const fw_segment *s, const fw_pass *p, int owner);

/* Finish what a dead holder of the lock was doing here. */
void fw_owner_repair(const fw_segment *s);

#endif
