/* SPDX-License-Identifier: MIT
 *
 * A value or an array with its lock: the head of the block that holds the elements.
 */
#ifndef FW_SHARED_SYNCHRONIZED_H
#define FW_SHARED_SYNCHRONIZED_H

#include "array.h"
#include "furrow_shared.h"
#include "sync_lock.h"

#define FW_SYNCHRONIZED_MAGIC UINT64_C(0x6f72686e79737766)

struct furrow_synchronized {
    _Alignas(64) _Atomic uint64_t magic; /* while the handle is live */
    fw_array *array;                     /* whose block this is */
    furrow_lock *lock;                   /* own, or one that was given */
    int untold; /* under the lock: of a holder's death nobody was told yet */
    _Alignas(64) furrow_lock own;
};

#endif
