/* SPDX-License-Identifier: MIT
 *
 * The names of a worker's counters (counters.def), and the one way to count.
 */
#ifndef FW_COUNTERS_H
#define FW_COUNTERS_H

#include "atomic.h"

enum {
#define FW_COUNTER(name, text) FW_COUNT_##name,
#include "counters.def"
#undef FW_COUNTER
    FW_COUNTERS
};

/* One writer: a load and a store are enough. */
static inline void fw_count(_Atomic uint64_t *counter)
{
    fw_store_relaxed(counter, fw_load_relaxed(counter) + 1);
}

#endif
