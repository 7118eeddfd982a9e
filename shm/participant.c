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
 *
 * What else a process claims (a token, a slot) names the line and its generation. The next
 * user of the line raises that before anything else, so a claim of its last user's never
 * looks like one of a living process: whoever finds it may ask at any time, without a lock,
 * and no sweep has to know of it. Who reads an identity looks at the generation before and
 * after.
 */
#include "participant.h"

#include "heap.h"
#include "status.h"

/* Whichever thread is the first to ask fills it in. */
typedef struct self {
    _Atomic uint64_t start_time;
    _Atomic int32_t pid;  /* behind start_time */
    _Atomic int32_t line; /* index + 1, behind owner; 0: not joined */
    _Atomic uint32_t owner;
} self;

enum { LINE_BITS = 12, GEN_MAX = 0xffff };
#define MOMENT_NS ((int64_t)100 * 1000 * 1000)
_Static_assert(FW_PARTICIPANTS == 1 << LINE_BITS, "an owner's number holds any line");

static void *_Atomic page;

/* 0 or -errno. */
static int self_find(self **mine)
{
    void *there;
    int rc = fw_os_page_wiped_on_fork(&page, &there);

    *mine = there;
    return rc;
}

static self *self_get(void)
{
    self *mine;

    return self_find(&mine) < 0 ? NULL : mine;
}

static void tell_identity(self *me, int32_t pid, uint64_t start_time)
{
    fw_store_relaxed(&me->start_time, start_time);
    /* release: self.pid -> fw_participant_identity() */
    fw_store_release(&me->pid, pid);
}

void fw_participant_identity(int32_t *pid, uint64_t *start_time)
{
    self *me = self_get();

    *pid = fw_os_pid();
    /* acquire: self.pid <- tell_identity() */
    if (me && fw_load_acquire(&me->pid) == *pid) {
        *start_time = fw_load_relaxed(&me->start_time);
        return;
    }
    *start_time = 0;
    (void)fw_os_start_time(*pid, start_time);
    if (me)
        tell_identity(me, *pid, *start_time);
}

int32_t fw_participant_pid(void)
{
    self *me = self_get();
    uint64_t unused;
    int32_t pid;

    if (me && (pid = fw_load_relaxed(&me->pid)) != 0)
        return pid;
    fw_participant_identity(&pid, &unused);
    return pid;
}

/* The line's next generation, before its identity changes. */
static uint32_t next_gen(fw_participant *p)
{
    uint32_t gen = fw_load_relaxed(&p->gen);

    gen = gen >= GEN_MAX ? 1 : gen + 1;
    fw_store_seqcst(&p->gen, gen);
    return gen;
}

static int join(fw_heap *heap, self *me)
{
    int32_t pid;
    uint64_t start_time;

    for (int i = 0; i < FW_PARTICIPANTS; i++) {
        fw_participant *p = &heap->participant[i];

        if (fw_load_relaxed(&p->live))
            continue;
        fw_store_relaxed(&me->owner, next_gen(p) << LINE_BITS | (uint32_t)i);
        fw_participant_identity(&pid, &start_time);
        fw_store_release(&p->pid, pid);
        fw_store_release(&p->start_time, start_time);
        if (heap->lines < (uint32_t)i + 1)
            heap->lines = (uint32_t)i + 1;
        fw_fence_death();
        fw_store_release(&p->live, 1);
        /* release: self.line -> joined() */
        fw_store_release(&me->line, i + 1);
        return i;
    }
    return fw_fail(FURROW_ENOMEM, "more than %d processes use the heap",
                   FW_PARTICIPANTS);
}

int fw_participant_self(fw_heap *heap)
{
    self *me;
    int line, rc = self_find(&me);

    if (rc < 0)
        return fw_fail_os(-rc, "no page that a fork wipes (MADV_WIPEONFORK)");
    line = fw_load_relaxed(&me->line); /* whoever wrote it had the heap's lock */
    return line ? line - 1 : join(heap, me);
}

int fw_participant_gone(const fw_participant *p)
{
    return fw_os_process_gone(fw_load_acquire(&p->pid),
                              fw_load_acquire(&p->start_time));
}

/* The number of this process, or 0 when no thread has asked yet: the line is live before
 * anybody claims by it, or others would take the claim for a dead one's. */
static uint32_t joined(void)
{
    self *me = self_get();

    /* acquire: self.line <- join() */
    return me && fw_load_acquire(&me->line) ? fw_load_relaxed(&me->owner) : 0;
}

uint32_t fw_participant_owner(void)
{
    uint32_t owner = joined();
    fw_heap *heap;
    int line;

    if (owner)
        return owner;
    heap = fw_heap_lock();
    if (!heap)
        return 0;
    line = fw_participant_self(heap);
    fw_heap_unlock(heap);
    return line < 0 ? 0 : joined();
}

uint32_t fw_participant_owner_by(furrow_deadline deadline)
{
    uint32_t owner = joined();
    furrow_deadline before, until;

    if (owner)
        return owner;
    until = fw_os_now() + MOMENT_NS;
    until = deadline > until ? deadline : until;
    before = fw_heap_patience(until);
    if (before < until) /* it is in a hurry already */
        (void)fw_heap_patience(before);
    owner = fw_participant_owner();
    (void)fw_heap_patience(before);
    return owner;
}

int fw_participant_owner_gone(uint32_t owner)
{
    const fw_segment *s = fw_segment_get();
    const fw_participant *p;
    int32_t pid;
    uint64_t start_time;

    if (!s)
        return 0;
    p = &s->heap->participant[owner % FW_PARTICIPANTS];
    if (fw_load_acquire(&p->gen) != owner >> LINE_BITS || !fw_load_acquire(&p->live))
        return 1;
    pid = fw_load_acquire(&p->pid);
    start_time = fw_load_acquire(&p->start_time);
    return fw_load_acquire(&p->gen) != owner >> LINE_BITS ||
           fw_os_process_gone(pid, start_time);
}
