/* SPDX-License-Identifier: MIT
 *
 * CPU lists, quotas, cpusets, and the honest number of workers.
 */
#include "limit.h"
#include "fixtures/fake_root.h"
#include "furrow_sched.h"
#include "place.h"
#include "status.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

static fake_root root;

static void set_up(void)
{
    root = fake_root_new();
}

static void tear_down(void)
{
    fake_root_free(&root);
}

TestSuite(limit, .init = set_up, .fini = tear_down);

/* ---- CPU lists --------------------------------------------------------------------*/

Test(limit, list_of_cpus)
{
    fw_cpuset s;

    cr_assert_eq(fw_limit_parse_cpus("0-7,16", &s), 0);
    cr_assert_eq(fw_limit_count(&s), 9);
    for (int cpu = 0; cpu < FW_CPU_MAX; cpu++)
        cr_assert_eq(fw_cpuset_has(&s, cpu), cpu <= 7 || cpu == 16);
    cr_assert_eq(fw_limit_parse_cpus("3,3,1-3\n", &s), 0);
    cr_assert_eq(fw_limit_count(&s), 3);
    cr_assert_eq(fw_limit_parse_cpus("4095", &s), 0);
    cr_assert(fw_cpuset_has(&s, 4095));
}

typedef struct bad_list {
    char list[32], says[40], at[32];
} bad_list;

ParameterizedTestParameters(limit, bad_lists)
{
    static bad_list bad[] = {
        {"", "a CPU number is expected", "at \"\""},
        {"0-", "a CPU number is expected", "at \"\""},
        {"x", "a CPU number is expected", "at \"x\""},
        {"1,,2", "a CPU number is expected", "at \",2\""},
        {"1,", "a CPU number is expected", "at \"\""},
        {"-3", "a CPU number is expected", "at \"-3\""},
        {"1 2", "a comma or the end is expected", "at \" 2\""},
        {"0-3-5", "a comma or the end is expected", "at \"-5\""},
        {"2,7-4,9", "the range runs backwards", "at \"7-4,9\""},
        {"4096", "no CPU numbers so large", "\"4096\""},
        {"99999999999999999999", "no CPU numbers so large", "(as in \"0-7,16\")"},
    };
    return cr_make_param_array(bad_list, bad, sizeof bad / sizeof *bad);
}

ParameterizedTest(bad_list *bad, limit, bad_lists)
{
    fw_cpuset s;
    const char *text = furrow_last_error()->text;

    cr_assert_eq(fw_limit_parse_cpus(bad->list, &s), FURROW_EINVAL);
    cr_assert(strstr(text, bad->says), "%s", text);
    cr_assert(strstr(text, bad->at), "%s", text);
}

Test(limit, list_that_is_null)
{
    fw_cpuset s;

    cr_assert_eq(fw_limit_parse_cpus(NULL, &s), FURROW_EINVAL);
}

/* ---- quota ------------------------------------------------------------------------*/

/* How many workers a machine of eight cores gets under the quota of the made-up root.
 */
static int workers_under_quota(void)
{
    fw_place_request request = {.quota_milli = fw_limit_quota_milli(root.path)};
    fw_topology *machine;
    fw_place *plan;
    int n;

    cr_assert_eq(fw_topology_load("core:8 pu:2", &machine), 0);
    cr_assert_eq(fw_place_plan(machine, &request, &plan), 0);
    n = plan->workers;
    fw_place_free(plan);
    fw_topology_free(machine);
    return n;
}

Test(limit, half_a_cpu_is_one_worker)
{
    fake_root_v2(&root, "/");
    fake_root_write(&root, "/sys/fs/cgroup/cpu.max", "50000 100000\n");
    cr_assert_eq(fw_limit_quota_milli(root.path), 500);
    cr_assert_eq(workers_under_quota(), 1);
}

Test(limit, six_and_a_half_cpus_are_six_workers)
{
    fake_root_v2(&root, "/");
    fake_root_write(&root, "/sys/fs/cgroup/cpu.max", "650000 100000\n");
    cr_assert_eq(fw_limit_quota_milli(root.path), 6500);
    cr_assert_eq(workers_under_quota(), 6);
}

Test(limit, no_quota)
{
    cr_assert_eq(fw_limit_quota_milli(root.path), 0);
    fake_root_v2(&root, "/");
    fake_root_write(&root, "/sys/fs/cgroup/cpu.max", "max 100000\n");
    cr_assert_eq(fw_limit_quota_milli(root.path), 0);
    fake_root_write(&root, "/sys/fs/cgroup/cpu.max", "5 0\n");
    cr_assert_eq(fw_limit_quota_milli(root.path), 0);
    cr_assert_eq(workers_under_quota(), 8);
}

Test(limit, the_least_of_all_ancestors)
{
    fake_root_v2(&root, "/a/b/c");
    fake_root_write(&root, "/sys/fs/cgroup/a/b/c/cpu.max", "max 100000\n");
    fake_root_write(&root, "/sys/fs/cgroup/a/b/cpu.max", "400000 100000\n");
    fake_root_write(&root, "/sys/fs/cgroup/a/cpu.max", "30000 10000\n");
    cr_assert_eq(fw_limit_quota_milli(root.path), 3000);
}

Test(limit, a_tiny_quota_is_not_none)
{
    fake_root_v2(&root, "/");
    fake_root_write(&root, "/sys/fs/cgroup/cpu.max", "1 1000000\n");
    cr_assert_eq(fw_limit_quota_milli(root.path), 1);
    cr_assert_eq(workers_under_quota(), 1);
}

Test(limit, v1_quota)
{
    fake_root_v1(&root, "/box");
    fake_root_write(&root, "/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
    fake_root_write(&root, "/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
    cr_assert_eq(fw_limit_quota_milli(root.path), 0);
    fake_root_write(&root, "/sys/fs/cgroup/cpu/box/cpu.cfs_quota_us", "250000\n");
    fake_root_write(&root, "/sys/fs/cgroup/cpu/box/cpu.cfs_period_us", "100000\n");
    cr_assert_eq(fw_limit_quota_milli(root.path), 2500);
}

/* cpu in v1, all else in v2: the file at the usual v2 place must not be believed. */
Test(limit, mixed_host_quota)
{
    fake_root_write(&root, "/proc/self/cgroup", "1:cpu:/\n0::/\n");
    fake_root_write(&root, "/proc/self/mountinfo",
                    "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"
                    "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
    fake_root_write(&root, "/sys/fs/cgroup/unified/cpu.max", "100000 100000\n");
    fake_root_write(&root, "/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "300000\n");
    fake_root_write(&root, "/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
    cr_assert_eq(fw_limit_quota_milli(root.path), 3000);
}

/* ---- all of them ------------------------------------------------------------------*/

static int pin_to_one(void)
{
    fw_cpuset all = {{0}}, one = {{0}};
    int cpu = 0;

    fw_os_affinity(&all);
    while (!fw_cpuset_has(&all, cpu))
        cpu++;
    fw_cpuset_add(&one, cpu);
    cr_assert_eq(fw_os_pin(&one), 0);
    return cpu;
}

Test(limit, bound_to_one_cpu_of_many)
{
    fw_limits l;
    int cpu = pin_to_one();

    fake_root_v2(&root, "/a");
    fake_root_write(&root, "/sys/fs/cgroup/cpuset.cpus.effective", "0-15\n");
    fake_root_write(&root, "/sys/fs/cgroup/a/cpuset.cpus.effective", "0-3,8\n");
    cr_assert_eq(fw_limit_read(root.path, &l), 0);
    cr_assert_eq(l.affinity, 1);
    cr_assert(fw_cpuset_has(&l.cpus, cpu));
    cr_assert_eq(l.cpuset, 5, "the nearest level counts");
    cr_assert_eq(l.narrowed, 1);
    fake_root_write(&root, "/sys/fs/cgroup/a/cpuset.cpus.effective", "0\n");
    cr_assert_eq(fw_limit_read(root.path, &l), 0);
    cr_assert_eq(l.narrowed, 0, "one CPU is all there is");
}

Test(limit, cpuset_of_v1_or_of_the_machine)
{
    fw_limits l;

    fake_root_v1(&root, "/a");
    fake_root_write(&root, "/sys/devices/system/cpu/online", "0-63\n");
    cr_assert_eq(fw_limit_read(root.path, &l), 0);
    cr_assert_eq(l.cpuset, 64);
    fake_root_write(&root, "/sys/fs/cgroup/cpuset/cpuset.cpus", "0-31\n");
    cr_assert_eq(fw_limit_read(root.path, &l), 0);
    cr_assert_eq(l.cpuset, 32);
    fake_root_write(&root, "/sys/fs/cgroup/cpuset/a/cpuset.effective_cpus", "2-3\n");
    cr_assert_eq(fw_limit_read(root.path, &l), 0);
    cr_assert_eq(l.cpuset, 2);
}

Test(limit, this_machine)
{
    fw_limits l;
    int n = furrow_cpu_count();

    cr_assert_eq(fw_limit_read("", &l), 0);
    cr_assert_geq(n, 1);
    cr_assert_leq(n, l.affinity);
    cr_assert_geq(l.cpuset, l.affinity);
    if (l.quota_milli >= 1000)
        cr_assert_leq(n, (int)(l.quota_milli / 1000));
    pin_to_one();
    cr_assert_eq(furrow_cpu_count(), 1);
}
