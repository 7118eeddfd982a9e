/* SPDX-License-Identifier: MIT
 *
 * stats.h - what several launches of one contender say together.
 */
#ifndef BENCH_STATS_H
#define BENCH_STATS_H

#include "bench.h"

#define BENCH_MAX_LAUNCHES 100

/* Sorts. The quantile q (0..1) by nearest rank; NaN of nothing. */
double bench_stats_quantile(double *value, size_t count, double q);
double bench_stats_median(double *value, size_t count);

/* One line of a table: grows by launches, then is summed up. */
typedef struct bench_line {
    const bench_contender *contender;
    double median[BENCH_MAX_LAUNCHES]; /* of launch i; NaN when it failed */
    double batched[BENCH_MAX_LAUNCHES];
    double burnt[BENCH_MAX_LAUNCHES]; /* as batched, of those that answered */
    size_t asked;                     /* launches */
    size_t launches;                  /* that answered with samples */
    size_t failures;
    double *pool; /* all samples of all launches */
    size_t samples;
    uint64_t counted, offered;
    long involuntary;
    int huge;
    char text[220]; /* of the last failure */
    /* bench_stats_sum_up(): */
    double value;     /* the median of the launches' medians */
    double low, high; /* the least and greatest of these */
    double p50, p99;  /* of the pool; 99 of 100 samples are at least as good as p99 */
    double best;      /* sample of the pool */
    double batch;     /* the median of the launches' back-to-back times; 0: none */
    double cpu;       /* the median of the launches' CPU time per call, us; 0: none */
} bench_line;

/* Takes over the samples of the launch. */
void bench_stats_add(bench_line *line, bench_launch *launch);
void bench_stats_sum_up(bench_line *line, int lower_is_better);
void bench_stats_free(bench_line *line);

/* How many times as good as `other` `value` is. */
double bench_stats_times(double value, double other, int lower_is_better);

/* The same for two lines: the median over pairs of launches that came close after each
 * other, for a machine that drifts shifts both alike. NaN when there is no pair. */
double bench_stats_paired(const bench_line *line, const bench_line *other,
                          int lower_is_better);

#endif
