/* SPDX-License-Identifier: MIT
 *
 * What came of a call, as an error record and a list of torn ranges.
 */
#ifndef FW_OUTCOME_H
#define FW_OUTCOME_H

#include "call.h"

typedef struct fw_outcome {
    const fw_call_job *job;
    int timed_out, cut, canceled, no_workers, supervisor_gone, corrupt;
    uint64_t error;
    const fw_torn_chunk *torn; /* NULL with torn_count > 0: no memory to tell them */
    size_t torn_count;
} fw_outcome;

/* Turn it into this thread's error record. 0 or the code. */
int fw_outcome_tell(const fw_outcome *outcome);

/* Of a call that failed with rc before anything of it ran: its error record stands, and no
 * range is torn. Returns rc. */
int fw_outcome_not_run(int rc);

#endif
