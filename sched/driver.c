/* SPDX-License-Identifier: MIT
 *
 * The driver lock of a team: whose turn it is to dispatch (turn.h).
 *
 * The team is not freed while a thread of the opener is in a call, from before it asks for
 * the turn until nothing of the team is left for it to look at: `driving` says so of the
 * thread that opened the team, which alone writes it (two plain stores in a call);
 * `waiting` counts the others, and who queues a call or waits for the result of one
 * (fw_team_come_in()). Whoever closes the team, and has made all of them leave, waits until
 * both are zero (fw_team_close()). A supervisor that was killed with the turn keeps it; then
 * nobody gets it any more.
 */
#include "dispatch.h"
#include "status.h"

#define TICK_NS (10 * 1000 * 1000)

/* Until it is our turn, or the supervisor is gone: it may have had the turn. */
static int wait_for_turn(fw_team *team, int64_t deadline)
{
    int64_t tick = TICK_NS;

    while (!fw_turn_wait(&team->control->driver, tick)) {
        if (team->start->supervisor_gone(team))
            return fw_fail(FURROW_EDIED, "the pool's supervisor was killed, and its "
                                         "workers with it");
        tick = deadline == INT64_MAX ? TICK_NS : deadline - fw_os_now();
        if (tick <= 0)
            return fw_fail(FURROW_ETIME, "the deadline passed while other calls ran");
        tick = tick < TICK_NS ? tick : TICK_NS;
    }
    return 0;
}

static int is_opener(const fw_team *team)
{
    return pthread_equal(team->by, pthread_self());
}

static void come_in(fw_team *team)
{
    if (is_opener(team))
        fw_store_relaxed(&team->driving, 1);
    else
        fw_team_come_in(team);
}

/* The team may be gone then.
 * release: team.driving -> await_callers() */
static void leave(fw_team *team)
{
    if (is_opener(team))
        fw_store_release(&team->driving, 0);
    else
        fw_team_leave(team);
}

int fw_dispatch_lock(fw_team *team, int64_t deadline)
{
    fw_control *c = team->control;
    int rc;

    come_in(team);
    rc = fw_turn_try(&c->driver) ? 0 : wait_for_turn(team, deadline);
    if (rc == 0 && fw_load_relaxed(&c->stop)) {
        fw_turn_end(&c->driver);
        rc = fw_fail(FURROW_ECLOSED, "the pool is closed");
    }
    if (rc < 0)
        leave(team);
    return rc;
}

void fw_dispatch_unlock(fw_team *team)
{
    fw_control *c = team->control;

    fw_turn_end(&c->driver);
    if (fw_load_seqcst(&c->queued) && !fw_load_seqcst(&c->stop))
        team->start->notify(team);
    leave(team);
}
