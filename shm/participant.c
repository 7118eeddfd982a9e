/* SPDX-License-Identifier: MIT
 *
 * Participants: whose block is it when it is nobody's yet?
 *
 * A line is written under the heap's lock, its identity first and `live` last; killed
 * before, the line is still free. A forked child must not go on under its parent's line:
 * the line's index is kept in a page that reads as zeros after a fork, however it was made.
 *
 * A line is set free only after every block of its process has been reclaimed
 * (heap.c: sweep); until then its index is not used again.
 */
#include "participant.h"

#include "status.h"

typedef struct self {
    uint64_t start_time;
    int32_t pid;
    int32_t line; /* index + 1; 0: not joined */
} self;

static self *_Atomic self_page;

/* Where the system does not wipe the page after all, as emulators do not. */
static void forget(void)
{
    self *mine = fw_load_relaxed(&self_page);

    if (mine)
        *mine = (self){0};
}

static void mind_forks(void)
{
    (void)pthread_atfork(NULL, NULL, forget);
}

/* Made once per program; lost races leak a page at most. */
static self *self_get(void)
{
    static pthread_once_t minded = PTHREAD_ONCE_INIT;
    self *mine = fw_load_acquire(&self_page);
    self *expected = NULL;

    if (mine)
        return mine;
    pthread_once(&minded, mind_forks);
    mine = fw_os_page_wiped_on_fork();
    if (mine && !fw_cas_seqcst(&self_page, &expected, mine)) {
        fw_os_unmap(mine, FW_PAGE);
        mine = expected;
    }
    return mine;
}

void fw_participant_identity(int32_t *pid, uint64_t *start_time)
{
    self *me = self_get();

    *pid = fw_os_pid();
    if (me && me->pid == *pid) {
        *start_time = me->start_time;
        return;
    }
    *start_time = 0;
    (void)fw_os_start_time(*pid, start_time);
    if (me) {
        me->start_time = *start_time;
        me->pid = *pid;
    }
}

int32_t fw_participant_pid(void)
{
    self *me = self_get();
    uint64_t unused;
    int32_t pid;

    if (me && me->pid)
        return me->pid;
    fw_participant_identity(&pid, &unused);
    return pid;
}

static int join(fw_heap *heap, self *me)
{
    for (int i = 0; i < FW_PARTICIPANTS; i++) {
        fw_participant *p = &heap->participant[i];

        if (fw_load_relaxed(&p->live))
            continue;
        fw_participant_identity(&p->pid, &p->start_time);
        if (heap->lines < (uint32_t)i + 1)
            heap->lines = (uint32_t)i + 1;
        fw_fence_death();
        fw_store_release(&p->live, 1);
        me->line = i + 1;
        return i;
    }
    return fw_fail(FURROW_ENOMEM, "more than %d processes use the heap",
                   FW_PARTICIPANTS);
}

int fw_participant_self(fw_heap *heap)
{
    self *me = self_get();

    if (!me)
        return fw_fail(FURROW_ENOMEM, "no memory for a page of this process");
    return me->line ? me->line - 1 : join(heap, me);
}

int fw_participant_gone(const fw_participant *p)
{
    return fw_os_process_gone(p->pid, p->start_time);
}
