/* SPDX-License-Identifier: MIT
 *
 * Rows of users' locks: who comes after a death is told, puts the two counters in order and
 * says so; who does not say so breaks the lock, and nobody waits for it.
 */
#include "rows.h"

#include "ground.h"
#include "kin.h"
#include "sync_lock.h"
#include "watch.h"

#include <signal.h>
#include <unistd.h>

enum { FIRST = GROUND_OWN, SECOND, INHERITED };

static furrow_lock *of(scene *s)
{
    return s->subject;
}

static int lay(scene *s)
{
    furrow_lock_options o = {.recursive = s->row->expect};

    if (ground_lay(s) != 0)
        return 1;
    s->subject = furrow_lock_new(&o);
    row_want(s, s->subject != NULL);
    watch_add(s->subject, sizeof(furrow_lock));
    return 0;
}

static int take(scene *s)
{
    int rc = furrow_lock_lock(of(s), furrow_in(5));

    row_want(s, rc >= 0);
    row_want(s, s->number[FIRST] == s->number[SECOND] || rc == FURROW_OWNERDIED);
    s->number[SECOND] = s->number[FIRST];
    row_want(s, furrow_lock_consistent(of(s)) == 0);
    return 0;
}

static int raise_both(scene *s)
{
    s->number[FIRST]++;
    s->number[SECOND]++;
    return 0;
}

static int give(scene *s)
{
    row_want(s, furrow_lock_unlock(of(s)) == 0);
    return 0;
}

static int use(scene *s)
{
    return take(s) || raise_both(s) || give(s);
}

static int use_twice(scene *s)
{
    return take(s) || take(s) || raise_both(s) || give(s) || give(s);
}

static int survive(scene *s)
{
    row_want(s, use(s) == 0 && furrow_lock_locked(of(s)) == 0);
    return use(s);
}

static int hold(scene *s)
{
    if (take(s) != 0)
        return 1;
    s->ready = 1;
    (void)row_wait(&s->relief);
    return raise_both(s) || give(s);
}

static int wait_for_it(scene *s)
{
    s->ready = 1;
    return use(s);
}

/* ---- one who does not put in order ------------------------------------------------*/

static int hold_and_die(void *arg)
{
    scene *s = arg;

    (void)furrow_lock_lock(of(s), FURROW_FOREVER);
    s->number[FIRST]++;
    return raise(SIGKILL);
}

static int lay_dead_holder(scene *s)
{
    if (lay(s) != 0)
        return 1;
    row_want(s, kin_is_killed(hold_and_die, s));
    return 0;
}

static int inherit(scene *s)
{
    row_want(s, furrow_lock_lock(of(s), 0) == FURROW_OWNERDIED);
    s->number[INHERITED] = 1;
    return 0;
}

static int be_told_in_the_end(scene *s)
{
    int rc = furrow_lock_lock(of(s), furrow_in(5));

    row_want(s, rc == FURROW_EBROKEN || rc == FURROW_OWNERDIED);
    s->number[SECOND] = s->number[FIRST];
    if (rc == FURROW_OWNERDIED)
        row_want(s, furrow_lock_unlock(of(s)) == 0);
    return 0;
}

static int wait_to_be_told(scene *s)
{
    s->ready = 1;
    while (!s->number[INHERITED])
        usleep(100);
    return be_told_in_the_end(s);
}

static int survive_broken(scene *s)
{
    if (be_told_in_the_end(s) != 0)
        return 1;
    row_want(s, furrow_lock_lock(of(s), FURROW_FOREVER) == FURROW_EBROKEN);
    row_want(s, furrow_lock_unlock(of(s)) == FURROW_EOWNER);
    return 0;
}

static int be_patient(scene *s)
{
    int rc = furrow_lock_lock(of(s), furrow_in(5));

    row_want(s, rc == FURROW_EBROKEN); /* not OWNERDIED: nobody is dead */
    return 0;
}

static const operation using = {.object = "sync_lock",
                                .name = "hold",
                                .set_up = lay,
                                .operate = use,
                                .survive = survive,
                                .visit = use,
                                .recover = use};

static const operation using_twice = {.object = "sync_lock",
                                      .name = "hold_twice",
                                      .set_up = lay,
                                      .operate = use_twice,
                                      .survive = survive,
                                      .visit = use};

static const operation breaking = {.object = "sync_lock",
                                   .name = "break",
                                   .set_up = lay_dead_holder,
                                   .warm_up = inherit,
                                   .operate = give,
                                   .survive = survive_broken,
                                   .visit = be_patient};

static const operation mending = {.object = "sync_lock",
                                  .name = "mend",
                                  .set_up = lay_dead_holder,
                                  .operate = use,
                                  .survive = survive,
                                  .recover = use};

static const row rows[] = {
    {.how = &using, .position = "free"},
    {.how = &using, .position = "contended", .rival = hold},
    {.how = &using, .position = "waited_for", .rival = wait_for_it},
    {.how = &using_twice, .position = "recursive", .expect = 1},
    {.how = &mending, .position = "dead_holder"},
    {.how = &mending, .position = "dead_holder", .deaths = 2},
    {.how = &breaking, .position = "free"},
    {.how = &breaking, .position = "waited_for", .rival = wait_to_be_told},
};

const row_table sync_lock_rows = {rows, sizeof rows / sizeof *rows};
