/* SPDX-License-Identifier: MIT
 *
 * An event in shared memory.
 */
#ifndef FW_SYNC_EVENT_H
#define FW_SYNC_EVENT_H

#include "bell.h"
#include "furrow_sync.h"

#define FW_SYNC_EVENT_MAGIC UINT64_C(0x31746e76655f7766) /* "fw_evnt1" */

struct furrow_event {
    _Atomic uint64_t magic;
    _Atomic uint32_t state; /* bit 0: set; the others count how often */
    fw_bell bell;
};

#endif
