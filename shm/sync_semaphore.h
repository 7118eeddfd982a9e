/* SPDX-License-Identifier: MIT
 *
 * A semaphore in shared memory: of tokens that have owners, or of a number.
 */
#ifndef FW_SYNC_SEMAPHORE_H
#define FW_SYNC_SEMAPHORE_H

#include "bell.h"
#include "furrow_sync.h"

#define FW_SYNC_SEMAPHORE_MAGIC UINT64_C(0x316d65735f5f7766) /* "fw__sem1" */

struct furrow_semaphore {
    _Atomic uint64_t magic;
    uint32_t tokens; /* how many words follow; 0: a counting one */
    uint32_t most;   /* of a counting one */
    _Atomic uint32_t value;
    fw_bell bell;
    _Alignas(8) _Atomic uint32_t token[]; /* 0 free, else an owner's number */
};

#endif
