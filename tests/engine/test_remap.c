/* SPDX-License-Identifier: MIT
 *
 * After a worker was replaced, large arrays are mapped by the new one and nothing else is
 * done to them. Counted at the system call: this program's madvise() is the library's.
 */
#include "engine/pools.h"

#include <sys/mman.h>
#include <sys/syscall.h>

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

static struct {
    _Atomic int collapses;
} * counted;

int madvise(void *at, size_t size, int advice)
{
    if (counted && advice == MADV_COLLAPSE)
        counted->collapses++;
    return (int)syscall(SYS_madvise, at, size, advice);
}

TestSuite(remap, .init = pools_set_up);

Test(remap, asks_for_no_huge_pages_again)
{
    furrow_pool *pool;
    furrow_array *a = pools_array('i', 4 << 20);
    furrow_call call = pools_count_call(a);
    int first;

    pools_need_processes();
    counted =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    cr_assert_neq(counted, MAP_FAILED);
    pool = pools_open(2);
    cr_assert_eq(furrow_map(pool, &call), 0);
    first = counted->collapses;
    for (int i = 0; i < 4; i++) {
        long old = pools_worker_not(pool, i % 2, -1);

        kill((pid_t)old, SIGKILL);
        pools_worker_not(pool, i % 2, old);
        cr_assert_eq(furrow_pool_populate(pool, a), 0);
        cr_assert_eq(furrow_map(pool, &call), 0);
    }
    cr_assert_eq(pools_others(a, 5, 0, a->len), 0);
    cr_assert_eq(counted->collapses, first);
    furrow_array_free(a);
    pools_close(pool);
    if (first == 0)
        cr_skip_test("the system has huge pages without being asked, or none");
    pools_leave_nothing();
}
