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

void fw_job_describe(fw_team *team, uint32_t kind, const void *payload, size_t size)
{
    fw_job *job = &team->control->job;

    size =
        size < FW_JOB_PAYLOAD ? size : FW_JOB_PAYLOAD; /* a submission's, overwritten */
    if (job->version && job->kind == kind && job->size == size &&
        memcmp(job->payload, payload, size) == 0)
        return;
    job->kind = kind;
    job->size = size;
    memcpy(job->payload, payload, size);
    job->version++;
}

/* Few chunks have a pair of lines each for their marks, so that workers do not meet. */
uint32_t fw_job_mark_shift(uint32_t chunks)
{
    return chunks <= 64 ? 4 : 0;
}

/* The words are read once: what is checked is what is used. */
int fw_job_marks(const fw_control *c, uint32_t chunks, fw_marks *out)
{
    size_t room = c->mark_room;

    *out = (fw_marks){
        .mark = c->mark, .list = c->list, .shift = fw_job_mark_shift(chunks)};
    if ((size_t)chunks << out->shift <= room &&
        fw_heap_spans(out->mark, room * sizeof *out->mark, 0) &&
        fw_heap_spans(out->list, room * sizeof *out->list, 0) &&
        (uintptr_t)out->mark % sizeof *out->mark == 0 &&
        (uintptr_t)out->list % sizeof *out->list == 0)
        return 0;
    return fw_fail(FURROW_ECORRUPT, "the pool's memory is overwritten: where its marks "
                                    "are");
}

/* What was too small. Killed in here: it stays until the family ends. */
static int free_old(fw_control *c)
{
    _Atomic uint64_t *mark = c->old_mark;

    c->old_mark = NULL;
    if (!mark || fw_heap_free_pair(mark, c->old_list) != FURROW_ETIME)
        return 0;
    c->old_mark = mark;
    return FURROW_ETIME;
}

int fw_job_ensure_marks(fw_control *c, uint32_t chunks)
{
    uint32_t room = chunks < 2048 ? 2048 : chunks, *list;
    _Atomic uint64_t *mark;

    if (chunks <= c->mark_room)
        return 0;
    if (free_old(c) < 0)
        return FURROW_ETIME;
    mark = fw_heap_alloc(room * sizeof *mark);
    list = mark ? fw_heap_alloc(room * sizeof *list) : NULL;
    if (!list) {
        if (mark)
            (void)fw_heap_free(mark);
        return furrow_last_error()->code;
    }
    if (fw_heap_publish_pair(mark, list) < 0) {
        fw_heap_free_later(mark);
        fw_heap_free_later(list);
        return furrow_last_error()->code;
    }
    c->old_mark = c->mark;
    c->old_list = c->list;
    c->mark = mark;
    c->list = list;
    c->mark_room = room;
    (void)free_old(c);
    return 0;
}

void fw_job_free_marks(fw_control *c)
{
    (void)free_old(c);
    if (c->mark)
        (void)fw_heap_free_pair(c->mark, c->list);
}
