/* SPDX-License-Identifier: MIT
 *
 * What the workers of a team are to run, and where they mark what they ran.
 */
#ifndef FW_JOB_H
#define FW_JOB_H

#include "team.h"

/* Write the job for the dispatches that follow, unless it is what is there already.
 * Needs the driver lock. */
void fw_job_describe(fw_team *team, uint32_t kind, const void *payload, size_t size);

/* Marks of so many chunks lie so many bits apart: see control.h. */
uint32_t fw_job_mark_shift(uint32_t chunks);

/* Where the marks of a call of so many chunks are, and the list of a rerun: in the heap,
 * with room for all. FURROW_ECORRUPT when a stray store has met the words that say so. */
typedef struct fw_marks {
    _Atomic uint64_t *mark; /* of chunk c: mark[c << shift] */
    uint32_t *list;
    uint32_t shift;
} fw_marks;
int fw_job_marks(const fw_control *c, uint32_t chunks, fw_marks *out);

/* Room for so many marks and list entries. Needs the driver lock. FURROW_ENOMEM. */
int fw_job_ensure_marks(fw_control *c, uint32_t chunks);
void fw_job_free_marks(fw_control *c);

#endif
