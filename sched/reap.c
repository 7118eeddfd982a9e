/* SPDX-License-Identifier: MIT
 *
 * The scan after a death.
 *
 * It runs in the driver when nobody is inside the generation, so every mark is final:
 *   DONE(epoch)      it happened
 *   STARTED(epoch)   its worker died in it: torn. The mark is then made TORN (DONE), so that
 *                    a second scan of the same call does not report it again
 *   anything else    it did not happen, whatever range it was in
 * The mark names the worker; its slot is DEAD with pid and status until it is fenced, which
 * happens after the scan.
 *
 * Torn chunks of several deaths are kept in ascending order of chunk.
 */
#include "reap.h"

#include "job.h"
#include "status.h"

#include <stdlib.h>

static int by_chunk(const void *a, const void *b)
{
    const fw_torn_chunk *x = a, *y = b;

    return (x->chunk > y->chunk) - (x->chunk < y->chunk);
}

static void add_torn(fw_dispatch *d, uint32_t chunk, int worker)
{
    fw_member *m = &d->team->control->member[worker];
    fw_torn_chunk *more = realloc(d->torn, (d->torn_count + 1) * sizeof *more);

    if (!more)
        abort(); /* a loss that cannot be told must not look like success */
    d->torn = more;
    d->torn[d->torn_count++] = (fw_torn_chunk){.chunk = chunk,
                                               .worker = worker,
                                               .pid = fw_load_relaxed(&m->pid),
                                               .status = fw_load_relaxed(&m->status)};
}

/* acquire: control.mark <- run_chunk() */
uint32_t fw_reap_scan(fw_dispatch *d)
{
    fw_control *c = d->team->control;
    uint32_t todo = 0;
    fw_marks marks;

    if (fw_job_marks(c, d->chunks, &marks) < 0) {
        d->corrupt = 1;
        return 0;
    }
    for (uint32_t chunk = 0; chunk < d->chunks; chunk++) {
        _Atomic uint64_t *word = &marks.mark[(size_t)chunk << marks.shift];
        uint64_t mark = fw_load_acquire(word);

        if (fw_mark_is(mark, d->epoch, FW_MARK_DONE))
            continue;
        if (fw_mark_is(mark, d->epoch, FW_MARK_STARTED)) {
            add_torn(d, chunk, fw_mark_worker(mark));
            fw_store_relaxed(word, fw_mark(d->epoch, 0, FW_MARK_DONE));
        } else if (chunk < fw_load_relaxed(&c->error) >> 32 &&
                   fw_load_relaxed(&c->cancel) != d->epoch) {
            marks.list[todo++] = chunk;
        }
    }
    if (d->torn_count > 1)
        qsort(d->torn, d->torn_count, sizeof *d->torn, by_chunk);
    return todo;
}

void fw_reap_fence(fw_team *team)
{
    fw_control *c = team->control;

    for (int i = 0; i < c->workers; i++) {
        uint32_t dead = FW_MEMBER_DEAD;

        (void)fw_cas_seqcst(&c->member[i].state, &dead, FW_MEMBER_FENCED);
    }
    team->start->notify(team);
}

/* acquire: control.mark <- run_chunk() */
int fw_reap_incomplete(const fw_dispatch *d)
{
    fw_marks marks;

    if (fw_job_marks(d->team->control, d->chunks, &marks) < 0)
        return 1;
    for (uint32_t chunk = 0; chunk < d->chunks; chunk++)
        if (!fw_mark_is(fw_load_acquire(&marks.mark[(size_t)chunk << marks.shift]),
                        d->epoch, FW_MARK_DONE))
            return 1;
    return 0;
}
