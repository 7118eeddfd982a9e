/* SPDX-License-Identifier: MIT
 *
 * A bell: sleep until somebody who has changed something rings.
 *
 *     who waits                                    who changes
 *         do {                                         change it (seqcst)
 *             heard = fw_bell_listen(bell);            fw_bell_ring(bell, 1);
 *             if (it is as wanted) return;
 *             fw_bell_sleep(bell, heard, deadline);
 *         } while (time is left);
 *
 * Ringing costs a load while nobody listens. A ring wakes sleepers, not states: whoever
 * wakes looks again, and so does everyone every 100 ms, so that nobody needs the ring of one
 * who was killed before it.
 */
#ifndef FW_BELL_H
#define FW_BELL_H

#include "atomic.h"
#include "furrow_shm.h"

#define FW_BELL_ALL     0x7fffffff
#define FW_BELL_TICK_NS (100 * 1000 * 1000)

typedef struct fw_bell {
    _Atomic uint32_t word;
} fw_bell;

/* Say that somebody may sleep. What is waited for is to be looked at after this (seqcst). */
uint32_t fw_bell_listen(fw_bell *bell);

/* Sleep unless somebody has rung since; until the deadline, and a tick at most. */
void fw_bell_sleep(fw_bell *bell, uint32_t heard, furrow_deadline deadline);

/* Wake up to n of those who listen. */
void fw_bell_ring(fw_bell *bell, int n);

#endif
