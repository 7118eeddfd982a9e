/* SPDX-License-Identifier: MIT
 *
 * pin.c - which processors a process may use.
 */
#include "bench.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int bench_cpus_allowed(int *cpus)
{
    cpu_set_t set;
    int count = 0;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) != 0)
        return 0;
    for (int cpu = 0; cpu < CPU_SETSIZE && count < BENCH_MAX_WORKERS; cpu++)
        if (CPU_ISSET((size_t)cpu, &set))
            cpus[count++] = cpu;
    return count;
}

void bench_cpus_list(const bench_config *config, int braces, char *out, size_t size)
{
    size_t used = 0;
    for (int w = 0; w < config->workers && used < size; w++)
        used += (size_t)snprintf(out + used, size - used, "%s%s%d%s", w ? "," : "",
                                 braces ? "{" : "", config->cpus[w], braces ? "}" : "");
}

int bench_cpus_parse(const char *list, int *cpus)
{
    int count = 0;
    for (const char *at = list; *at;) {
        char *end;
        const long cpu = strtol(at, &end, 10);
        if (end == at || cpu < 0 || cpu >= CPU_SETSIZE || count == BENCH_MAX_WORKERS)
            return -1;
        cpus[count++] = (int)cpu;
        at = *end == ',' ? end + 1 : end;
    }
    return count ? count : -1;
}

static int pin_set(int tid, const cpu_set_t *set)
{
    if (sched_setaffinity(tid, sizeof *set, set) == 0)
        return 0;
    return bench_fail("cannot pin thread %d: %s", tid, strerror(errno));
}

int bench_pin_thread(int tid, int cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    return pin_set(tid, &set);
}

int bench_pin(int cpu)
{
    return bench_pin_thread(0, cpu);
}

int bench_pin_all(const int *cpus, int count)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    for (int i = 0; i < count; i++)
        CPU_SET((size_t)cpus[i], &set);
    return pin_set(0, &set);
}
