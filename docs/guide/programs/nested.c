/* SPDX-License-Identifier: MIT
 *
 * A function that uses a pool may be called by a kernel: inside a worker a pool has no
 * workers of its own, and its calls run where they are.
 */
#include <furrow.h>
#include <stdio.h>

/* A library function that knows nothing of who calls it. */
static int sum_of_ones(size_t n, double *sum)
{
    const double one = 1;
    furrow_pool *pool = furrow_pool_open(NULL);
    furrow_array *a = furrow_array_new('d', n, NULL);
    const int rc = furrow_fill(pool, a, &one) || furrow_sum(pool, a, sum);

    furrow_array_free(a);
    return rc || furrow_pool_close(pool);
}

static int kernel(furrow_chunk c)
{
    double *sums = c.out[0];

    for (size_t i = 0; i < c.len; i++)
        if (sum_of_ones(10000 * (c.begin + i), &sums[i]))
            return 1;
    return 0;
}

int main(void)
{
    furrow_pool *pool = furrow_pool_open(NULL);
    furrow_array *sums = furrow_array_new('d', 8, NULL);
    furrow_call call = {.kernel = kernel, .types = ">d", .out = {sums}, .chunk = 1};
    double in_main = 0;

    if (furrow_map(pool, &call) || sum_of_ones(70000, &in_main)) {
        furrow_perror("nested");
        return 1;
    }
    printf("in a kernel %g, in main %g\n", ((double *)sums->data)[7], in_main);
    furrow_array_free(sums);
    return furrow_pool_close(pool) != 0;
}
