/* SPDX-License-Identifier: MIT
 *
 * report.h - tables for people, JSON lines for programs.
 */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include "machine.h"
#include "stats.h"

#include <stdio.h>

typedef struct bench_table {
    const bench_row *row;
    bench_line *lines;
    size_t count;
    double steal_ms; /* while the row ran */
} bench_table;

/* Each writes its table to stdout, and to `json` when it is not NULL. */
void bench_report_machine(const bench_machine *m, const bench_config *config,
                          FILE *json);
void bench_report_table(const bench_table *table, FILE *json);

#endif
