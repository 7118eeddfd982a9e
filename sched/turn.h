/* SPDX-License-Identifier: MIT
 *
 * Whose turn it is to drive the team: a lock between the opener's threads and the team's
 * supervisor.
 *
 * Cheaper than the robust lock (half of its 16 ns, twice in each call), and not robust by
 * itself: the opener's threads do not die alone, and whoever waits looks every tick whether
 * the supervisor is gone; then nothing can be driven any more.
 */
#ifndef FW_TURN_H
#define FW_TURN_H

#include "os.h"

/* 0 free, 1 taken, 2 taken and somebody may wait. */
typedef _Atomic uint32_t fw_turn;

static inline int fw_turn_try(fw_turn *turn)
{
    uint32_t free_ = 0;

    return fw_cas_seqcst(turn, &free_, 1);
}

/* One tick of waiting. 1: taken now. */
static inline int fw_turn_wait(fw_turn *turn, int64_t tick)
{
    if (fw_swap_seqcst(turn, 2) == 0)
        return 1;
    (void)fw_os_futex_wait(turn, 2, fw_os_now() + tick);
    return 0;
}

static inline void fw_turn_end(fw_turn *turn)
{
    if (fw_swap_seqcst(turn, 0) == 2)
        fw_os_futex_wake(turn, 1);
}

#endif
