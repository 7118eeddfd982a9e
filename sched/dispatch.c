/* SPDX-License-Identifier: MIT
 *
 * The driver's side of a call: open, join, close, and again for what a death left over.
 *
 * The driver is whoever holds the driver lock: a caller inside its call, or the team's
 * supervisor for calls that nobody waits in. It alone writes the go lines, and only while
 * nobody is inside a generation (worker.c tells the workers' side).
 *
 *   open    job, marks, error word; go line; seq = open(g) in every group; wake sleepers
 *   join    until every member left g, or nobody is inside and one that left saw all
 *           shares empty, or nobody is inside and somebody died or the deadline is over
 *   close   seq = closed(g), unless all members have been in g and left it: then nobody can
 *           enter it any more, and the next open saves a transfer of the line; wait until
 *           nobody is inside
 *   scan    only when somebody died since the opening: every mark that is not DONE. What
 *           is STARTED is torn, the rest runs in a next generation of the same epoch
 *
 * Deaths: the nursery proves them (waitid), moves the member to DEAD, counts, wakes the
 * driver. The driver notes the death for this generation before it does anything that
 * would let the member's slot be used again: it waits for all living members, scans, and
 * only then moves DEAD members to FENCED. A time-out alone proves nothing: past a deadline,
 * stragglers are killed and waited for.
 *
 * Killed: the opener's death ends the family (nursery.c). The supervisor's death ends all
 * workers; the opener sees it by the pidfd and fails the call.
 */
#include "dispatch.h"

#include "caller.h"
#include "job.h"
#include "reap.h"
#include "status.h"
#include "wake.h"
#include "worker.h"

#include <string.h>

#define TICK_NS (10 * 1000 * 1000)
#define HOLD_NS 3000
enum { HOLD_PENALTY = 16 }; /* calls */

/* ---- open -------------------------------------------------------------------------*/

/* Once in half a tag's period nobody's word may look installed by chance. */
static void refresh_ranges(fw_control *c, uint64_t g)
{
    for (int i = 0; g % (1u << 22) == 0 && i < c->workers; i++)
        fw_store_relaxed(&c->member[i].range, fw_range_pack(g - 1, (fw_range){0, 0}));
}

/* A rerun goes through the list. */
static void set_listed(fw_control *c, uint32_t listed)
{
    if (c->listed != listed)
        c->listed = listed;
}

static void write_line(const fw_dispatch *d, fw_go *go, uint64_t g, uint32_t chunks)
{
    go->version = d->team->control->job.version;
    go->chunks = chunks;
    go->grace_ns = d->grace_ns;
    go->reruns = (uint32_t)(g - d->epoch);
    go->tail_size = (uint16_t)d->tail_size;
    go->held = (int16_t)d->held;
    fw_tail_copy(go->tail, d->tail, d->tail_size);
}

/* The caller's share is there before anybody else looks. */
static void install_own(fw_dispatch *d, uint64_t g, uint32_t chunks)
{
    fw_worker *me = d->team->caller;

    if (me->index != d->seat)
        fw_worker_sit(me, d->seat);
    fw_store_relaxed(&me->member->range, fw_range_pack(g, fw_worker_band(me, chunks)));
}

static void open_generation(fw_dispatch *d, uint64_t g, uint32_t chunks)
{
    fw_control *c = d->team->control;

    refresh_ranges(c, g);
    set_listed(c, g != d->epoch);
    if (d->seat >= 0)
        install_own(d, g, chunks);
    for (int i = 0; i < c->groups; i++) {
        write_line(d, &c->go[i], g, chunks);
        /* release: go.seq -> look() */
        fw_store_release(&c->go[i].seq, fw_seq_open(g, d->seat));
    }
    fw_wake_open(d);
}

/* ---- join ---------------------------------------------------------------------------*/

typedef struct tally {
    int inside;
    int left;   /* have been in g and left it */
    int absent; /* have not come */
} tally;

/* acquire: member.out <- leave() */
static tally take_tally(fw_dispatch *d, uint64_t g)
{
    fw_control *c = d->team->control;
    tally t = {0};

    for (int i = 0; i < c->workers; i++) {
        fw_member *m = &c->member[i];

        if (i == d->seat)
            continue;
        if (fw_load_seqcst(fw_control_out(c, i)) == g)
            t.left++;
        else if (fw_load_seqcst(&m->in_gen) == g && !fw_member_is_dead(m))
            t.inside++;
        else
            t.absent++;
    }
    return t;
}

/* The quick look of the hot path: one line per member, and no other of theirs. Seqcst, for
 * the driver goes to sleep on it.
 * acquire: member.out <- leave() */
static int all_left(fw_dispatch *d, uint64_t g)
{
    fw_control *c = d->team->control;

    for (int i = 0; i < c->workers; i++)
        if (i != d->seat && i != d->held && fw_load_seqcst(fw_control_out(c, i)) != g)
            return 0;
    return 1;
}

static int spin_until_all_left(fw_dispatch *d, uint64_t g, int looks)
{
    while (looks-- > 0) {
        if (all_left(d, g))
            return 1;
        fw_pause();
    }
    return 0;
}

/* Past the deadline: start nothing more; past the grace, end what still runs. */
static void mind_deadline(fw_dispatch *d, uint64_t g)
{
    fw_control *c = d->team->control;
    int64_t now = d->deadline == INT64_MAX ? 0 : fw_os_now();

    if (d->canceled && fw_load_seqcst(d->canceled))
        fw_cancel(c, d->epoch);
    if (d->deadline == INT64_MAX || now < d->deadline)
        return;
    fw_cancel(c, d->epoch);
    if (now - d->deadline < d->team->grace) {
        d->timed_out |= FW_DEADLINE_PASSED;
        return;
    }
    if (!d->team->start->processes && !(d->timed_out & FW_DEADLINE_ENDED))
        fw_os_tell(
            "furrow: a call is past its deadline; threads cannot be ended, so it "
            "waits until the kernel returns\n");
    d->timed_out |= FW_DEADLINE_PASSED | FW_DEADLINE_ENDED;
    for (int i = 0; d->team->start->processes && i < c->workers; i++) {
        if (fw_control_inside(c, i, g))
            fw_control_want_kill(&c->member[i]);
    }
    d->team->start->notify(d->team);
}

/* Sleep until a leaver, a death or a tick. Dekker with leave() in worker.c. */
static void sleep_a_tick(fw_dispatch *d, uint64_t g)
{
    fw_control *c = d->team->control;
    int64_t until = fw_os_now() + TICK_NS;
    uint32_t seen = fw_load_seqcst(&c->join);

    if (d->deadline < until)
        until = d->deadline > fw_os_now() ? d->deadline : fw_os_now() + TICK_NS / 10;
    fw_swap_seqcst(&c->driver_sleeps, d->wait ? FW_SLEEPS_SUPERVISOR : FW_SLEEPS_FUTEX);
    if (!all_left(d, g)) {
        if (d->wait)
            d->wait(d->wait_arg, until);
        else
            (void)fw_os_futex_wait(&c->join, seen, until);
    }
    fw_store_seqcst(&c->driver_sleeps, 0);
    (void)fw_idle_wake(c, 0, 2, d->seat); /* in case a waker died */
}

/* Is there anybody who could still come? A team whose workers are all gone and cannot be
 * started again must not wait for them. */
static int hopeless(fw_dispatch *d)
{
    fw_control *c = d->team->control;

    if (!d->wait && d->team->start->supervisor_gone(d->team))
        return d->supervisor_gone = 1;
    for (int i = 0; i < c->workers; i++) {
        uint32_t state = fw_load_acquire(&c->member[i].state);

        if (state == FW_MEMBER_UP || state == FW_MEMBER_STARTING)
            return 0;
    }
    d->no_workers = fw_control_why_none(c);
    return d->no_workers;
}

static int may_close(const tally *t, int caller_ran, int died)
{
    return t->inside == 0 && (t->left > 0 || caller_ran || died);
}

static void close_generation(fw_dispatch *d, uint64_t g)
{
    fw_control *c = d->team->control;

    for (int i = 0; i < c->groups; i++)
        fw_swap_seqcst(&c->go[i].seq, fw_seq_open(g, -1) | FW_SEQ_CLOSED);
}

static int died_since(fw_dispatch *d, uint32_t deaths)
{
    return fw_load_acquire(&d->team->control->deaths) != deaths;
}

/* Nobody enters any more; wait for those who are inside. */
static void wait_until_out(fw_dispatch *d, uint64_t g)
{
    while (take_tally(d, g).inside && !d->supervisor_gone) {
        (void)hopeless(d);
        mind_deadline(d, g);
        if (!spin_until_all_left(d, g, 200))
            sleep_a_tick(d, g);
    }
}

/* The caller waits where a worker sleeps. To wake it and go to sleep oneself, and the same
 * again at the end, takes 5 to 8 us. So it is held for about as long as that, and we look
 * on while the others do its share, which is anybody's: a small call is over in a tenth of
 * the time, and a longer one has lost a moment, but not twice in a row. */
static int hold(fw_dispatch *d, uint64_t g)
{
    int64_t until = fw_os_now() + HOLD_NS;

    do {
        if (spin_until_all_left(d, g, 64))
            return 1;
    } while (fw_os_now() < until);
    d->held = -1;
    d->team->no_hold = HOLD_PENALTY;
    return 0;
}

/* Nobody was woken, and nobody came by himself. */
static int me_alone(fw_dispatch *d, uint64_t g)
{
    return take_tally(d, g).inside == 0;
}

/* The hot end of a call. With the caller running, nothing is left to be done but by those
 * who are inside. Returns 1 when all have left. */
static int join_hot(fw_dispatch *d, uint64_t g)
{
    int rounds = fw_load_relaxed(&d->team->control->caller_cpu) >= 0 ? 0 : 30;

    if (d->held >= 0 && hold(d, g))
        return 0; /* the one that was held is absent */
    if (!d->caller_runs) {
        if (spin_until_all_left(d, g, rounds ? 64 : 1))
            return 1;
        fw_wake_again(d);
        return spin_until_all_left(d, g, rounds * 64);
    }
    if (d->alone_until && me_alone(d, g))
        return 0;
    if (spin_until_all_left(d, g, 64))
        return 1;
    fw_wake_again(d);
    for (int i = 0; i < 30; i++)
        if (spin_until_all_left(d, g, 64))
            return 1;
        else if (!take_tally(d, g).inside)
            return 0;
    return 0;
}

/* Returns 1 when somebody died since `deaths`. */
static int join(fw_dispatch *d, uint64_t g, uint32_t deaths)
{
    if (join_hot(d, g) && !died_since(d, deaths))
        return 0;
    for (;;) {
        tally t = take_tally(d, g);

        if (t.inside == 0 && t.absent == 0 && !died_since(d, deaths))
            return 0;
        if (may_close(&t, d->caller_runs, died_since(d, deaths)) || hopeless(d))
            break;
        mind_deadline(d, g);
        if (d->timed_out && t.inside == 0)
            break; /* nobody has come in time: whoever comes now is late */
        sleep_a_tick(d, g);
    }
    close_generation(d, g);
    wait_until_out(d, g);
    return died_since(d, deaths);
}

static int dying(fw_member *m)
{
    uint32_t state = fw_load_seqcst(&m->state);

    return fw_load_seqcst(&m->kill) == FW_KILL_SENT &&
           (state == FW_MEMBER_UP || state == FW_MEMBER_STARTING);
}

static void wait_for_death(fw_dispatch *d)
{
    fw_control *c = d->team->control;
    uint32_t seen = fw_load_seqcst(&c->join);
    int64_t until = fw_os_now() + TICK_NS / 10;

    if (d->wait)
        d->wait(d->wait_arg, until);
    else
        (void)fw_os_futex_wait(&c->join, seen, until);
}

/* Who was to be ended and got out first is let off; whoever the signal is on its way to is
 * waited for. Else it would be ended in the next call, which has done no wrong. */
static void settle_kills(fw_dispatch *d)
{
    fw_team *team = d->team;

    for (int i = 0; i < team->control->workers; i++) {
        fw_member *m = &team->control->member[i];
        uint32_t wanted = FW_KILL_WANTED;

        (void)fw_cas_seqcst(&m->kill, &wanted, 0);
        if (dying(m))
            team->start->notify(team); /* it may be that nobody was sent the signal */
        while (dying(m) && (d->wait || !team->start->supervisor_gone(team)))
            wait_for_death(d);
    }
}

/* ---- one call ---------------------------------------------------------------------*/

static void work_myself(fw_dispatch *d, uint64_t g, uint32_t chunks)
{
    fw_worker *me = d->team->caller;
    int outer = fw_team_self();

    me->alone_until = d->alone_until;
    if (chunks > (uint32_t)d->team->control->workers && !d->alone_until)
        fw_wake_again(d); /* our own part may be long */
    me->deadline = d->deadline == INT64_MAX ? 0 : d->deadline;
    fw_worker_be(d->seat);
    fw_caller_begin(d->team);
    fw_worker_work(me, g);
    fw_caller_end();
    fw_worker_be(outer);
}

/* The worker on the CPU that the caller runs on: -1 when there is none. */
static int worker_here(fw_team *team, int cpu)
{
    fw_control *c = team->control;

    if (team->seat_cpu == cpu)
        return team->seat;
    team->seat_cpu = cpu;
    team->seat = -1;
    for (int i = 0; i < c->workers && team->seat < 0; i++)
        if (fw_load_relaxed(&c->cpu_of[i]) == cpu)
            team->seat = i;
    return team->seat;
}

/* Two threads on one CPU: one of them must give way. A caller that runs takes the part of
 * the worker there; a driver that waits (the supervisor too) holds it if the call is small,
 * else sleeps at once, and the worker there wakes it when all are done. */
static void settle_caller(fw_dispatch *d)
{
    fw_control *c = d->team->control;
    int cpu = fw_os_cpu(), here = worker_here(d->team, cpu);

    d->seat = !d->caller_runs ? -1 : here < 0 ? 0 : here;
    if (!d->caller_runs && d->grace_ns <= FW_GRACE_SMALL && c->workers > 1)
        d->held = d->team->no_hold ? -1 : here;
    if (d->team->no_hold)
        d->team->no_hold--;
    if (here < 0)
        cpu = -1;
    if (fw_load_relaxed(&c->caller_cpu) != cpu)
        fw_store_relaxed(&c->caller_cpu, cpu);
}

static void begin(fw_dispatch *d)
{
    fw_control *c = d->team->control;

    if (fw_load_relaxed(&c->error) != FW_NO_ERROR)
        fw_store_relaxed(&c->error, FW_NO_ERROR);
    d->epoch = fw_control_next(c);
    if (d->epoch_out)
        fw_store_seqcst(d->epoch_out, d->epoch);
    if (d->canceled && fw_load_seqcst(d->canceled))
        fw_cancel(c, d->epoch);
    settle_caller(d);
    if (c->mark_shift != fw_job_mark_shift(d->chunks))
        c->mark_shift = fw_job_mark_shift(d->chunks);
}

/* release: control.active -> fw_team_replaceable() */
int fw_dispatch_run(fw_dispatch *d)
{
    fw_control *c = d->team->control;
    uint32_t todo = d->chunks, deaths = fw_load_acquire(&c->deaths);
    int died, rc = fw_job_ensure_marks(c, d->chunks << fw_job_mark_shift(d->chunks));

    if (rc < 0)
        return rc;
    begin(d);
    do {
        uint64_t g = fw_control_next(c);

        fw_store_relaxed(&c->generation, g);
        fw_store_release(&c->active, g);
        open_generation(d, g, todo);
        if (d->caller_runs)
            work_myself(d, g, todo);
        died = join(d, g, deaths);
        fw_wake_learn(d);
        deaths = fw_load_acquire(&c->deaths);
        todo = died ? fw_reap_scan(d) : 0;
        if (d->supervisor_gone || d->no_workers)
            todo = 0; /* there is nobody to run it */
        fw_store_release(&c->active, 0);
        if (died)
            fw_reap_fence(d->team);
    } while (todo > 0);
    if (d->timed_out & FW_DEADLINE_ENDED)
        settle_kills(d);
    d->error = fw_load_relaxed(&c->error);
    if (fw_load_relaxed(&c->cancel) == d->epoch)
        d->cut = fw_reap_incomplete(d);
    if (d->cut && d->deadline < INT64_MAX && fw_os_now() >= d->deadline)
        d->timed_out |= 1; /* the caller's own part may have been the one that saw it */
    fw_count(&c->calls);
    return 0;
}

/* Whether anybody died in the call is not known here: it is taken for so. */
void fw_dispatch_join(fw_dispatch *d, uint64_t g)
{
    (void)join(d, g, fw_load_acquire(&d->team->control->deaths) - 1);
    if (d->timed_out & FW_DEADLINE_ENDED)
        settle_kills(d);
}
