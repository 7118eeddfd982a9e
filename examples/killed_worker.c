/* SPDX-License-Identifier: MIT
 *
 * A kernel that is killed once, in the middle of a chunk. The call says which elements
 * are torn; the pool has a new worker; this kernel does not read what it writes, so the
 * torn elements can simply be computed again.
 */
#include <furrow.h>
#include <signal.h>
#include <stdio.h>

#define BAD 500000 /* the element at which the worker is killed */

static int square(furrow_chunk c)
{
    int *killed = *(int *const *)c.ctx; /* a shared Value */
    const int64_t *x = c.in[0];
    int64_t *y = c.out[0];

    for (size_t i = 0; i < c.len; i++) {
        if (x[i] == BAD && !*killed) {
            *killed = 1;
            raise(SIGKILL);
        }
        y[i] = x[i] * x[i];
    }
    return 0;
}

/* Compute the elements of one torn range again, on slices of the arrays. */
static int repair(furrow_pool *pool, furrow_call call, furrow_torn t)
{
    furrow_array *x = furrow_array_slice(call.in[0], t.begin, t.end);
    furrow_array *y = furrow_array_slice(call.out[0], t.begin, t.end);

    call.in[0] = x;
    call.out[0] = y;
    const int rc = furrow_map(pool, &call);
    furrow_array_free(x);
    furrow_array_free(y);
    return rc;
}

static int map_and_repair(furrow_pool *pool, const furrow_call *call)
{
    const furrow_torn *torn;
    furrow_torn mine[16];

    if (furrow_map(pool, call) != FURROW_EDIED)
        return -1;
    const size_t n = furrow_error_ranges(&torn);
    for (size_t i = 0; i < n && i < 16; i++)
        mine[i] = torn[i]; /* theirs last until the next failure */
    for (size_t i = 0; i < n && i < 16; i++) {
        printf("elements [%zu, %zu) are torn, signal %d\n", mine[i].begin, mine[i].end,
               mine[i].signal);
        if (repair(pool, *call, mine[i]))
            return -1;
    }
    return 0;
}

int main(void)
{
    furrow_pool *pool = furrow_pool_open(NULL);
    furrow_array *killed = furrow_value_new('i');
    furrow_array *x = furrow_array_new('q', 1000000, NULL);
    furrow_array *y = furrow_array_new('q', 1000000, NULL);

    if (!pool || !killed || !x || !y) {
        furrow_perror("killed_worker");
        return 1;
    }
    if (furrow_pool_worker_pid(pool, 0) <= 0) {
        fprintf(stderr, "the workers are threads: nothing to kill\n");
        furrow_pool_close(pool);
        return 77;
    }
    for (size_t i = 0; i < x->len; i++)
        ((int64_t *)x->data)[i] = (int64_t)i;

    int *flag = killed->data;
    furrow_call call = {.kernel = square,
                        .types = "q>q",
                        .in = {x},
                        .out = {y},
                        .ctx = &flag,
                        .ctx_size = sizeof flag,
                        .chunk = 10000};
    if (map_and_repair(pool, &call)) {
        furrow_perror("killed_worker");
        return 1;
    }
    size_t wrong = 0;
    for (size_t i = 0; i < y->len; i++)
        wrong += ((int64_t *)y->data)[i] != (int64_t)(i * i);
    printf("after repair %zu of %zu elements are wrong\n", wrong, y->len);
    furrow_array_free(killed);
    furrow_array_free(x);
    furrow_array_free(y);
    return furrow_pool_close(pool) != 0 || wrong != 0;
}
