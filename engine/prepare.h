/* SPDX-License-Identifier: MIT
 *
 * The memory of large arrays, taken and mapped by those who will work on it.
 */
#ifndef FW_PREPARE_H
#define FW_PREPARE_H

#include "pool.h"
#include "submit.h"

/* Before the first call of this pool on an array (and again when a worker was replaced):
 * each worker takes its share. Needs the driver lock. FURROW_ENOMEM. */
int fw_prepare(furrow_pool *pool, const fw_call *call);

/* The same for a call that is queued as `s`: its preparation is queued before it, and `s`
 * fails with it. */
int fw_prepare_queued(furrow_pool *pool, const fw_call *call, fw_submission *s);

/* The fw_job_run of taking memory. */
int fw_prepare_part(void *payload, uint32_t part, int worker);

/* Forget everything: the pool is going. */
void fw_prepare_forget(furrow_pool *pool);

#endif
