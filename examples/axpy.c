/* SPDX-License-Identifier: MIT
 *
 * y += a x on two shared arrays of 16 million doubles, split over all cores.
 */
#include <furrow.h>
#include <stdio.h>

static int axpy(furrow_chunk c) /* on one chunk */
{
    const double a = *(const double *)c.ctx, *x = c.in[0];
    double *y = c.out[0];

    for (size_t i = 0; i < c.len; i++)
        y[i] += a * x[i];
    return 0;
}

int main(void)
{
    double a = 0.5, one = 1, three = 3, sum = 0;
    furrow_pool *pool = furrow_pool_open(NULL); /* one worker per core */
    furrow_array *x = furrow_array_new('d', 1 << 24, NULL);
    furrow_array *y = furrow_array_new('d', 1 << 24, NULL);
    furrow_call call = {.kernel = axpy,
                        .types = "d>d",
                        .in = {x},
                        .out = {y},
                        .ctx = &a,
                        .ctx_size = sizeof a};

    if (furrow_fill(pool, x, &three) || furrow_fill(pool, y, &one) ||
        furrow_map(pool, &call) || furrow_sum(pool, y, &sum)) {
        furrow_perror("axpy"); /* whatever failed first */
        return 1;
    }
    printf("sum(y) = %.1f\n", sum);
    furrow_array_free(x);
    furrow_array_free(y);
    return furrow_pool_close(pool) != 0;
}
