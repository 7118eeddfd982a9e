/* SPDX-License-Identifier: MIT
 *
 * Waiting for the next generation: spin, then sleep.
 */
#ifndef FW_IDLE_H
#define FW_IDLE_H

#include "control.h"

typedef struct fw_idle {
    int64_t budget; /* ns that it spins before it sleeps; learned from the gaps */
    int64_t least, most;
} fw_idle;

/* spare: no other thread needs this CPU, spinning costs nobody anything. */
void fw_idle_init(fw_idle *idle, int spare);

/* Block until a generation other than `last` is open for worker i, or the team stops.
 * Returns its seq (or FW_SEQ_STOP). */
uint64_t fw_idle_wait(fw_control *c, fw_idle *idle, int i, uint64_t last);

/* Wake up to n sleeping workers, looking from `from` on, but not the one in `seat`
 * (-1: none), who has no part. Returns how many. */
int fw_idle_wake(fw_control *c, int from, int n, int seat);

#endif
