/* SPDX-License-Identifier: MIT
 *
 * All tables of rows.
 */
#include "rows.h"

const row_table *const row_table_of[] = {&glibc_rows,  &lock_rows,    &participant_rows,
                                         &heap_rows,   &array_rows,   &queue_rows,
                                         &worker_rows, &nursery_rows, &opener_rows};
const size_t row_tables = sizeof row_table_of / sizeof *row_table_of;
