/* SPDX-License-Identifier: MIT
 *
 * All tables of rows.
 */
#ifndef KILL_ROWS_H
#define KILL_ROWS_H

#include "row.h"

extern const row_table lock_rows, heap_rows, array_rows, queue_rows, participant_rows,
    worker_rows, nursery_rows, opener_rows, glibc_rows;

/* In the order in which they are run. */
extern const row_table *const row_table_of[];
extern const size_t row_tables;

#endif
