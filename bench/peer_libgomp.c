/* SPDX-License-Identifier: MIT
 *
 * peer_libgomp.c - the compiler's OpenMP. Threads, places and waiting come from the
 * environment that launch.c sets; the split is the static one of part.c.
 */
#include "kernels.h"
#include "part.h"

#include <omp.h>
#include <string.h>

static int workers;

static int gomp_open(const bench_config *config)
{
    int started = 0;
    workers = config->workers;
    omp_set_schedule(strcmp(config->setting, "dynamic") == 0  ? omp_sched_dynamic
                     : strcmp(config->setting, "guided") == 0 ? omp_sched_guided
                                                              : omp_sched_static,
                     0);
    if (bench_pin(config->cpus[0]))
        return -1;
#pragma omp parallel num_threads(workers) reduction(+ : started)
    started += 1;
    if (started != workers)
        return bench_fail("libgomp started %d threads instead of %d", started, workers);
    return 0;
}

/* Item by item, as a loop of the user's would be. */
static double run_items(const bench_raw *raw)
{
    double sum = 0;
#pragma omp parallel for num_threads(workers) schedule(runtime) reduction(+ : sum)
    for (size_t i = 0; i < raw->n; i++)
        sum += bench_raw_run(raw, i, i + 1);
    return sum;
}

static int gomp_run(const bench_job *job, double *dot)
{
    const bench_raw raw = bench_raw_of(job);
    double sum = 0;
    if (job->op == BENCH_ITEMS) {
        sum = run_items(&raw);
    } else if (job->op == BENCH_DOT) {
#pragma omp parallel for num_threads(workers) schedule(static, 1) reduction(+ : sum)
        for (int w = 0; w < workers; w++)
            sum += bench_raw_run_part(&raw, w, workers);
    } else {
#pragma omp parallel for num_threads(workers) schedule(static, 1)
        for (int w = 0; w < workers; w++)
            bench_raw_run_part(&raw, w, workers);
    }
    *dot = sum;
    return 0;
}

static int gomp_dispatch(uint32_t slot)
{
#pragma omp parallel for num_threads(workers) schedule(static, 1)
    for (int chunk = 0; chunk < workers; chunk++) {
        const size_t row = (size_t)omp_get_thread_num() * bench_the_marks.stride;
        bench_empty(bench_the_marks.bytes, row + slot);
    }
    return 0;
}

static int gomp_populate(const bench_vector *a)
{
#pragma omp parallel for num_threads(workers) schedule(static, 1)
    for (int w = 0; w < workers; w++)
        bench_vector_populate(a, bench_part(a->n, w, workers),
                              bench_part(a->n, w + 1, workers));
    return 0;
}

static void gomp_close(void)
{
}

const bench_peer bench_peer_libgomp = {.name = "libgomp",
                                       .open = gomp_open,
                                       .run = gomp_run,
                                       .dispatch = gomp_dispatch,
                                       .populate = gomp_populate,
                                       .close = gomp_close};
