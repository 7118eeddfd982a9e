/* SPDX-License-Identifier: MIT
 *
 * How big the pieces of a call are. Pure functions: nothing is read but the arguments.
 *
 * Three forces set the size (a claim of a chunk is one CAS, about 20 ns):
 *   - Overhead. A chunk should last at least 50 claims. 16 KiB of data take a core
 *     about 1 us, and a kernel that computes more lasts longer. Nobody knows by how much:
 *     so a call is cut into a chunk for each worker even when it is smaller, down to 64
 *     elements. They are told of it anyway, and a short kernel loses nothing by that.
 *   - Tail. The call ends at most one chunk after the fair share of each worker: with 8
 *     to 16 chunks for each of them that is 6 to 12 % when a thief has to take the last
 *     one whole, and half as much on average.
 *   - Pages and lines. Neighbours must not write the same cache line, and each page
 *     should be touched by one worker, at every call the same: edges lie on 64 bytes,
 *     on 4 KiB as soon as chunks are much larger than that, on 2 MiB as soon as there is
 *     enough work to fill huge pages.
 *
 * A reduction's result depends on where its chunks end, so that those depend on the
 * length and the type alone, never on the number of workers.
 */
#ifndef FW_CHUNK_H
#define FW_CHUNK_H

#include <stddef.h>

#define FW_CHUNK_COUNT_MAX        (((size_t)1 << 20) - 1) /* numbers have 20 bits */
#define FW_CHUNK_REDUCE_COUNT_MAX ((size_t)4096)
#define FW_CHUNK_REDUCE_MIN       ((size_t)4096) /* elements */

/* Below so many bytes of operands a built-in kernel is done before a worker has heard
 * of it: it runs in the caller. */
#define FW_CHUNK_INLINE_BYTES ((size_t)32 << 10)

/* Does the caller take part in a built-in call on an operand of so many bytes? On a large
 * one it would first have to map what the workers have mapped already. */
static inline int fw_chunk_caller_runs(size_t bytes)
{
    return bytes < (size_t)8 << 20;
}

/* Elements per chunk for a map over n elements; never 0. bytes_per_element is that of
 * the widest operand. wanted != 0 is the user's choice, raised where it would make more
 * than FW_CHUNK_COUNT_MAX chunks. */
size_t fw_chunk_for_map(size_t n, size_t bytes_per_element, int workers, size_t wanted);

/* Elements per chunk for a reduction over n elements; never 0. */
size_t fw_chunk_for_reduce(size_t n, size_t itemsize);

/* How many chunks n elements make; the last may be shorter. */
size_t fw_chunk_count(size_t n, size_t chunk);

#endif
