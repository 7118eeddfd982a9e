/* SPDX-License-Identifier: MIT
 *
 * Whom a call wakes, and when. All of it is the driver's and private to its process, under
 * the driver lock.
 *
 * open_generation() looks at park[] without waiting until its stores are visible, for that
 * wait is as long as a whole dispatch among spinning workers. So whoever was just going to
 * sleep may have been missed: when the call is not over at once, its stores are made visible
 * and park[] is looked at again.
 *
 * To wake is dear: some 8 us of the caller's time, 10 to 20 until the worker runs. A call
 * that is over sooner is better done by those who are awake. Nobody knows beforehand how long
 * a call takes, but the same job (its ctx may differ) took so long last time. So a caller
 * that runs, finds sleepers, and was done in less than BRIEF_NS the last time that it found
 * them, wakes nobody: it takes their shares at once, and after that time wakes them after
 * all, which it then remembers for a while. Calls that come one upon another are a hot
 * phase, for which everybody is woken.
 */
#include "wake.h"

#include "idle.h"

enum { BRIEF_NS = 30 * 1000, HOT_NS = 100 * 1000, PENALTY = 16 /* calls */ };

/* Who is not to be woken: the worker whose part the caller has, or the one it holds. */
static int let_sleep(const fw_dispatch *d)
{
    return d->held >= 0 ? d->held : d->seat;
}

static int somebody_sleeps(const fw_dispatch *d)
{
    fw_control *c = d->team->control;

    for (int i = 0; i < c->workers; i++)
        if (fw_load_relaxed(&c->park[i]) && i != let_sleep(d))
            return 1;
    return 0;
}

/* Better done alone? */
static int brief(fw_dispatch *d, int64_t now)
{
    fw_cold *cold = &d->team->cold;

    if (!d->caller_runs || cold->version != d->team->control->job.version ||
        now - cold->ended < HOT_NS)
        return 0;
    if (cold->penalty > 0) {
        cold->penalty--;
        return 0;
    }
    return cold->took < BRIEF_NS;
}

void fw_wake_open(fw_dispatch *d)
{
    d->cold_since = d->alone_until = 0;
    if (!somebody_sleeps(d))
        return;
    d->cold_since = fw_os_now();
    if (brief(d, d->cold_since)) {
        d->alone_until = d->cold_since + BRIEF_NS;
        return;
    }
    (void)fw_idle_wake(d->team->control, 0, 2, let_sleep(d));
    d->cold_since = fw_os_now();
}

void fw_wake_again(fw_dispatch *d)
{
    fw_control *c = d->team->control;

    (void)fw_swap_seqcst(&c->opened, 1);
    (void)fw_idle_wake(c, 0, 2, let_sleep(d));
}

void fw_wake_learn(fw_dispatch *d)
{
    fw_cold *cold = &d->team->cold;
    int64_t now, took;

    if (!d->cold_since)
        return;
    now = fw_os_now();
    took = now - d->cold_since;
    if (cold->version != d->team->control->job.version)
        cold->penalty = 0;
    if (d->alone_until && took >= BRIEF_NS)
        cold->penalty = PENALTY;
    cold->version = d->team->control->job.version;
    cold->took = took;
    cold->ended = now;
}
