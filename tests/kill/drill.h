/* SPDX-License-Identifier: MIT
 *
 * A drill: all kill points of a row, one world after another.
 */
#ifndef KILL_DRILL_H
#define KILL_DRILL_H

#include "row.h"
#include "trail.h"

typedef struct drill_options {
    unsigned long seed; /* which points, when not all are taken */
    long stride;        /* one in so many of those instructions that change nothing */
    long points;        /* at most so many for a row and variant */
    int64_t soft;       /* after that (kin_now()) it leaves off with what it has, */
    int64_t until;      /* after that with nothing, too */
    int lanes;          /* worlds at a time */
} drill_options;

typedef struct drill_result {
    long points, failed;
    int unable; /* there is no ptrace here */
    int late;   /* the time was over before the first */
} drill_result;

/* Kill the victim of the row at its points, or with `stop` stop it there. */
drill_result drill_row(const row *r, int stop, const drill_options *options);

#endif
