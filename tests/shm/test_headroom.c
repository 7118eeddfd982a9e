/* SPDX-License-Identifier: MIT
 *
 * The least of the machine's memory and of every cgroup's limit.
 */
#include "headroom.h"
#include "fixtures/fake_root.h"
#include "os.h"

#include <criterion/criterion.h>
#include <malloc.h>

static fake_root root;

static void set_up(void)
{
    root = fake_root_new();
}

static void tear_down(void)
{
    fake_root_free(&root);
}

TestSuite(headroom, .init = set_up, .fini = tear_down);

static void machine_has(const char *kilobytes)
{
    char text[256];

    snprintf(text, sizeof text,
             "MemTotal:       99999999 kB\nMemFree:  1 kB\nMemAvailable:   %s kB\n"
             "Buffers: 7 kB\n",
             kilobytes);
    fake_root_write(&root, "/proc/meminfo", text);
}

static void expect(uint64_t bytes)
{
    uint64_t got = fw_headroom_bytes(root.path);

    cr_assert_eq(got, bytes, "%llu, not %llu", (unsigned long long)got,
                 (unsigned long long)bytes);
}

Test(headroom, nothing_known)
{
    expect(UINT64_MAX);
    fake_root_write(&root, "/proc/meminfo", "MemTotal: 5 kB\n");
    expect(UINT64_MAX);
}

Test(headroom, machine_alone)
{
    machine_has("1000");
    expect(1000 * 1024);
}

Test(headroom, v2_limit_minus_usage)
{
    machine_has("1000");
    fake_root_v2(&root, "/a");
    fake_root_write(&root, "/sys/fs/cgroup/a/memory.max", "500000\n");
    fake_root_write(&root, "/sys/fs/cgroup/a/memory.current", "100000\n");
    expect(400000);
    fake_root_write(&root, "/sys/fs/cgroup/a/memory.max", "max\n");
    expect(1000 * 1024);
    fake_root_write(&root, "/sys/fs/cgroup/a/memory.max", "5000000\n");
    expect(1000 * 1024);
}

Test(headroom, an_ancestor_may_be_the_tightest)
{
    machine_has("1000");
    fake_root_v2(&root, "/a/b/c");
    fake_root_write(&root, "/sys/fs/cgroup/a/b/c/memory.max", "900000");
    fake_root_write(&root, "/sys/fs/cgroup/a/b/c/memory.current", "1");
    fake_root_write(&root, "/sys/fs/cgroup/a/memory.max", "700000");
    fake_root_write(&root, "/sys/fs/cgroup/a/memory.current", "650000");
    expect(50000);
}

Test(headroom, file_cache_can_be_reclaimed)
{
    machine_has("1000");
    fake_root_v2(&root, "/a");
    fake_root_write(&root, "/sys/fs/cgroup/a/memory.max", "500000");
    fake_root_write(&root, "/sys/fs/cgroup/a/memory.current", "499000");
    fake_root_write(&root, "/sys/fs/cgroup/a/memory.stat",
                    "anon 5\nfile 9\ntotal_inactive_file 77\ninactive_file 20000\n");
    expect(21000);
    fake_root_write(&root, "/sys/fs/cgroup/a/memory.stat", "inactive_file 30000\n");
    expect(31000);
}

Test(headroom, over_the_limit_is_nothing)
{
    machine_has("1000");
    fake_root_v2(&root, "/a");
    fake_root_write(&root, "/sys/fs/cgroup/a/memory.max", "500000");
    fake_root_write(&root, "/sys/fs/cgroup/a/memory.current", "600000");
    expect(0);
    fake_root_write(&root, "/sys/fs/cgroup/a/memory.stat", "inactive_file 100001\n");
    expect(1);
}

Test(headroom, v1)
{
    machine_has("1000");
    fake_root_v1(&root, "/a");
    fake_root_write(&root, "/sys/fs/cgroup/memory/memory.limit_in_bytes",
                    "9223372036854771712\n");
    fake_root_write(&root, "/sys/fs/cgroup/memory/memory.usage_in_bytes", "5\n");
    expect(1000 * 1024);
    fake_root_write(&root, "/sys/fs/cgroup/memory/a/memory.limit_in_bytes", "100000\n");
    fake_root_write(&root, "/sys/fs/cgroup/memory/a/memory.usage_in_bytes", "60000\n");
    fake_root_write(&root, "/sys/fs/cgroup/memory/a/memory.stat",
                    "inactive_file 1\nactive_file 7\ntotal_inactive_file 300\n");
    expect(40300);
}

/* Asked at every big allocation: quick, and without malloc. */
Test(headroom, this_machine)
{
    enum { TIMES = 200 };
    uint64_t bytes = fw_headroom_bytes("");
    size_t before = mallinfo2().uordblks;
    int64_t start = fw_os_now();

    cr_assert_gt(bytes, 0);
    cr_assert_lt(bytes, UINT64_MAX);
    for (int i = 0; i < TIMES; i++)
        bytes = fw_headroom_bytes("");
    cr_assert_lt((fw_os_now() - start) / TIMES, 1000000, "more than 1 ms per call");
    cr_assert_eq(mallinfo2().uordblks, before);
}
