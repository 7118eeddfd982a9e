/* SPDX-License-Identifier: MIT
 *
 * lpt.c - longest processing time first; and the peer `bound`, which does nothing but say
 * what it would come to.
 */
#include "lpt.h"
#include "bench.h"

#include <stdlib.h>

typedef struct item {
    double cost;
    size_t index;
} item;

static int dearest_first(const void *a, const void *b)
{
    const item *x = a, *y = b;
    return (x->cost < y->cost) - (x->cost > y->cost);
}

static int least_loaded(const double *load, int workers)
{
    int least = 0;
    for (int w = 1; w < workers; w++)
        if (load[w] < load[least])
            least = w;
    return least;
}

double bench_lpt(const double *cost, size_t n, int workers, uint16_t *owner)
{
    double load[BENCH_MAX_WORKERS] = {0}, most = 0;
    item *items = malloc(n * sizeof *items);
    if (!items)
        return bench_fail("no memory for %zu items", n);
    for (size_t i = 0; i < n; i++)
        items[i] = (item){cost[i], i};
    qsort(items, n, sizeof *items, dearest_first);
    for (size_t i = 0; i < n; i++) {
        const int w = least_loaded(load, workers);
        load[w] += items[i].cost;
        most = load[w] > most ? load[w] : most;
        if (owner)
            owner[items[i].index] = (uint16_t)w;
    }
    free(items);
    return most;
}

static int bound_open(const bench_config *config)
{
    (void)config;
    return 0;
}

static void bound_close(void)
{
}

const bench_peer bench_peer_bound = {
    .name = "bound", .open = bound_open, .close = bound_close};
