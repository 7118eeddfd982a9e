/* SPDX-License-Identifier: MIT
 *
 * The same sum, to the last bit, with one worker and with five. A sum in another order,
 * such as that of a plain loop, differs in its last digits.
 */
#include <furrow.h>
#include <stdio.h>

static double sum_with(int workers, furrow_array *a)
{
    furrow_pool *pool = furrow_pool_open(&(furrow_pool_options){.workers = workers});
    double sum = 0;

    if (furrow_sum(pool, a, &sum))
        furrow_perror("bits");
    furrow_pool_close(pool);
    return sum;
}

int main(void)
{
    furrow_array *a = furrow_array_new('d', 1000000, NULL);
    double loop = 0;

    if (!a) {
        furrow_perror("bits");
        return 1;
    }
    for (size_t i = 0; i < a->len; i++)
        ((double *)a->data)[i] = 1.0 / (double)(i + 1);
    for (size_t i = 0; i < a->len; i++)
        loop += ((double *)a->data)[i];

    const double one = sum_with(1, a), two = sum_with(2, a), five = sum_with(5, a);
    printf("%.10f; 1, 2 and 5 workers %s, a plain loop %s\n", one,
           one == two && two == five ? "agree" : "differ", loop == one ? "too" : "not");
    furrow_array_free(a);
    return 0;
}
