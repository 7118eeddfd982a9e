/* SPDX-License-Identifier: MIT
 *
 * What the workers of a team are to run, and where they mark what they ran.
 */
#ifndef FW_JOB_H
#define FW_JOB_H

#include "team.h"

/* Write the job for the dispatches that follow, unless it is what is there already.
 * Needs the driver lock. */
void fw_job_describe(fw_team *team, fw_job_run run, const void *payload, size_t size);

/* Marks of so many chunks lie so many bits apart: see control.h. */
uint32_t fw_job_mark_shift(uint32_t chunks);

/* Room for so many marks and list entries. Needs the driver lock. FURROW_ENOMEM. */
int fw_job_ensure_marks(fw_control *c, uint32_t chunks);

#endif
