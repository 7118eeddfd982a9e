/* SPDX-License-Identifier: MIT
 *
 * items.c - items of unequal cost, or workers of unequal speed: how much of the CPUs' time
 * goes into the work.
 *
 *   efficiency = time of all items one after another / (CPUs there are * time of the call)
 *
 * The work is arithmetic in registers, an item about 10 us on average, so that nothing but
 * who does what is measured. Both times are taken in turn in the same process. Beside a
 * hog, the CPUs there are is what it leaves of them, by its CPU clock. Each item has run
 * once when the sum is that of the items one after another.
 */
#include "family.h"
#include "hog.h"
#include "lpt.h"
#include "part.h"
#include "stats.h"

enum { PER_WORKER = 1000, ROUNDS = 1000000, BLOCKS = 20, RUNS = 3 };

double bench_cost_rising(size_t item, size_t items)
{
    (void)items;
    return (double)item;
}

double bench_cost_falling(size_t item, size_t items)
{
    return (double)(items - item);
}

/* Here and there, as dice fall (splitmix64): 16 of 2000. */
double bench_cost_heavy(size_t item, size_t items)
{
    uint64_t x = (item + 1) * UINT64_C(0x9e3779b97f4a7c15);
    (void)items;
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return (x ^ x >> 31) % 100 == 0 ? 100 : 1;
}

double bench_cost_even(size_t item, size_t items)
{
    (void)item, (void)items;
    return 1;
}

static double ns_since(uint64_t begin)
{
    return (double)(bench_ticks() - begin) / bench_ticks_per_ns();
}

/* The least of some tries. */
static double ns_per_round(void)
{
    const double rounds = ROUNDS;
    double least = 0;
    for (int i = 0; i < 5; i++) {
        const uint64_t begin = bench_ticks();
        const bench_raw one = {.op = BENCH_ITEMS, .b = &rounds};
        (void)bench_raw_run(&one, 0, 1);
        const double ns = ns_since(begin) / ROUNDS;
        least = least == 0 || ns < least ? ns : least;
    }
    return least;
}

/* Costs in rounds, so that all together take `ns`. */
static void set_costs(const bench_vector *v, const bench_row *row, double ns)
{
    double sum = 0;
    for (size_t i = 0; i < v->n; i++)
        sum += row->cost(i, v->n);
    const double rounds = ns / ns_per_round() / sum;
    for (size_t i = 0; i < v->n; i++)
        v->data[i] = row->cost(i, v->n) * rounds;
}

typedef struct plan {
    const bench_peer *peer;
    bench_job job;
    int workers, blocks;
    double seconds;        /* begin no block after so many */
    bench_family hog;      /* nobody, or the one */
    double serial[BLOCKS]; /* ns, one of each block */
} plan;

/* One after another, in the caller. Returns the sum. */
static double run_serial(const plan *p, double *ns)
{
    const bench_raw raw = bench_raw_of(&p->job);
    const uint64_t begin = bench_ticks();
    const double sum = bench_raw_run(&raw, 0, raw.n);
    *ns = ns_since(begin);
    return sum;
}

/* One call. Returns the time of all CPUs that there were for it, or -1. */
static double run_peer(const plan *p, double expected)
{
    double sum = 0;
    const double hog = bench_family_burnt(&p->hog);
    const uint64_t begin = bench_ticks();
    if (p->peer->run(&p->job, &sum))
        return -1;
    const double ns = ns_since(begin);
    if (sum != expected)
        return bench_fail("wrong sum of items: %.17g instead of %.17g", sum, expected);
    return ns * p->workers - (bench_family_burnt(&p->hog) - hog);
}

/* The first call of a block wakes everybody, and does not count. Samples are the time of
 * the CPUs, until the serial time is known. */
static int take(plan *p, bench_samples *s)
{
    const uint64_t begin = bench_ticks();
    int b = 0;
    for (; b < p->blocks && ns_since(begin) < p->seconds * 1e9; b++) {
        const double expected = run_serial(p, &p->serial[b]);
        for (int i = 0; i <= RUNS; i++) {
            const double ns = run_peer(p, expected);
            if (ns < 0)
                return -1;
            if (i > 0)
                bench_samples_add(s, ns);
        }
    }
    const double serial = bench_stats_median(p->serial, (size_t)b);
    for (size_t i = 0; i < s->count; i++)
        s->value[i] = serial / s->value[i];
    return 0;
}

static int take_beside_hog(plan *p, const bench_config *config, bench_samples *s)
{
    if (config->workers < 2)
        return bench_fail("a hog needs two processors: one is for the caller");
    const int pid = bench_hog_start(config->cpus[config->workers - 1]);
    if (pid < 0)
        return -1;
    const int rc = bench_family_add(&p->hog, pid) || take(p, s);
    bench_hog_end(pid);
    return rc;
}

/* What the best deal of the items comes to, with no time lost. */
static int take_bound(const plan *p, bench_samples *s)
{
    const double *cost = p->job.b->data;
    const double most = bench_lpt(cost, p->job.n, p->workers, NULL);
    double sum = 0;
    for (size_t i = 0; i < p->job.n; i++)
        sum += cost[i];
    bench_samples_add(s, sum / p->workers / most);
    return most < 0 ? -1 : 0;
}

static int measure(plan *p, const bench_row *row, const bench_config *config,
                   bench_samples *s)
{
    int rc;
    if (p->peer->open(config))
        return -1;
    if (!p->peer->run)
        rc = take_bound(p, s);
    else
        rc = row->hog ? take_beside_hog(p, config, s) : take(p, s);
    p->peer->close();
    return rc;
}

int bench_measure_items(const bench_row *row, const bench_peer *peer,
                        const bench_config *config, bench_result *result,
                        bench_samples *samples)
{
    const size_t n = (size_t)config->workers * PER_WORKER;
    const double ns = config->quick ? 2e6 : 10e6;
    bench_vector costs;
    plan p = {.peer = peer,
              .workers = config->workers,
              .blocks = config->quick ? 8 : BLOCKS,
              .seconds = config->quick ? 0.5 : 5,
              .job = {.op = row->op, .n = n, .b = &costs}};
    (void)result;
    if (bench_samples_room(samples, (size_t)p.blocks * RUNS) ||
        bench_vector_new(&costs, config->memory, n))
        return -1;
    set_costs(&costs, row, ns * config->workers);
    const int rc = measure(&p, row, config, samples);
    bench_vector_free(&costs);
    return rc ? -1 : 0;
}
