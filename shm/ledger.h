/* SPDX-License-Identifier: MIT
 *
 * The ledger: what has been promised, and whether there is room for more.
 */
#ifndef FW_LEDGER_H
#define FW_LEDGER_H

#include "segment.h"

/* Can the pages of the range that have no memory yet have it now? The promise was good
 * when it was given, but others may have taken the memory meanwhile, and who takes more
 * than there is meets the OOM killer. 0 or FURROW_ENOMEM. */
int fw_ledger_check_taking(void *at, size_t size);

/* May so many more bytes be promised, in the large zone or outside of the heap?
 * FURROW_ENOMEM. Needs the heap's lock, as all below. */
int fw_ledger_check(const fw_segment *s, size_t bytes);

/* The same for a block of the small zone, which is going to be allocated. Asks the system
 * once in some MiB. */
int fw_ledger_check_small(const fw_segment *s, size_t bytes);

/* Bytes of large blocks that are promised and have no memory yet. */
size_t fw_ledger_promised(const fw_segment *s);

#endif
