/* SPDX-License-Identifier: MIT
 *
 * Which directories the walk visits, and in which order: on made-up machines, and on
 * this one.
 */
#include "cgroup.h"
#include "fixtures/fake_root.h"
#include "os.h"

#include <criterion/criterion.h>

static fake_root root;

static void set_up(void)
{
    root = fake_root_new();
}

static void tear_down(void)
{
    fake_root_free(&root);
}

TestSuite(cgroup, .init = set_up, .fini = tear_down);

/* "2:/a/b 2:/a 2:/ ": version and directory without the root, of each level. */
typedef struct walk {
    char text[2048];
    int levels;
} walk;

static void note(void *ctx, int version, const char *dir)
{
    walk *w = ctx;
    size_t used = strlen(w->text);

    snprintf(w->text + used, sizeof w->text - used, "%d:%s ", version,
             dir + strlen(root.path));
    w->levels++;
}

static walk walk_of(fw_cgroup_controller controller)
{
    walk w = {.levels = 0};

    cr_assert_eq(fw_cgroup_walk(root.path, controller, note, &w), w.levels);
    return w;
}

static void expect(fw_cgroup_controller controller, const char *levels)
{
    walk w = walk_of(controller);

    cr_assert_str_eq(w.text, levels, "visited %s, not %s", w.text, levels);
}

Test(cgroup, v2_flat)
{
    fake_root_v2(&root, "/");
    expect(FW_CGROUP_CPU, "2:/sys/fs/cgroup ");
    expect(FW_CGROUP_MEMORY, "2:/sys/fs/cgroup ");
}

Test(cgroup, v2_nested_nearest_first)
{
    fake_root_v2(&root, "/user.slice/job 1/step");
    expect(FW_CGROUP_CPU, "2:/sys/fs/cgroup/user.slice/job 1/step "
                          "2:/sys/fs/cgroup/user.slice/job 1 "
                          "2:/sys/fs/cgroup/user.slice 2:/sys/fs/cgroup ");
}

Test(cgroup, v1_has_a_hierarchy_per_controller)
{
    fake_root_v1(&root, "/batch/7");
    expect(FW_CGROUP_CPU, "1:/sys/fs/cgroup/cpu/batch/7 1:/sys/fs/cgroup/cpu/batch "
                          "1:/sys/fs/cgroup/cpu ");
    expect(FW_CGROUP_CPUSET, "1:/sys/fs/cgroup/cpuset/batch/7 "
                             "1:/sys/fs/cgroup/cpuset/batch 1:/sys/fs/cgroup/cpuset ");
    expect(FW_CGROUP_MEMORY, "1:/sys/fs/cgroup/memory/batch/7 "
                             "1:/sys/fs/cgroup/memory/batch 1:/sys/fs/cgroup/memory ");
}

/* cpu is v1's, memory the unified hierarchy's, which is not at the usual place. */
Test(cgroup, mixed_host)
{
    fake_root_write(&root, "/proc/self/cgroup",
                    "9:name=systemd:/s\n2:cpuset:/\n1:cpu:/c\n0::/u\n");
    fake_root_write(
        &root, "/proc/self/mountinfo",
        "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n"
        "34 31 0:31 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
        "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"
        "41 31 0:38 / /sys/fs/cgroup/unified rw shared:3 master:1 - cgroup2 none rw\n");
    expect(FW_CGROUP_CPU, "1:/sys/fs/cgroup/cpu/c 1:/sys/fs/cgroup/cpu ");
    expect(FW_CGROUP_CPUSET, "1:/sys/fs/cgroup/cpuset ");
    expect(FW_CGROUP_MEMORY, "2:/sys/fs/cgroup/unified/u 2:/sys/fs/cgroup/unified ");
}

/* In a container without a cgroup namespace the mount shows our own group only. */
Test(cgroup, mount_of_a_part_of_the_tree)
{
    fake_root_write(&root, "/proc/self/cgroup", "4:memory:/docker/abc/inner\n");
    fake_root_write(
        &root, "/proc/self/mountinfo",
        "34 31 0:31 /docker/ab /other rw - cgroup cgroup rw,memory\n"
        "35 31 0:31 /docker/abc /sys/fs/cgroup/memory ro - cgroup c rw,memory\n");
    expect(FW_CGROUP_MEMORY, "1:/sys/fs/cgroup/memory/inner 1:/sys/fs/cgroup/memory ");
}

/* Where the path is not below what is mounted, the mount point is the best there is. */
Test(cgroup, path_outside_of_namespace_or_mount)
{
    fake_root_v2(&root, "/../../other");
    expect(FW_CGROUP_CPU, "2:/sys/fs/cgroup ");
    fake_root_write(&root, "/proc/self/mountinfo",
                    "31 23 0:28 /elsewhere /cg rw - cgroup2 cgroup2 rw\n"
                    "32 23 0:28 /nowhere /cg2 rw - cgroup2 cgroup2 rw\n");
    expect(FW_CGROUP_CPU, "2:/cg ");
}

Test(cgroup, blanks_in_the_mount_point_are_escaped)
{
    fake_root_v2(&root, "/a");
    fake_root_write(&root, "/proc/self/mountinfo",
                    "31 23 0:28 / /c\\040g\\134 rw - cgroup2 cgroup2 rw\n");
    expect(FW_CGROUP_CPU, "2:/c g\\/a 2:/c g\\ ");
}

Test(cgroup, missing_files_are_no_levels)
{
    expect(FW_CGROUP_CPU, "");
    fake_root_write(&root, "/proc/self/cgroup", "0::/a\n");
    expect(FW_CGROUP_CPU, "");
    fake_root_write(&root, "/proc/self/mountinfo", "");
    expect(FW_CGROUP_CPU, "");
    fake_root_v2(&root, "/a");
    fake_root_write(&root, "/proc/self/cgroup", "nonsense\n:\n\n1:cpu");
    expect(FW_CGROUP_CPU, "");
}

/* The mount after thousands of others, one of them with a line longer than any buffer.
 */
Test(cgroup, long_mountinfo)
{
    enum { LINES = 3000, SIZE = LINES * 80 + 20000 };
    char *text = calloc(1, SIZE), *p = text;

    for (int i = 0; i < LINES; i++) {
        p += sprintf(p, "%d 1 0:9 / /mnt/%d rw - ext4 /dev/sda rw", i, i);
        if (i == LINES / 2)
            for (int k = 0; k < 9000; k++)
                *p++ = 'x';
        *p++ = '\n';
    }
    strcpy(p, "31 23 0:28 / /cg rw - cgroup2 cgroup2 rw"); /* without newline */
    fake_root_v2(&root, "/a");
    fake_root_write(&root, "/proc/self/mountinfo", text);
    expect(FW_CGROUP_CPU, "2:/cg/a 2:/cg ");
    free(text);
}

static int count_lines(void *ctx, char *line)
{
    int *n = ctx;

    return ++*n == 2 && strcmp(line, "b") == 0;
}

Test(cgroup, lines_end_when_enough)
{
    char path[256];
    int n = 0;

    fake_root_write(&root, "/lines", "a\nb\nc\n");
    snprintf(path, sizeof path, "%s/lines", root.path);
    cr_assert_eq(fw_os_read_lines(path, count_lines, &n), 0);
    cr_assert_eq(n, 2);
    cr_assert_lt(fw_os_read_lines("/nonexistent", count_lines, &n), 0);
}

Test(cgroup, numbers)
{
    char dir[256];
    uint64_t n = 5;

    fake_root_write(&root, "/g/max", "max\n");
    fake_root_write(&root, "/g/none", "-1\n");
    fake_root_write(&root, "/g/some", "9223372036854771712\n");
    snprintf(dir, sizeof dir, "%s/g", root.path);
    cr_assert_eq(fw_cgroup_number(dir, "max", &n), 0);
    cr_assert_eq(fw_cgroup_number(dir, "none", &n), 0);
    cr_assert_eq(fw_cgroup_number(dir, "nothing", &n), 0);
    cr_assert_eq(n, 5);
    cr_assert_eq(fw_cgroup_number(dir, "some", &n), 1);
    cr_assert_eq(n, UINT64_C(9223372036854771712));
}

static void note_real(void *ctx, int version, const char *dir)
{
    walk *w = ctx;
    size_t used = strlen(w->text);

    snprintf(w->text + used, sizeof w->text - used, "%d:%s ", version, dir);
}

/* The second walk takes the mount point from the cache. */
Test(cgroup, this_machine_twice_the_same)
{
    walk first = {.levels = 0}, second = {.levels = 0};

    first.levels = fw_cgroup_walk("", FW_CGROUP_MEMORY, note_real, &first);
    second.levels = fw_cgroup_walk("", FW_CGROUP_MEMORY, note_real, &second);
    cr_assert_eq(first.levels, second.levels);
    cr_assert_str_eq(first.text, second.text);
}
