/* SPDX-License-Identifier: MIT
 *
 * report.c - prints what was measured, losses too.
 */
#include "report.h"
#include "json.h"

#include <math.h>
#include <string.h>

#define MIB ((double)(1 << 20))

/* ---- the machine ------------------------------------------------------------------*/

static void machine_json(const bench_machine *m, const bench_config *config,
                         const char *cpus, FILE *json)
{
    bench_json j = bench_json_begin(json);
    bench_json_string(&j, "row", "machine");
    bench_json_string(&j, "cpu", m->cpu);
    bench_json_number(&j, "online", m->online);
    bench_json_string(&j, "cpus", cpus);
    bench_json_number(&j, "workers", config->workers);
    bench_json_string(&j, "kernel", m->kernel);
    bench_json_string(&j, "governor", m->governor);
    bench_json_string(&j, "idle_driver", m->idle);
    bench_json_string(&j, "thp", m->thp);
    bench_json_string(&j, "shmem_thp", m->shmem_thp);
    bench_json_number(&j, "l3_mib", (double)m->l3 / MIB);
    bench_json_number(&j, "memory_mib", (double)m->memory / MIB);
    bench_json_number(&j, "array_mib", (double)config->bytes / MIB);
    bench_json_number(&j, "launches", config->launches);
    bench_json_bool(&j, "quick", config->quick);
    bench_json_number(&j, "load", bench_machine_load());
    bench_json_string(&j, "compiler", m->compiler);
    bench_json_end(&j);
}

void bench_report_machine(const bench_machine *m, const bench_config *config,
                          FILE *json)
{
    char cpus[BENCH_MAX_WORKERS * 6];
    bench_cpus_list(config, 0, cpus, sizeof cpus);
    printf("machine   %s, %d processors, L3 %.0f MiB, memory %.0f MiB\n", m->cpu,
           m->online, (double)m->l3 / MIB, (double)m->memory / MIB);
    printf("system    %s, governor %s, idle driver %s, huge pages: %s, shared: %s\n",
           m->kernel, m->governor, m->idle, m->thp, m->shmem_thp);
    printf("measured  %d workers on CPUs %s, caller pinned to the first and working; "
           "%d launches\n          each, interleaved; arrays of %.0f MiB; load %.2f at "
           "the start; compiler %s%s\n",
           config->workers, cpus, config->launches, (double)config->bytes / MIB,
           bench_machine_load(), m->compiler, config->quick ? "; --quick" : "");
    machine_json(m, config, cpus, json);
}

/* ---- rows -------------------------------------------------------------------------*/

static int shared_memory(bench_memory kind)
{
    return kind == BENCH_SHARED || kind == BENCH_FURROW;
}

static int is_dispatch(const bench_row *row)
{
    return row->measure == bench_measure_dispatch ||
           row->measure == bench_measure_isolated;
}

/* Digits after the point. */
static int digits_of(const bench_row *row)
{
    return strcmp(row->unit, "ns") == 0           ? 0
           : strcmp(row->unit, "efficiency") == 0 ? 3
                                                  : 2;
}

/* Is the limit of the row its best repetition (of a sweep), or its median (the floor of
 * a dispatch, the time of one core)? */
static int limit_is_best(const bench_row *row)
{
    return row->measure == bench_measure_sweep || row->measure == bench_measure_first;
}

static double worth(const bench_table *t, const bench_line *line)
{
    const int limit = line->contender->role == BENCH_LIMIT;
    return limit && limit_is_best(t->row) ? line->best : line->value;
}

typedef int choice(const bench_line *, const void *);

/* The line of the greatest worth among those that are wanted, or NULL. */
static const bench_line *best_where(const bench_table *t, choice *wanted,
                                    const void *what)
{
    const bench_line *best = NULL;
    for (size_t i = 0; i < t->count; i++) {
        const bench_line *line = &t->lines[i];
        if (line->launches && wanted(line, what) &&
            (!best || bench_stats_times(worth(t, line), worth(t, best),
                                        t->row->lower_is_better) > 1))
            best = line;
    }
    return best;
}

static int is_limit(const bench_line *line, const void *unused)
{
    (void)unused;
    return line->contender->role == BENCH_LIMIT;
}

static int is_limit_like(const bench_line *line, const void *memory)
{
    return is_limit(line, NULL) && shared_memory(line->contender->memory) ==
                                       shared_memory(*(const bench_memory *)memory);
}

static int is_from(const bench_line *line, const void *who)
{
    return strcmp(line->contender->who, who) == 0;
}

/* How many times as good as these a line is; NaN where there is nothing to compare. */
typedef struct comparison {
    double limit;   /* as the row's limit */
    double like;    /* as the limit on the same kind of memory, launch by launch */
    double libgomp; /* as the best line of libgomp, launch by launch */
} comparison;

static double against(const bench_table *t, const bench_line *line,
                      const bench_line *other)
{
    return other ? bench_stats_paired(line, other, t->row->lower_is_better) : NAN;
}

static double against_limit(const bench_table *t, const bench_line *line)
{
    const bench_line *limit = best_where(t, is_limit, NULL);
    if (!limit || !limit_is_best(t->row))
        return against(t, line, limit);
    return bench_stats_times(line->value, worth(t, limit), t->row->lower_is_better);
}

static comparison compare(const bench_table *t, const bench_line *line)
{
    const bench_memory *memory = &line->contender->memory;
    return (comparison){.limit = against_limit(t, line),
                        .like = against(t, line, best_where(t, is_limit_like, memory)),
                        .libgomp = against(t, line, best_where(t, is_from, "libgomp"))};
}

/* A right-aligned column; "-" where there is no number. */
static void column(int width, int digits, double value, const char *unit)
{
    char text[32];
    if (isfinite(value))
        snprintf(text, sizeof text, "%.*f%s", digits, value, unit);
    else
        snprintf(text, sizeof text, "-");
    printf(" %*s", width, text);
}

/* "1.20x" of a time, "83.3%" of a bandwidth. */
static void ratio_column(double times, int lower_is_better)
{
    if (lower_is_better)
        column(8, 2, 1 / times, "x");
    else
        column(8, 1, 100 * times, "%");
}

static void print_line(const bench_table *t, const bench_line *line)
{
    const bench_contender *c = line->contender;
    const int lower = t->row->lower_is_better;
    const comparison than = compare(t, line);
    const int digits = digits_of(t->row);
    printf("  %-10s %-13s %-7s", c->who, c->setting, bench_memory_name(c->memory));
    if (line->launches == 0) {
        printf(" %s\n", line->text);
        return;
    }
    column(9, digits, line->value, "");
    column(9, digits, line->p99, "");
    column(9, digits, line->best, "");
    column(9, digits, line->low, "");
    column(9, digits, line->high, "");
    ratio_column(than.limit, lower);
    column(8, 2, than.libgomp, "x");
    if (t->row->measure == bench_measure_gap) {
        column(9, 2, line->cpu, "");
    } else if (is_dispatch(t->row)) {
        column(9, digits, line->batch, "");
        column(8, 2,
               line->offered ? 100 * (double)line->counted / (double)line->offered
                             : NAN,
               "%");
    } else if (limit_is_best(t->row)) {
        ratio_column(than.like, lower);
        column(6, 0, line->huge >= 0 ? (double)line->huge : NAN, "%");
    }
    if (line->failures)
        printf("  %zu failed: %s", line->failures, line->text);
    putchar('\n');
}

static void print_head(const bench_row *row)
{
    printf("\n%s: %s, %s, %s is better\n", row->name, row->title, row->unit,
           row->lower_is_better ? "less" : "more");
    printf("  %-10s %-13s %-7s %9s %9s %9s %9s %9s %8s %8s", "who", "setting", "memory",
           "median", "p99", "best", "least", "most",
           row->lower_is_better ? "/ limit" : "of limit", "libgomp");
    if (row->measure == bench_measure_gap)
        printf(" %9s", "burnt us");
    else if (is_dispatch(row))
        printf(" %9s %8s", "batched", "counted");
    else if (limit_is_best(row))
        printf(" %8s %6s", row->lower_is_better ? "/ like" : "of like", "huge");
    putchar('\n');
}

static void line_json(const bench_table *t, const bench_line *line, FILE *json)
{
    const bench_contender *c = line->contender;
    const bench_line *limit = best_where(t, is_limit, NULL);
    const comparison than = compare(t, line);
    const int ok = line->launches > 0;
    bench_json j = bench_json_begin(json);
    bench_json_string(&j, "row", t->row->name);
    bench_json_string(&j, "who", c->who);
    bench_json_string(&j, "setting", c->setting);
    bench_json_string(&j, "memory", bench_memory_name(c->memory));
    bench_json_number(&j, "value", ok ? line->value : NAN);
    bench_json_string(&j, "unit", t->row->unit);
    bench_json_number(&j, "p50", ok ? line->p50 : NAN);
    bench_json_number(&j, "p99", ok ? line->p99 : NAN);
    bench_json_number(&j, "limit", limit ? worth(t, limit) : NAN);
    bench_json_number(&j, "times_limit", ok ? than.limit : NAN);
    bench_json_number(&j, "times_like", ok ? than.like : NAN);
    bench_json_number(&j, "times_libgomp", ok ? than.libgomp : NAN);
    bench_json_number(&j, "best", ok ? line->best : NAN);
    bench_json_number(&j, "least", ok ? line->low : NAN);
    bench_json_number(&j, "most", ok ? line->high : NAN);
    bench_json_number(&j, "launches", (double)line->launches);
    bench_json_number(&j, "failures", (double)line->failures);
    bench_json_number(&j, "samples", (double)line->samples);
    if (line->offered) {
        bench_json_number(&j, "counted", (double)line->counted / (double)line->offered);
        bench_json_number(&j, "batched", line->batch);
    }
    if (t->row->measure == bench_measure_gap)
        bench_json_number(&j, "burnt_us", ok ? line->cpu : NAN);
    if (ok && line->huge >= 0)
        bench_json_number(&j, "huge_percent", line->huge);
    bench_json_number(&j, "involuntary_switches", (double)line->involuntary);
    if (line->failures)
        bench_json_string(&j, "text", line->text);
    bench_json_end(&j);
}

/* ---- goals ------------------------------------------------------------------------*/

typedef struct party {
    const char *who, *setting;
} party;

static int is_party(const bench_line *line, const void *what)
{
    const party *p = what;
    return strcmp(line->contender->who, p->who) == 0 &&
           strcmp(line->contender->setting, p->setting) == 0;
}

static void goal_json(const bench_table *t, const bench_goal *g, double times,
                      FILE *json)
{
    bench_json j = bench_json_begin(json);
    bench_json_string(&j, "row", "goal");
    bench_json_string(&j, "of", t->row->name);
    bench_json_string(&j, "goal", g->text);
    bench_json_number(&j, "value", times);
    bench_json_number(&j, "wanted", g->factor);
    bench_json_bool(&j, "met", times >= g->factor);
    bench_json_end(&j);
}

/* How many times as good as it is compared with; NaN when it is not known. */
static double times_of_goal(const bench_table *t, const bench_goal *g,
                            const bench_line *mine)
{
    const party peer = {g->other, g->other_setting};
    const bench_line *other = g->other ? best_where(t, is_party, &peer) : NULL;
    if (!mine)
        return NAN;
    if (g->burnt)
        return other ? bench_stats_times(mine->cpu, other->cpu, 1) : NAN;
    if (g->most > 0)
        return bench_stats_times(mine->value, g->most, 1);
    return g->other ? against(t, mine, other) : against_limit(t, mine);
}

static int goal_applies(const bench_goal *g, const bench_row *row)
{
    return bench_row_is(row, g->row) && row->idle_us <= g->until_us;
}

static void report_goal(const bench_table *t, const bench_goal *g, FILE *json)
{
    const party me = {g->who, g->setting};
    const bench_line *mine = best_where(t, is_party, &me);
    double times = times_of_goal(t, g, mine);
    double like = NAN;
    if (mine && !g->other && limit_is_best(t->row))
        like = compare(t, mine).like;
    printf("  goal: %s: ", g->text);
    if (!isfinite(times)) {
        printf("not measured\n");
    } else {
        printf("%s (%.2f times as good, wanted %.2f",
               times >= g->factor ? "met" : "MISSED", times, g->factor);
        if (isfinite(like))
            printf("; %.2f launch by launch", like);
        printf(")\n");
    }
    goal_json(t, g, times, json);
}

void bench_report_table(const bench_table *t, FILE *json)
{
    long involuntary = 0;
    print_head(t->row);
    for (size_t i = 0; i < t->count; i++) {
        print_line(t, &t->lines[i]);
        line_json(t, &t->lines[i], json);
        involuntary += t->lines[i].involuntary;
    }
    for (const bench_goal *g = bench_goals; g->row; g++)
        if (goal_applies(g, t->row))
            report_goal(t, g, json);
    printf("  meanwhile: %.0f ms stolen by the hypervisor, %ld involuntary switches\n",
           t->steal_ms, involuntary);
    bench_json j = bench_json_begin(json);
    bench_json_string(&j, "row", "meanwhile");
    bench_json_string(&j, "of", t->row->name);
    bench_json_number(&j, "steal_ms", t->steal_ms);
    bench_json_number(&j, "involuntary_switches", (double)involuntary);
    bench_json_end(&j);
    fflush(stdout);
}
