/* SPDX-License-Identifier: MIT
 *
 * The axpy program in C++17, as a user of the installed library would write it: the
 * headers are C's, a kernel is a plain function.
 */
#include <furrow.h>

#include <cstdio>

static int axpy(furrow_chunk c)
{
    const double a = *static_cast<const double *>(c.ctx);
    const double *x = static_cast<const double *>(c.in[0]);
    double *y = static_cast<double *>(c.out[0]);

    for (std::size_t i = 0; i < c.len; i++)
        y[i] += a * x[i];
    return 0;
}

int main()
{
    const std::size_t n = std::size_t{1} << 20;
    double a = 0.5, one = 1, sum = 0;
    furrow_pool *pool = furrow_pool_open(nullptr);
    furrow_array *x = furrow_array_new('d', n, nullptr);
    furrow_array *y = furrow_array_new('d', n, nullptr);
    furrow_call call{};

    call.kernel = axpy;
    call.types = "d>d";
    call.in[0] = x;
    call.out[0] = y;
    call.ctx = &a;
    call.ctx_size = sizeof a;
    if (furrow_fill(pool, x, &one) || furrow_map(pool, &call) ||
        furrow_sum(pool, y, &sum))
        furrow_perror("axpy");
    std::printf("sum(y) = %g\n", sum);
    furrow_array_free(x);
    furrow_array_free(y);
    return furrow_pool_close(pool);
}
