/* SPDX-License-Identifier: MIT
 *
 * What a nursery that is the program anew must know of its team.
 */
#ifndef FW_PLAN_H
#define FW_PLAN_H

#include "kin.h"
#include "team.h"

/* Tell it over the line. *kept is a block of the heap that it reads, to be freed when it has
 * (or has gone). */
int fw_plan_tell(const fw_team *team, int line, void **kept);

/* Hear it, and be what the opener is: its name, its key, its default method. An
 * error when the opener is gone. */
int fw_plan_hear(int line, const fw_parent *by, fw_team *team);

#endif
