/* SPDX-License-Identifier: MIT
 *
 * Participants: each process has a line, lines of the dead come back, the living are
 * never taken for dead.
 */
#include "participant.h"
#include "child.h"
#include "heap.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <sys/resource.h>

/* Tests make their own heap: a child that is to use it needs it before it is forked. */
static fw_heap *the_heap(void)
{
    const fw_segment *s = fw_segment_get();

    cr_assert_not_null(s);
    return s->heap;
}

static int line_of_mine(void)
{
    fw_heap *heap = fw_heap_lock();
    int line = heap ? fw_participant_self(heap) : -1;

    if (heap)
        fw_heap_unlock(heap);
    return line;
}

static int tell_line(void *arg)
{
    (void)arg;
    return line_of_mine();
}

Test(participant, one_line_each)
{
    int mine = line_of_mine();

    cr_assert_eq(mine, 0);
    cr_assert_eq(line_of_mine(), mine, "joined once");
    cr_assert_eq(child_run(tell_line, NULL), 1, "the child has its own");
    cr_assert_eq(child_run(tell_line, NULL), 2, "not before a sweep");
    fw_heap_sweep();
    cr_assert_eq(child_run(tell_line, NULL), 1, "after it");
    cr_assert_eq(line_of_mine(), mine);
}

Test(participant, the_dead_ones_line_waits_for_its_blocks)
{
    fw_heap *heap = the_heap();

    (void)line_of_mine();
    cr_assert_eq(child_run(tell_line, NULL), 1);
    cr_assert_eq(fw_load_relaxed(&heap->participant[1].live), 1);
    cr_assert(fw_participant_gone(&heap->participant[1]));
    cr_assert(!fw_participant_gone(&heap->participant[0]));
    fw_heap_sweep();
    cr_assert_eq(fw_load_relaxed(&heap->participant[1].live), 0);
    cr_assert_eq(fw_load_relaxed(&heap->participant[0].live), 1);
}

static fw_participant of_this_process(void)
{
    int32_t pid;
    uint64_t start_time;

    fw_participant_identity(&pid, &start_time);
    return (fw_participant){.pid = pid, .start_time = start_time};
}

/* ---- owners -----------------------------------------------------------------------*/

static int owner_of_mine(void *arg)
{
    _Atomic uint32_t *owner = arg;

    fw_store_seqcst(owner, fw_participant_owner());
    child_want(fw_load_seqcst(owner) != 0);
    child_want(!fw_participant_owner_gone(fw_load_seqcst(owner)));
    return 0;
}

/* What a process claims is nobody's when it has ended, whoever has its line then. */
Test(participant, an_owner_is_gone_when_its_process_is)
{
    uint32_t mine = fw_participant_owner();
    _Atomic uint32_t *owner = fw_heap_alloc(64);
    uint32_t first;

    cr_assert_neq(mine, 0);
    cr_assert_eq(fw_participant_owner(), mine);
    cr_assert(!fw_participant_owner_gone(mine));
    cr_assert_eq(child_run(owner_of_mine, (void *)owner), 0);
    first = fw_load_seqcst(owner);
    cr_assert_neq(first, mine);
    cr_assert(fw_participant_owner_gone(first), "before a sweep");
    fw_heap_sweep();
    cr_assert(fw_participant_owner_gone(first), "after it");
    cr_assert_eq(child_run(owner_of_mine, (void *)owner), 0);
    cr_assert_neq(fw_load_seqcst(owner), first, "the same line");
    cr_assert_eq(fw_load_seqcst(owner) % FW_PARTICIPANTS, first % FW_PARTICIPANTS);
    cr_assert(fw_participant_owner_gone(first));
    cr_assert(fw_participant_owner_gone(mine + FW_PARTICIPANTS),
              "of no generation yet");
    cr_assert(fw_participant_owner_gone(100), "nobody ever");
}

/* A generation is never 0, and a number has 28 bits. */
Test(participant, generations_come_round)
{
    fw_heap *heap = the_heap();
    _Atomic uint32_t *owner = fw_heap_alloc(64);

    (void)fw_participant_owner();
    fw_store_seqcst(&heap->participant[1].gen, 0xfffe);
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(child_run(owner_of_mine, (void *)owner), 0);
        cr_assert_lt(fw_load_seqcst(owner), 1u << 28);
        fw_heap_sweep();
    }
    cr_assert_eq(fw_load_seqcst(owner), (2u << 12) + 1);
}

/* A recycled process id is another process. */
Test(participant, the_start_time_counts)
{
    fw_participant me = of_this_process();

    cr_assert_eq(me.pid, getpid());
    cr_assert(me.start_time > 0);
    cr_assert(!fw_participant_gone(&me));
    me.start_time--;
    cr_assert(fw_participant_gone(&me));
}

static int sleep_on(void *arg)
{
    (void)arg;
    pause();
    return 0;
}

Test(participant, stopped_is_not_gone_and_a_zombie_is)
{
    uint64_t start;
    pid_t pid = child_start(sleep_on, NULL);

    cr_assert_eq(fw_os_start_time(pid, &start), 0);
    cr_assert(!fw_os_process_gone(pid, start));
    kill(pid, SIGSTOP);
    usleep(20000);
    cr_assert(!fw_os_process_gone(pid, start));
    kill(pid, SIGKILL);
    for (int i = 0; i < 2000 && !fw_os_process_gone(pid, start); i++)
        usleep(1000);
    cr_assert(fw_os_process_gone(pid, start), "not waited for yet");
    cr_assert_eq(child_wait(pid), CHILD_SIGNAL + SIGKILL);
    cr_assert(fw_os_process_gone(pid, start));
}

/* Take all file descriptors but `left`. */
static void use_up_files(int left)
{
    struct rlimit limit = {128, 128};
    int last = -1, fd;

    setrlimit(RLIMIT_NOFILE, &limit);
    while ((fd = open("/dev/null", O_RDONLY)) >= 0)
        last = fd;
    for (int i = 0; i < left; i++)
        close(last - i);
}

static int look_without_files(void *arg)
{
    const fw_participant *parent = arg;

    for (int left = 0; left < 4; left++) {
        use_up_files(left);
        child_want(!fw_participant_gone(parent));
        child_want(!fw_os_process_gone(getppid(), parent->start_time));
    }
    return 0;
}

/* No file descriptor left is no proof of death: what belongs to the living stays
 * theirs. */
Test(participant, no_files_is_no_death)
{
    fw_participant me = of_this_process();

    cr_assert_eq(child_run(look_without_files, &me), 0);
}

static int sweep_without_files(void *arg)
{
    (void)arg;
    for (int left = 0; left < 4; left++) {
        use_up_files(left);
        fw_heap_sweep();
    }
    return 0;
}

Test(participant, a_sweep_without_files_takes_nothing)
{
    char *p = fw_heap_alloc(5000);

    p[0] = 77;
    cr_assert_eq(child_run(sweep_without_files, NULL), 0);
    cr_assert_eq(p[0], 77);
    cr_assert_eq(fw_heap_free(p), 0, "still ours");
}

static int join_without_files(void *arg)
{
    char *volatile *made = arg;

    use_up_files(0);
    *made = fw_heap_alloc(5000);
    child_want(*made);
    (*made)[0] = 55;
    pause();
    return 0;
}

/* A process that could not read its own start time is alive all the same. */
Test(participant, the_one_without_files_is_alive)
{
    char *volatile *made = fw_heap_alloc(sizeof *made);
    pid_t pid = child_start(join_without_files, (void *)(uintptr_t)made);

    for (int i = 0; i < 5000 && (!*made || (*made)[0] != 55); i++)
        usleep(1000);
    cr_assert_not_null(*made);
    fw_heap_sweep();
    cr_assert_eq((*made)[0], 55, "not swept");
    kill(pid, SIGKILL);
    cr_assert_eq(child_wait(pid), CHILD_SIGNAL + SIGKILL);
    fw_heap_sweep();
    cr_assert_eq(fw_heap_free(*made), FURROW_EINVAL, "swept");
}

/* A program without a pool, hence without anybody who sweeps, may have any number of
 * children one after another. */
static int allocate_one(void *arg)
{
    (void)arg;
    child_want(fw_heap_alloc(100));
    return 0;
}

Test(participant, any_number_of_children, .timeout = 60)
{
    fw_heap *heap = the_heap();
    int32_t pid;
    uint64_t start;

    (void)line_of_mine();
    fw_participant_identity(&pid, &start);
    for (int i = 1; i < FW_PARTICIPANTS - 2; i++) { /* as if they had been */
        heap->participant[i].pid = pid;
        heap->participant[i].start_time = start - 1;
        heap->participant[i].live = 1;
    }
    heap->lines = FW_PARTICIPANTS - 2;
    for (int i = 0; i < 6; i++)
        cr_assert_eq(child_run(allocate_one, NULL), 0, "child %d", i);
    cr_assert_eq(furrow_fsck(), 0, "%s", furrow_last_error()->text);
}
