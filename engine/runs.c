/* SPDX-License-Identifier: MIT
 *
 * What workers run, by number (control.h).
 */
#include "call.h"
#include "prepare.h"

static int no_such_job(void *payload, uint32_t chunk, int worker)
{
    (void)payload;
    (void)chunk;
    (void)worker;
    return FW_CALL_NO_CHUNK;
}

const fw_job_run fw_job_runs[FW_JOB_KINDS] = {[FW_JOB_NONE] = no_such_job,
                                              [FW_JOB_CALL] = fw_call_run,
                                              [FW_JOB_TAKE] = fw_prepare_part};
