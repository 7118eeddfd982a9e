/* SPDX-License-Identifier: MIT
 *
 * Start method thread: workers are threads of the caller, and so is their supervisor.
 *
 * There are no deaths here but the program's own, and that of a thread whose kernel ends it
 * (pthread_exit): its chunk is torn, as a process's is, and the supervisor starts another.
 * The shared structures are the same.
 */
#include "start.h"

#include "status.h"
#include "submit.h"
#include "worker.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

/* Made before its thread, which could tell nobody that there is no memory. */
typedef struct seat {
    fw_worker worker;
    fw_team *team;
    int index;
} seat;

static void notify(fw_team *team)
{
    fw_add_seqcst(&team->control->supervise, 1);
    fw_os_futex_wake(&team->control->supervise, INT32_MAX);
}

/* In a thread that a kernel is ending: nothing of it writes to arrays any more. */
static void thread_dies(void *arg)
{
    seat *s = arg;
    fw_worker *w = &s->worker;
    fw_team *team = w->team;
    fw_control *c = team->control;

    fw_store_relaxed(&w->member->status, 0);
    fw_add_seqcst(&c->deaths, 1);
    fw_store_seqcst(&w->member->state, FW_MEMBER_DEAD);
    fw_add_seqcst(&c->join, 1);
    fw_os_futex_wake(&c->join, INT32_MAX);
    notify(team);
    free(s);
}

static void *be_worker(void *arg)
{
    seat *s = arg;
    fw_control *c = s->team->control;
    char name[24];

    snprintf(name, sizeof name, "furrow-w%d", s->index);
    fw_os_set_name(name);
    fw_team_pin(s->team, s->index);
    fw_worker_init(&s->worker, s->team, s->index);
    fw_store_seqcst(&c->member[s->index].state, FW_MEMBER_UP);
    fw_add_seqcst(&c->up, 1);
    fw_os_futex_wake(&c->up, INT32_MAX);
    pthread_cleanup_push(thread_dies, s);
    fw_worker_loop(&s->worker);
    pthread_cleanup_pop(0);
    fw_store_seqcst(&c->member[s->index].state, FW_MEMBER_ENDED);
    free(s);
    return NULL;
}

static int start_worker(fw_team *team, int i)
{
    seat *s = aligned_alloc(64, (sizeof *s + 63) / 64 * 64);
    int rc = ENOMEM;

    if (s) {
        s->team = team;
        s->index = i;
    }
    fw_team_prepare_slot(team->control, i);
    if (s)
        rc = pthread_create(&team->thread[i], NULL, be_worker, s);
    if (rc == 0)
        return 0;
    fw_store_seqcst(&team->control->member[i].state, FW_MEMBER_EMPTY);
    free(s);
    return rc;
}

/* 1 when a thread could not be started: to be tried again. */
static int replace_all(fw_team *team)
{
    fw_control *c = team->control;
    int failed = 0;

    for (int i = 0; i < c->workers; i++) {
        if (!fw_team_replaceable(c, i))
            continue;
        if (fw_load_seqcst(&c->member[i].state) != FW_MEMBER_EMPTY)
            pthread_join(team->thread[i], NULL);
        fw_store_relaxed(&c->spawn_error, (uint32_t)start_worker(team, i));
        failed |= fw_load_relaxed(&c->spawn_error) != 0;
        fw_add_relaxed(&c->replaced, !failed);
    }
    return failed;
}

static void wait_(void *arg, int64_t until)
{
    fw_control *c = ((fw_team *)arg)->control;
    uint32_t seen = fw_load_seqcst(&c->supervise);

    (void)replace_all(arg);

    /* Everything that notifies also changes what the driver looks at next. */
    (void)fw_os_futex_wait(&c->supervise, seen,
                           until < INT64_MAX ? until : fw_os_now() + 10000000);
}

static void *be_supervisor(void *arg)
{
    fw_team *team = arg;
    fw_control *c = team->control;

    fw_os_set_name("furrow-super");
    fw_store_seqcst(&team->supervised, 1);
    fw_os_futex_wake(&team->supervised, 1);
    for (;;) {
        uint32_t seen = fw_load_seqcst(&c->supervise);
        int again;

        if (fw_load_seqcst(&c->stop))
            return NULL;
        again = replace_all(team);
        fw_submissions_drive(team, wait_, team);
        (void)fw_os_futex_wait(
            &c->supervise, seen,
            fw_load_relaxed(&c->over) || again ? fw_os_now() + 100000000 : INT64_MAX);
    }
}

static void join_workers(fw_team *team, int count)
{
    for (int i = 0; i < count; i++)
        if (fw_load_seqcst(&team->control->member[i].state) != FW_MEMBER_EMPTY)
            pthread_join(team->thread[i], NULL);
}

static void close_(fw_team *team)
{
    notify(team);
    pthread_join(team->supervisor, NULL);
    join_workers(team, team->place->workers);
}

static void clean_up(fw_team *team)
{
    free(team->thread);
    team->thread = NULL;
}

static int start_all(fw_team *team)
{
    fw_control *c = team->control;
    int started = 0, rc = 0;

    while (rc == 0 && started < c->workers) {
        rc = start_worker(team, started);
        started += rc == 0;
    }
    if (rc == 0)
        rc = pthread_create(&team->supervisor, NULL, be_supervisor, team);
    if (rc == 0)
        return 0;
    fw_team_stop_members(team);
    join_workers(team, started);
    if (started == c->workers)
        return fw_fail_os(rc, "the thread that supervises %d workers cannot be started",
                          started);
    return fw_fail_os(rc, "only %d of %d worker threads could be started", started,
                      c->workers);
}

static int open_(fw_team *team)
{
    fw_control *c = team->control;
    sigset_t all, old;
    uint32_t up;
    int rc;

    team->thread = calloc((size_t)c->workers, sizeof *team->thread);
    if (!team->thread)
        return fw_fail(FURROW_ENOMEM, "no memory for %d threads", c->workers);
    sigfillset(&all); /* the program's handlers run in the program's threads */
    pthread_sigmask(SIG_SETMASK, &all, &old);
    rc = start_all(team);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    while (rc == 0 && (int)(up = fw_load_seqcst(&c->up)) < c->workers)
        (void)fw_os_futex_wait(&c->up, up, INT64_MAX);
    /* A thread that is just being started may be inside the allocator, and the program fork:
     * not every allocator (a sanitizer's) survives that in the child. */
    while (rc == 0 && !fw_load_seqcst(&team->supervised))
        (void)fw_os_futex_wait(&team->supervised, 0, INT64_MAX);
    return rc;
}

static int never_gone(const fw_team *team)
{
    (void)team;
    return 0;
}

const fw_start fw_start_thread = {.name = "thread",
                                  .processes = 0,
                                  .open = open_,
                                  .notify = notify,
                                  .supervisor_gone = never_gone,
                                  .close = close_,
                                  .clean_up = clean_up};
