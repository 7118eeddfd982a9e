/* SPDX-License-Identifier: MIT
 *
 * How big the pieces of a call are. See chunk.h for the reasons behind the numbers.
 *
 * Invariant: a size is rounded up only, and only to a unit that it reaches already, so
 * that it at most doubles: 16 chunks for each worker become 8 at the least.
 */
#include "chunk.h"

#include <stdint.h>

enum {
    LINE = 64,
    PAGE = 4096,
    HUGE_PAGE = 2 << 20,
    PER_WORKER = 16,        /* chunks, before rounding */
    MIN_ELEMENTS = 1024,    /* of a map's chunk, where there are more than workers */
    MIN_BYTES = 16 << 10,   /* the same */
    LARGE_BYTES = 32 << 20, /* data per worker from which on huge pages count */
    REDUCE_BYTES = 64 << 10 /* of a reduction's chunk, where there is enough for many */
};

static size_t ceil_div(size_t a, size_t b)
{
    return a / b + (a % b != 0);
}

static size_t max_of(size_t a, size_t b)
{
    return a > b ? a : b;
}

static size_t min_of(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* The fewest elements that end on a multiple of `bytes`, a power of two. */
static size_t unit_of(size_t bytes, size_t itemsize)
{
    const size_t power = itemsize & (~itemsize + 1); /* largest that divides itemsize */

    return bytes / min_of(bytes, power);
}

static size_t round_up(size_t size, size_t unit)
{
    return size > SIZE_MAX - unit ? size : ceil_div(size, unit) * unit;
}

/* Move the end of a chunk of `size` elements to an edge worth having. `large`: memory
 * is in huge pages. Lines are 64 elements, which is 64 bytes for operands of any width.
 */
static size_t to_edge(size_t size, size_t itemsize, int large)
{
    const size_t huge = unit_of(HUGE_PAGE, itemsize);
    const size_t page = max_of(unit_of(PAGE, itemsize), LINE);

    if (large && size >= huge)
        return round_up(size, huge);
    return round_up(size, size / 8 >= page ? page : LINE);
}

size_t fw_chunk_for_map(size_t n, size_t bytes_per_element, int workers, size_t wanted)
{
    const size_t team = workers > 0 ? (size_t)workers : 1;
    const size_t width = max_of(bytes_per_element, 1);
    const size_t least = max_of(MIN_ELEMENTS, ceil_div(MIN_BYTES, width));
    const size_t most = min_of(team * PER_WORKER, FW_CHUNK_COUNT_MAX);
    size_t parts = min_of(n / least, most);

    if (wanted)
        return max_of(wanted, ceil_div(n, FW_CHUNK_COUNT_MAX));
    if (parts < team) /* every worker is told of the call anyway */
        parts = min_of(min_of(team, most), ceil_div(n, LINE));
    if (parts <= 1)
        return max_of(n, 1);
    if (parts > team)
        parts -= parts % team; /* the same number of chunks for each */
    return to_edge(ceil_div(n, parts), width, n / team >= LARGE_BYTES / width);
}

size_t fw_chunk_for_reduce(size_t n, size_t itemsize)
{
    const size_t width = max_of(itemsize, 1);
    const size_t wanted = min_of(n / 64, REDUCE_BYTES / width); /* 64 chunks first */
    const size_t least = max_of(FW_CHUNK_REDUCE_MIN, wanted);
    const size_t size = max_of(least, ceil_div(n, FW_CHUNK_REDUCE_COUNT_MAX));

    return to_edge(size, width, 1);
}

size_t fw_chunk_count(size_t n, size_t chunk)
{
    return ceil_div(n, max_of(chunk, 1));
}
