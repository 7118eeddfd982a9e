/* SPDX-License-Identifier: MIT
 *
 * peer_furrow.c - furrow: a pool that runs the user's kernel (`furrow`), or its own
 * (`builtin`). Only the public header is used.
 *
 * Shared: `dots`, a line per worker, made before the pool is opened, written by that
 * worker during a call and by the caller between calls.
 */
#include "kernels.h"
#include "part.h"

#include <furrow.h>

#include <stdio.h>
#include <string.h>

typedef struct dot_line {
    _Alignas(BENCH_LINE) double sum;
} dot_line;

static furrow_pool *pool;
static unsigned flags;
static int async;    /* the setting "async" */
static size_t items; /* to a chunk: 1, or 0 for the pool's choice */
static int workers;
static dot_line *dots;

static int failed(int rc)
{
    if (rc == 0)
        return 0;
    return bench_fail("%s: %s", furrow_last_error()->function,
                      furrow_last_error()->text);
}

/* The pool looks at what the caller may run on, so the caller pins itself after. */
static int pool_open(const bench_config *config)
{
    char cpus[BENCH_MAX_WORKERS * 6];
    bench_cpus_list(config, 0, cpus, sizeof cpus);
    workers = config->workers;
    async = strcmp(config->setting, "async") == 0;
    flags =
        async || strcmp(config->setting, "caller waits") == 0 ? 0 : FURROW_CALLER_RUNS;
    items = strcmp(config->setting, "its own chunk") != 0;
    dots = bench_shared_page(sizeof *dots * BENCH_MAX_WORKERS);
    if (!dots)
        return bench_fail("no shared memory for the partial sums");
    pool = furrow_pool_open(&(furrow_pool_options){
        .workers = workers, .cpus = cpus, .start = FURROW_START_FORK});
    if (!pool)
        return failed(FURROW_EOS);
    if (furrow_pool_workers(pool) != workers)
        return bench_fail("furrow started %d workers instead of %d",
                          furrow_pool_workers(pool), workers);
    return bench_pin(config->cpus[0]);
}

static void pool_close(void)
{
    furrow_pool_close(pool);
}

/* "pid (name) state parent ...", and the name may hold anything but ends last. */
static int parent_of(int pid)
{
    char path[32], line[256] = "";
    int parent = -1;
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *f = fopen(path, "r");
    if (f && fgets(line, sizeof line, f) && strrchr(line, ')'))
        sscanf(strrchr(line, ')'), ") %*c %d", &parent);
    if (f)
        fclose(f);
    return parent;
}

/* The workers, and the nursery, whose children they are. */
static int pool_family(int *pids)
{
    for (int w = 0; w < workers; w++)
        pids[w] = (int)furrow_pool_worker_pid(pool, w);
    pids[workers] = parent_of(pids[0]);
    return workers + 1;
}

static int call_pool(const furrow_call *call)
{
    if (!async)
        return failed(furrow_map(pool, call));
    furrow_future *future = furrow_map_async(pool, call);
    const int rc = future ? furrow_future_wait(future, FURROW_FOREVER) : FURROW_EOS;
    const int told = failed(rc);
    furrow_future_free(future);
    return told;
}

/* ---- the user's kernels -----------------------------------------------------------*/

static int scale(furrow_chunk c)
{
    bench_scale(c.out[0], 0, c.len, *(const double *)c.ctx);
    return 0;
}

static int triad(furrow_chunk c)
{
    bench_triad(c.out[0], c.in[0], c.in[1], 0, c.len, *(const double *)c.ctx);
    return 0;
}

static int dot(furrow_chunk c)
{
    dots[c.worker].sum += bench_dot(c.in[0], c.in[1], 0, c.len);
    return 0;
}

static int copy(furrow_chunk c)
{
    bench_copy(c.out[0], c.in[0], 0, c.len);
    return 0;
}

static int fill(furrow_chunk c)
{
    bench_fill(c.out[0], 0, c.len, *(const double *)c.ctx);
    return 0;
}

static int axpy(furrow_chunk c)
{
    bench_axpy(c.out[0], c.in[0], 0, c.len, *(const double *)c.ctx);
    return 0;
}

static int uneven(furrow_chunk c)
{
    const double *all = (const double *)c.in[0] - c.begin; /* items know their number */
    dots[c.worker].sum += bench_items(all, c.begin, c.begin + c.len);
    return 0;
}

static int empty(furrow_chunk c)
{
    const size_t slot = *(const uint32_t *)c.ctx;
    bench_empty(bench_the_marks.bytes,
                (size_t)c.worker * bench_the_marks.stride + slot);
    return 0;
}

static furrow_array *array_of(const bench_vector *v)
{
    return v ? v->array : NULL;
}

static const struct {
    furrow_kernel kernel;
    const char *types;
    int inputs; /* of b, c */
    int output;
} kernels[BENCH_OPS] = {
    [BENCH_SCALE] = {scale, ">d", 0, 1},  [BENCH_TRIAD] = {triad, "dd>d", 2, 1},
    [BENCH_DOT] = {dot, "dd>", 2, 0},     [BENCH_COPY] = {copy, "d>d", 1, 1},
    [BENCH_FILL] = {fill, ">d", 0, 1},    [BENCH_AXPY] = {axpy, "d>d", 1, 1},
    [BENCH_ITEMS] = {uneven, "d>", 1, 0},
};

static int map_run(const bench_job *job, double *sum)
{
    furrow_call call = {.kernel = kernels[job->op].kernel,
                        .types = kernels[job->op].types,
                        .ctx = &job->k,
                        .ctx_size = sizeof job->k,
                        .flags = flags};
    call.in[0] = kernels[job->op].inputs > 0 ? array_of(job->b) : NULL;
    call.in[1] = kernels[job->op].inputs > 1 ? array_of(job->c) : NULL;
    call.out[0] = kernels[job->op].output ? array_of(job->a) : NULL;
    *sum = 0;
    if (kernels[job->op].output)
        return call_pool(&call);
    if (job->op == BENCH_ITEMS)
        call.chunk = items;
    for (int w = 0; w < workers; w++)
        dots[w].sum = 0;
    const int rc = call_pool(&call);
    for (int w = 0; w < workers; w++)
        *sum += dots[w].sum;
    return rc;
}

/* The call is made once, as in a user's loop; only what ctx points at changes. */
static int map_dispatch(uint32_t slot)
{
    static uint32_t now;
    static furrow_call call = {
        .kernel = empty, .chunk = 1, .ctx = &now, .ctx_size = sizeof now};
    now = slot;
    call.len = (size_t)workers;
    call.flags = flags;
    return call_pool(&call);
}

const bench_peer bench_peer_furrow = {.name = "furrow",
                                      .open = pool_open,
                                      .run = map_run,
                                      .dispatch = map_dispatch,
                                      .family = pool_family,
                                      .close = pool_close};

/* ---- furrow's own -----------------------------------------------------------------*/

static int builtin_run(const bench_job *job, double *sum)
{
    furrow_array *a = array_of(job->a), *b = array_of(job->b), *c = array_of(job->c);
    *sum = 0;
    switch (job->op) {
    case BENCH_SCALE:
        return failed(furrow_scale(pool, a, &job->k));
    case BENCH_TRIAD:
        return failed(furrow_triad(pool, a, b, &job->k, c));
    case BENCH_DOT:
        return failed(furrow_dot(pool, b, c, sum));
    case BENCH_COPY:
        return failed(furrow_copy(pool, a, b));
    case BENCH_FILL:
        return failed(furrow_fill(pool, a, &job->k));
    case BENCH_AXPY:
        return failed(furrow_axpy(pool, &job->k, b, a));
    case BENCH_ITEMS:
    case BENCH_OPS:
        break;
    }
    return bench_fail("furrow has no such operation");
}

const bench_peer bench_peer_builtin = {.name = "furrow builtin",
                                       .open = pool_open,
                                       .run = builtin_run,
                                       .close = pool_close};
