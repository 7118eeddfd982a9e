/* SPDX-License-Identifier: MIT
 *
 * Where memory is, on the machine at hand: what is there, what is not, that looking
 * takes nothing, and that the nodes add up. Placement on several nodes is tested in
 * tests/numa.
 */
#include "array.h"
#include "child.h"
#include "os.h"

#include <criterion/criterion.h>
#include <stddef.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#define MIB ((size_t)1 << 20)

static furrow_array *bytes_new(size_t size)
{
    furrow_array *a = furrow_array_new('B', size, NULL);

    cr_assert_not_null(a, "%s", furrow_last_error()->text);
    return a;
}

static furrow_where where_is(const furrow_array *a)
{
    furrow_where w;

    memset(&w, 0xa5, sizeof w);
    cr_assert_eq(furrow_array_where(a, &w), 0, "%s", furrow_last_error()->text);
    return w;
}

static size_t pages_listed(const furrow_where *w)
{
    size_t pages = w->elsewhere;

    for (int i = 0; i < w->nodes; i++) {
        cr_assert_gt(w->node[i].pages, 0);
        cr_assert(i == 0 || w->node[i].node > w->node[i - 1].node);
        pages += w->node[i].pages;
    }
    return pages;
}

Test(where, absent_until_taken)
{
    furrow_array *a = bytes_new(8 * MIB);
    furrow_where w = where_is(a);

    cr_assert_eq(w.page, FW_PAGE);
    cr_assert_eq(w.present, 0);
    cr_assert_eq(w.absent, 8 * MIB);
    cr_assert_eq(w.nodes, 0);
    cr_assert_eq(w.rule, FURROW_RULE_NONE);
    cr_assert_eq(furrow_array_populate(a), 0);
    w = where_is(a);
    cr_assert_eq(w.present, 8 * MIB);
    cr_assert_eq(w.absent, 0);
    cr_assert_eq(w.stride, 1);
    cr_assert_eq(pages_listed(&w), w.asked);
    if (w.nodes_error == 0)
        cr_assert_eq(w.asked, 8 * MIB / FW_PAGE);
    furrow_array_free(a);
}

/* Two pages and a run of them; the rest is neither taken nor asked for. */
Test(where, looking_takes_nothing)
{
    furrow_array *a = bytes_new(64 * MIB);
    char *data = a->data;
    furrow_where w;

    memset(data + 3 * MIB, 1, 16 * FW_PAGE);
    data[0] = data[64 * MIB - 1] = 1;
    for (int round = 0; round < 2; round++) {
        size_t there = fw_os_resident(a->data, 64 * MIB);

        w = where_is(a);
        cr_assert_eq(w.present, there);
        cr_assert_eq(w.present + w.absent, 64 * MIB);
        cr_assert_eq(fw_os_resident(a->data, 64 * MIB), there);
        if (w.nodes_error == 0)
            cr_assert_eq(w.asked * FW_PAGE, there);
    }
    cr_assert_leq(w.present, 6 * MIB); /* huge pages at most */
    furrow_array_free(a);
}

Test(where, slices_and_small_ones)
{
    furrow_array *a = bytes_new(8 * MIB), *tiny = bytes_new(100), *none = bytes_new(0);
    furrow_array *part = furrow_array_slice(a, 2 * MIB + 5, 4 * MIB);
    furrow_where w = where_is(part);

    cr_assert_eq(w.absent, 2 * MIB);
    memset(part->data, 1, part->len);
    w = where_is(part);
    cr_assert_eq(w.present, 2 * MIB);
    cr_assert_eq(w.absent, 0);
    memset(tiny->data, 1, 100);
    w = where_is(tiny);
    cr_assert_eq(w.present, FW_PAGE);
    w = where_is(none);
    cr_assert_eq(w.present + w.absent, 0);
    furrow_array_free(part);
    furrow_array_free(a);
    furrow_array_free(tiny);
    furrow_array_free(none);
}

/* Above 64 MiB a page in 64 is asked, but all are counted. */
Test(where, large_ones_are_sampled)
{
    const size_t size = 66 * MIB;
    furrow_array *a = bytes_new(size);
    furrow_where w;

    cr_assert_eq(furrow_array_populate(a), 0);
    w = where_is(a);
    cr_assert_eq(w.present, size);
    if (w.nodes_error == 0) {
        cr_assert_eq(w.stride, 64);
        cr_assert_eq(w.asked, size / FW_PAGE / 64);
    }
    furrow_array_free(a);
}

static int in_child(void *arg)
{
    furrow_where w;

    child_want(furrow_array_where(arg, &w) == 0);
    child_want(w.present == 4 * MIB && w.absent == 0);
    child_want(w.nodes_error != 0 || w.asked == 4 * MIB / FW_PAGE);
    return 0;
}

/* A process that has none of the pages in its own table finds all of them. */
Test(where, other_process)
{
    furrow_array *a = bytes_new(4 * MIB);

    memset(a->data, 1, a->len);
    cr_assert_eq(child_run(in_child, a), 0);
    furrow_array_free(a);
}

/* Small pages are not counted as huge, and the whole once the kernel has made it so. */
Test(where, huge_pages)
{
    furrow_array *a = bytes_new(8 * MIB);
    fw_os_view view;
    furrow_where w;

    cr_assert_eq(furrow_array_populate(a), 0);
    w = where_is(a);
    if (w.huge == SIZE_MAX || fw_os_view_open(&view, a->data, a->len) != 0)
        cr_skip_test("the kernel does not tell");
    if (!fw_os_shm_huge())
        cr_assert_eq(w.huge, 0);
    cr_assert_eq(w.huge % (2 * MIB), 0);
    cr_assert_leq(w.huge, w.present);
    if (madvise(view.at, a->len, 25 /* MADV_COLLAPSE */) == 0)
        cr_assert_eq(where_is(a).huge, a->len);
    fw_os_view_close(&view);
    furrow_array_free(a);
}

/* ---- as in a container ------------------------------------------------------------*/

static int refuse_move_pages(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_move_pages, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof code / sizeof *code, code};

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return -1;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

static int refused(void *arg)
{
    furrow_where before, w;

    child_want(furrow_array_where(arg, &before) == 0);
    child_want(refuse_move_pages() == 0);
    child_want(syscall(SYS_move_pages, 0, 0, NULL, NULL, NULL, 0) == -1 &&
               errno == EPERM);
    child_want(furrow_array_where(arg, &w) == 0);
    child_want(w.present == before.present && w.absent == before.absent);
    child_want(w.nodes_error == 0);
    child_want(w.stride == 1 && w.asked == w.present / FW_PAGE);
    child_want(before.nodes != 1 || w.nodes == 1);
    child_want(before.nodes != 1 || w.node[0].node == before.node[0].node);
    return 0;
}

Test(where, move_pages_refused)
{
    furrow_array *a = bytes_new(70 * MIB);
    fw_os_view view;

    if (access("/proc/self/numa_maps", R_OK) != 0)
        cr_skip_test("no numa_maps");
    if (fw_os_view_open(&view, a->data, a->len) != 0) /* valgrind */
        cr_skip_test("no second mapping of shared memory");
    fw_os_view_close(&view);
    memset(a->data, 1, 5 * MIB);
    cr_assert_eq(child_run(refused, a), 0);
    furrow_array_free(a);
}

/* ---- errors -----------------------------------------------------------------------*/

Test(where, errors)
{
    furrow_array *a = bytes_new(10);
    furrow_where w;
    int i = 0;

    cr_assert_eq(furrow_array_where(a, NULL), FURROW_EINVAL);
    cr_assert_eq(furrow_array_where((furrow_array *)(void *)&i, &w), FURROW_EINVAL);
    cr_assert_eq(furrow_array_free(a), 0);
    cr_assert_eq(furrow_array_where(a, &w), FURROW_EINVAL);
    cr_assert_str_eq(furrow_last_error()->function, "furrow_array_where");
    furrow_error_clear();
    cr_assert_eq(furrow_array_where(NULL, &w), FURROW_EINVAL);
}

/* ---- rules: what one node can show ------------------------------------------------*/

/* A rule for a node that is there is taken, where such calls are allowed at all, and
 * the heap gives the memory back as it was. One for a node that is not is refused. */
Test(where, rules_come_and_go)
{
    furrow_array *a = bytes_new(4 * MIB);
    fw_array *object = fw_array_of(a);
    int rc = fw_os_numa_prefer(a->data, a->len, 0);

    if (rc == -EPERM || rc == -ENOSYS)
        cr_skip_test("mbind is refused here");
    cr_assert_eq(rc, 0);
    cr_assert_eq(fw_os_numa_prefer(a->data, a->len, FW_OS_NODES - 1), -EINVAL);
    cr_assert_eq(fw_os_numa_prefer(a->data, a->len, FW_OS_NODES), -EINVAL);
    cr_assert_eq(fw_os_numa_prefer(a->data, a->len, -1), -EINVAL);
    fw_heap_set_placed(object->block);
    cr_assert_eq(furrow_fsck(), 0);
    furrow_array_free(a);
    cr_assert_eq(furrow_fsck(), 0);
}
