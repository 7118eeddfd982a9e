/* SPDX-License-Identifier: MIT
 *
 * The call after a death: a new worker takes part in what was opened while it was
 * started.
 */
#include "child.h"
#include "furrow.h"

#include <criterion/criterion.h>

TestSuite(successor, .timeout = 60);

static int add_one(furrow_chunk c)
{
    int *a = c.out[0];

    for (size_t i = 0; i < c.len; i++)
        a[i]++;
    return 0;
}

static int die(furrow_chunk c)
{
    (void)c;
    raise(SIGKILL);
    return 0;
}

/* Every worker dies in a call, and the next call comes before the new ones are up. */
static int lose_all_then_map(void *arg)
{
    int workers = *(int *)arg;
    furrow_pool *pool = furrow_pool_open(&(furrow_pool_options){.workers = workers});
    furrow_array *a = furrow_array_new('i', 8, NULL);
    furrow_call good = {.kernel = add_one, .types = ">i", .out = {a}};
    furrow_call bad = {
        .kernel = die, .types = ">i", .out = {a}, .chunk = 8 / (size_t)workers};

    child_want(pool && a);
    if (furrow_pool_worker_pid(pool, 0) < 0)
        return 0; /* threads cannot be killed */
    for (int round = 1; round <= 20; round++) {
        child_want(furrow_map(pool, &bad) == FURROW_EDIED);
        child_want(furrow_map(pool, &good) == 0);
        for (int i = 0; i < 8; i++)
            child_want(((int *)a->data)[i] == round);
    }
    furrow_array_free(a);
    child_want(furrow_pool_close(pool) == 0);
    return 0;
}

Test(successor, the_only_worker)
{
    int workers = 1;

    cr_assert_eq(child_run(lose_all_then_map, &workers), 0);
}

Test(successor, all_workers)
{
    int workers = 4;

    cr_assert_eq(child_run(lose_all_then_map, &workers), 0);
}
