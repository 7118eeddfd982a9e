/* SPDX-License-Identifier: MIT
 *
 * A caller that takes part runs kernels in its own thread, and a kernel may end it
 * (pthread_exit, a cancellation). The turn must not go with it: each thread that ever took
 * part has a destructor of its end, and a note of what it is driving just now. That costs
 * a call two stores; a cleanup handler would cost more, or need the unwinder's library.
 *
 * Who writes the note: its thread.
 */
#include "caller.h"

#include "dispatch.h"
#include "reap.h"
#include "worker.h"

static _Thread_local struct {
    fw_team *team; /* in whose call it has a part just now; or NULL */
    int minded;    /* the destructor knows of this thread */
} mine __attribute__((tls_model("initial-exec")));

static pthread_key_t at_thread_end;
static int has_key;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* Start nothing more, wait until nobody is inside, give the turn back. Nobody is told what
 * became of the call.
 * release: control.active -> fw_team_replaceable() */
static void abandon(fw_team *team)
{
    const fw_worker *me = team->caller;
    fw_dispatch d;

    fw_dispatch_init(&d, team, 0, 0);
    d.caller_runs = 1;
    d.seat = me->index;
    d.epoch = me->epoch;
    d.deadline = me->deadline ? me->deadline : INT64_MAX;
    fw_cancel(team->control, d.epoch);
    fw_dispatch_join(&d, me->last);
    fw_store_release(&team->control->active, 0);
    fw_reap_fence(team);
    fw_dispatch_unlock(team);
}

static void thread_ends(void *unused)
{
    fw_team *team = mine.team;

    (void)unused;
    mine.team = NULL;
    if (team)
        abandon(team);
}

static void make_key(void)
{
    has_key = pthread_key_create(&at_thread_end, thread_ends) == 0;
}

static void mind_this_thread(void)
{
    pthread_once(&once, make_key);
    if (has_key)
        (void)pthread_setspecific(at_thread_end, &mine);
    mine.minded = 1;
}

void fw_caller_begin(fw_team *team)
{
    if (!mine.minded)
        mind_this_thread();
    mine.team = team;
}

void fw_caller_end(void)
{
    mine.team = NULL;
}
