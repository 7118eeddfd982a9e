/* SPDX-License-Identifier: MIT
 *
 * Deadlines do not mind the wall clock: whatever sleeps until a deadline sleeps by the monotonic
 * clock, which nobody steps.
 *
 * Stepping the clock would be rude to the machine. A filter stands for it: a wait of the kernel
 * by the wall clock (FUTEX_CLOCK_REALTIME, FUTEX_LOCK_PI, which knows no other) ends the
 * process. Under it everything that has a deadline waits for one in vain, and must come back
 * by itself. That the filter sees such waits a lock of the C library's shows. (What only asks
 * for the time makes no system call; that nothing of ours does is the law arch.clocks.)
 */
#include "child.h"
#include "left.h"
#include "stress/verdict.h"

#include "heap.h"
#include "lock.h"

#include <furrow.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/syscall.h>

#define SOON 0.004 /* seconds */

static int refuse_wall_clock(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_futex, 0, 6),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args) + 24),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 4, 0), /* for ever, by no clock */
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args) + 8),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, FUTEX_CLOCK_REALTIME, 3, 0),
        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, (uint32_t)FUTEX_CMD_MASK),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, FUTEX_LOCK_PI, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP)};
    struct sock_fprog program = {sizeof filter / sizeof *filter, filter};

    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

static int wait_by_wall_clock(void *arg)
{
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    struct timespec t;

    (void)arg;
    if (refuse_wall_clock() != 0)
        return 77;
    pthread_mutex_lock(&mutex);
    clock_gettime(CLOCK_REALTIME, &t);
    t.tv_nsec = (t.tv_nsec + 1000000) % 1000000000;
    return pthread_mutex_timedlock(&mutex, &t) == 0;
}

/* ---- what has a deadline ------------------------------------------------------------*/

typedef struct objects {
    furrow_lock *lock, *own;
    furrow_semaphore *semaphore;
    furrow_event *event;
    furrow_condition *condition;
    furrow_barrier *barrier;
    furrow_queue *empty, *full, *undone;
    furrow_process *process;
    furrow_connection *end[2];
} objects;

static void ends(const char *what, int rc, int expected, double since)
{
    if (rc != expected)
        fail("%s: %s (%s)", what, furrow_status_name(rc), furrow_last_error()->text);
    if (left_clock() - since < SOON)
        fail("%s: came back before its deadline", what);
}

#define ENDS(call, expected)                                                           \
    do {                                                                               \
        double since = left_clock();                                                   \
        ends(#call, (call), (expected), since);                                        \
    } while (0)

/* The heap's lock is another thread's. */
static int allocate_in_vain(void)
{
    furrow_deadline before = fw_heap_patience(furrow_in(SOON));
    int rc = fw_heap_alloc(100) ? 0 : furrow_last_error()->code;

    (void)fw_heap_patience(before);
    return rc;
}

static void *wait_for_each(void *arg)
{
    objects *o = arg;
    char byte = 0;
    furrow_waited w = {.connection = o->end[0]};

    ENDS(furrow_lock_lock(o->lock, furrow_in(SOON)), FURROW_ETIME);
    ENDS(furrow_semaphore_acquire(o->semaphore, furrow_in(SOON)), FURROW_ETIME);
    ENDS(furrow_event_wait(o->event, furrow_in(SOON)), FURROW_ETIME);
    if (furrow_lock_lock(o->own, 0) != 0)
        fail("a lock of one's own");
    ENDS(furrow_condition_wait(o->condition, furrow_in(SOON)), FURROW_ETIME);
    if (furrow_lock_unlock(o->own) != 0)
        fail("unlock");
    ENDS(furrow_barrier_wait(o->barrier, furrow_in(SOON)), FURROW_ETIME);
    ENDS(furrow_queue_get(o->empty, &byte, 1, NULL, furrow_in(SOON)), FURROW_EEMPTY);
    ENDS(furrow_queue_put(o->full, &byte, 1, furrow_in(SOON)), FURROW_EFULL);
    ENDS(furrow_queue_join(o->undone, furrow_in(SOON)), FURROW_ETIME);
    ENDS(furrow_process_join(o->process, furrow_in(SOON)), FURROW_ETIME);
    ENDS(furrow_connection_recv(o->end[0], &byte, 1, NULL, furrow_in(SOON)),
         FURROW_ETIME);
    ENDS(furrow_wait(&w, 1, furrow_in(SOON)), 0);
    ENDS(allocate_in_vain(), FURROW_ETIME);
    return NULL;
}

static int rests(void *arg, size_t size)
{
    (void)arg;
    (void)size;
    alarm(20);
    return pause();
}

static int all_made(objects *o)
{
    const furrow_queue_options one = {.capacity = 1, .joinable = 1};

    *o = (objects){.lock = furrow_lock_new(NULL),
                   .own = furrow_lock_new(NULL),
                   .semaphore = furrow_semaphore_new(1, NULL),
                   .event = furrow_event_new(),
                   .barrier = furrow_barrier_new(2, NULL),
                   .empty = furrow_queue_new(&one),
                   .full = furrow_queue_new(&one),
                   .process = furrow_process_new(rests, NULL, 0, NULL)};
    o->condition = furrow_condition_new(o->own, NULL);
    o->undone = o->full;
    return o->lock && o->semaphore && o->event && o->condition && o->barrier &&
           o->empty && o->full && furrow_queue_put(o->full, "x", 1, 0) == 0 &&
           furrow_semaphore_acquire(o->semaphore, 0) == 0 &&
           furrow_process_start(o->process) == 0 &&
           furrow_pipe(&o->end[0], &o->end[1], 1) == 0;
}

static int wait_by_ours(void *arg)
{
    pthread_t other;
    objects o;

    (void)arg;
    if (refuse_wall_clock() != 0)
        return 77;
    if (!all_made(&o) || furrow_lock_lock(o.lock, 0) != 0)
        fail("not prepared: %s", furrow_last_error()->text);
    fw_heap *heap = fw_heap_lock();
    if (!heap || pthread_create(&other, NULL, wait_for_each, &o) != 0)
        fail("no other thread");
    pthread_join(other, NULL);
    fw_heap_unlock(heap);
    if (furrow_process_kill(o.process) || furrow_process_join(o.process, furrow_in(8)))
        fail("the child: %s", furrow_last_error()->text);
    return 0;
}

int main(void)
{
    int rc = child_run(wait_by_wall_clock, NULL);

    if (rc == 77) {
        puts("no seccomp here");
        return 77;
    }
    if (rc != CHILD_SIGNAL + SIGSYS) {
        printf("FAILED: a wait by the wall clock is not seen: %d\n", rc);
        return 1;
    }
    rc = child_run(wait_by_ours, NULL);
    if (rc == CHILD_SIGNAL + SIGSYS)
        puts("FAILED: a wait by the wall clock");
    else if (rc != 0)
        printf("FAILED: %d\n", rc);
    return rc != 0;
}
