/* SPDX-License-Identifier: MIT
 *
 * Waiting for something that a bell is rung for: spin for a moment, then sleep.
 */
#ifndef FW_WAIT_H
#define FW_WAIT_H

#include "bell.h"

/* Try attempt(ctx, thorough) until it returns something other than 0, or the deadline has
 * passed: returns that, or 0. Deadline 0 is one thorough attempt. Others are thorough just
 * before a sleep, which lasts 100 ms at most, and before giving up: then it is time to look
 * for the dead, too. What an attempt looks at it loads seqcst. */
int fw_wait_until(fw_bell *bell, int (*attempt)(void *ctx, int thorough), void *ctx,
                  furrow_deadline deadline);

/* Its two halves, for who sleeps in a way of his own. Spin for as long as that was worth it
 * lately: what an attempt returned, or 0, and then it is time to sleep; not at all on a
 * machine of fewer CPUs than `people`, who all wait for each other. And learn from a sleep
 * that is over, of one who waited from `start` on. */
int fw_wait_spin(uint32_t people, int (*attempt)(void *ctx, int thorough), void *ctx,
                 furrow_deadline deadline);
void fw_wait_slept(int64_t start);

#endif
