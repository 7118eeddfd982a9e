/* SPDX-License-Identifier: MIT
 *
 * Chunk sizes: the promises of chunk.h over a grid of lengths, widths and teams.
 */
#include "chunk.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <stdio.h>

static const size_t lengths[] = {
    0,     1,      63,      1000,    1024,     4096,      4097,     10000,
    65536, 100003, 1 << 20, 1234567, 16777216, 100000007, 1u << 30, 4294967291u};
static const size_t widths[] = {1, 2, 4, 8, 12, 16, 24, 100};
static const int teams[] = {1, 2, 3, 7, 16, 64, 256, 1000};
enum { LENGTHS = 16, WIDTHS = 8, TEAMS = 8 };

static void check_map(size_t n, size_t width, int workers)
{
    const size_t team = (size_t)workers, chunk = fw_chunk_for_map(n, width, workers, 0);
    const size_t count = fw_chunk_count(n, chunk);

    cr_assert_geq(chunk, 1);
    cr_assert_leq(count, FW_CHUNK_COUNT_MAX);
    cr_assert_leq(count, 16 * team, "%zu of %zu bytes, %d workers", n, width, workers);
    if (count > 1)
        cr_assert_eq(chunk % 64, 0);
    if (count > team) {
        cr_assert_geq(chunk, 1024);
        cr_assert_geq(chunk * width, 16 << 10);
    }
    if (n >= 64 * team) /* nobody but the odd one goes without */
        cr_assert_gt(2 * count, team, "%zu of %zu bytes, %d workers: %zu", n, width,
                     workers, count);
    if (n / team >= ((size_t)1 << 20)) /* large: enough for thieves */
        cr_assert_geq(count, 8 * team - team / 2, "%zu of %zu bytes, %d workers: %zu",
                      n, width, workers, count);
}

Test(chunk, map_grid)
{
    for (int i = 0; i < LENGTHS; i++)
        for (int k = 0; k < WIDTHS; k++)
            for (int t = 0; t < TEAMS; t++)
                check_map(lengths[i], widths[k], teams[t]);
}

Test(chunk, tiny_is_one_chunk)
{
    cr_assert_eq(fw_chunk_for_map(64, 8, 64, 0), 64);
    cr_assert_eq(fw_chunk_for_map(50, 1, 64, 0), 50);
    cr_assert_eq(fw_chunk_for_map(0, 8, 64, 0), 1);
}

Test(chunk, small_is_one_chunk_each)
{
    const size_t chunk = fw_chunk_for_map(3 * 2048, 8, 2, 0);

    cr_assert_eq(chunk, 3 * 1024);
    cr_assert_eq(fw_chunk_count(3 * 2048, chunk), 2);
    cr_assert_eq(fw_chunk_for_map(2000, 8, 2, 0), 1024);
    cr_assert_eq(fw_chunk_for_map(2000, 8, 64, 0), 64, "a line each, for 32 of them");
    cr_assert_eq(fw_chunk_for_map(128, 1, 2, 0), 64);
}

Test(chunk, large_ends_on_pages)
{
    const size_t page = fw_chunk_for_map((size_t)4 << 20, 8, 2, 0);  /* 32 MiB */
    const size_t huge = fw_chunk_for_map((size_t)64 << 20, 8, 2, 0); /* 512 MiB */

    cr_assert_eq(page * 8 % 4096, 0);
    cr_assert_eq(huge * 8 % ((size_t)2 << 20), 0);
    cr_assert_eq(fw_chunk_for_map((size_t)64 << 20, 24, 2, 0) * 24 % ((size_t)2 << 20),
                 0);
    cr_assert_eq(fw_chunk_for_map((size_t)8 << 20, 8, 2, 0) * 8 % ((size_t)2 << 20), 0,
                 "32 MiB for each worker begins to be large");
}

Test(chunk, wanted_is_kept_or_raised)
{
    const size_t most = FW_CHUNK_COUNT_MAX;

    cr_assert_eq(fw_chunk_for_map(1000, 8, 4, 1), 1);
    cr_assert_eq(fw_chunk_for_map(1000, 8, 4, 77), 77);
    cr_assert_eq(fw_chunk_for_map(1000, 8, 4, 5000), 5000);
    cr_assert_eq(fw_chunk_for_map(most, 8, 4, 1), 1);
    cr_assert_eq(fw_chunk_for_map(most + 1, 8, 4, 1), 2);
    cr_assert_leq(fw_chunk_count(SIZE_MAX, fw_chunk_for_map(SIZE_MAX, 8, 4, 1)), most);
}

Test(chunk, absurd_arguments_do_no_harm)
{
    cr_assert_geq(fw_chunk_for_map(100, 0, 0, 0), 1);
    cr_assert_geq(fw_chunk_for_map(100, 8, -3, 0), 1);
    cr_assert_leq(fw_chunk_count(SIZE_MAX, fw_chunk_for_map(SIZE_MAX, SIZE_MAX, 4, 0)),
                  FW_CHUNK_COUNT_MAX);
    cr_assert_leq(fw_chunk_count(SIZE_MAX, fw_chunk_for_map(SIZE_MAX, 1, 1 << 30, 0)),
                  FW_CHUNK_COUNT_MAX);
    cr_assert_leq(fw_chunk_count(SIZE_MAX, fw_chunk_for_reduce(SIZE_MAX, 0)),
                  FW_CHUNK_REDUCE_COUNT_MAX);
    cr_assert_eq(fw_chunk_count(7, 0), 7);
}

Test(chunk, reduce_grid)
{
    for (int i = 0; i < LENGTHS; i++)
        for (int k = 0; k < WIDTHS; k++) {
            const size_t chunk = fw_chunk_for_reduce(lengths[i], widths[k]);

            cr_assert_geq(chunk, FW_CHUNK_REDUCE_MIN);
            cr_assert_leq(fw_chunk_count(lengths[i], chunk), FW_CHUNK_REDUCE_COUNT_MAX);
            cr_assert_eq(chunk % 64, 0);
            if (lengths[i] >= 64 * FW_CHUNK_REDUCE_MIN)
                cr_assert_geq(fw_chunk_count(lengths[i], chunk), 32);
        }
}

Test(chunk, count)
{
    cr_assert_eq(fw_chunk_count(0, 5), 0);
    cr_assert_eq(fw_chunk_count(5, 5), 1);
    cr_assert_eq(fw_chunk_count(6, 5), 2);
    cr_assert_eq(fw_chunk_count(SIZE_MAX, 1), SIZE_MAX);
}
