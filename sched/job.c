/* SPDX-License-Identifier: MIT
 *
 * The job of a team's calls, and the marks of their chunks: both in shared memory,
 * written by the driver while nobody is inside a generation. Killed in here: the
 * driver's death ends the team.
 */
#include "job.h"

#include "heap.h"
#include "status.h"

#include <string.h>

void fw_job_describe(fw_team *team, fw_job_run run, const void *payload, size_t size)
{
    fw_job *job = &team->control->job;

    if (job->version && job->run == run && job->size == size &&
        memcmp(job->payload, payload, size) == 0)
        return;
    job->run = run;
    job->size = size;
    memcpy(job->payload, payload, size);
    job->version++;
}

/* Few chunks have a pair of lines each for their marks, so that workers do not meet. */
uint32_t fw_job_mark_shift(uint32_t chunks)
{
    return chunks <= 64 ? 4 : 0;
}

int fw_job_ensure_marks(fw_control *c, uint32_t chunks)
{
    uint32_t room = chunks < 2048 ? 2048 : chunks, *list, *old_list = c->list;
    _Atomic uint64_t *mark, *old_mark = c->mark;

    if (chunks <= c->mark_room)
        return 0;
    mark = fw_heap_alloc(room * sizeof *mark);
    list = mark ? fw_heap_alloc(room * sizeof *list) : NULL;
    if (!list) {
        if (mark)
            (void)fw_heap_free(mark);
        return furrow_last_error()->code;
    }
    if (fw_heap_publish_pair(mark, list) < 0)
        return furrow_last_error()->code; /* later; these end with this process */
    c->mark = mark;
    c->list = list;
    c->mark_room = room;
    if (old_mark)
        (void)fw_heap_free_pair(old_mark, old_list);
    return 0;
}
