/* SPDX-License-Identifier: MIT
 *
 * The plan of a team, on its way to a nursery that has nothing of the opener but the heap.
 *
 * What is small goes over the line, before anything else of the family could write to it:
 * as what a process is told (boot.h), and the rest of the team. The places of the workers,
 * up to 300 KB, lie in a block of the heap that is the opener's own; the nursery copies
 * them, for what lies in shared memory may be overwritten later, and the opener frees the
 * block. Killed at any moment, the opener leaves a block that is swept and a nursery that
 * hears no go-ahead.
 */
#include "plan.h"

#include "boot.h"
#include "context.h"
#include "heap.h"
#include "line.h"
#include "status.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

typedef struct plan {
    uint64_t magic;
    fw_control *control;
    const fw_place *place; /* the block */
    size_t place_size;
    void *trace; /* the rings' block, or NULL */
    size_t trace_records;
    int64_t grace;
    fw_cpuset cpus; /* where the opening thread may run: a server has been elsewhere */
} plan;

#define MAGIC UINT64_C(0x316e616c705f7766) /* "fw_plan1" */

/* ---- the opener ---------------------------------------------------------------------*/

static plan plan_of(const fw_team *team, const fw_place *place)
{
    plan p;

    memset(&p, 0, sizeof p);
    p.magic = MAGIC;
    p.control = team->control;
    p.place = place;
    p.place_size = fw_place_size(team->place);
    p.trace = team->trace ? (void *)team->trace[0].head : NULL;
    p.trace_records = team->trace_records;
    p.grace = team->grace;
    if (fw_os_affinity(&p.cpus) < 0)
        memset(&p.cpus, 0, sizeof p.cpus);
    return p;
}

static int boot_of(fw_boot *boot)
{
    (void)fw_boot_for(boot, NULL);
    boot->is = furrow_process_current()->is;
    return fw_kin_key(&boot->is);
}

int fw_plan_tell(const fw_team *team, int line, void **kept)
{
    size_t size = fw_place_size(team->place);
    fw_place *place = fw_heap_alloc(size);
    plan p = plan_of(team, place);
    fw_boot boot;
    int rc;

    *kept = place;
    if (!place || boot_of(&boot) < 0)
        return furrow_last_error()->code;
    memcpy(place, team->place, size);
    rc = fw_os_line_send(line, &boot, sizeof boot, -1);
    if (rc == 0)
        rc = fw_os_line_send(line, &p, sizeof p, -1);
    /* It has ended: what it said last tells more. */
    return rc == 0 || rc == -EPIPE ? 0 : fw_fail_os(-rc, "cannot tell the nursery");
}

/* ---- the nursery --------------------------------------------------------------------*/

static int hear(int line, const fw_parent *by, void *out, size_t size)
{
    int rc = fw_line_hear_parent(line, by, out, size);

    return rc < 0 ? fw_fail_os(-rc, "the nursery was told nothing") : 0;
}

static int take_place(const plan *p, fw_team *team)
{
    team->place = malloc(p->place_size);
    if (!team->place)
        return fw_fail(FURROW_ENOMEM, "no memory for a team");
    memcpy(team->place, p->place, p->place_size);
    if (team->place->workers < 1 || team->place->workers > FW_WORKERS_MAX ||
        fw_place_size(team->place) != p->place_size)
        return fw_fail(FURROW_ECORRUPT, "the opener has taken its plan back");
    return 0;
}

static int take_trace(const plan *p, fw_team *team)
{
    team->trace_records = p->trace_records;
    if (p->trace)
        team->trace = fw_tracering_at(p->trace, team->place->workers, p->trace_records);
    return p->trace && !team->trace ? furrow_last_error()->code : 0;
}

static int take_team(const plan *p, fw_team *team)
{
    int rc;

    memset(team, 0, sizeof *team);
    team->control = p->control;
    team->start = &fw_start_spawn;
    team->grace = p->grace;
    team->seat_cpu = -1;
    team->nursery_pidfd = -1;
    rc = take_place(p, team);
    return rc < 0 ? rc : take_trace(p, team);
}

static void become(const fw_boot *boot)
{
    fw_kin_become(&boot->is, &boot->parent);
    fw_context_inherit((furrow_start)boot->method);
    (void)furrow_log_level(boot->log);
}

int fw_plan_hear(int line, const fw_parent *by, fw_team *team)
{
    fw_boot boot;
    plan p;
    int rc = hear(line, by, &boot, sizeof boot);

    if (rc == 0)
        rc = hear(line, by, &p, sizeof p);
    if (rc < 0)
        return rc;
    if (boot.magic != FW_BOOT_MAGIC || p.magic != MAGIC)
        return fw_fail(FURROW_ECORRUPT, "this program was built with another furrow");
    become(&boot);
    (void)fw_os_pin(&p.cpus); /* refused: the workers are pinned all the same */
    rc = take_team(&p, team);
    team->opener = by->pid;
    return rc;
}
