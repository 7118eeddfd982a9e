/* SPDX-License-Identifier: MIT
 *
 * A long call in the background, with its progress on stderr: the Collatz sequences of
 * all numbers below a million. The longest begins at 837,799 and takes 524 steps.
 */
#include <furrow.h>
#include <stdio.h>

static int collatz(furrow_chunk c)
{
    int *steps = c.out[0];

    for (size_t i = 0; i < c.len; i++) {
        unsigned long long n = c.begin + i;
        for (steps[i] = 0; n > 1; steps[i]++)
            n = n % 2 ? 3 * n + 1 : n / 2;
    }
    return 0;
}

int main(void)
{
    furrow_pool *pool = furrow_pool_open(NULL);
    furrow_array *steps = furrow_array_new('i', 1000000, NULL);
    furrow_call call = {.kernel = collatz, .types = ">i", .out = {steps}};
    furrow_future *future = furrow_map_async(pool, &call);
    size_t done = 0, total = 0;

    while (future && !furrow_future_ready(future)) { /* here is time for other things */
        furrow_future_wait(future, furrow_in(0.01));
        furrow_future_progress(future, &done, &total);
        fprintf(stderr, "%zu of %zu chunks\n", done, total);
    }
    if (furrow_future_wait(future, FURROW_FOREVER)) {
        furrow_perror("async_progress");
        return 1;
    }

    const int *s = steps->data;
    size_t longest = 0;
    for (size_t i = 0; i < steps->len; i++)
        if (s[i] > s[longest])
            longest = i;
    printf("longest below %zu: %zu, %d steps\n", steps->len, longest, s[longest]);
    furrow_future_free(future);
    furrow_array_free(steps);
    return furrow_pool_close(pool) != 0;
}
