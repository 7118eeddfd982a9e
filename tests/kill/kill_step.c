/* SPDX-License-Identifier: MIT
 *
 * A process is killed after each instruction of an operation, and those who survive use
 * the object. A line for each operation says how often that was tried and how often it
 * failed; docs/kill-step.md says how rows are written.
 *
 *     kill-step [--seed N] [--stride N] [--points N] [--budget SECONDS] [--lanes N]
 *               [--times] [--first] [--list] [FILTER...]
 *
 * A filter is "object operation position" or the beginning of it. Exits with 1 when a row
 * failed, when a row of the C library (glibc_) did not, or when there was no point at all.
 */
#include "drill.h"
#include "kin.h"
#include "os.h"
#include "rows.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <unistd.h>

#define SECOND INT64_C(1000000000)

typedef struct request {
    drill_options drill;
    double budget; /* seconds */
    int list, times, first;
    char **filter;
    int filters;
} request;

typedef struct total {
    long wanted;               /* rows to do yet */
    long rows, points, failed; /* without control rows */
    long controls, held;       /* control rows that did not fail, as they must */
    int late, unable;
    int moved; /* rows of programs that are run anew, with code elsewhere each time */
} total;

/* ---- the command line -------------------------------------------------------------*/

static int usage(void)
{
    fputs("usage: kill-step [--seed N] [--stride N] [--points N] [--budget SECONDS]\n"
          "                 [--lanes N] [--times] [--first] [--list]\n"
          "                 [\"OBJECT OPERATION POSITION\"...]\n",
          stderr);
    return 2;
}

static int take_number(request *r, const char *name, const char *text)
{
    char *end;
    double n = text ? strtod(text, &end) : -1;

    if (!text || *end || n < 0 || n > 1e9)
        return -1;
    if (!strcmp(name, "--seed"))
        r->drill.seed = (unsigned long)n;
    else if (!strcmp(name, "--stride") && n >= 1)
        r->drill.stride = (long)n;
    else if (!strcmp(name, "--points") && n >= 1)
        r->drill.points = (long)n;
    else if (!strcmp(name, "--budget"))
        r->budget = n;
    else if (!strcmp(name, "--lanes") && n >= 1)
        r->drill.lanes = n < 64 ? (int)n : 64;
    else
        return -1;
    return 0;
}

static int take_flag(request *r, const char *name)
{
    int *flag = !strcmp(name, "--list")    ? &r->list
                : !strcmp(name, "--times") ? &r->times
                : !strcmp(name, "--first") ? &r->first
                                           : NULL;

    if (flag)
        *flag = 1;
    return flag != NULL;
}

static int take_arguments(request *r, int argc, char **argv)
{
    int i = 1;

    for (; i < argc && !strncmp(argv[i], "--", 2); i++) {
        if (take_flag(r, argv[i]))
            continue;
        if (take_number(r, argv[i], i + 1 < argc ? argv[i + 1] : NULL) != 0)
            return -1;
        i++;
    }
    r->filter = argv + i;
    r->filters = argc - i;
    return 0;
}

/* Does the name, a single space between its words, begin with a filter? */
static int is_wanted(const request *q, const row *r, int stop)
{
    char name[200], *to = name;

    row_name(r, stop, name, sizeof name);
    for (const char *from = name; *from; from++)
        if (*from != ' ' || (to > name && to[-1] != ' '))
            *to++ = *from;
    *to = 0;
    for (int i = 0; i < q->filters; i++)
        if (!strncmp(name, q->filter[i], strlen(q->filter[i])))
            return 1;
    return q->filters == 0;
}

/* ---- rows -------------------------------------------------------------------------*/

static void report(const char *name, const drill_result *d, double seconds)
{
    printf("%s %6ld %6ld", name, d->points, d->failed);
    printf(seconds > 0 ? "  %.1f s\n" : "\n", seconds);
    fflush(stdout);
}

static void count_row(const request *q, const row *r, int stop, total *t)
{
    (void)q, (void)r, (void)stop;
    t->wanted++;
}

static void list_row(const request *q, const row *r, int stop, total *t)
{
    char name[200];

    (void)q, (void)t;
    row_name(r, stop, name, sizeof name);
    puts(name);
}

/* A program that is run anew has its code where this one has: unless that is refused. */
static int is_fixed(void)
{
    return (personality(0xFFFFFFFF) & ADDR_NO_RANDOMIZE) != 0;
}

static void run_fixed(char **argv)
{
    if (!is_fixed() &&
        personality((unsigned long)personality(0xFFFFFFFF) | ADDR_NO_RANDOMIZE) != -1)
        (void)execv("/proc/self/exe", argv);
}

/* It may take twice the time that is left for each; when none is left, it gets a point
 * or two, for a quarter of the time more. Control rows come first, and have all. */
static void run_row(const request *q, const row *r, int stop, total *t)
{
    drill_options options = q->drill;
    int64_t begin = kin_now();
    char name[200];
    drill_result d;

    options.soft = row_is_control(r) ? options.until
                                     : begin + 2 * (options.soft - begin) / t->wanted;
    t->wanted--;
    if (r->how->runs && !is_fixed()) {
        t->moved++;
        return;
    }
    row_name(r, stop, name, sizeof name);
    if (t->unable || (q->first && t->failed))
        return;
    d = drill_row(r, stop, &options);
    t->late += d.late && !d.failed;
    t->unable |= d.unable;
    if (d.unable)
        return;
    report(name, &d, q->times ? (double)(kin_now() - begin) * 1e-9 : 0);
    t->rows++;
    if (row_is_control(r)) {
        t->controls++;
        t->held += d.failed == 0;
        return;
    }
    t->points += d.points;
    t->failed += d.failed;
}

static void each_row(const request *q, total *t,
                     void (*run)(const request *q, const row *r, int stop, total *t))
{
    for (size_t i = 0; i < row_tables; i++)
        for (size_t k = 0; k < row_table_of[i]->count; k++)
            for (int stop = 0; stop <= 1; stop++) {
                const row *r = &row_table_of[i]->rows[k];

                if (stop && (!r->how->visit || r->deaths > 1))
                    continue;
                if (is_wanted(q, r, stop))
                    run(q, r, stop, t);
            }
}

/* ---- the end ----------------------------------------------------------------------*/

/* How many names that this run gave are in /dev/shm; remove them. */
static int names_left(int remove)
{
    DIR *dir = opendir("/dev/shm");
    char mine[32], path[300];
    struct dirent *e;
    int left = 0;

    snprintf(mine, sizeof mine, "furrow-kill-%05d-", (int)getpid());
    while (dir && (e = readdir(dir)))
        if (!strncmp(e->d_name, mine, strlen(mine))) {
            snprintf(path, sizeof path, "/dev/shm/%s", e->d_name);
            left += !remove || unlink(path) == 0;
        }
    if (dir)
        closedir(dir);
    return left;
}

/* The guards of the last worlds get some time to take them back. */
static int names_left_in_time(void)
{
    for (int64_t until = kin_now() + 5 * SECOND; kin_now() < until; usleep(10000))
        if (names_left(0) == 0)
            return 0;
    return names_left(1);
}

static int conclude(const total *t)
{
    int names;

    if (t->unable) {
        puts("kill-step: there is no ptrace here");
        return 77;
    }
    printf("total %ld points, %ld failed, in %ld rows\n", t->points, t->failed,
           t->rows);
    names = names_left_in_time();
    if (names)
        printf("%d names were left in /dev/shm\n", names);
    if (t->late)
        printf("%d rows not done: the time was over (--budget)\n", t->late);
    if (t->moved)
        printf("%d rows not done: where code lies cannot be told here "
               "(personality)\n",
               t->moved);
    if (t->held)
        printf("%ld of %ld rows of the C library did not fail, as they must\n", t->held,
               t->controls);
    return names || t->failed || t->held || t->late || t->points + t->controls == 0;
}

int main(int argc, char **argv)
{
    fw_cpuset cpus;
    request q = {.drill = {.stride = 1, .points = 128}, .budget = 225};
    total t = {0};

    run_fixed(argv);
    (void)fw_os_affinity(&cpus);
    for (int c = 0; c < FW_CPU_MAX && q.drill.lanes < 4; c++)
        q.drill.lanes += fw_cpuset_has(&cpus, c);
    if (take_arguments(&q, argc, argv) != 0)
        return usage();
    setenv("FURROW_HEAP", "256M", 1); /* a fork of a large one is dear */
    kin_begin();
    q.drill.soft = kin_now() + (int64_t)(q.budget * (double)SECOND);
    q.drill.until = kin_now() + (int64_t)(q.budget * 1.25 * (double)SECOND);
    if (q.list) {
        each_row(&q, &t, list_row);
        return 0;
    }
    (void)setpriority(PRIO_PROCESS, 0, -10); /* each step is two switches of context */
    printf("seed %lu, %d lanes\n%-14s %-24s %-18s %6s %6s\n", q.drill.seed,
           q.drill.lanes, "object", "operation", "position", "points", "failed");
    fflush(stdout);
    each_row(&q, &t, count_row);
    each_row(&q, &t, run_row);
    return conclude(&t);
}
