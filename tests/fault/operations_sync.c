/* SPDX-License-Identifier: MIT
 *
 * Operations on locks and their kin, and on queues, some with a process beside: it holds what
 * the caller wants, or waits for what he does. Whatever befalls either, nobody hangs, no
 * message is lost, doubled or torn but that of a dead one, and a dead holder is told of.
 *
 * end[0] is the object that world_end() frees as `kind` says, end[1] what both processes of
 * an operation note in.
 */
#include "operations.h"

#include "heap.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SMALL = 16, LONG = 300000, CAPACITY = 4 };
#define SOON furrow_in(3)

typedef enum object_kind {
    NO_OBJECT,
    LOCK,
    SEMAPHORE,
    EVENT,
    CONDITION,
    BARRIER,
    QUEUE
} object_kind;

static object_kind kind;

typedef struct notes {
    _Atomic uint32_t ready, got;
} notes;

static int last(const void *p)
{
    return p ? 0 : furrow_last_error()->code;
}

static int need_heap(world *w)
{
    w->end[1] = fw_heap_alloc(sizeof(notes));
    return last(w->end[1]);
}

static int nothing(world *w)
{
    (void)w;
    return 0;
}

static int made(world *w, object_kind what, void *object)
{
    kind = what;
    w->end[0] = object;
    return last(object);
}

/* ---- made and freed -----------------------------------------------------------------*/

static int act(void *arg)
{
    (void)arg;
    return 0;
}

static int run_lock(world *w)
{
    return made(w, LOCK, furrow_lock_new(NULL));
}

static int run_semaphore(world *w)
{
    return made(w, SEMAPHORE, furrow_semaphore_new(1, NULL));
}

static int run_event(world *w)
{
    return made(w, EVENT, furrow_event_new());
}

static int run_condition(world *w)
{
    return made(w, CONDITION, furrow_condition_new(NULL, NULL));
}

static int run_barrier(world *w)
{
    return made(w, BARRIER,
                furrow_barrier_new(2, &(furrow_barrier_options){.action = act}));
}

static int run_queue(world *w)
{
    furrow_queue_options o = {.capacity = CAPACITY, .in_place = SMALL, .joinable = 1};

    return made(w, QUEUE, furrow_queue_new(&o));
}

static int free_it(world *w)
{
    void *object = w->end[0];

    w->end[0] = NULL;
    switch (kind) {
    case LOCK:
        return furrow_lock_free(object);
    case SEMAPHORE:
        return furrow_semaphore_free(object);
    case EVENT:
        return furrow_event_free(object);
    case CONDITION:
        return furrow_condition_free(object);
    case BARRIER:
        return furrow_barrier_free(object);
    case QUEUE:
        return furrow_queue_free(object);
    default:
        return 0;
    }
}

static int is_lock(world *w)
{
    return furrow_lock_lock(w->end[0], 0) || furrow_lock_unlock(w->end[0]);
}

static int is_semaphore(world *w)
{
    return furrow_semaphore_acquire(w->end[0], 0) ||
           furrow_semaphore_release(w->end[0]);
}

static int is_event(world *w)
{
    return furrow_event_set(w->end[0]) || furrow_event_wait(w->end[0], 0);
}

static int is_condition(world *w)
{
    furrow_lock *lock = furrow_condition_get_lock(w->end[0]);

    return furrow_lock_lock(lock, 0) || furrow_condition_notify_all(w->end[0]) ||
           furrow_lock_unlock(lock);
}

static int is_barrier(world *w)
{
    return furrow_barrier_parties(w->end[0]) == 2 ? 0 : -1;
}

/* ---- a process beside ---------------------------------------------------------------*/

static notes *notes_of(world *w)
{
    return w->end[1];
}

/* It runs beside(w), and says when it is ready. A fork() that fails is told as the library
 * would tell it. */
static pid_t begin(world *w, int (*run)(world *w))
{
    pid_t pid = fork();

    if (pid == 0) {
        alarm(10);
        _exit(run(w) ? 1 : 0);
    }
    while (pid > 0 && !notes_of(w)->ready && waitpid(pid, NULL, WNOHANG) == 0)
        usleep(200);
    return pid;
}

static int finish(pid_t pid, int rc)
{
    while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    if (pid >= 0)
        return rc < 0 ? rc : 0;
    furrow_array_new('d', (size_t)1 << 58, NULL); /* FURROW_ENOMEM */
    return furrow_last_error()->code;
}

static int hold_a_while(world *w)
{
    int rc = furrow_lock_lock(w->end[0], SOON);

    notes_of(w)->ready = 1;
    usleep(3000);
    return rc || furrow_lock_unlock(w->end[0]);
}

/* A dead holder is told of, once. */
static int lock_it(furrow_lock *lock)
{
    int rc = furrow_lock_lock(lock, SOON);

    return rc == FURROW_OWNERDIED ? furrow_lock_consistent(lock) : rc;
}

static int run_contended(world *w)
{
    pid_t pid = begin(w, hold_a_while);
    int rc = pid < 0 ? 0 : lock_it(w->end[0]);

    if (pid >= 0 && rc == 0)
        rc = furrow_lock_unlock(w->end[0]);
    return finish(pid, rc);
}

static int notify_soon(world *w)
{
    furrow_lock *lock = furrow_condition_get_lock(w->end[0]);
    int rc;

    notes_of(w)->ready = 1;
    usleep(2000);
    rc = lock_it(lock);
    notes_of(w)->got = 1;
    return rc || furrow_condition_notify(w->end[0], 1) || furrow_lock_unlock(lock);
}

/* Who was to notify may be dead: then the deadline tells. */
static int run_wait(world *w)
{
    furrow_lock *lock = furrow_condition_get_lock(w->end[0]);
    pid_t pid = begin(w, notify_soon);
    furrow_deadline until = furrow_in(0.5);
    int rc = pid < 0 ? 0 : lock_it(lock), held = pid >= 0 && rc == 0;

    while (held && rc >= 0 && !notes_of(w)->got) {
        rc = furrow_condition_wait(w->end[0], until);
        if (rc == FURROW_OWNERDIED)
            rc = furrow_lock_consistent(lock);
    }
    if (held && furrow_lock_unlock(lock) != 0)
        rc = FURROW_EINVAL;
    return finish(pid, rc);
}

static int come_too(world *w)
{
    notes_of(w)->ready = 1;
    return furrow_barrier_wait(w->end[0], SOON) < 0;
}

/* A party that died breaks it, for all. */
static int run_meet(world *w)
{
    pid_t pid = begin(w, come_too);
    int rc = pid < 0 ? 0 : furrow_barrier_wait(w->end[0], furrow_in(0.5));

    if (rc == FURROW_EBROKEN || rc == FURROW_ETIME)
        (void)furrow_barrier_reset(w->end[0]);
    return finish(pid, rc);
}

/* ---- queues -------------------------------------------------------------------------*/

static unsigned char want[LONG], seen[LONG];

static void fill(size_t size)
{
    for (size_t i = 0; i < size; i++)
        want[i] = (unsigned char)(i * 31 + size);
}

static int put_one(world *w, size_t size)
{
    fill(size);
    return furrow_queue_put(w->end[0], want, size, SOON);
}

/* What is not right is FURROW_EINVAL, which fits no fault. */
static int get_one(world *w, size_t expected, furrow_deadline deadline)
{
    size_t size = 0;
    int rc = furrow_queue_get(w->end[0], seen, sizeof seen, &size, deadline);

    fill(expected);
    if (rc == 0 && (size != expected || memcmp(seen, want, size) != 0))
        rc = FURROW_EINVAL;
    return rc == 0 ? furrow_queue_task_done(w->end[0]) : rc;
}

static int run_put(world *w)
{
    return put_one(w, SMALL);
}

static int run_put_long(world *w)
{
    return put_one(w, LONG);
}

static int is_put(world *w)
{
    return get_one(w, SMALL, 0) || furrow_queue_join(w->end[0], 0) ? -1 : 0;
}

static int is_put_long(world *w)
{
    return get_one(w, LONG, 0) || furrow_queue_join(w->end[0], 0) ? -1 : 0;
}

static int need_one(world *w)
{
    return need_heap(w) < 0 || run_queue(w) < 0 ? -1 : run_put(w);
}

static int need_long(world *w)
{
    return need_heap(w) < 0 || run_queue(w) < 0 ? -1 : run_put_long(w);
}

static int run_get(world *w)
{
    return get_one(w, SMALL, 0);
}

static int run_get_long(world *w)
{
    return get_one(w, LONG, 0);
}

static int is_empty(world *w)
{
    return furrow_queue_empty(w->end[0]) == 1 && !furrow_queue_join(w->end[0], 0) ? 0
                                                                                  : -1;
}

static int put_late(world *w)
{
    notes_of(w)->ready = 1;
    usleep(2000);
    return put_one(w, LONG) || put_one(w, SMALL);
}

/* FURROW_EEMPTY, by the deadline, when the one who was to put is dead. */
static int run_get_late(world *w)
{
    pid_t pid = begin(w, put_late);
    int rc = pid < 0 ? 0 : get_one(w, LONG, furrow_in(0.5));

    if (pid >= 0 && rc == 0)
        rc = get_one(w, SMALL, furrow_in(0.5));
    return finish(pid, rc);
}

/* ---- all of them --------------------------------------------------------------------*/

static int need_lock(world *w)
{
    return need_heap(w) < 0 ? -1 : run_lock(w);
}

static int need_condition(world *w)
{
    return need_heap(w) < 0 ? -1 : run_condition(w);
}

static int need_barrier(world *w)
{
    return need_heap(w) < 0 ? -1 : run_barrier(w);
}

static int need_queue(world *w)
{
    return need_heap(w) < 0 ? -1 : run_queue(w);
}

static const operation list[] = {
    {"lock-new", need_heap, run_lock, is_lock},
    {"semaphore-new", need_heap, run_semaphore, is_semaphore},
    {"event-new", need_heap, run_event, is_event},
    {"condition-new", need_heap, run_condition, is_condition},
    {"barrier-new", need_heap, run_barrier, is_barrier},
    {"queue-new", need_heap, run_queue, is_empty},
    {"lock-free", need_lock, free_it, nothing},
    {"condition-free", need_condition, free_it, nothing},
    {"barrier-free", need_barrier, free_it, nothing},
    {"queue-free", need_long, free_it, nothing},
    {"lock-contended", need_lock, run_contended, is_lock},
    {"condition-wait", need_condition, run_wait, is_condition},
    {"barrier-wait", need_barrier, run_meet, is_barrier},
    {"put", need_queue, run_put, is_put},
    {"put-long", need_queue, run_put_long, is_put_long},
    {"get", need_one, run_get, is_empty},
    {"get-long", need_long, run_get_long, is_empty},
    {"get-late", need_queue, run_get_late, is_empty},
};

const operation_table operations = {
    .operation = list, .count = sizeof list / sizeof *list, .have_peers = 1};

/* ---- the world ----------------------------------------------------------------------*/

int world_end(world *w)
{
    int rc = w->end[0] ? free_it(w) : 0;

    rc = w->end[1] && fw_heap_free(w->end[1]) ? -1 : rc;
    memset(w->end, 0, sizeof w->end);
    kind = NO_OBJECT;
    return rc;
}

int world_use_library(void)
{
    world w = {0};
    int rc = need_long(&w) < 0 || is_put_long(&w) < 0;

    rc = world_end(&w) < 0 || rc;
    rc = rc || need_condition(&w) < 0 || is_condition(&w) != 0;
    return world_end(&w) < 0 || rc ? -1 : 0;
}
