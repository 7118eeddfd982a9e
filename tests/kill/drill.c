/* SPDX-License-Identifier: MIT
 *
 * A drill (see drill.h).
 *
 * First a world in which nobody dies takes the trail of the window. Then some lanes, each
 * a process on a CPU of its own (tracer and tracee in turns on one CPU are many times as
 * fast), take every so-manieth point. They count in shared memory.
 */
#include "drill.h"

#include "kin.h"
#include "os.h"
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { TOLD = 3, LANE_MS = 600000, LANES = 64 };

/* Shared by judge and lanes. */
typedef struct tally {
    _Atomic long points, failed;
    _Atomic int told;
} tally;

typedef struct drill {
    const row *row;
    int stop, lane;
    const drill_options *options;
    trail *trail;
    tally *tally;
    world world; /* with the deaths before */
    long *point; /* the chosen ones */
    long points;
    unsigned variant;
    fw_cpuset cpus;
} drill;

static void *shared_new(size_t size)
{
    void *p =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (p != MAP_FAILED)
        return p;
    perror("kill-step");
    exit(2);
}

/* The lane-th of the CPUs that this program may use, or one of them again. */
static void pin(const fw_cpuset *cpus, int lane)
{
    fw_cpuset one = {{0}};
    int cpu, count = 0;

    for (cpu = 0; cpu < FW_CPU_MAX; cpu++)
        count += fw_cpuset_has(cpus, cpu);
    if (count == 0)
        return;
    lane %= count;
    for (cpu = 0; !fw_cpuset_has(cpus, cpu) || lane-- > 0; cpu++)
        ;
    fw_cpuset_add(&one, cpu);
    (void)fw_os_pin(&one);
}

extern char __executable_start;

/* Where it was, as addr2line -e kill-step wants it; what lies elsewhere stays as it is. */
static uintptr_t place_of(const trail *t, long k)
{
    uintptr_t pc = k < t->steps ? t->step[k].pc : t->end;
    uintptr_t base = (uintptr_t)&__executable_start;

    return pc >= base && pc - base < 1 << 24 ? pc - base : pc;
}

static void tell(const drill *d, const scene *s, long k)
{
    char name[200];

    if (row_is_control(d->row) || d->tally->told++ >= TOLD)
        return;
    row_name(d->row, d->stop, name, sizeof name);
    fprintf(stderr, "FAILED: %s", name);
    if (d->row->variants > 1)
        fprintf(stderr, " (variant %u)", d->variant);
    fprintf(stderr, ", %s after %ld of %ld steps, at %#jx: %s\n",
            d->stop ? "stopped" : "killed", k, d->trail->steps,
            (uintmax_t)place_of(d->trail, k), s->text[0] ? s->text : "?");
}

/* The time is over, and something was done in it. */
static int is_over(const drill *d)
{
    int64_t now = kin_now();

    return now > d->options->until || (now > d->options->soft && d->tally->points > 0);
}

static trail_place place_after(const drill *d, long k)
{
    return d->row->how->steps ? (trail_place){.more = k} : trail_at(d->trail, k);
}

static int run_lane(void *arg)
{
    drill *d = arg;
    scene *s = shared_new(sizeof *s);
    world w = d->world;
    int rc;

    w.scene = s;
    w.mode = d->stop ? WORLD_STOP : WORLD_KILL;
    pin(&d->cpus, d->lane);
    kin_begin();
    s->variant = d->variant;
    for (long i = d->lane; i < d->points; i += d->options->lanes) {
        if (is_over(d))
            break;
        w.place[w.earlier] = place_after(d, d->point[i]);
        d->tally->points++;
        rc = world_run(&w);
        if (rc == WORLD_LOST) /* once more */
            rc = world_run(&w);
        if (rc != 0) {
            d->tally->failed++;
            tell(d, s, d->point[i]);
        }
    }
    return 0;
}

static void run_lanes(drill *d)
{
    pid_t pid[LANES];

    for (int i = 0; i < d->options->lanes && i < LANES; i++) {
        d->lane = i;
        pid[i] = kin_start(run_lane, d);
    }
    for (int i = 0; i < d->options->lanes && i < LANES; i++)
        if (kin_end(pid[i], LANE_MS) != 0) {
            fprintf(stderr, "FAILED: %s %s: a lane ended early\n", d->row->how->object,
                    d->row->how->name);
            d->tally->failed++;
        }
}

static int profile(drill *d)
{
    scene *s = shared_new(sizeof *s);
    world w = d->world;
    char name[200];
    int rc;

    w.scene = s;
    w.mode = WORLD_PROFILE;
    s->variant = d->variant;
    rc = world_run(&w);
    if (rc != 0 && rc != 77) {
        d->tally->failed++;
        row_name(d->row, d->stop, name, sizeof name);
        fprintf(stderr, "FAILED: %s, %s: %s\n", name,
                w.earlier ? "a recoverer" : "nobody killed", s->text);
    }
    munmap(s, sizeof *s);
    return rc;
}

/* How many points of the window are taken: of a chain of deaths, fewer of each. */
static long most_points(const drill *d)
{
    static const long of_chain[WORLD_DEATHS + 1] = {0, 0, 16, 6};
    long own = d->row->points;
    int deaths = d->row->deaths;

    if (!d->stop && deaths >= 2 && deaths <= WORLD_DEATHS)
        return own && own < of_chain[deaths] ? own : of_chain[deaths];
    if (d->stop && own > d->options->points)
        return d->options->points;
    return own ? own : d->options->points;
}

static int drill_chain(drill *d);

/* Each of the points is where the victim has died, for a recoverer to come. */
static int recover_after(drill *d, const trail_place *place)
{
    int rc = 0;

    for (long i = 0; rc == 0 && i < d->points; i++) {
        drill next = *d;

        next.world.place[next.world.earlier++] = place[i];
        rc = drill_chain(&next);
    }
    return rc;
}

/* All points of the window that comes after the earlier deaths. */
static int drill_points(drill *d)
{
    int last = d->stop || d->world.earlier + 1 >= d->row->deaths, rc = 0;
    trail_place *place;

    d->points = trail_choose(d->trail, most_points(d), last ? d->options->stride : 0,
                             d->options->seed + d->variant, d->point);
    if (last) {
        run_lanes(d);
        return 0;
    }
    place = calloc((size_t)d->points + 1, sizeof *place);
    for (long i = 0; place && i < d->points; i++)
        place[i] = trail_at(d->trail, d->point[i]);
    if (place)
        rc = recover_after(d, place);
    free(place);
    return rc;
}

static int drill_chain(drill *d)
{
    int rc;

    if (is_over(d))
        return 0;
    pin(&d->cpus, 0);
    rc = profile(d);
    if (rc != 0)
        return rc;
    d->point = calloc((size_t)d->trail->steps + 1, sizeof *d->point);
    if (!d->point)
        return 2;
    rc = drill_points(d);
    free(d->point);
    return rc;
}

drill_result drill_row(const row *r, int stop, const drill_options *options)
{
    static trail *path;
    drill d = {.row = r, .stop = stop, .options = options};
    drill_result result;
    int rc = 0;

    if (!path)
        path = trail_new();
    d.trail = path;
    d.tally = shared_new(sizeof *d.tally);
    (void)fw_os_affinity(&d.cpus);
    for (; rc == 0 && d.variant < (r->variants ? r->variants : 1); d.variant++) {
        d.world = (world){.row = r, .trail = d.trail};
        rc = drill_chain(&d);
        (void)fw_os_pin(&d.cpus);
    }
    result = (drill_result){.points = d.tally->points,
                            .failed = d.tally->failed,
                            .late = d.tally->points == 0,
                            .unable = rc == 77};
    munmap(d.tally, sizeof *d.tally);
    return result;
}
