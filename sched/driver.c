/* SPDX-License-Identifier: MIT
 *
 * The driver lock of a team: whose turn it is to dispatch (turn.h).
 *
 * The team is not freed while a thread of the opener is in a call: `driving` says that one
 * has the turn, `waiting` counts those that wait for it or for a result. Who has waited is
 * counted until he has said that he drives, or has given up; so whoever closes the team, and
 * has made all of them leave, waits until both are zero (fw_team_close()). A supervisor that
 * was killed with the turn keeps it; then nobody gets it any more.
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

static int drive(fw_team *team)
{
    if (!fw_load_relaxed(&team->control->stop)) {
        fw_store_release(&team->driving, 1);
        return 0;
    }
    fw_turn_end(&team->control->driver);
    return fw_fail(FURROW_ECLOSED, "the pool is closed");
}

int fw_dispatch_lock(fw_team *team, int64_t deadline)
{
    int rc;

    if (fw_turn_try(&team->control->driver))
        return drive(team);
    fw_add_seqcst(&team->waiting, 1);
    rc = wait_for_turn(team, deadline);
    if (rc == 0)
        rc = drive(team);
    fw_add_seqcst(&team->waiting, (uint32_t)-1);
    return rc;
}

/* release: team.driving -> await_callers()
 * Behind the turn the team may be gone, if it was being closed; the heap is not. */
void fw_dispatch_unlock(fw_team *team)
{
    fw_control *c = team->control;

    fw_store_release(&team->driving, 0);
    fw_turn_end(&c->driver);
    if (fw_load_seqcst(&c->queued) && !fw_load_seqcst(&c->stop))
        team->start->notify(team);
}
