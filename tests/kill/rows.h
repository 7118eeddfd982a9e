/* SPDX-License-Identifier: MIT
 *
 * All tables of rows.
 */
#ifndef KILL_ROWS_H
#define KILL_ROWS_H

#include "row.h"

extern const row_table glibc_rows;
extern const row_table lock_rows;
extern const row_table participant_rows;
extern const row_table heap_rows;
extern const row_table array_rows;
extern const row_table sync_lock_rows;
extern const row_table sync_semaphore_rows;
extern const row_table sync_condition_rows;
extern const row_table sync_barrier_rows;
extern const row_table sync_life_rows;
extern const row_table value_rows;
extern const row_table list_rows;
extern const row_table segment_rows;
extern const row_table queue_rows;
extern const row_table queue_life_rows;
extern const row_table queue_join_rows;
extern const row_table process_rows;
extern const row_table keeper_rows;
extern const row_table server_rows;
extern const row_table worker_rows;
extern const row_table nursery_rows;
extern const row_table opener_rows;

/* In the order in which they are run. */
extern const row_table *const row_table_of[];
extern const size_t row_tables;

#endif
