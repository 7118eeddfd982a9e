/* SPDX-License-Identifier: MIT
 *
 * Pools: options, environment, opening, closing, describing.
 */
#include "pool.h"

#include "boot.h"
#include "context.h"
#include "future.h"
#include "participant.h"
#include "prepare.h"
#include "status.h"
#include "timeline.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

/* ---- options ------------------------------------------------------------------------*/

static int number_from(const char *variable, long least, long *out)
{
    const char *text = getenv(variable);
    char *end;
    long n;

    if (!text || !*text)
        return 0;
    errno = 0;
    n = strtol(text, &end, 10);
    if (*end || errno || n < least)
        return fw_fail(FURROW_EINVAL, "%s=\"%.40s\" is no number from %ld up", variable,
                       text, least);
    *out = n;
    return 1;
}

/* One of the words, as its index; -1 when the variable is not set. */
static int word_from(const char *variable, const char *const *words, int *out)
{
    const char *text = getenv(variable);

    *out = -1;
    if (!text || !*text)
        return 0;
    for (int i = 0; words[i]; i++)
        if (strcmp(text, words[i]) == 0)
            *out = i;
    if (*out < 0)
        return fw_fail(FURROW_EINVAL, "%s=\"%.40s\" is not known", variable, text);
    return 0;
}

/* The environment overrides the options. */
static int from_environment(furrow_pool_options *o)
{
    static const char *const starts[] = {"default", "fork",       "thread",
                                         "spawn",   "forkserver", NULL};
    static const char *const pins[] = {"core", "node", "none", NULL};
    long workers = o->workers, trace = (long)o->trace;
    int start, pin;

    if (number_from("FURROW_WORKERS", 0, &workers) < 0 ||
        number_from("FURROW_TRACE", 0, &trace) < 0 ||
        word_from("FURROW_START", starts, &start) < 0 ||
        word_from("FURROW_PIN", pins, &pin) < 0)
        return furrow_last_error()->code;
    o->workers = workers > INT32_MAX ? INT32_MAX : (int)workers;
    o->trace = (size_t)trace;
    if (start >= 0)
        o->start = (furrow_start)start;
    if (pin >= 0)
        o->pin = pin;
    if (getenv("FURROW_CPUS") && *getenv("FURROW_CPUS"))
        o->cpus = getenv("FURROW_CPUS");
    return 0;
}

static int check_options(const furrow_pool_options *o)
{
    if (o->workers < 0 || o->workers > FW_WORKERS_MAX)
        return fw_fail(FURROW_EINVAL,
                       "%d workers; 1 to %d are possible, 0 is automatic", o->workers,
                       FW_WORKERS_MAX);
    if (o->start < FURROW_START_DEFAULT || o->start > FURROW_START_FORKSERVER)
        return fw_fail(FURROW_EINVAL, "there is no start method %d", (int)o->start);
    if (o->pin < FURROW_PIN_CORE || o->pin > FURROW_PIN_NONE)
        return fw_fail(FURROW_EINVAL, "there is no way %d to pin", o->pin);
    if (!(o->grace >= 0 && o->grace < 1e6))
        return fw_fail(FURROW_EINVAL, "a grace of %g seconds", o->grace);
    return 0;
}

/* ---- open and close -----------------------------------------------------------------*/

static void pool_free(furrow_pool *pool)
{
    fw_prepare_forget(pool);
    fw_kernel_names_fini(&pool->names);
    if (pool->far_ctx)
        (void)fw_heap_free(pool->far_ctx);
    pthread_mutex_destroy(&pool->mutex);
    free(pool);
}

static int start_team(furrow_pool *pool, const furrow_pool_options *o)
{
    double grace = o->grace > 0 ? o->grace : 0.1;
    fw_team_request request = {.workers = o->workers,
                               .cpus = o->cpus,
                               .pin = o->pin,
                               .grace = (int64_t)(grace * 1e9),
                               .trace = o->trace};

    int rc = fw_boot_passed();

    if (rc == 0)
        rc = fw_context_choose(o->start);
    if (rc < 0)
        return rc;
    request.start = (furrow_start)rc;
    rc = request.start == FURROW_START_THREAD
             ? 0
             : fw_kernel_names_init(&pool->names, request.start != FURROW_START_FORK);
    return rc < 0 ? rc : fw_team_open(&request, &pool->team);
}

static furrow_pool *pool_new(const furrow_pool_options *o)
{
    furrow_pool *pool = calloc(1, sizeof *pool);

    if (!pool) {
        fw_fail(FURROW_ENOMEM, "no memory for a pool");
        return NULL;
    }
    pthread_mutex_init(&pool->mutex, NULL);
    pool->pid = fw_participant_pid();
    pool->trace = o->trace;
    if (fw_team_self() >= 0) /* a pool inside a worker has no workers of its own */
        return pool;
    if (start_team(pool, o) < 0) {
        pool_free(pool);
        return NULL;
    }
    return pool;
}

furrow_pool *furrow_pool_open_sized(const furrow_pool_options *options, size_t size)
{
    furrow_pool_options o = {0};
    furrow_pool *pool = NULL;

    if (options)
        memcpy(&o, options, size < sizeof o ? size : sizeof o);
    if (from_environment(&o) == 0 && check_options(&o) == 0)
        pool = pool_new(&o);
    return fw_status_new("furrow_pool_open", pool);
}

extern inline furrow_pool *furrow_pool_open(const furrow_pool_options *options);

static int pool_end(furrow_pool *pool, int kill)
{
    int rc = fw_pool_use(pool);

    if (rc < 0)
        return rc;
    /* A worker's copy of the pool that it belongs to is older than the team. */
    if (rc > 0 && (pool->team || pool->pid != fw_participant_pid()))
        return fw_fail(FURROW_EINVAL,
                       "a worker cannot close the pool that it belongs to");
    if (pool->team)
        fw_team_close(pool->team, kill);
    fw_future_orphan_all(pool);
    pool_free(pool);
    return 0;
}

int furrow_pool_close(furrow_pool *pool)
{
    if (!pool)
        return fw_fail_null("pool");
    return fw_status_in(__func__, pool_end(pool, 0));
}

int furrow_pool_terminate(furrow_pool *pool)
{
    if (!pool)
        return fw_fail_null("pool");
    return fw_status_in(__func__, pool_end(pool, 1));
}

/* ---- use ----------------------------------------------------------------------------*/

int fw_pool_use(const furrow_pool *pool)
{
    if (fw_team_self() >= 0 || !pool->team)
        return 1;
    if (pool->pid == fw_participant_pid())
        return 0;
    return fw_fail(FURROW_EINVAL,
                   "the pool belongs to process %ld: a forked process opens its own",
                   (long)pool->pid);
}

static int name_kernel(furrow_pool *pool, fw_call *call)
{
    int rc;

    call->lasting = 1;
    if (!pool->team->start->processes)
        return 0;
    call->lasting = fw_entry_lasts((fw_entry_function)call->job.kernel);
    call->unloads = fw_entry_unloads();
    pthread_mutex_lock(&pool->mutex);
    rc = fw_kernel_names_of(&pool->names, call->job.kernel, &call->known);
    pthread_mutex_unlock(&pool->mutex);
    if (rc == 0 && call->known)
        call->job.named = call->known->name;
    return rc;
}

int fw_pool_resolve(furrow_pool *pool, const furrow_call *request, size_t size,
                    fw_call *out)
{
    int rc = fw_call_resolve(request, size, pool->team->place->workers, out);

    return rc < 0 ? rc : name_kernel(pool, out);
}

/* ---- looking at it ------------------------------------------------------------------*/

int furrow_pool_workers(const furrow_pool *pool)
{
    if (!pool)
        return 0;
    return fw_team_self() >= 0 || !pool->team ? 1 : pool->team->place->workers;
}

long furrow_pool_worker_pid(const furrow_pool *pool, int i)
{
    fw_member *m;
    int32_t pid;

    if (!pool || !pool->team || i < 0 || i >= pool->team->place->workers ||
        pool->pid != fw_participant_pid())
        return -1;
    m = &pool->team->control->member[i];
    if (fw_load_seqcst(&m->state) != FW_MEMBER_UP || !pool->team->start->processes)
        return -1;
    pid = fw_load_relaxed(&m->pid);
    return pid > 0 ? pid : -1;
}

static void describe_heap(FILE *out)
{
    furrow_heap_info info;

    if (furrow_heap_describe(&info) < 0)
        return;
    fprintf(out, "heap: %zu MiB of address space at %p", info.size >> 20, info.base);
    if (info.size < info.wanted)
        fprintf(out, " (%zu MiB wanted: a limit is in the way)", info.wanted >> 20);
    fprintf(out, "; in use %.1f MiB in %zu blocks; huge pages %s\n",
            (double)(info.small_used + info.large_used) / 1048576, info.blocks,
            info.huge ? "granted by the system" : "made where the kernel lets us");
}

/* Those that end before they are up. */
static void describe_early(const fw_control *c, FILE *out)
{
    for (int i = 0; i < c->workers; i++) {
        unsigned early = fw_load_acquire(&c->member[i].early);
        int status = fw_load_relaxed(&c->member[i].status);

        if (!early)
            continue;
        fprintf(out, "worker %d: %u in a row ", i, early);
        if (WIFSIGNALED(status))
            fprintf(out, "were killed by signal %d (%s)", WTERMSIG(status),
                    strsignal(WTERMSIG(status)));
        else
            fprintf(out, "ended with exit(%d)", WEXITSTATUS(status));
        fprintf(out, " before they were up%s\n",
                early < FW_EARLY_MAX ? "" : "; none is started any more");
    }
}

int furrow_pool_describe(furrow_pool *pool, void *out)
{
    if (!pool || !out)
        return fw_fail_null(pool ? "out" : "pool");
    if (fw_pool_use(pool) < 0)
        return fw_status_in(__func__, FURROW_EINVAL);
    if (!pool->team) {
        fputs("inside a worker: calls run inline\n", out);
        return 0;
    }
    fprintf(out, "start method: %s\n", pool->team->start->name);
    describe_heap(out);
    describe_early(pool->team->control, out);
    return fw_status_in(
        __func__, fw_place_describe(pool->team->place, pool->team->topology, out));
}

int furrow_pool_stat(furrow_pool *pool, furrow_pool_stats *stats)
{
    const fw_control *c;

    if (!pool || !stats)
        return fw_fail_null(pool ? "stats" : "pool");
    *stats = (furrow_pool_stats){0};
    if (fw_pool_use(pool) < 0)
        return fw_status_in(__func__, FURROW_EINVAL);
    if (!pool->team)
        return 0;
    c = pool->team->control;
    stats->calls = fw_load_relaxed(&c->calls);
    stats->chunks = fw_team_count(pool->team, FW_COUNT_chunks);
    stats->steals = fw_team_count(pool->team, FW_COUNT_steals);
    stats->parks = fw_team_count(pool->team, FW_COUNT_parks);
    stats->deaths = fw_load_relaxed(&c->deaths);
    stats->replaced = fw_load_relaxed(&c->replaced);
    return 0;
}

/* ---- the timeline -------------------------------------------------------------------*/

static size_t collect(const fw_team *team, fw_timeline_bar *bars)
{
    const int64_t now = fw_os_now();
    size_t n = 0;

    for (int w = 0; w < team->place->workers; w++) {
        const fw_tracering *ring = &team->trace[w];
        uint64_t head = fw_load_acquire(ring->head);
        uint64_t first = head > ring->capacity ? head - ring->capacity : 0;

        for (uint64_t i = first; i < head; i++) {
            const fw_trace t = ring->record[i % ring->capacity]; /* read once */

            if (t.start >= 0 && t.end >= t.start && t.end <= now)
                bars[n++] = (fw_timeline_bar){.worker = w,
                                              .start = t.start,
                                              .end = t.end,
                                              .call = t.epoch,
                                              .index = t.chunk,
                                              .stolen = !!t.stolen};
        }
    }
    return n;
}

/* What is recorded now: the bars of t, to be freed; or NULL. */
static fw_timeline_bar *record(furrow_pool *pool, fw_timeline *t)
{
    const fw_team *team = pool->team;
    fw_timeline_bar *bars;

    if (fw_dispatch_lock(pool->team, FURROW_FOREVER) < 0)
        return NULL;
    bars = calloc((size_t)team->place->workers * team->trace_records, sizeof *bars);
    if (bars)
        *t = (fw_timeline){
            .bar = bars, .count = collect(team, bars), .workers = team->place->workers};
    else
        fw_fail(FURROW_ENOMEM, "no memory for the timeline");
    fw_dispatch_unlock(pool->team);
    return bars;
}

/* No call waits for the file; and a thread that is cancelled there holds nobody up. */
static int write_timeline(furrow_pool *pool, const char *path)
{
    fw_timeline t;
    fw_timeline_bar *bars;
    int rc = fw_pool_use(pool);

    if (rc < 0)
        return rc;
    if (fw_team_self() >= 0)
        return fw_fail(FURROW_EINVAL, "a kernel cannot wait for its own call to end");
    if (!pool->team || !pool->team->trace)
        return fw_fail(FURROW_EINVAL, "the pool was opened without .trace");
    bars = record(pool, &t);
    if (!bars)
        return furrow_last_error()->code;
    rc = fw_timeline_write(path, &t);
    free(bars);
    return rc;
}

int furrow_pool_timeline(furrow_pool *pool, const char *path)
{
    if (!pool || !path)
        return fw_fail_null(pool ? "path" : "pool");
    return fw_status_in(__func__, write_timeline(pool, path));
}
