/* SPDX-License-Identifier: MIT
 *
 * Rows of semaphores and events. After a death all tokens are there but those that the
 * living have; who is stopped keeps his.
 */
#include "rows.h"

#include "ground.h"
#include "kin.h"
#include "participant.h"
#include "sync_event.h"
#include "sync_semaphore.h"
#include "watch.h"

#include <signal.h>
#include <unistd.h>

enum { RIVAL_ENDED = GROUND_OWN, TAKEN, WAITS };

static furrow_semaphore *of(scene *s)
{
    return s->subject;
}

/* row.size tokens, of which the world has all but row.expect. */
static int lay(scene *s)
{
    if (ground_lay(s) != 0)
        return 1;
    s->subject = furrow_semaphore_new((unsigned)s->row->gone, NULL);
    row_want(s, s->subject != NULL);
    for (long i = s->row->expect; i < s->row->gone; i++)
        row_want(s, furrow_semaphore_acquire(of(s), 0) == 0);
    watch_add(s->subject, sizeof *of(s) + (size_t)s->row->gone * 4);
    return 0;
}

static int take(scene *s)
{
    row_want(s, furrow_semaphore_acquire(of(s), furrow_in(5)) == 0);
    return 0;
}

static int give(scene *s)
{
    row_want(s, furrow_semaphore_release(of(s)) == 0);
    return 0;
}

static int use(scene *s)
{
    return take(s) || give(s);
}

/* Its number is taken before the window. */
static int join(scene *s)
{
    row_want(s, fw_participant_owner() != 0);
    return 0;
}

/* The victim has a token; a rival who wants it is asleep before the window. */
static int join_and_take(scene *s)
{
    if (join(s) || take(s))
        return 1;
    s->number[TAKEN] = 1;
    while (s->row->rival && !s->number[WAITS])
        usleep(100);
    while (s->row->rival && kin_state((pid_t)s->number[WAITS]) != 'S')
        usleep(100);
    return 0;
}

/* Until there is a token; nobody helps but the victim, by its release or its death. */
static int wait_for_it(scene *s)
{
    s->ready = 1;
    while (!s->number[TAKEN])
        usleep(100);
    s->number[WAITS] = getpid();
    row_want(s, furrow_semaphore_acquire(of(s), FURROW_FOREVER) == 0);
    s->number[RIVAL_ENDED] = 1;
    return give(s);
}

/* All tokens but the world's come back, and no more. */
static int survive(scene *s)
{
    for (int ms = 0; ms < 4000 && s->row->rival == wait_for_it; ms++) {
        if (s->number[RIVAL_ENDED])
            break;
        usleep(1000);
    }
    row_want(s, s->row->rival != wait_for_it || s->number[RIVAL_ENDED]);
    for (int i = 0; i < s->row->expect; i++)
        row_want(s, furrow_semaphore_acquire(of(s), furrow_in(5)) == 0);
    row_want(s, furrow_semaphore_acquire(of(s), 0) == FURROW_ETIME);
    for (int i = 0; i < s->row->expect; i++)
        row_want(s, furrow_semaphore_release(of(s)) == 0);
    row_want(s, furrow_semaphore_release(of(s)) == FURROW_EOWNER);
    return 0;
}

static int hold(scene *s)
{
    if (take(s) != 0)
        return 1;
    s->ready = 1;
    (void)row_wait(&s->relief);
    return give(s);
}

/* ---- what the dead had ------------------------------------------------------------*/

static int take_all_and_die(void *arg)
{
    scene *s = arg;

    for (int i = 0; i < s->row->expect; i++)
        if (furrow_semaphore_acquire(of(s), 0) != 0)
            return 1;
    return raise(SIGKILL);
}

static int lay_dead(scene *s)
{
    if (lay(s) != 0)
        return 1;
    row_want(s, kin_is_killed(take_all_and_die, s));
    return 0;
}

static int look(scene *s)
{
    row_want(s, furrow_semaphore_value(of(s)) == s->row->expect);
    return 0;
}

static int look_beside(scene *s)
{
    int value = furrow_semaphore_value(of(s));

    row_want(s, value == s->row->expect);
    return 0;
}

/* ---- counting ---------------------------------------------------------------------*/

static int lay_counting(scene *s)
{
    if (ground_lay(s) != 0)
        return 1;
    s->subject = furrow_semaphore_new(0, &(furrow_semaphore_options){.counting = 1});
    row_want(s, s->subject != NULL);
    watch_add(s->subject, sizeof *of(s));
    return 0;
}

/* Whatever the dead one has posted is there; more is posted until the rival has his. */
static int survive_counting(scene *s)
{
    int value = furrow_semaphore_value(of(s));

    row_want(s, value == 0 || value == 1);
    row_want(s, furrow_semaphore_release(of(s)) == 0);
    return 0;
}

static int take_one(scene *s)
{
    s->ready = 1;
    return take(s);
}

/* ---- events -----------------------------------------------------------------------*/

static int lay_event(scene *s)
{
    furrow_event *e;

    if (ground_lay(s) != 0)
        return 1;
    e = furrow_event_new();
    row_want(s, e != NULL);
    s->subject = e;
    watch_add(e, sizeof *e);
    return 0;
}

static int set_event(scene *s)
{
    row_want(s, furrow_event_set(s->subject) == 0);
    return 0;
}

static int pulse_event(scene *s)
{
    if (set_event(s) != 0)
        return 1;
    row_want(s, furrow_event_clear(s->subject) == 0);
    return 0;
}

static int wait_for_event(scene *s)
{
    s->ready = 1;
    row_want(s, furrow_event_wait(s->subject, furrow_in(5)) == 0);
    return 0;
}

static int set_it_at_relief(scene *s)
{
    s->ready = 1;
    (void)row_wait(&s->relief);
    return set_event(s);
}

/* Whoever waits is let go. */
static int survive_event(scene *s)
{
    return set_event(s) || wait_for_event(s);
}

static const operation acquiring = {.object = "semaphore",
                                    .name = "acquire",
                                    .set_up = lay,
                                    .warm_up = join,
                                    .operate = take,
                                    .finish = give,
                                    .survive = survive,
                                    .visit = use,
                                    .recover = use};

static const operation releasing = {.object = "semaphore",
                                    .name = "release",
                                    .set_up = lay,
                                    .warm_up = join_and_take,
                                    .operate = give,
                                    .survive = survive,
                                    .visit = use};

static const operation inheriting = {.object = "semaphore",
                                     .name = "acquire",
                                     .set_up = lay_dead,
                                     .warm_up = join,
                                     .operate = take,
                                     .finish = give,
                                     .survive = survive,
                                     .visit = use,
                                     .recover = use};

static const operation looking = {.object = "semaphore",
                                  .name = "recover",
                                  .set_up = lay_dead,
                                  .warm_up = join,
                                  .operate = look,
                                  .survive = survive,
                                  .visit = look_beside,
                                  .recover = look};

static const operation posting = {.object = "semaphore",
                                  .name = "post",
                                  .set_up = lay_counting,
                                  .operate = give,
                                  .survive = survive_counting};

static const operation setting = {.object = "event",
                                  .name = "set",
                                  .set_up = lay_event,
                                  .operate = set_event,
                                  .survive = survive_event,
                                  .visit = set_event};

static const operation pulsing = {.object = "event",
                                  .name = "pulse",
                                  .set_up = lay_event,
                                  .operate = pulse_event,
                                  .survive = survive_event,
                                  .visit = set_event};

static const operation waiting = {.object = "event",
                                  .name = "wait",
                                  .set_up = lay_event,
                                  .operate = wait_for_event,
                                  .survive = survive_event};

/* .gone tokens, of which .expect are not the world's */
static const row rows[] = {
    {.how = &acquiring, .position = "free", .gone = 3, .expect = 3},
    {.how = &acquiring, .position = "free", .gone = 3, .expect = 3, .deaths = 2},
    {.how = &acquiring, .position = "last", .gone = 3, .expect = 1},
    {.how = &acquiring, .position = "contended", .gone = 2, .expect = 1, .rival = hold},
    {.how = &inheriting, .position = "dead_owner", .gone = 2, .expect = 2},
    {.how = &inheriting, .position = "dead_owner", .gone = 2, .expect = 1, .deaths = 2},
    {.how = &releasing, .position = "one_of_three", .gone = 3, .expect = 3},
    {.how = &releasing,
     .position = "waited_for",
     .gone = 2,
     .expect = 1,
     .rival = wait_for_it},
    {.how = &looking, .position = "three_dead", .gone = 4, .expect = 3},
    {.how = &looking, .position = "three_dead", .gone = 4, .expect = 3, .deaths = 2},
    {.how = &looking, .position = "three_dead", .gone = 4, .expect = 3, .deaths = 3},
    {.how = &posting, .position = "none"},
    {.how = &posting, .position = "waited_for", .rival = take_one},
    {.how = &setting, .position = "alone"},
    {.how = &setting, .position = "waited_for", .rival = wait_for_event},
    {.how = &pulsing, .position = "waited_for", .rival = wait_for_event},
    {.how = &waiting, .position = "contended", .rival = set_it_at_relief},
};

const row_table sync_semaphore_rows = {rows, sizeof rows / sizeof *rows};
