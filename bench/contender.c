/* SPDX-License-Identifier: MIT
 *
 * contender.c - the child: measures one contender once and says the result on stdout.
 */
#include "bench.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char failure[sizeof((bench_result *)0)->text];

int bench_fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(failure, sizeof failure, format, args);
    va_end(args);
    return -1;
}

const char *bench_failure(void)
{
    return failure;
}

int bench_samples_room(bench_samples *s, size_t room)
{
    *s = (bench_samples){.value = malloc(room * sizeof(double)), .room = room};
    if (!s->value)
        return bench_fail("no memory for %zu samples", room);
    memset(s->value, 1, room * sizeof(double)); /* no page faults while time is taken */
    return 0;
}

void bench_samples_add(bench_samples *s, double value)
{
    if (s->count < s->room)
        s->value[s->count++] = value;
}

static const bench_contender *find(const char *name, const bench_row **row)
{
    char known[128];
    for (*row = bench_rows; (*row)->name; (*row)++)
        for (const bench_contender *c = (*row)->contenders; c->peer; c++) {
            bench_contender_name(*row, c, known, sizeof known);
            if (strcmp(known, name) == 0)
                return c;
        }
    return NULL;
}

static int say(const bench_result *result, const bench_samples *samples)
{
    fwrite(result, sizeof *result, 1, stdout);
    fwrite(samples->value, sizeof *samples->value, (size_t)result->samples, stdout);
    return fflush(stdout) ? 1 : 0;
}

int bench_contender_main(const char *name, bench_config *config)
{
    const bench_row *row;
    const bench_contender *c = find(name, &row);
    bench_result result = {.magic = BENCH_RESULT_MAGIC, .huge = -1};
    bench_samples samples = {0};
    if (!c) {
        fprintf(stderr, "furrow-bench: no contender '%s'\n", name);
        return 2;
    }
    config->setting = c->setting;
    config->memory = c->memory;
    bench_ticks_per_ns();
    if (row->measure(row, c->peer, config, &result, &samples)) {
        result.failed = 1;
        snprintf(result.text, sizeof result.text, "%s", failure);
    }
    result.samples = result.failed ? 0 : samples.count;
    const int rc = say(&result, &samples);
    free(samples.value);
    return rc;
}
