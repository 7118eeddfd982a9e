/* SPDX-License-Identifier: MIT
 *
 * Unfinished tasks: what each process got from a joinable queue and has not done yet.
 */
#ifndef FW_TASK_H
#define FW_TASK_H

#include "layout.h"

/* A word per participant's line.
 *    63        48 47              24 23               0
 *   +------------+------------------+------------------+
 *   | generation | lost             | held             |
 *   +------------+------------------+------------------+
 * `held` are the tasks of the process that has the line in that generation; `lost` those that
 * died with their processes and nobody was told of yet. */
typedef struct fw_tasks {
    _Atomic uint64_t line[FW_PARTICIPANTS];
} fw_tasks;

/* One task more of process `me`. 0, or FURROW_EBUSY: it has sixteen millions. */
int fw_tasks_hold(fw_tasks *t, uint32_t me);

/* One less: how many it has still, or FURROW_EINVAL: it had none. */
int fw_tasks_done(fw_tasks *t, uint32_t me);

/* Does no process hold one? When `thorough`, what the dead held is lost; else it is held. */
int fw_tasks_none(fw_tasks *t, int thorough);

/* How many are lost; they are not told again. */
uint64_t fw_tasks_lost(fw_tasks *t);

#endif
