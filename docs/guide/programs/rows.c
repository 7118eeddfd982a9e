/* SPDX-License-Identifier: MIT
 *
 * A matrix, the sums of its rows, and a slice of it. A chunk of a matrix need not end
 * where a row ends: so the call is over the rows, and the kernel finds them by a
 * pointer.
 */
#include <furrow.h>
#include <stdio.h>

struct matrix {
    const double *at; /* in shared memory: the same address in every worker */
    size_t columns;
};

static int sum_rows(furrow_chunk c)
{
    const struct matrix *m = c.ctx;
    double *sum = c.out[0];

    for (size_t i = 0; i < c.len; i++) {
        const double *row = m->at + (c.begin + i) * m->columns;

        sum[i] = 0;
        for (size_t k = 0; k < m->columns; k++)
            sum[i] += row[k];
    }
    return 0;
}

static int sums_of(furrow_pool *pool, furrow_array *a, furrow_array *sums)
{
    struct matrix m = {a->data, a->shape[1]};
    furrow_call call = {.kernel = sum_rows,
                        .types = ">d",
                        .out = {sums},
                        .ctx = &m,
                        .ctx_size = sizeof m};

    return furrow_map(pool, &call);
}

int main(void)
{
    const double one = 1, ten = 10;
    furrow_pool *pool = furrow_pool_open(NULL);
    furrow_array_options shape = {.ndim = 2, .shape = {1000, 300}};
    furrow_array *a = furrow_array_new('d', 0, &shape);
    furrow_array *lower = furrow_array_slice(a, 900, 1000); /* rows 900 to 999 */
    furrow_array *sums = furrow_array_new('d', 1000, NULL);

    if (furrow_fill(pool, a, &one) || furrow_fill(pool, lower, &ten) ||
        sums_of(pool, a, sums)) {
        furrow_perror("rows");
        return 1;
    }
    const double *s = sums->data;
    printf("a: %zu x %zu, slice: %zu x %zu\n", a->shape[0], a->shape[1],
           lower->shape[0], lower->shape[1]);
    printf("row 899 sums to %g, row 900 to %g\n", s[899], s[900]);
    furrow_array_free(a); /* the memory stays until the slice is freed too */
    furrow_array_free(lower);
    furrow_array_free(sums);
    return furrow_pool_close(pool) != 0;
}
