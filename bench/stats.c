/* SPDX-License-Identifier: MIT
 *
 * stats.c - medians and quantiles of samples.
 */
#include "stats.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double bench_stats_quantile(double *value, size_t count, double q)
{
    if (count == 0)
        return NAN;
    qsort(value, count, sizeof *value, compare);
    const double rank = ceil(q * (double)count);
    const size_t at = rank < 1 ? 0 : (size_t)rank - 1;
    return value[at < count ? at : count - 1];
}

double bench_stats_median(double *value, size_t count)
{
    const double upper = bench_stats_quantile(value, count, 0.5);
    if (count == 0 || count % 2)
        return upper;
    return (value[count / 2 - 1] + value[count / 2]) / 2;
}

static int pool_add(bench_line *line, const double *samples, size_t count)
{
    double *pool = realloc(line->pool, (line->samples + count) * sizeof *pool);
    if (!pool)
        return -1;
    memcpy(pool + line->samples, samples, count * sizeof *pool);
    line->pool = pool;
    line->samples += count;
    return 0;
}

void bench_stats_add(bench_line *line, bench_launch *launch)
{
    const bench_result *r = &launch->result;
    const size_t count = (size_t)r->samples;
    line->involuntary += launch->involuntary;
    line->counted += r->counted;
    line->offered += r->offered;
    if (line->asked == BENCH_MAX_LAUNCHES)
        return;
    line->median[line->asked] = NAN;
    if (!r->failed && count > 0 && pool_add(line, launch->samples, count) == 0) {
        line->median[line->asked] = bench_stats_median(launch->samples, count);
        line->burnt[line->launches] = r->burnt;
        line->batched[line->launches++] = r->batched;
        line->huge = r->huge;
    } else {
        line->failures++;
        snprintf(line->text, sizeof line->text, "%s",
                 r->failed ? r->text : "no sample counts: not every worker ran");
    }
    line->asked++;
    free(launch->samples);
    launch->samples = NULL;
}

void bench_stats_sum_up(bench_line *line, int lower_is_better)
{
    double median[BENCH_MAX_LAUNCHES];
    size_t count = 0;
    for (size_t i = 0; i < line->asked; i++)
        if (isfinite(line->median[i]))
            median[count++] = line->median[i];
    if (count == 0)
        return;
    line->value = bench_stats_median(median, count);
    line->low = median[0]; /* sorted now */
    line->high = median[count - 1];
    line->batch = bench_stats_median(line->batched, line->launches);
    line->cpu = bench_stats_median(line->burnt, line->launches);
    line->p99 =
        bench_stats_quantile(line->pool, line->samples, lower_is_better ? 0.99 : 0.01);
    line->best = line->pool[lower_is_better ? 0 : line->samples - 1]; /* sorted now */
    line->p50 = bench_stats_median(line->pool, line->samples);
}

void bench_stats_free(bench_line *line)
{
    free(line->pool);
    line->pool = NULL;
}

double bench_stats_times(double value, double other, int lower_is_better)
{
    if (!(value > 0) || !(other > 0))
        return NAN;
    return lower_is_better ? other / value : value / other;
}

double bench_stats_paired(const bench_line *line, const bench_line *other,
                          int lower_is_better)
{
    double times[BENCH_MAX_LAUNCHES];
    size_t count = 0;
    for (size_t i = 0; i < line->asked && i < other->asked; i++) {
        const double t =
            bench_stats_times(line->median[i], other->median[i], lower_is_better);
        if (isfinite(t))
            times[count++] = t;
    }
    return bench_stats_median(times, count);
}
