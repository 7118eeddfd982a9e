/* SPDX-License-Identifier: MIT
 *
 * part.c - the static split that peers without one of their own share, and the kernel
 * of each operation.
 */
#include "part.h"
#include "kernels.h"

size_t bench_part(size_t n, int w, int workers)
{
    /* Parts of whole 2 MiB pages, so that each page has one owner, once that is fine
     * enough; else of whole cache lines. */
    const size_t huge = (size_t)1 << 18, line = 8;
    const size_t grain = n / huge >= (size_t)workers * 8 ? huge : line;
    if (w == workers)
        return n;
    return n / grain * (size_t)w / (size_t)workers * grain;
}

bench_raw bench_raw_of(const bench_job *job)
{
    return (bench_raw){.op = job->op,
                       .k = job->k,
                       .n = job->n,
                       .a = job->a ? job->a->data : NULL,
                       .b = job->b ? job->b->data : NULL,
                       .c = job->c ? job->c->data : NULL};
}

double bench_raw_run(const bench_raw *job, size_t begin, size_t end)
{
    switch (job->op) {
    case BENCH_SCALE:
        bench_scale(job->a, begin, end, job->k);
        break;
    case BENCH_TRIAD:
        bench_triad(job->a, job->b, job->c, begin, end, job->k);
        break;
    case BENCH_DOT:
        return bench_dot(job->b, job->c, begin, end);
    case BENCH_COPY:
        bench_copy(job->a, job->b, begin, end);
        break;
    case BENCH_FILL:
        bench_fill(job->a, begin, end, job->k);
        break;
    case BENCH_AXPY:
        bench_axpy(job->a, job->b, begin, end, job->k);
        break;
    case BENCH_ITEMS:
        return bench_items(job->b, begin, end);
    case BENCH_OPS:
        break;
    }
    return 0;
}

double bench_raw_run_part(const bench_raw *job, int w, int workers)
{
    return bench_raw_run(job, bench_part(job->n, w, workers),
                         bench_part(job->n, w + 1, workers));
}
