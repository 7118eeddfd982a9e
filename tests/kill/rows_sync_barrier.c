/* SPDX-License-Identifier: MIT
 *
 * Rows of barriers. A party has enrolled, so whenever it dies, those who wait are let go or
 * told that the barrier is broken; after a reset as many as there were parties meet again.
 */
#include "rows.h"

#include "ground.h"
#include "kin.h"
#include "participant.h"
#include "sync_barrier.h"
#include "watch.h"

#include <signal.h>
#include <unistd.h>

enum { ACTED = GROUND_OWN, RIVAL_ENDED };

static furrow_barrier *of(scene *s)
{
    return s->subject;
}

static int act(void *arg)
{
    scene *s = arg;

    s->number[ACTED]++;
    return 0;
}

static int lay(scene *s)
{
    furrow_barrier_options o = {.action = s->row->expect ? act : NULL, .arg = s};

    if (ground_lay(s) != 0)
        return 1;
    s->subject = furrow_barrier_new((unsigned)s->row->gone, &o);
    row_want(s, s->subject != NULL);
    watch_add(s->subject,
              sizeof *of(s) + (of(s)->slots + of(s)->parties) * sizeof of(s)->name[0]);
    return 0;
}

static int meet(scene *s)
{
    row_want(s, furrow_barrier_wait(of(s), furrow_in(8)) >= 0);
    return 0;
}

/* Passed or told. */
static int meet_or_not(scene *s)
{
    int rc = furrow_barrier_wait(of(s), furrow_in(8));

    row_want(s, rc >= 0 || rc == FURROW_EBROKEN);
    return 0;
}

static int meet_in_child(void *arg)
{
    return meet(arg);
}

static int meet_or_not_in_child(void *arg)
{
    return meet_or_not(arg);
}

static int enrol(scene *s)
{
    row_want(s, furrow_barrier_enrol(of(s)) == 0);
    return 0;
}

static int leave(scene *s)
{
    row_want(s, furrow_barrier_leave(of(s)) == 0);
    return 0;
}

static int join(scene *s)
{
    row_want(s, fw_participant_owner() != 0);
    return 0;
}

/* All others have come. */
static int until_last(scene *s)
{
    while (furrow_barrier_n_waiting(of(s)) < s->row->gone - 1)
        usleep(100);
    return 0;
}

static int enrol_last(scene *s)
{
    return enrol(s) || until_last(s);
}

static int join_last(scene *s)
{
    return join(s) || until_last(s);
}

static int abort_it(scene *s)
{
    row_want(s, furrow_barrier_abort(of(s)) == 0);
    return 0;
}

static int reset(scene *s)
{
    row_want(s, furrow_barrier_reset(of(s)) == 0);
    return 0;
}

/* The living make it new and meet, twice. */
static int all_meet(scene *s)
{
    int others = (int)s->row->gone - 1;
    pid_t pid[4];

    kin_begin();
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < others; i++)
            pid[i] = kin_start(meet_in_child, s);
        if (meet(s) != 0)
            return 1;
        for (int i = 0; i < others; i++)
            row_want(s, kin_end(pid[i], 5000) == 0);
    }
    row_want(s, furrow_barrier_broken(of(s)) == 0);
    return 0;
}

/* First those who waited have gone; they need nobody's help. */
static int survive(scene *s)
{
    for (int ms = 0; ms < 4000 && s->row->rival && !s->number[RIVAL_ENDED]; ms++)
        usleep(1000);
    row_want(s, !s->row->rival || s->number[RIVAL_ENDED]);
    return reset(s) || all_meet(s);
}

/* Those whom nobody has promised anything are told by who comes. */
static int survive_unenrolled(scene *s)
{
    return abort_it(s) || survive(s);
}

/* It is stopped, not dead. */
static int sees_no_death(scene *s)
{
    row_want(s, furrow_barrier_broken(of(s)) == 0);
    usleep(500);
    row_want(s, furrow_barrier_broken(of(s)) == 0);
    return 0;
}

/* ---- the others -------------------------------------------------------------------*/

/* Comes before the victim. */
static int come_first(scene *s)
{
    pid_t pid[4];
    int others = (int)s->row->gone - 2, rc;

    kin_begin();
    for (int i = 0; i < others; i++)
        pid[i] = kin_start(meet_or_not_in_child, s);
    s->ready = furrow_barrier_n_waiting(of(s)) == others || others == 0;
    while (!s->ready) {
        usleep(200);
        s->ready = furrow_barrier_n_waiting(of(s)) == others;
    }
    rc = meet_or_not(s);
    for (int i = 0; i < others; i++)
        row_want(s, kin_end(pid[i], 9000) == 0);
    s->number[RIVAL_ENDED] = 1;
    return rc;
}

/* One comes before the victim, and the last when it sleeps. */
static int come_around(scene *s)
{
    pid_t pid;
    int rc;

    kin_begin();
    pid = kin_start(meet_or_not_in_child, s);
    row_want(s, pid > 0);
    while (furrow_barrier_n_waiting(of(s)) < 1)
        usleep(200);
    s->ready = 1;
    (void)row_wait(&s->relief);
    rc = meet_or_not(s);
    row_want(s, kin_end(pid, 9000) == 0);
    s->number[RIVAL_ENDED] = 1;
    return rc;
}

static int come_later(scene *s)
{
    int rc;

    s->ready = 1;
    (void)row_wait(&s->relief);
    rc = meet_or_not(s);
    s->number[RIVAL_ENDED] = 1;
    return rc;
}

static int be_broken(scene *s)
{
    int rc;

    s->ready = 1;
    rc = meet_or_not(s);
    s->number[RIVAL_ENDED] = 1;
    return rc;
}

/* ---- a dead party -----------------------------------------------------------------*/

static int come_to_be_killed(void *arg)
{
    scene *s = arg;

    return furrow_barrier_wait(of(s), FURROW_FOREVER);
}

static int lay_dead_party(scene *s)
{
    pid_t pid;

    if (lay(s) != 0)
        return 1;
    pid = kin_start(come_to_be_killed, s);
    row_want(s, pid > 0);
    while (furrow_barrier_n_waiting(of(s)) < 1)
        usleep(200);
    kill(pid, SIGKILL);
    row_want(s, kin_end(pid, 5000) == KIN_SIGNAL + SIGKILL);
    return 0;
}

static int find_dead(scene *s)
{
    row_want(s, furrow_barrier_broken(of(s)) == 1);
    return 0;
}

static const operation meeting = {.object = "barrier",
                                  .name = "wait",
                                  .set_up = lay,
                                  .warm_up = enrol,
                                  .operate = meet,
                                  .finish = leave,
                                  .survive = survive,
                                  .visit = sees_no_death};

static const operation meeting_last = {.object = "barrier",
                                       .name = "wait",
                                       .set_up = lay,
                                       .warm_up = enrol_last,
                                       .operate = meet,
                                       .finish = leave,
                                       .survive = survive,
                                       .visit = sees_no_death};

static const operation meeting_unenrolled = {.object = "barrier",
                                             .name = "wait_unenrolled",
                                             .set_up = lay,
                                             .warm_up = join_last,
                                             .operate = meet,
                                             .survive = survive_unenrolled,
                                             .visit = sees_no_death};

static const operation aborting = {.object = "barrier",
                                   .name = "abort",
                                   .set_up = lay,
                                   .warm_up = enrol,
                                   .operate = abort_it,
                                   .finish = leave,
                                   .survive = survive};

static const operation resetting = {.object = "barrier",
                                    .name = "reset",
                                    .set_up = lay,
                                    .warm_up = enrol,
                                    .operate = reset,
                                    .finish = leave,
                                    .survive = survive};

static const operation clearing = {.object = "barrier",
                                   .name = "reset",
                                   .set_up = lay_dead_party,
                                   .warm_up = join,
                                   .operate = reset,
                                   .survive = survive,
                                   .recover = reset};

static const operation burying = {.object = "barrier",
                                  .name = "recover",
                                  .set_up = lay_dead_party,
                                  .warm_up = join,
                                  .operate = find_dead,
                                  .survive = survive,
                                  .visit = find_dead,
                                  .recover = find_dead};

static const operation enrolling = {.object = "barrier",
                                    .name = "enrol",
                                    .set_up = lay,
                                    .warm_up = join,
                                    .operate = enrol,
                                    .finish = leave,
                                    .survive = survive,
                                    .visit = sees_no_death};

static const operation leaving = {.object = "barrier",
                                  .name = "leave",
                                  .set_up = lay,
                                  .warm_up = enrol,
                                  .operate = leave,
                                  .survive = survive,
                                  .visit = sees_no_death};

/* .gone parties; .expect 1: with an action */
static const row rows[] = {
    {.how = &meeting, .position = "first", .gone = 2, .rival = come_later},
    {.how = &meeting, .position = "middle", .gone = 3, .rival = come_around},
    {.how = &meeting_last, .position = "last", .gone = 2, .rival = come_first},
    {.how = &meeting_last, .position = "last_of_three", .gone = 3, .rival = come_first},
    {.how = &meeting_last,
     .position = "last_acts",
     .gone = 2,
     .rival = come_first,
     .expect = 1},
    {.how = &meeting, .position = "alone", .gone = 1},
    {.how = &meeting_unenrolled, .position = "last", .gone = 2, .rival = come_first},
    {.how = &aborting, .position = "waited_for", .gone = 2, .rival = be_broken},
    {.how = &resetting, .position = "waited_for", .gone = 2, .rival = be_broken},
    {.how = &clearing, .position = "dead_party", .gone = 2},
    {.how = &clearing, .position = "dead_party", .gone = 2, .deaths = 2},
    {.how = &burying, .position = "dead_party", .gone = 2},
    {.how = &burying, .position = "dead_party", .gone = 2, .deaths = 2},
    {.how = &burying, .position = "dead_party", .gone = 2, .deaths = 3},
    {.how = &enrolling, .position = "first", .gone = 2},
    {.how = &leaving, .position = "first", .gone = 2},
};

const row_table sync_barrier_rows = {rows, sizeof rows / sizeof *rows};
