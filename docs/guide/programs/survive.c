/* SPDX-License-Identifier: MIT
 *
 * A run that survives its crashes: every torn range is written anew from data that the
 * kernel does not change, until the call is whole.
 */
#include <furrow.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

struct task {
    const double *x; /* not changed: what is torn can be computed again */
    int *crashes;    /* shared: how many are still to come */
};

static int square(furrow_chunk c)
{
    const struct task *t = c.ctx;
    double *y = c.out[0];

    for (size_t i = 0; i < c.len; i++) {
        y[i] = t->x[c.begin + i] * t->x[c.begin + i];
        if (i == c.len / 2 && *t->crashes > 0) {
            --*t->crashes;
            raise(SIGSEGV);
        }
    }
    return 0;
}

/* The same call on a part of the arrays. */
static int again(furrow_pool *pool, furrow_call call, size_t begin, size_t end)
{
    struct task t = *(const struct task *)call.ctx;
    furrow_array *y = furrow_array_slice(call.out[0], begin, end);

    t.x += begin;
    call.out[0] = y;
    call.ctx = &t;
    const int rc = furrow_map(pool, &call);
    furrow_array_free(y);
    return rc;
}

/* Run the call; then what it tore, piece by piece, each piece up to three times. */
static int map_whatever_dies(furrow_pool *pool, const furrow_call *call)
{
    const furrow_torn *lent;
    int rc = furrow_map(pool, call);
    const size_t n = rc == FURROW_EDIED ? furrow_error_ranges(&lent) : 0;
    furrow_torn *torn = malloc((n + 1) * sizeof *torn);

    if (!torn || (rc == FURROW_EDIED && n == 0))
        return rc;
    for (size_t i = 0; i < n; i++)
        torn[i] = lent[i]; /* lent until the next failure */
    for (size_t i = 0; i < n; i++) {
        printf("[%zu, %zu) is torn: signal %d\n", torn[i].begin, torn[i].end,
               torn[i].signal);
        rc = FURROW_EDIED;
        for (int tries = 0; tries < 3 && rc == FURROW_EDIED; tries++)
            rc = again(pool, *call, torn[i].begin, torn[i].end);
        if (rc)
            break;
    }
    free(torn);
    return rc;
}

int main(void)
{
    furrow_pool *pool = furrow_pool_open(&(furrow_pool_options){.workers = 1});
    furrow_array *x = furrow_array_new('d', 4000, NULL);
    furrow_array *y = furrow_array_new('d', 4000, NULL);
    furrow_array *crashes = furrow_value_new('i');

    if (!pool || !x || !y || !crashes) {
        furrow_perror("survive");
        return 1;
    }
    for (size_t i = 0; i < x->len; i++)
        ((double *)x->data)[i] = (double)i;
    *(int *)crashes->data = 2;

    struct task t = {x->data, crashes->data};
    furrow_call call = {.kernel = square,
                        .types = ">d",
                        .out = {y},
                        .ctx = &t,
                        .ctx_size = sizeof t,
                        .chunk = 1000};
    if (map_whatever_dies(pool, &call)) {
        furrow_perror("survive");
        return 1;
    }
    size_t wrong = 0;
    for (size_t i = 0; i < y->len; i++)
        wrong += ((double *)y->data)[i] != (double)(i * i);
    printf("%zu wrong elements, %d workers\n", wrong, furrow_pool_workers(pool));
    furrow_array_free(x);
    furrow_array_free(y);
    furrow_array_free(crashes);
    return furrow_pool_close(pool) != 0;
}
