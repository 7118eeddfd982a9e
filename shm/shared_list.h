/* SPDX-License-Identifier: MIT
 *
 * Lists: what lies in the heap (shared_list.c says who writes what).
 */
#ifndef FW_SHARED_LIST_H
#define FW_SHARED_LIST_H

#include "atomic.h"
#include "furrow_shared.h"
#include "lock.h"

typedef struct fw_list_slot {
    _Atomic uint64_t word;
    uint32_t room;  /* bytes of each of its two rooms, a multiple of 8 */
    uint64_t first; /* the first room: in words of 8 bytes behind the slots */
} fw_list_slot;

struct furrow_list {
    _Atomic uint64_t magic; /* while the handle is live */
    uint64_t len;
    fw_lock lock; /* who changes an item */
    fw_list_slot slots[];
};

#endif
