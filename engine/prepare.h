/* SPDX-License-Identifier: MIT
 *
 * The memory of large arrays, taken and mapped by those who will work on it.
 */
#ifndef FW_PREPARE_H
#define FW_PREPARE_H

#include "pool.h"

/* Before the first call of this pool on an array (and again when a worker was replaced):
 * each worker takes its share. Needs the driver lock. FURROW_ENOMEM. */
int fw_prepare(furrow_pool *pool, const fw_call *call);

/* The same for a call that is queued: its preparation is queued before it. */
int fw_prepare_queued(furrow_pool *pool, const fw_call *call);

#endif
