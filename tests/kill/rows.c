/* SPDX-License-Identifier: MIT
 *
 * All tables of rows.
 */
#include "rows.h"

/* clang-format off */
const row_table *const row_table_of[] = {
    &glibc_rows,
    &lock_rows,
    &participant_rows,
    &heap_rows,
    &array_rows,
    &sync_lock_rows,
    &sync_semaphore_rows,
    &sync_condition_rows,
    &sync_barrier_rows,
    &sync_life_rows,
    &value_rows,
    &list_rows,
    &segment_rows,
    &queue_rows,
    &queue_life_rows,
    &queue_join_rows,
    &process_rows,
    &keeper_rows,
    &server_rows,
    &worker_rows,
    &nursery_rows,
    &opener_rows,
};
/* clang-format on */
const size_t row_tables = sizeof row_table_of / sizeof *row_table_of;
