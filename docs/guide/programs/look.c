/* SPDX-License-Identifier: MIT
 *
 * Looking at a pool: why it is as it is (on stderr), and what it did.
 */
#include <furrow.h>
#include <stdio.h>

static int count(furrow_chunk c)
{
    int *a = c.out[0];

    for (size_t i = 0; i < c.len; i++)
        a[i]++;
    return 0;
}

int main(void)
{
    furrow_pool *pool = furrow_pool_open(&(furrow_pool_options){.trace = 1000});
    furrow_array *a = furrow_array_new('i', 64000, NULL);
    furrow_call call = {.kernel = count, .types = ">i", .out = {a}, .chunk = 1000};
    furrow_pool_stats stats;
    furrow_heap_info heap;

    for (int i = 0; i < 10; i++)
        if (furrow_map(pool, &call)) {
            furrow_perror("look");
            return 1;
        }
    furrow_pool_describe(pool, stderr);
    furrow_pool_stat(pool, &stats);
    furrow_heap_describe(&heap);
    printf("%llu calls, %llu chunks, %llu deaths\n", (unsigned long long)stats.calls,
           (unsigned long long)stats.chunks, (unsigned long long)stats.deaths);
    printf("heap: %s\n", furrow_fsck() == 0 && heap.blocks > 0 ? "whole" : "damaged");
    if (furrow_pool_timeline(pool, "look.svg") == 0)
        printf("look.svg shows who ran what, and when\n");
    furrow_array_free(a);
    return furrow_pool_close(pool) != 0;
}
