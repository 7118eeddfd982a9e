/* SPDX-License-Identifier: MIT
 *
 * furrow-demo: furrow on real work, with everything it says checked.
 *
 *     furrow-demo [--out DIR] [--mib N] [--geoid FILE.gtx]     the three steps
 *     furrow-demo [--out DIR] FILE.npy ...                     your own arrays
 *
 * Environment: FURROW_WORKERS, FURROW_START=thread, FURROW_PROGRESS=0|1 and the others
 * of furrow itself. Exits with 0 when every check held, 1 when one failed, 2 when the
 * arguments make no sense.
 */
#include "demo.h"
#include "leftovers.h"
#include "report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define TRACED 8192 /* chunks remembered per worker */

static const char usage[] =
    "usage: furrow-demo [--out DIR] [--mib N] [--geoid FILE.gtx] [FILE.npy ...]\n"
    "  without files: the geoid, a big array, a killed worker\n"
    "  with files:    what is in each .npy file, and a verified pass over it\n"
    "  --out DIR      where files are written (./furrow-demo-out)\n"
    "  --mib N        size of the big array (1024)\n"
    "  --geoid FILE   the grid EGM96 (/usr/share/proj/egm96_15.gtx)\n";

double demo_seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

furrow_pool *demo_pool_open(demo *d)
{
    furrow_pool *pool = furrow_pool_open(&(furrow_pool_options){.trace = TRACED});

    if (!pool)
        report_call(d, furrow_last_error()->code, "pool");
    return pool;
}

void demo_pool_close(demo *d, furrow_pool *pool, const char *name)
{
    char path[512];
    furrow_pool_stats stats = {0};

    if (!pool)
        return;
    snprintf(path, sizeof path, "%s/%s-timeline.svg", d->out, name);
    furrow_pool_stat(pool, &stats);
    if (stats.chunks && report_call(d, furrow_pool_timeline(pool, path), "timeline"))
        report_line("timeline", "%s", path);
    report_call(d, furrow_pool_close(pool), "close");
}

/* Make the directory and those above it. */
static int make_directory(const char *path)
{
    char part[256];
    const size_t len = strlen(path);

    if (len == 0 || len >= sizeof part)
        return -1;
    for (size_t i = 1; i <= len; i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        memcpy(part, path, i);
        part[i] = '\0';
        if (mkdir(part, 0777) && errno != EEXIST)
            return -1;
    }
    return 0;
}

/* The value of the option at argv[*i], or exit. */
static const char *value_of(char **argv, int *i)
{
    if (argv[*i + 1])
        return argv[++*i];
    fprintf(stderr, "furrow-demo: %s needs a value\n%s", argv[*i], usage);
    exit(2);
}

static size_t mib_of(const char *text)
{
    char *end;
    const unsigned long mib = strtoul(text, &end, 10);

    if (*end == '\0' && *text != '-' && mib >= 8 && mib <= 1ul << 22)
        return mib;
    fprintf(stderr, "furrow-demo: --mib %s is not a number from 8 to 4194304\n", text);
    exit(2);
}

/* Options are taken out of argv; returns how many files are left there. */
static int parse(demo *d, char **argv)
{
    int files = 0;

    for (int i = 1; argv[i]; i++) {
        if (!strcmp(argv[i], "--out")) {
            d->out = value_of(argv, &i);
        } else if (!strcmp(argv[i], "--geoid")) {
            d->geoid = value_of(argv, &i);
        } else if (!strcmp(argv[i], "--mib")) {
            d->mib = mib_of(value_of(argv, &i));
        } else if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
            fputs(usage, stdout);
            exit(0);
        } else if (argv[i][0] == '-') {
            fprintf(stderr, "furrow-demo: %s is no option\n%s", argv[i], usage);
            exit(2);
        } else {
            argv[files++] = argv[i];
        }
    }
    return files;
}

static void tell_machine(demo *d)
{
    furrow_heap_info heap = {0};
    furrow_pool *pool = demo_pool_open(d);

    if (!pool || !report_call(d, furrow_heap_describe(&heap), "heap"))
        return;
    const int threads = furrow_pool_worker_pid(pool, 0) <= 0;
    printf("furrow: %d worker%s (%s), heap of %zu GiB at %p, huge pages %s\n",
           furrow_pool_workers(pool), furrow_pool_workers(pool) == 1 ? "" : "s",
           threads ? "threads" : "processes", heap.size >> 30, heap.base,
           heap.huge ? "granted" : "not granted");
    report_call(d, furrow_pool_close(pool), "close");
}

int main(int argc, char **argv)
{
    demo d = {
        .out = "furrow-demo-out", .geoid = "/usr/share/proj/egm96_15.gtx", .mib = 1024};
    const int files = argc > 0 ? parse(&d, argv) : 0;

    if (make_directory(d.out)) {
        fprintf(stderr, "furrow-demo: cannot make %s: %s\n", d.out, strerror(errno));
        return 2;
    }
    tell_machine(&d);
    const size_t files_open = leftovers_files();
    for (int i = 0; i < files; i++)
        anynpy_run(&d, argv[i]);
    if (files == 0) {
        geoid_run(&d);
        gigabyte_run(&d);
        killed_run(&d);
    }
    report_step("The end");
    leftovers_check(&d, files_open);
    printf("   %zu checks, %zu failed\n", d.checks, d.failed);
    return d.failed ? 1 : 0;
}
