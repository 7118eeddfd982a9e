/* SPDX-License-Identifier: MIT
 *
 * peer.h: somebody beside a test, by every start method.
 */
#include "heap.h"
#include "left.h"
#include "peer.h"

#include <criterion/criterion.h>

typedef struct shared {
    _Atomic uint32_t pid, go;
    char text[16];
} shared;

static int write_pid(void *arg)
{
    shared *s = arg;

    child_want(strcmp(s->text, "hello") == 0);
    fw_store_seqcst(&s->pid, (uint32_t)getpid());
    return 7;
}

static shared *new_shared(void)
{
    shared *s = fw_heap_alloc(sizeof *s);

    cr_assert_not_null(s);
    strcpy(s->text, "hello");
    return s;
}

Test(peer, runs_beside_the_test_and_tells_its_result)
{
    left_mark before = left_now_with_heap();
    shared *s = new_shared();
    peer p;

    cr_assert_eq(peer_start(&p, write_pid, s), 0);
    cr_assert_eq(peer_join(&p), 7);
    if (!peer_threads())
        cr_assert_eq(fw_load_seqcst(&s->pid), (uint32_t)p.pid);
    cr_assert_eq((pid_t)fw_load_seqcst(&s->pid) == getpid(), peer_threads());
    cr_assert_eq(fw_heap_free(s), 0);
    cr_assert_eq(left_since(&before, 2), 0);
}

static int wait_for_go(void *arg)
{
    shared *s = arg;

    fw_add_seqcst(&s->pid, 1);
    while (!fw_load_seqcst(&s->go))
        (void)fw_os_futex_wait(&s->go, 0, fw_os_now() + 100 * 1000 * 1000);
    return 3;
}

Test(peer, eight_at_a_time)
{
    left_mark before = left_now_with_heap();
    shared *s = new_shared();
    peer p[8];

    for (int i = 0; i < 8; i++)
        cr_assert_eq(peer_start(&p[i], wait_for_go, s), 0);
    while (fw_load_seqcst(&s->pid) < 8)
        left_sleep(0.001);
    fw_store_seqcst(&s->go, 1);
    fw_os_futex_wake(&s->go, 8);
    for (int i = 0; i < 8; i++)
        cr_assert_eq(peer_join(&p[i]), 3);
    cr_assert_eq(fw_heap_free(s), 0);
    cr_assert_eq(left_since(&before, 2), 0);
}
