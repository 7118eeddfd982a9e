/* SPDX-License-Identifier: MIT
 *
 * The operations.
 *
 * Arrays are of 4 MiB: large enough for the zone of huge pages, for the ledger and for
 * workers to take the memory. Every element is made 1 by a call, once.
 */
#include "operations.h"
#include "server.h"

#include <string.h>
#include <unistd.h>

enum { LEN = 1 << 19, FEW = 100 };

static int last(const void *p)
{
    return p ? 0 : furrow_last_error()->code;
}

static int add_one(furrow_chunk c)
{
    double *y = c.out[0];

    for (size_t i = 0; i < c.len; i++)
        y[i] += 1;
    return 0;
}

static furrow_call call_on(furrow_array *a)
{
    return (furrow_call){.kernel = add_one,
                         .types = ">d",
                         .out = {a},
                         .chunk = (a->len + 7) / 8,
                         .deadline = furrow_in(8)};
}

static int all_are(const furrow_array *a, double value)
{
    const double *y = a->data;

    for (size_t i = 0; i < a->len; i += 61)
        if (y[i] != value)
            return -1;
    return 0;
}

/* ---- the heap and arrays ------------------------------------------------------------*/

static int nothing(world *w)
{
    (void)w;
    return 0;
}

static int run_heap(world *w)
{
    furrow_heap_info info;

    (void)w;
    return furrow_heap_describe(&info);
}

static int need_heap(world *w)
{
    return run_heap(w);
}

static int run_small(world *w)
{
    w->a = furrow_array_new('d', FEW, NULL);
    return last(w->a);
}

static int run_large(world *w)
{
    w->a = furrow_array_new('d', LEN, NULL);
    return last(w->a);
}

static int check_zeros(world *w)
{
    return all_are(w->a, 0);
}

static int need_large(world *w)
{
    return run_large(w) < 0 ? -1 : furrow_array_populate(w->a);
}

static int need_untouched(world *w)
{
    return run_large(w);
}

static int run_free(world *w)
{
    int rc = furrow_array_free(w->a);

    w->a = NULL;
    return rc;
}

static int run_populate(world *w)
{
    return furrow_array_populate(w->a);
}

/* ---- named arrays -------------------------------------------------------------------*/

static int run_named(world *w)
{
    furrow_array_options o = {.name = w->name};

    w->a = furrow_array_new('d', LEN / 8, &o);
    return last(w->a);
}

static int check_named(world *w)
{
    furrow_array *other = furrow_array_attach(w->name);
    int rc = !other || all_are(other, 0) != 0;

    if (other)
        ((double *)other->data)[5] = 2.5;
    rc = rc || ((double *)w->a->data)[5] != 2.5;
    return furrow_array_free(other) != 0 || rc ? -1 : 0;
}

static int run_attach(world *w)
{
    w->b = furrow_array_attach(w->name);
    return last(w->b);
}

static int check_attached(world *w)
{
    ((double *)w->a->data)[7] = 1.5;
    return ((double *)w->b->data)[7] == 1.5 ? 0 : -1;
}

static int need_attached(world *w)
{
    return run_named(w) < 0 ? -1 : run_attach(w);
}

static int run_detach(world *w)
{
    int rc = furrow_array_free(w->b);

    w->b = NULL;
    return rc;
}

static int check_kept(world *w)
{
    return check_named(w);
}

/* A name that could not be unlinked goes when a next one is made, at the latest. */
static int check_gone(world *w)
{
    char path[96] = "/dev/shm";

    strcat(path, w->name);
    return run_named(w) < 0 || run_free(w) < 0 || access(path, F_OK) == 0 ? -1 : 0;
}

/* ---- pools --------------------------------------------------------------------------*/

static int open_pool(world *w, furrow_start start)
{
    furrow_pool_options o = {.workers = 2, .start = start};

    w->pool = furrow_pool_open(&o);
    return last(w->pool);
}

static int run_open(world *w)
{
    return open_pool(w, FURROW_START_FORK);
}

static int run_open_threads(world *w)
{
    return open_pool(w, FURROW_START_THREAD);
}

static int run_open_spawn(world *w)
{
    return open_pool(w, FURROW_START_SPAWN);
}

static int run_open_forkserver(world *w)
{
    return open_pool(w, FURROW_START_FORKSERVER);
}

static int run_map(world *w)
{
    furrow_call call = call_on(w->a);

    return furrow_map(w->pool, &call);
}

static int check_pool(world *w)
{
    return run_large(w) < 0 || run_map(w) < 0 ? -1 : all_are(w->a, 1);
}

static int run_close(world *w)
{
    int rc = furrow_pool_close(w->pool);

    w->pool = NULL;
    return rc;
}

static int run_terminate(world *w)
{
    int rc = furrow_pool_terminate(w->pool);

    w->pool = NULL;
    return rc;
}

static int need_pool(world *w)
{
    return run_open(w) < 0 ? -1 : run_large(w);
}

static int need_used_pool(world *w)
{
    return need_pool(w) < 0 || run_map(w) < 0 ? -1 : 0;
}

static int need_thread_pool(world *w)
{
    return run_open_threads(w) < 0 ? -1 : run_large(w);
}

static int need_pool_then_named(world *w)
{
    return run_open(w) < 0 ? -1 : run_named(w);
}

/* ---- calls --------------------------------------------------------------------------*/

static int check_ones(world *w)
{
    return all_are(w->a, 1);
}

static int check_twos(world *w)
{
    return all_are(w->a, 2);
}

static int run_async(world *w)
{
    furrow_call call = call_on(w->a);
    furrow_future *f = furrow_map_async(w->pool, &call);
    int rc = f ? furrow_future_wait(f, furrow_in(8)) : last(f);

    furrow_future_free(f);
    return rc;
}

static int run_pool_populate(world *w)
{
    return furrow_pool_populate(w->pool, w->a);
}

static int run_sum(world *w)
{
    return furrow_sum(w->pool, w->a, &w->sum);
}

static int check_sum(world *w)
{
    return w->sum == (double)LEN ? 0 : -1;
}

/* ---- files --------------------------------------------------------------------------*/

static int run_save(world *w)
{
    return furrow_npy_save(w->a, w->path);
}

static int check_saved(world *w)
{
    w->b = furrow_npy_load(w->path);
    return w->b && w->b->len == w->a->len ? all_are(w->b, 0) : -1;
}

static int need_saved(world *w)
{
    return run_small(w) < 0 ? -1 : run_save(w);
}

static int run_load(world *w)
{
    w->b = furrow_npy_load(w->path);
    return last(w->b);
}

static int run_map_file(world *w)
{
    w->b = furrow_npy_map(w->path, 0);
    return last(w->b);
}

static int check_loaded(world *w)
{
    return w->b->len == FEW ? all_are(w->b, 0) : -1;
}

static int check_torn(const world *w)
{
    const furrow_torn *torn;
    size_t n = furrow_error_ranges(&torn), k = 0;
    const double *y = w->a->data, value = y[0];

    for (size_t i = 0; n > 0 && i < w->a->len; i++) {
        while (k < n && i >= torn[k].end)
            k++;
        if ((k == n || i < torn[k].begin) && y[i] != 1 && y[i] != 2 && y[i] != value)
            return -1;
    }
    return 0;
}

static const operation list[] = {
    {"heap", nothing, run_heap, nothing},
    {"array-small", need_heap, run_small, check_zeros},
    {"array-large", need_heap, run_large, check_zeros},
    {"array-free", need_large, run_free, nothing},
    {"populate", need_untouched, run_populate, check_zeros},
    {"named-create", need_heap, run_named, check_named},
    {"named-attach", run_named, run_attach, check_attached},
    {"named-detach", need_attached, run_detach, check_kept},
    {"named-free", run_named, run_free, check_gone},
    {"pool-open", nothing, run_open, check_pool},
    {"pool-open-threads", nothing, run_open_threads, check_pool},
    {"pool-open-spawn", need_heap, run_open_spawn, check_pool},
    {"pool-open-forkserver", need_heap, run_open_forkserver, check_pool},
    {"pool-close", need_used_pool, run_close, nothing},
    {"pool-close-threads", need_thread_pool, run_close, nothing},
    {"pool-terminate", need_used_pool, run_terminate, nothing},
    {"pool-populate", need_pool, run_pool_populate, check_zeros},
    {"map", need_pool, run_map, check_ones},
    {"map-again", need_used_pool, run_map, check_twos},
    {"map-named", need_pool_then_named, run_map, check_ones},
    {"map-threads", need_thread_pool, run_map, check_ones},
    {"map-async", need_pool, run_async, check_ones},
    {"sum", need_used_pool, run_sum, check_sum},
    {"npy-save", run_small, run_save, check_saved},
    {"npy-load", need_saved, run_load, check_loaded},
    {"npy-map", need_saved, run_map_file, check_loaded},
};

const operation_table operations = {
    .operation = list, .count = sizeof list / sizeof *list, .check_torn = check_torn};

/* ---- the world ----------------------------------------------------------------------*/

int world_end(world *w)
{
    int rc = furrow_array_free(w->b);

    rc = furrow_array_free(w->a) ? -1 : rc;
    if (w->pool && furrow_pool_close(w->pool) != 0)
        rc = -1;
    fw_server_stop(); /* it would live as long as the program */
    unlink(w->path);
    w->pool = NULL;
    w->a = w->b = NULL;
    return rc;
}

int world_use_library(void)
{
    world w = {.path = "/nonexistent/furrow"};
    int rc = run_open(&w) < 0 || check_pool(&w) < 0;

    return world_end(&w) < 0 || rc ? -1 : 0;
}
