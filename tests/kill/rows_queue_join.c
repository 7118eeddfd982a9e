/* SPDX-License-Identifier: MIT
 *
 * Rows of joinable queues: tasks that are got, done, and waited for (see queues.h).
 */
#include "rows.h"

#include "kin.h"
#include "queues.h"

#include <signal.h>
#include <string.h>

static int get_one(scene *s)
{
    row_want(s, queue_join(s) == 0 && queue_get_number(s, 0) == 1);
    return 0;
}

static int task_done(scene *s)
{
    row_want(s, furrow_queue_task_done(queue_of(s)) == 0);
    return 0;
}

static int join_all(scene *s)
{
    int rc = furrow_queue_join(queue_of(s), furrow_in(5));

    row_want(s, rc == 0 || rc == FURROW_EDIED);
    return 0;
}

static int get_and_die(void *arg)
{
    (void)queue_get_number(arg, 0);
    return raise(SIGKILL);
}

static int lay_lost_task(scene *s)
{
    if (queue_lay_joinable(s) != 0)
        return 1;
    row_want(s, kin_is_killed(get_and_die, s));
    return 0;
}

/* What is there is done now; what the dead had is told, or was done. */
static int survive_join(scene *s)
{
    int got, rc, had = s->row->how->operate != join_all;
    size_t missing = strlen(s->row->layout);

    for (; (got = queue_get_number(s, 0)) != -1; missing--) {
        row_want(s, got > 0 && furrow_queue_join(queue_of(s), 0) == FURROW_ETIME);
        row_want(s, furrow_queue_task_done(queue_of(s)) == 0);
    }
    rc = furrow_queue_join(queue_of(s), furrow_in(5));
    row_want(s, rc == 0 || (rc == FURROW_EDIED && (had || !s->done)));
    row_want(s, rc == FURROW_EDIED || !missing || s->row->how->operate != queue_get);
    row_want(s, furrow_queue_join(queue_of(s), 0) == 0);
    row_want(s, furrow_queue_task_done(queue_of(s)) == FURROW_EINVAL);
    return queue_end(s);
}

static int visit_join(scene *s)
{
    int rc = furrow_queue_join(queue_of(s), 0);

    row_want(s, rc == 0 || rc == FURROW_ETIME || s->row->how->operate == join_all);
    return 0;
}

/* ---- rows -------------------------------------------------------------------------*/

static const operation getting_task = {.object = "queue",
                                       .name = "get_task",
                                       .set_up = queue_lay_joinable,
                                       .warm_up = queue_join,
                                       .operate = queue_get,
                                       .survive = survive_join,
                                       .visit = visit_join,
                                       .recover = queue_recover};

static const operation finishing = {.object = "queue",
                                    .name = "task_done",
                                    .set_up = queue_lay_joinable,
                                    .warm_up = get_one,
                                    .operate = task_done,
                                    .survive = survive_join,
                                    .visit = visit_join};

static const operation joining = {.object = "queue",
                                  .name = "join",
                                  .set_up = lay_lost_task,
                                  .warm_up = queue_join,
                                  .operate = join_all,
                                  .survive = survive_join,
                                  .visit = visit_join,
                                  .recover = join_all};

static const row rows[] = {
    {&getting_task, "only", .layout = "p"},
    {&getting_task, "block", .layout = "bp"},
    {&finishing, "only", .layout = "p"},
    {&finishing, "one_of_two", .layout = "pp"},
    {&joining, "lost", .layout = "p"},
    {&getting_task, "only", .layout = "p", .deaths = 2},
    {&joining, "lost", .layout = "p", .deaths = 2},
};

const row_table queue_join_rows = {rows, sizeof rows / sizeof *rows};
