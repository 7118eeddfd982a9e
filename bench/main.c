/* SPDX-License-Identifier: MIT
 *
 * main.c - furrow-bench: reads the options, then runs the contenders of each row in
 * turn, A B C A B C, each launch a fresh process.
 */
#include "bench.h"
#include "report.h"

#include <errno.h>
#include <furrow_process.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#define MIB ((size_t)1 << 20)

enum { MAX_ROWS = 48, MAX_LINES = 16 };

typedef struct options {
    const bench_row *rows[MAX_ROWS + 1]; /* ends with NULL */
    const char *json;
    const char *contender, *cpus; /* of the child: not in --help */
    int workers;                  /* 0: all allowed CPUs */
    bench_config config;
} options;

static void help(FILE *out)
{
    fputs(
        "Usage: furrow-bench [--rows a,b,...] [--json FILE] [--quick]\n"
        "                    [--workers N] [--launches N] [--mib N]\n"
        "\n"
        "Measures furrow beside its peers and the limits of the machine, in one run.\n"
        "\n"
        "  --rows LIST   of these rows only (default: all)\n"
        "  --json FILE   append the figures to FILE, one JSON object a line\n"
        "  --quick       fewer launches, smaller arrays: to see that all works\n"
        "  --workers N   use the first N allowed CPUs (default: all)\n"
        "  --launches N  fresh processes per contender (default: 7, quick: 2)\n"
        "  --mib N       MiB of one big array (default: 512, quick: 128, and at least\n"
        "                four times the last cache)\n"
        "  --help        this text\n"
        "\n"
        "Rows:\n",
        out);
    for (const bench_row *row = bench_rows; row->name; row++)
        fprintf(out, "  %-14s  %s (%s)\n", row->name, row->title, row->unit);
    fputs(
        "  gap, isolated, start   all rows whose names begin so; also: queues, sync\n"
        "\n"
        "median: the median of the launches' medians; least, most: of these medians.\n"
        "p99: 99 of 100 samples of all launches are at least as good.\n"
        "limit: the best of the row's limits, of sweeps their best repetition; of "
        "like:\n"
        "of the limit on the same kind of memory (private or shared). libgomp: how "
        "many\n"
        "times as good as the best of libgomp. Ratios of medians are those of "
        "launches\n"
        "that followed each other, for a machine may drift. counted: the share of\n"
        "dispatches in which every worker ran a chunk; only they are in the figures\n"
        "(of isolated-empty all are in which a worker ran one).\n"
        "batched: of 100 dispatches back to back. huge: of the array, in huge pages.\n"
        "burnt: CPU time per call, of the caller in it and of all workers all the "
        "time.\n"
        "efficiency: the items' time one after another, divided by that of all CPUs.\n",
        out);
}

/* A number in [least, most], or the end of the program. */
static size_t number(const char *option, const char *text, size_t least, size_t most)
{
    char *end;
    errno = 0;
    const unsigned long long n = strtoull(text, &end, 10);
    if (*text >= '0' && *text <= '9' && *end == '\0' && errno == 0 && n >= least &&
        n <= most)
        return (size_t)n;
    fprintf(stderr, "furrow-bench: --%s takes a number from %zu to %zu, not '%s'\n",
            option, least, most, text);
    exit(2);
}

static void no_such_row(const char *name)
{
    fprintf(stderr, "furrow-bench: there is no row '%s'; rows are:", name);
    for (const bench_row *row = bench_rows; row->name; row++)
        fprintf(stderr, " %s", row->name);
    fputc('\n', stderr);
    exit(2);
}

/* The row of the name, or all of the family; returns how many are chosen now. */
static size_t choose(options *o, size_t count, const char *name)
{
    const size_t before = count;
    for (const bench_row *row = bench_rows; row->name; row++)
        if (bench_row_is(row, name) && count < MAX_ROWS)
            o->rows[count++] = row;
    if (count == before && count < MAX_ROWS)
        no_such_row(name);
    return count;
}

static void choose_rows(options *o, char *list)
{
    size_t count = 0;
    char *rest = NULL;
    for (char *name = strtok_r(list, ",", &rest); name;
         name = strtok_r(NULL, ",", &rest))
        count = choose(o, count, name);
    o->rows[count] = NULL;
    if (count == 0) {
        fputs("furrow-bench: --rows takes names of rows; see --help\n", stderr);
        exit(2);
    }
}

static void parse(options *o, int argc, char **argv)
{
    static const struct option longs[] = {
        {"rows", required_argument, NULL, 'r'},
        {"json", required_argument, NULL, 'j'},
        {"quick", no_argument, NULL, 'q'},
        {"workers", required_argument, NULL, 'w'},
        {"launches", required_argument, NULL, 'l'},
        {"mib", required_argument, NULL, 'm'},
        {"help", no_argument, NULL, 'h'},
        {"bytes", required_argument, NULL, 'b'},
        {"cpus", required_argument, NULL, 'p'},
        {"contender", required_argument, NULL, 'c'},
        {0},
    };
    int c;
    while ((c = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
        switch (c) {
        case 'r':
            choose_rows(o, optarg);
            break;
        case 'j':
            o->json = optarg;
            break;
        case 'q':
            o->config.quick = 1;
            break;
        case 'w':
            o->workers = (int)number("workers", optarg, 1, BENCH_MAX_WORKERS);
            break;
        case 'l':
            o->config.launches = (int)number("launches", optarg, 1, BENCH_MAX_LAUNCHES);
            break;
        case 'm':
            o->config.bytes = number("mib", optarg, 1, SIZE_MAX / MIB) * MIB;
            break;
        case 'b':
            o->config.bytes = number("bytes", optarg, sizeof(double), SIZE_MAX);
            break;
        case 'p':
            o->cpus = optarg;
            break;
        case 'c':
            o->contender = optarg;
            break;
        case 'h':
            help(stdout);
            exit(0);
        default:
            fputs("Try 'furrow-bench --help'.\n", stderr);
            exit(2);
        }
    }
    if (optind < argc) {
        fprintf(stderr, "furrow-bench: what is '%s'? See --help\n", argv[optind]);
        exit(2);
    }
}

static void find_cpus(options *o)
{
    const int allowed = bench_cpus_allowed(o->config.cpus);
    o->config.workers = o->workers ? o->workers : allowed;
    if (allowed == 0 || o->config.workers > allowed) {
        fprintf(stderr, "furrow-bench: %d workers, but only %d CPUs are allowed\n",
                o->config.workers, allowed);
        exit(2);
    }
}

/* Three arrays of the rows must fit into memory with room to spare. */
static void choose_size(bench_config *config, const bench_machine *m)
{
    if (config->bytes == 0) {
        config->bytes = (config->quick ? 128 : 512) * MIB;
        if (config->bytes < 4 * m->l3)
            config->bytes = 4 * m->l3;
    }
    if (m->available && config->bytes > m->available / 5) {
        fprintf(stderr,
                "furrow-bench: arrays of %zu MiB: three of them must fit easily into "
                "%zu MiB of available memory (see --mib)\n",
                config->bytes / MIB, m->available / MIB);
        exit(2);
    }
    if (config->launches == 0)
        config->launches = config->quick ? 2 : 7;
}

static int failed_of_furrow(const bench_line *line)
{
    return line->launches == 0 && strcmp(line->contender->who, "furrow") == 0;
}

/* Returns how many of furrow's own contenders failed. */
static int run_row(const bench_row *row, const bench_config *config, FILE *json)
{
    static bench_line lines[MAX_LINES];
    bench_table table = {.row = row, .lines = lines};
    const double steal = bench_machine_steal_ms();
    memset(lines, 0, sizeof lines);
    for (const bench_contender *c = row->contenders; c->peer; c++)
        lines[table.count++].contender = c;
    for (int launch = 0; launch < config->launches; launch++)
        for (size_t i = 0; i < table.count; i++) {
            bench_launch result;
            bench_launch_run(row, lines[i].contender, config, &result);
            bench_stats_add(&lines[i], &result);
        }
    for (size_t i = 0; i < table.count; i++)
        bench_stats_sum_up(&lines[i], row->lower_is_better);
    table.steal_ms = bench_machine_steal_ms() - steal;
    bench_report_table(&table, json);
    int failures = 0;
    for (size_t i = 0; i < table.count; i++) {
        failures += failed_of_furrow(&lines[i]);
        bench_stats_free(&lines[i]);
    }
    return failures;
}

static FILE *open_json(const char *path)
{
    FILE *json = path ? fopen(path, "ae") : NULL;
    if (path && !json) {
        fprintf(stderr, "furrow-bench: cannot write %s: %s\n", path, strerror(errno));
        exit(2);
    }
    return json;
}

static int run_contender(options *o)
{
    o->config.workers = o->cpus ? bench_cpus_parse(o->cpus, o->config.cpus) : -1;
    if (o->config.workers > 0 && o->config.bytes > 0)
        return bench_contender_main(o->contender, &o->config);
    fputs("furrow-bench: --contender needs --cpus and --bytes\n", stderr);
    return 2;
}

int main(int argc, char **argv)
{
    static options o;
    bench_machine machine;
    if (furrow_init())
        return 1;
    for (size_t i = 0; i < MAX_ROWS && bench_rows[i].name; i++)
        o.rows[i] = &bench_rows[i];
    parse(&o, argc, argv);
    if (o.contender)
        return run_contender(&o);
    find_cpus(&o);
    bench_machine_read(&machine);
    choose_size(&o.config, &machine);
    FILE *json = open_json(o.json);
    bench_report_machine(&machine, &o.config, json);
    int failures = 0;
    for (size_t i = 0; o.rows[i]; i++)
        failures += run_row(o.rows[i], &o.config, json);
    if (json && fclose(json)) {
        fprintf(stderr, "furrow-bench: cannot write %s: %s\n", o.json, strerror(errno));
        return 1;
    }
    return failures ? 1 : 0;
}
