/* SPDX-License-Identifier: MIT
 *
 * peer_openblas.c - OpenBLAS for the operations that it has. It is loaded by name in
 * the process that measures it, for its threads start as soon as it is there and must
 * not run beside others. FURROW_BENCH_OPENBLAS is the name; "" where it was not found.
 */
#include "bench.h"

#include <dirent.h>
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

/* The C interface of BLAS, for the 32-bit integers of the usual build. */
static struct {
    double (*dot)(int n, const double *x, int incx, const double *y, int incy);
    void (*axpy)(int n, double a, const double *x, int incx, double *y, int incy);
    void (*scal)(int n, double a, double *x, int incx);
    int (*threads)(void);
} blas;

static int load(void)
{
    if (FURROW_BENCH_OPENBLAS[0] == '\0')
        return bench_fail("not built: OpenBLAS was not found");
    void *lib = dlopen(FURROW_BENCH_OPENBLAS, RTLD_NOW | RTLD_LOCAL);
    if (!lib)
        return bench_fail("not built: %s", dlerror());
    *(void **)&blas.dot = dlsym(lib, "cblas_ddot");
    *(void **)&blas.axpy = dlsym(lib, "cblas_daxpy");
    *(void **)&blas.scal = dlsym(lib, "cblas_dscal");
    *(void **)&blas.threads = dlsym(lib, "openblas_get_num_threads");
    if (!blas.dot || !blas.axpy || !blas.scal || !blas.threads)
        return bench_fail("not built: %s lacks functions", FURROW_BENCH_OPENBLAS);
    return 0;
}

/* OpenBLAS does not pin: the calling thread takes the first CPU, the others the next.
 */
static int pin_threads(const bench_config *config)
{
    DIR *tasks = opendir("/proc/self/task");
    int next = 1, rc = 0;
    if (!tasks)
        return bench_fail("cannot list the threads");
    for (struct dirent *e; rc == 0 && (e = readdir(tasks));) {
        const int tid = atoi(e->d_name);
        if (tid > 0 && tid != getpid())
            rc = bench_pin_thread(tid, config->cpus[next++ % config->workers]);
    }
    closedir(tasks);
    return rc ? rc : bench_pin(config->cpus[0]);
}

static int blas_open(const bench_config *config)
{
    if (load())
        return -1;
    if (blas.threads() != config->workers)
        return bench_fail("OpenBLAS has %d threads instead of %d", blas.threads(),
                          config->workers);
    return pin_threads(config);
}

static int blas_run(const bench_job *job, double *dot)
{
    const int n = (int)job->n;
    if (job->n > INT32_MAX)
        return bench_fail("%zu elements are too many for OpenBLAS", job->n);
    *dot = 0;
    switch (job->op) {
    case BENCH_SCALE:
        blas.scal(n, job->k, job->a->data, 1);
        return 0;
    case BENCH_DOT:
        *dot = blas.dot(n, job->b->data, 1, job->c->data, 1);
        return 0;
    case BENCH_AXPY:
        blas.axpy(n, job->k, job->b->data, 1, job->a->data, 1);
        return 0;
    case BENCH_FILL: /* no such operation, but arrays need values */
        for (size_t i = 0; i < job->n; i++)
            job->a->data[i] = job->k;
        return 0;
    default:
        return bench_fail("OpenBLAS has no such operation");
    }
}

/* By the caller alone: OpenBLAS has nothing that touches memory in its threads' parts.
 */
static int blas_populate(const bench_vector *a)
{
    bench_vector_populate(a, 0, a->n);
    return 0;
}

static void blas_close(void)
{
}

const bench_peer bench_peer_openblas = {.name = "openblas",
                                        .open = blas_open,
                                        .run = blas_run,
                                        .populate = blas_populate,
                                        .close = blas_close};
