/* SPDX-License-Identifier: MIT
 *
 * Rows of conditions. Whoever died, in a wait or in a notify: one notify wakes one who waits.
 */
#include "rows.h"

#include "atomic.h"
#include "ground.h"
#include "kin.h"
#include "participant.h"
#include "sync_condition.h"
#include "sync_lock.h"
#include "watch.h"

#include <signal.h>
#include <unistd.h>

enum { FLAG = GROUND_OWN, SECOND, ASLEEP, RETURNED, RIVAL_ENDED };

static furrow_condition *of(scene *s)
{
    return s->subject;
}

static int lay(scene *s)
{
    furrow_condition_options o = {.waiters = s->row->gone ? (unsigned)s->row->gone : 8};

    if (ground_lay(s) != 0)
        return 1;
    s->subject = furrow_condition_new(NULL, &o);
    row_want(s, s->subject != NULL);
    watch_add(s->subject, sizeof *of(s) + o.waiters * 4);
    watch_add(of(s)->lock, sizeof *of(s)->lock);
    return 0;
}

static int take(scene *s)
{
    row_want(s, furrow_lock_lock(of(s)->lock, furrow_in(8)) >= 0);
    row_want(s, furrow_lock_consistent(of(s)->lock) == 0);
    return 0;
}

static int give(scene *s)
{
    row_want(s, furrow_lock_unlock(of(s)->lock) == 0);
    return 0;
}

/* Wait until `number` is there, with the lock. A death may be told. */
static int wait_with_it(scene *s, int number)
{
    while (!s->number[number]) {
        int rc = furrow_condition_wait(of(s), furrow_in(8));

        row_want(s, rc >= 0);
        if (rc == FURROW_OWNERDIED)
            row_want(s, furrow_lock_consistent(of(s)->lock) == 0);
    }
    return 0;
}

static int wait_for_flag(scene *s)
{
    if (take(s) || wait_with_it(s, FLAG))
        return 1;
    s->number[RETURNED] = 1; /* with the lock: who is killed before is told of */
    return give(s);
}

static int wait_for_flag_deep(scene *s)
{
    if (take(s) || take(s) || wait_with_it(s, FLAG))
        return 1;
    row_want(s, furrow_lock_count(of(s)->lock) == 2);
    return give(s) || give(s);
}

static int notify(scene *s, int number)
{
    if (take(s) != 0)
        return 1;
    s->number[number] = 1;
    row_want(s, furrow_condition_notify(of(s), 1) == 0);
    return give(s);
}

static int notify_flag(scene *s)
{
    return notify(s, FLAG);
}

/* Nobody has notified, but everybody looks again. */
static int notify_all(scene *s)
{
    if (take(s) != 0)
        return 1;
    s->number[FLAG] = 1;
    row_want(s, furrow_condition_notify_all(of(s)) == 0);
    return give(s);
}

static int join(scene *s)
{
    row_want(s, fw_participant_owner() != 0);
    return 0;
}

static int notify_at_relief(scene *s)
{
    s->ready = 1;
    (void)row_wait(&s->relief);
    return notify_flag(s);
}

static int wait_beside(scene *s)
{
    if (take(s) != 0)
        return 1;
    s->ready = 1;
    return wait_with_it(s, FLAG) || give(s);
}

static int give_up(scene *s)
{
    if (take(s) != 0)
        return 1;
    row_want(s, furrow_condition_wait(of(s), furrow_in(0.002)) == FURROW_ETIME);
    return give(s);
}

static int wait_in_child(void *arg)
{
    scene *s = arg;

    if (take(s) != 0)
        return 1;
    s->number[ASLEEP] = 1;
    return wait_with_it(s, FLAG) || give(s);
}

/* Is the victim's notify used up, or has somebody told of its death? */
static int is_told(scene *s)
{
    int rc = furrow_lock_lock(of(s)->lock, furrow_in(5)), told = rc == FURROW_OWNERDIED;

    if (rc >= 0) {
        (void)furrow_lock_consistent(of(s)->lock);
        (void)furrow_lock_unlock(of(s)->lock);
    }
    return told || s->number[RETURNED];
}

/* A child waits first, and the victim gets the only notify: if it dies with it, the child has
 * it. (After its wait the notify is the victim's own, and the child gets another.) */
static int notify_one_of_two(scene *s)
{
    pid_t pid;

    kin_begin();
    pid = kin_start(wait_in_child, s);
    row_want(s, pid > 0);
    while (!s->number[ASLEEP])
        usleep(200);
    if (take(s) != 0)
        return 1;
    fw_store_relaxed(&of(s)->first, 1); /* the victim's slot */
    s->ready = 1;
    if (give(s) != 0)
        return 1;
    (void)row_wait(&s->relief);
    if (notify_flag(s) != 0)
        return 1;
    for (int ms = 0; ms < 3000 && kin_state(pid) == 'S'; ms++) {
        if (is_told(s))
            (void)notify_flag(s);
        usleep(1000);
    }
    row_want(s, kin_end(pid, 1000) == 0);
    s->number[RIVAL_ENDED] = 1;
    s->number[ASLEEP] = 0;
    return 0;
}

/* ---- afterwards -------------------------------------------------------------------*/

static int wait_for_second(void *arg)
{
    scene *s = arg;

    if (take(s) != 0)
        return 1;
    s->number[ASLEEP] = 1;
    return wait_with_it(s, SECOND) || give(s);
}

/* One waits, and one notify is enough, though a dead one may have been waiting before. */
static int one_for_one(scene *s)
{
    pid_t pid;

    kin_begin();
    pid = kin_start(wait_for_second, s);
    row_want(s, pid > 0);
    while (!s->number[ASLEEP])
        usleep(200);
    if (notify(s, SECOND) != 0)
        return 1;
    row_want(s, kin_end(pid, 5000) == 0);
    return 0;
}

static int survive(scene *s)
{
    for (int ms = 0; ms < 4000 && s->row->expect && !s->number[RIVAL_ENDED]; ms++)
        usleep(1000);
    return notify_all(s) || one_for_one(s);
}

/* ---- a dead one's notify ----------------------------------------------------------*/

static int wait_to_be_killed(void *arg)
{
    scene *s = arg;

    if (take(s) != 0)
        return 1;
    s->number[ASLEEP] = 1;
    return furrow_condition_wait(of(s), FURROW_FOREVER);
}

/* One was notified, and is dead. */
static int lay_dead_notified(scene *s)
{
    pid_t pid;

    if (lay(s) != 0)
        return 1;
    pid = kin_start(wait_to_be_killed, s);
    row_want(s, pid > 0);
    while (!s->number[ASLEEP])
        usleep(200);
    if (take(s) != 0)
        return 1;
    kill(pid, SIGSTOP);
    row_want(s, furrow_condition_notify(of(s), 1) == 0);
    kill(pid, SIGKILL);
    row_want(s, give(s) == 0 && kin_end(pid, 5000) == KIN_SIGNAL + SIGKILL);
    s->number[ASLEEP] = 0;
    return 0;
}

/* His notify is ours, at the next tick. */
static int inherit(scene *s)
{
    if (take(s) != 0)
        return 1;
    row_want(s, furrow_condition_wait(of(s), FURROW_FOREVER) >= 0);
    return give(s);
}

/* Or it was the victim's, who has used it up. */
static int inherit_if_any(scene *s)
{
    int rc;

    if (take(s) != 0)
        return 1;
    rc = furrow_condition_wait(of(s), furrow_in(0.25));
    row_want(s, rc >= 0 || rc == FURROW_ETIME);
    if (rc == FURROW_OWNERDIED)
        row_want(s, furrow_lock_consistent(of(s)->lock) == 0);
    return give(s);
}

static const operation waiting = {.object = "condition",
                                  .name = "wait",
                                  .set_up = lay,
                                  .warm_up = join,
                                  .operate = wait_for_flag,
                                  .survive = survive,
                                  .visit = notify_all};

static const operation waiting_deep = {.object = "condition",
                                       .name = "wait",
                                       .set_up = lay,
                                       .warm_up = join,
                                       .operate = wait_for_flag_deep,
                                       .survive = survive};

static const operation giving_up = {.object = "condition",
                                    .name = "wait_timed",
                                    .set_up = lay,
                                    .warm_up = join,
                                    .operate = give_up,
                                    .survive = survive};

static const operation notifying = {.object = "condition",
                                    .name = "notify",
                                    .set_up = lay,
                                    .warm_up = join,
                                    .operate = notify_flag,
                                    .survive = survive,
                                    .visit = notify_all};

static const operation inheriting = {.object = "condition",
                                     .name = "take_over",
                                     .set_up = lay_dead_notified,
                                     .warm_up = join,
                                     .operate = inherit,
                                     .survive = survive,
                                     .recover = inherit_if_any};

static const row rows[] = {
    {.how = &waiting, .position = "first", .rival = notify_at_relief},
    {.how = &waiting, .position = "only_slot", .rival = notify_at_relief, .gone = 1},
    {.how = &waiting, .position = "two_wait", .rival = notify_one_of_two, .expect = 1},
    {.how = &waiting_deep, .position = "held_twice", .rival = notify_at_relief},
    {.how = &giving_up, .position = "alone"},
    {.how = &notifying, .position = "nobody"},
    {.how = &notifying, .position = "waited_for", .rival = wait_beside},
    {.how = &inheriting, .position = "dead_notified", .points = 24},
    {.how = &inheriting, .position = "dead_notified", .points = 5, .deaths = 2},
};

const row_table sync_condition_rows = {rows, sizeof rows / sizeof *rows};
