/* SPDX-License-Identifier: MIT
 *
 * Affinity, cgroup quota and cpuset; and from them, how many workers are honest.
 */
#include "limit.h"

#include "cgroup.h"
#include "furrow_sched.h"
#include "status.h"
#include "topology.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- CPU lists --------------------------------------------------------------------*/

/* Read a CPU number at *p and move behind it. NULL, or what is wrong. */
static const char *parse_cpu(const char **p, int *cpu)
{
    long n = 0;

    if (**p < '0' || **p > '9')
        return "a CPU number is expected";
    for (; **p >= '0' && **p <= '9'; (*p)++)
        if (n < FW_CPU_MAX)
            n = n * 10 + (**p - '0');
    if (n >= FW_CPU_MAX)
        return "there are no CPU numbers so large";
    *cpu = (int)n;
    return NULL;
}

/* NULL and *out, or what is wrong at *p. */
static const char *parse_list(const char **p, fw_cpuset *out)
{
    memset(out, 0, sizeof *out);
    for (;;) {
        int first, last;
        const char *start = *p, *wrong = parse_cpu(p, &first);

        last = first;
        if (!wrong && **p == '-') {
            (*p)++;
            wrong = parse_cpu(p, &last);
        }
        if (wrong)
            return wrong;
        if (last < first) {
            *p = start;
            return "the range runs backwards";
        }
        for (int cpu = first; cpu <= last; cpu++)
            fw_cpuset_add(out, cpu);
        if (**p == 0 || strcmp(*p, "\n") == 0)
            return NULL;
        if (**p != ',')
            return "a comma or the end is expected";
        (*p)++;
    }
}

int fw_limit_parse_cpus(const char *list, fw_cpuset *out)
{
    const char *p = list, *wrong;

    if (!list)
        return fw_fail(FURROW_EINVAL, "the CPU list is NULL");
    wrong = parse_list(&p, out);
    if (!wrong)
        return 0;
    return fw_fail(FURROW_EINVAL, "CPU list \"%s\": %s at \"%s\" (as in \"0-7,16\")",
                   list, wrong, p);
}

int fw_limit_count(const fw_cpuset *cpus)
{
    int n = 0;

    for (int i = 0; i < FW_CPU_MAX / 64; i++)
        n += __builtin_popcountll(cpus->bits[i]);
    return n;
}

/* ---- quota ------------------------------------------------------------------------*/

/* The quota of one level in microseconds per period. 1, or 0 when there is none. */
static int level_quota(int version, const char *dir, uint64_t *quota, uint64_t *period)
{
    char text[64], *end;

    if (version == 1)
        return fw_cgroup_number(dir, "cpu.cfs_quota_us", quota) &&
               fw_cgroup_number(dir, "cpu.cfs_period_us", period);
    if (fw_cgroup_read(dir, "cpu.max", text, sizeof text) <= 0 || text[0] < '0' ||
        text[0] > '9')
        return 0;
    *quota = strtoull(text, &end, 10);
    *period = strtoull(end, NULL, 10);
    return 1;
}

static void see_quota(void *ctx, int version, const char *dir)
{
    uint32_t *least = ctx;
    uint64_t quota, period, milli;

    if (!level_quota(version, dir, &quota, &period) || quota == 0 || period == 0)
        return;
    milli = quota > UINT64_MAX / 1000 ? UINT64_MAX / period : quota * 1000 / period;
    if (milli == 0)
        milli = 1;
    if (milli < UINT32_MAX && (*least == 0 || milli < *least))
        *least = (uint32_t)milli;
}

uint32_t fw_limit_quota_milli(const char *root)
{
    uint32_t least = 0;

    fw_cgroup_walk(root, FW_CGROUP_CPU, see_quota, &least);
    return least;
}

/* ---- cpuset -----------------------------------------------------------------------*/

static int count_list(const char *text)
{
    fw_cpuset cpus;

    return parse_list(&text, &cpus) ? 0 : fw_limit_count(&cpus);
}

/* The nearest level that has the file tells what is granted after all ancestors. */
static void see_cpuset(void *ctx, int version, const char *dir)
{
    char text[4096];
    int *n = ctx;

    if (*n == 0 &&
        fw_cgroup_read(dir,
                       version == 1 ? "cpuset.effective_cpus" : "cpuset.cpus.effective",
                       text, sizeof text) > 0)
        *n = count_list(text);
    if (*n == 0 && version == 1 &&
        fw_cgroup_read(dir, "cpuset.cpus", text, sizeof text) > 0)
        *n = count_list(text);
}

static int cpuset_count(const char *root)
{
    char path[1024], text[4096];
    int n = 0;

    fw_cgroup_walk(root, FW_CGROUP_CPUSET, see_cpuset, &n);
    if (n)
        return n;
    snprintf(path, sizeof path, "%s/sys/devices/system/cpu/online", root);
    return fw_os_read_file(path, text, sizeof text) > 0 ? count_list(text) : 0;
}

/* ---- all of them ------------------------------------------------------------------*/

int fw_limit_read(const char *root, fw_limits *out)
{
    int rc;

    *out = (fw_limits){.affinity = 0};
    rc = fw_os_affinity(&out->cpus);
    if (rc < 0)
        return fw_fail_os(-rc, "cannot read the CPU affinity");
    out->affinity = fw_limit_count(&out->cpus);
    out->cpuset = cpuset_count(root);
    out->quota_milli = fw_limit_quota_milli(root);
    out->narrowed = out->affinity == 1 && out->cpuset > 1;
    return 0;
}

/* Cores among the CPUs; every CPU is one when the topology does not say. */
static int usable_cores(const fw_limits *limits)
{
    fw_topology *machine;
    int cores = 0;

    if (fw_topology_load(NULL, &machine) == 0)
        cores = fw_topology_cores(machine, &limits->cpus);
    fw_topology_free(machine);
    return cores ? cores : limits->affinity;
}

int furrow_cpu_count(void)
{
    fw_limits limits;
    int cores, quota;

    if (fw_limit_read("", &limits) < 0)
        return 1;
    cores = usable_cores(&limits);
    quota = (int)(limits.quota_milli / 1000);
    if (limits.quota_milli && quota < cores)
        cores = quota;
    return cores > 1 ? cores : 1;
}
