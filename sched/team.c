/* SPDX-License-Identifier: MIT
 *
 * Teams: made, pinned, counted, ended.
 *
 * The control block is a block of the heap, published when it is complete; the opener
 * frees it after all members have ended. A member that the opener's death outlives is ended
 * by the nursery, and the heap goes with the last process.
 */
#include "team.h"

#include "dispatch.h"
#include "heap.h"
#include "job.h"
#include "limit.h"
#include "status.h"
#include "submit.h"
#include "worker.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#define FW_CONTROL_MAGIC UINT64_C(0x6d61657477727566)

/* ---- the plan -----------------------------------------------------------------------*/

/* Only those of the thread's CPUs; but where the thread was bound to one, they are to be had
 * by saying so: the topology has those of the cpuset. */
static void choose_cpus(fw_place_request *out, const fw_cpuset *chosen)
{
    for (int i = 0; i < FW_CPU_MAX / 64; i++)
        if (out->narrowed)
            out->allowed.bits[i] = chosen->bits[i];
        else
            out->allowed.bits[i] &= chosen->bits[i];
    out->narrowed = 0;
    out->chosen = 1;
}

static int request_limits(const fw_team_request *r, fw_place_request *out)
{
    fw_limits limits;
    fw_cpuset chosen;
    int rc = fw_limit_read("", &limits);

    if (rc < 0)
        return rc;
    *out = (fw_place_request){.workers = r->workers,
                              .allowed = limits.cpus,
                              .quota_milli = limits.quota_milli,
                              .pin = r->pin,
                              .narrowed = limits.narrowed};
    if (!r->cpus)
        return 0;
    rc = fw_limit_parse_cpus(r->cpus, &chosen);
    if (rc < 0)
        return rc;
    choose_cpus(out, &chosen);
    if (fw_limit_count(&out->allowed) == 0)
        return fw_fail(FURROW_EINVAL, "none of the CPUs %s may be used by this process",
                       r->cpus);
    return 0;
}

static int make_plan(fw_team *team, const fw_team_request *r)
{
    fw_place_request request;
    int rc = request_limits(r, &request);

    if (rc == 0)
        rc = fw_topology_load(NULL, &team->topology);
    if (rc == 0)
        rc = fw_place_plan(team->topology, &request, &team->place);
    return rc;
}

/* ---- the control block --------------------------------------------------------------*/

/* Who leaves by the group's own line: see fw_control_out(). */
static void assign_outs(fw_control *c)
{
    int members[FW_GROUPS_MAX] = {0}, next[FW_GROUPS_MAX] = {0};

    for (int i = 0; i < c->workers; i++)
        members[c->group_of[i]]++;
    for (int i = 0; i < c->workers; i++) {
        int g = c->group_of[i];

        c->near[i] = members[g] <= 2 ? (uint8_t)next[g]++ : FW_FAR;
    }
}

static void fill_control(fw_team *team)
{
    fw_control *c = team->control;
    const fw_place *p = team->place;

    c->workers = (uint32_t)p->workers & (FW_MEMBER_ROOM - 1);
    c->groups = (uint8_t)(p->groups < FW_GROUPS_MAX ? p->groups : FW_GROUPS_MAX);
    for (int i = 0; i < p->workers; i++) {
        const fw_place_worker *w = &p->worker[i];

        c->group_of[i] = (uint8_t)(w->group % c->groups);
        fw_store_relaxed(&c->cpu_of[i], p->pin == FURROW_PIN_CORE ? w->cpu : -2);
        /* No generation is 0: the first word of each member is "not installed". */
        fw_store_relaxed(&c->member[i].range,
                         fw_range_pack(FW_TAG_MASK, (fw_range){0, 0}));
    }
    assign_outs(c);
    for (int i = 0; i < c->groups; i++)
        fw_store_relaxed(&c->go[i].seq, FW_SEQ_CLOSED);
    fw_store_relaxed(&c->caller_cpu, -1);
    fw_store_relaxed(&c->error, FW_NO_ERROR);
    c->magic = FW_CONTROL_MAGIC;
}

static int make_control(fw_team *team)
{
    team->control = fw_heap_alloc(sizeof(fw_control));
    if (!team->control)
        return furrow_last_error()->code;
    (void)fw_heap_publish_pair(team->control, NULL);
    fill_control(team);
    return fw_lock_init(&team->control->queue_lock);
}

static int make_trace(fw_team *team, size_t records)
{
    if (records == 0)
        return 0;
    team->trace_records = records;
    team->trace = fw_tracering_new(team->place->workers, records);
    return team->trace ? 0 : furrow_last_error()->code;
}

/* The caller's own worker, for calls in which it takes a worker's part. */
static int make_caller(fw_team *team)
{
    team->caller = aligned_alloc(64, (sizeof *team->caller + 63) / 64 * 64);
    if (!team->caller)
        return fw_fail(FURROW_ENOMEM, "no memory for a team");
    fw_worker_init(team->caller, team, 0);
    team->seat_cpu = -1;
    return 0;
}

static void free_team(fw_team *team)
{
    team->start->clean_up(team);
    if (team->control)
        fw_job_free_marks(team->control);
    if (team->control)
        (void)fw_heap_free(team->control);
    fw_tracering_free(team->trace);
    fw_place_free(team->place);
    fw_topology_free(team->topology);
    free(team->caller);
    free(team);
}

/* ---- open and close -----------------------------------------------------------------*/

static const fw_start *const starts[] = {[FURROW_START_FORK] = &fw_start_fork,
                                         [FURROW_START_THREAD] = &fw_start_thread,
                                         [FURROW_START_SPAWN] = &fw_start_spawn,
                                         [FURROW_START_FORKSERVER] =
                                             &fw_start_forkserver};

int fw_team_open(const fw_team_request *r, fw_team **out)
{
    fw_team *team = calloc(1, sizeof *team);
    int rc;

    if (!team)
        return fw_fail(FURROW_ENOMEM, "no memory for a team");
    team->nursery_pidfd = -1;
    team->grace = r->grace;
    team->opener = fw_os_pid();
    team->by = pthread_self();
    team->start = starts[r->start];
    rc = make_plan(team, r);
    if (rc == 0)
        rc = make_control(team);
    if (rc == 0)
        rc = make_trace(team, r->trace);
    if (rc == 0)
        rc = make_caller(team);
    if (rc == 0)
        rc = team->start->open(team);
    if (rc < 0) {
        free_team(team);
        return rc;
    }
    *out = team;
    return 0;
}

void fw_team_stop_members(fw_team *team)
{
    fw_control *c = team->control;

    for (int i = 0; i < c->groups; i++)
        fw_swap_seqcst(&c->go[i].seq, FW_SEQ_STOP);
    (void)fw_idle_wake(c, 0, c->workers, -1);
}

static void drain(fw_team *team)
{
    while (fw_load_seqcst(&team->control->queued) &&
           !team->start->supervisor_gone(team)) {
        team->start->notify(team);
        (void)fw_os_futex_wait(&team->control->stop, 0, fw_os_now() + 1000000);
    }
}

void fw_team_come_in(fw_team *team)
{
    fw_add_seqcst(&team->waiting, 1);
}

void fw_team_leave(fw_team *team)
{
    fw_add_seqcst(&team->waiting, (uint32_t)-1);
}

/* They see that the team is closed, or that its supervisor is gone, and leave.
 * acquire: team.driving <- leave() */
static void await_callers(fw_team *team)
{
    uint32_t some;

    while ((some = fw_load_seqcst(&team->waiting)) || fw_load_acquire(&team->driving))
        (void)fw_os_futex_wait(&team->waiting, some, fw_os_now() + 1000 * 1000);
}

void fw_team_close(fw_team *team, int kill)
{
    fw_control *c = team->control;
    int locked = 0;

    /* Whoever has the turn now finishes; the stop word then refuses the rest. */
    if (!kill || !team->start->processes) {
        drain(team);
        locked = fw_dispatch_lock(team, FURROW_FOREVER) == 0;
        fw_team_stop_members(team);
    }
    team->stop = kill && team->start->processes ? 2 : 1;
    fw_store_seqcst(&c->stop, team->stop);
    if (locked)
        fw_dispatch_unlock(team);
    team->start->notify(team);
    team->start->close(team);
    await_callers(team);
    fw_submissions_abandon(team);
    free_team(team);
}

void fw_team_pin(const fw_team *team, int i)
{
    /* A refusal (the cpuset shrank meanwhile) leaves the worker unpinned: slower, right. */
    if (team->place->pin != FURROW_PIN_NONE || team->place->chosen)
        (void)fw_os_pin(&team->place->worker[i].pin);
}

/* ---- slots --------------------------------------------------------------------------*/

/* May the slot be used again? See the essay in nursery.c. What the scan read of the slot, it
 * read before the generation ceased to be active.
 * acquire: control.active <- fw_dispatch_run(), abandon() */
int fw_team_replaceable(fw_control *c, int i)
{
    uint64_t active;

    switch (fw_load_seqcst(&c->member[i].state)) {
    case FW_MEMBER_EMPTY:
    case FW_MEMBER_FENCED:
        return 1;
    case FW_MEMBER_DEAD:
        active = fw_load_seqcst(&c->active);
        return active == 0 || !fw_control_inside(c, i, active);
    default:
        return 0;
    }
}

void fw_team_prepare_slot(fw_control *c, int i)
{
    fw_member *m = &c->member[i];

    fw_store_seqcst(fw_control_out(c, i), fw_load_seqcst(&m->in_gen));
    fw_store_relaxed(&m->kill, 0);
    fw_store_relaxed(&c->park[i], 0);
    fw_store_seqcst(&m->state, FW_MEMBER_STARTING);
}

int fw_team_tell_none(int why, const char *what)
{
    int status = why & 0xffff;

    if (!(why & FW_ENDS_EARLY))
        return fw_fail_os(why, "%s", what);
    if (WIFSIGNALED(status))
        return fw_fail(FURROW_EOS,
                       "%s: %d in a row were killed by signal %d (%s) before they "
                       "were up",
                       what, FW_EARLY_MAX, WTERMSIG(status),
                       strsignal(WTERMSIG(status)));
    return fw_fail(FURROW_EOS,
                   "%s: %d in a row ended with exit(%d) before they were up", what,
                   FW_EARLY_MAX, WEXITSTATUS(status));
}

uint64_t fw_team_count(const fw_team *team, int counter)
{
    uint64_t sum = 0;

    for (int i = 0; i < team->place->workers; i++)
        sum += fw_load_relaxed(&team->control->member[i].count[counter]);
    return sum;
}
