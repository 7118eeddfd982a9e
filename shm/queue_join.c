/* SPDX-License-Identifier: MIT
 *
 * Waiting until all that was put into a joinable queue is done.
 *
 * All is done when no slot is in use and no line holds a task. That cannot be read at once,
 * but slots first, lines then, and then whether the next slot to be put into is still free: a
 * task goes from slot to line, is on the line before the slot is free, and none comes but by
 * a put. So nothing was unfinished when the last look was taken.
 */
#include "participant.h"
#include "queue.h"
#include "status.h"

static int check(const char *function, furrow_queue *q)
{
    int rc = fw_queue_check(function, q);

    if (rc == 0 && !fw_queue_tasks(q))
        rc = fw_status_in(function,
                          fw_fail(FURROW_EINVAL, "the queue was not made .joinable"));
    return rc;
}

int furrow_queue_task_done(furrow_queue *q)
{
    int rc = check(__func__, q);
    uint32_t me;

    if (rc < 0)
        return rc;
    me = fw_participant_owner();
    rc = me ? fw_tasks_done(fw_queue_tasks(q), me) : furrow_last_error()->code;
    if (rc == 0)
        fw_queue_tell(&q->done, FW_BELL_ALL);
    return rc < 0 ? fw_status_in(__func__, rc) : 0;
}

static int all_done(void *ctx, int thorough)
{
    furrow_queue *q = ctx;
    uint64_t end;

    if (thorough)
        fw_queue_recover(q);
    return fw_ring_used_up(&q->ring, &end) &&
           fw_tasks_none(fw_queue_tasks(q), thorough) && fw_ring_ends_at(&q->ring, end);
}

static int died(uint64_t tasks)
{
    if (tasks == 1)
        return fw_fail(FURROW_EDIED, "1 task died with the process that had got it");
    return fw_fail(FURROW_EDIED, "%llu tasks died with the processes that had got them",
                   (unsigned long long)tasks);
}

int furrow_queue_join(furrow_queue *q, furrow_deadline deadline)
{
    int rc = check(__func__, q);
    uint64_t lost;

    if (rc < 0)
        return rc;
    if (!fw_wait_until(&q->done, all_done, q, deadline))
        return fw_status_in(__func__,
                            fw_fail(FURROW_ETIME, "there are unfinished tasks"));
    lost = fw_tasks_lost(fw_queue_tasks(q));
    if (lost == 0)
        return 0;
    return fw_status_in(__func__, died(lost));
}
