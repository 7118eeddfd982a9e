/* SPDX-License-Identifier: MIT
 *
 * Ranges of chunk numbers, one 64-bit word per worker.
 *
 *   63                  40 39              20 19               0
 *   +---------------------+-----------------+-----------------+
 *   | tag: generation     | end             | begin           |
 *   +---------------------+-----------------+-----------------+
 *
 * The owner takes from the front, a thief takes half from the tail; each by one CAS on the
 * whole word, which is the whole state. A word whose tag is not the running generation's is
 * not installed yet: its worker's share is then band(), a pure function, and whoever comes
 * first (the owner, or a thief of a late owner) installs what is left of it by CAS from
 * the word it saw.
 *
 * ABA inside a generation is harmless: a value that recurs (one chunk stolen away and
 * stolen back) still names chunks that nobody holds. Two rules complete it: nobody changes
 * an installed empty word but its owner, by a plain store; and a thief keeps the first
 * stolen chunk, so that every steal runs one. Between generations ABA cannot be: nobody is
 * inside a CAS when the next one opens (worker.c).
 */
#ifndef FW_RANGE_H
#define FW_RANGE_H

#include <stdint.h>

#define FW_RANGE_BITS 20
#define FW_CHUNKS_MAX ((UINT32_C(1) << FW_RANGE_BITS) - 1)
#define FW_TAG_MASK   UINT64_C(0xFFFFFF)

typedef struct fw_range {
    uint32_t begin, end;
} fw_range;

static inline uint64_t fw_range_pack(uint64_t generation, fw_range r)
{
    return (generation & FW_TAG_MASK) << 40 | (uint64_t)r.end << FW_RANGE_BITS |
           r.begin;
}

static inline fw_range fw_range_of(uint64_t word)
{
    return (fw_range){(uint32_t)word & FW_CHUNKS_MAX,
                      (uint32_t)(word >> FW_RANGE_BITS) & FW_CHUNKS_MAX};
}

static inline int fw_range_installed(uint64_t word, uint64_t generation)
{
    return word >> 40 == (generation & FW_TAG_MASK);
}

/* The share of worker i of `workers` in `chunks`: contiguous, the same for every call with
 * as many chunks, so that the same worker touches the same pages again. */
static inline fw_range fw_range_band(uint32_t chunks, int i, int workers)
{
    return (fw_range){
        (uint32_t)((uint64_t)chunks * (unsigned)i / (unsigned)workers),
        (uint32_t)((uint64_t)chunks * (unsigned)(i + 1) / (unsigned)workers)};
}

#endif
