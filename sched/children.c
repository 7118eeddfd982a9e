/* SPDX-License-Identifier: MIT
 *
 * The children of this process.
 *
 * A list in private memory, and a lock that a fork waits for: a forked child sees a whole
 * list of what is not its own, and closes the fds in it. An fd of a child is in the list
 * before anybody else can fork.
 *
 * How a child ended is told by, the first that knows: the kernel, when the child is ours to
 * release; the keeper or server that released it, over the line; the kernel by the pidfd
 * (Linux 6.15), whoever released it; the child itself, over the line, right before its
 * end. A program that ignores SIGCHLD, or sits in wait(-1), may take the first from us.
 */
#include "children.h"

#include "birth.h"
#include "heap.h"
#include "hook.h"
#include "kin.h"
#include "line.h"
#include "server.h"
#include "status.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#define MS INT64_C(1000000)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int cancel_state; /* of the thread that has the lock, before */
static fw_child *first;
static pid_t owner; /* whose the list is */

/* A thread that is cancelled keeps none of it: what is done under the lock has cancellation
 * points. */
void fw_children_lock(void)
{
    int before;

    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
    pthread_mutex_lock(&lock);
    cancel_state = before;
}

void fw_children_unlock(void)
{
    int before = cancel_state;

    pthread_mutex_unlock(&lock);
    pthread_setcancelstate(before, NULL);
}

static void at_end(void)
{
    fw_hooks_run();
    if (owner == fw_os_pid()) /* a copy that the program forked has none of ours */
        fw_children_end();
}

static void mind(void)
{
    (void)pthread_atfork(fw_children_lock, fw_children_unlock, fw_children_unlock);
    (void)atexit(at_end);
}

void fw_children_mind(void)
{
    static pthread_once_t minded = PTHREAD_ONCE_INIT;

    pthread_once(&minded, mind);
    if (!owner)
        owner = fw_os_pid();
}

/* The program forked by itself: what is in the list is its parent's. */
static void check_owner(void)
{
    if (owner == fw_os_pid())
        return;
    first = NULL;
    owner = fw_os_pid();
}

fw_child *fw_children_add(furrow_process *p)
{
    fw_child *c = malloc(sizeof *c);
    int rc = -ENOMEM, end[2];

    fw_children_mind();
    fw_children_lock();
    check_owner();
    if (c)
        rc = fw_os_line(end);
    if (rc == 0) {
        *c = (fw_child){.next = first,
                        .process = p,
                        .method = p->method,
                        .line = end[0],
                        .theirs = end[1],
                        .pidfd = -1};
        first = c;
    }
    fw_children_unlock();
    if (rc == 0)
        return c;
    free(c);
    (void)fw_fail_os(-rc, "no line to a new process");
    return NULL;
}

static void close_all(fw_child *c, int but)
{
    if (c->line != but)
        fw_os_close(c->line);
    if (c->theirs != but)
        fw_os_close(c->theirs);
    fw_os_close(c->pidfd);
}

void fw_children_remove(fw_child *c)
{
    fw_children_lock();
    for (fw_child **at = &first; *at; at = &(*at)->next)
        if (*at == c) {
            *at = c->next;
            break;
        }
    close_all(c, -1);
    fw_children_unlock();
    free(c);
}

void fw_children_close_theirs(fw_child *c)
{
    fw_children_lock();
    fw_os_close(c->theirs);
    c->theirs = -1;
    fw_children_unlock();
}

void fw_children_forget(int own)
{
    fw_child *c = first;

    while (c) {
        fw_child *next = c->next;

        close_all(c, own);
        free(c);
        c = next;
    }
    first = NULL;
    owner = fw_os_pid();
}

/* ---- how it ended ---------------------------------------------------------------------*/

int fw_children_sentinel(const fw_child *c)
{
    return c->pidfd >= 0 ? c->pidfd : c->line;
}

/* Where there is no pidfd, the line tells; but what the child has forked may hold it. */
static int ended(const fw_child *c)
{
    int fd = fw_children_sentinel(c);

    if (fw_os_readable(&fd, 1, 0))
        return 1;
    return c->pidfd < 0 && c->method != FURROW_START_THREAD && c->pid > 0 &&
           fw_os_process_gone(c->pid, c->start_time);
}

/* Reads what was said; 1: by one who knows. -errno: there is more, which cannot be read. */
static int hear_code(const fw_child *c, int *code, int *said)
{
    int64_t until = fw_os_now() + (c->ours ? 0 : 2000 * MS);
    fw_word word;
    int rc;

    while ((rc = fw_line_hear(c->line, &word, NULL, until)) == 0) {
        if (word.kind == FW_LINE_EXITED) {
            *code = word.value;
            *said = 1;
        }
        if (word.kind == FW_LINE_STATUS) {
            *code = fw_os_code(word.value);
            return 1;
        }
    }
    return rc == -EPIPE || rc == -ETIMEDOUT ? 0 : rc;
}

static int guess(const fw_child *c)
{
    if (c->signal)
        return -c->signal;
    return c->process->is.daemon ? -SIGKILL : FURROW_EXIT_UNKNOWN;
}

/* By the kernel, once its new parent has released it. */
static int told_late(const fw_child *c, int *code)
{
    int64_t until = fw_os_now() + 50 * MS;

    while (c->pidfd >= 0 && fw_os_now() < until) {
        if (fw_os_ended(c->pid, c->pidfd, code) == 0)
            return 1;
        (void)fw_os_readable(NULL, 0, fw_os_now() + 1 * MS);
    }
    return 0;
}

/* Of one that has ended. -EAGAIN: it is not released yet; -errno: not to be read now. */
static int find_code(const fw_child *c, int *code)
{
    int rc = -ECHILD, said = 0, own = 0;

    if (c->method == FURROW_START_THREAD) {
        *code = c->process->code;
        return 0;
    }
    if (c->ours)
        rc = fw_os_ended(c->pid, c->pidfd, code);
    if (rc == 0 || rc == -EAGAIN)
        return rc;
    rc = hear_code(c, &own, &said);
    if (rc > 0)
        *code = own;
    if (rc != 0)
        return rc < 0 ? rc : 0;
    if (!said && told_late(c, code))
        return 0;
    *code = said ? own : guess(c);
    return 0;
}

/* Under the lock. 0: it runs; 1, now 2: it has ended, and its code is known; -errno: it has
 * ended, and its code is not to be had now. A thread is the caller's to join, without the
 * lock: what the program does at a thread's end may want that. */
static int collect(fw_child *c)
{
    furrow_process *p = c->process;
    int rc;

    if (p->state != FW_PROCESS_RUNS)
        return p->state == FW_PROCESS_ENDED;
    if (!ended(c))
        return 0;
    rc = find_code(c, &p->code);
    if (rc < 0)
        return rc == -EAGAIN ? 0 : rc;
    p->state = FW_PROCESS_ENDED;
    return 2;
}

/* Under the lock, where many are looked at: threads stay to be joined. */
static int is_over(fw_child *c)
{
    return c->method == FURROW_START_THREAD ? ended(c) : collect(c);
}

int fw_children_collect(fw_child *c)
{
    furrow_deadline before;
    int now;

    fw_children_lock();
    now = collect(c);
    fw_children_unlock();
    if (now != 2)
        return now;
    if (c->method == FURROW_START_THREAD)
        pthread_join(c->thread, NULL);
    furrow_log(FURROW_LOG_INFO, "%s has ended with code %d", c->process->is.name,
               c->process->code);
    if (c->method == FURROW_START_THREAD || c->process->code == 0)
        return 1;
    before = fw_heap_patience(fw_os_now() + 100 * MS);
    (void)fw_heap_sweep(); /* what it has not published goes with it */
    (void)fw_heap_patience(before);
    return 1;
}

static void await_sentinel(int fd, int64_t until)
{
    int64_t tick = fw_os_now() + 100 * MS;

    (void)fw_os_readable(&fd, 1, tick < until ? tick : until);
}

void fw_children_await(const fw_child *c, int64_t until)
{
    await_sentinel(fw_children_sentinel(c), until);
}

size_t furrow_process_children(furrow_process **out, size_t room)
{
    size_t n = 0;

    fw_children_mind();
    fw_children_lock();
    check_owner();
    for (fw_child *c = first; c; c = c->next) {
        if (c->process->state != FW_PROCESS_RUNS || is_over(c))
            continue;
        if (n < room)
            out[n] = c->process;
        n++;
    }
    fw_children_unlock();
    return n;
}

int fw_children_signal(const fw_child *c, int signal)
{
    int rc = c->pidfd >= 0 ? fw_os_pidfd_signal(c->pidfd, signal) : -ENOSYS;

    if (rc == 0 || rc == -ESRCH)
        return rc;
    if (c->pid <= 0 || ended(c)) /* by its pid then, as long as that is its own */
        return -ESRCH;
    return fw_os_signal(c->pid, signal);
}

/* ---- the end of this process ----------------------------------------------------------*/

/* One that runs and is not daemonic, nor the thread that ends the program just now: its
 * sentinel, or -1. Another thread may free its handle meanwhile. */
static int find_running(void)
{
    const furrow_process *me = furrow_process_current();
    int found = -1;

    fw_children_lock();
    check_owner();
    for (fw_child *c = first; c && found < 0; c = c->next)
        if (c->process->state == FW_PROCESS_RUNS && !c->process->is.daemon &&
            c->process != me && !is_over(c))
            found = fw_children_sentinel(c);
    fw_children_unlock();
    return found;
}

/* A thread that has ended and that nobody else joins. */
static int take_ended_thread(pthread_t *out)
{
    int taken = 0;

    fw_children_lock();
    for (fw_child *c = first; c && !taken; c = c->next)
        if (c->method == FURROW_START_THREAD && !c->process->is.daemon &&
            c->process->state == FW_PROCESS_RUNS && collect(c) == 2) {
            *out = c->thread;
            taken = 1;
        }
    fw_children_unlock();
    return taken;
}

static void signal_daemons(int signal)
{
    fw_children_lock();
    for (fw_child *c = first; c; c = c->next)
        if (c->process->state == FW_PROCESS_RUNS && c->process->is.daemon &&
            c->method != FURROW_START_THREAD) {
            c->signal = signal;
            (void)fw_children_signal(c, signal);
        }
    fw_children_unlock();
}

static int daemons_left(void)
{
    int left = 0;

    fw_children_lock();
    for (fw_child *c = first; c; c = c->next)
        left += c->process->state == FW_PROCESS_RUNS && c->process->is.daemon &&
                c->method != FURROW_START_THREAD && !is_over(c);
    fw_children_unlock();
    return left;
}

static void end_daemons(void)
{
    int64_t kill_at = fw_os_now() + 1000 * MS, until = kill_at + 5000 * MS;

    check_owner();
    signal_daemons(SIGTERM);
    while (daemons_left() && fw_os_now() < until) {
        if (fw_os_now() > kill_at)
            signal_daemons(SIGKILL);
        (void)fw_os_readable(NULL, 0, fw_os_now() + 1 * MS);
    }
}

void fw_children_end(void)
{
    pthread_t thread;
    int fd;

    end_daemons();
    while ((fd = find_running()) >= 0)
        await_sentinel(fd, INT64_MAX);
    while (take_ended_thread(&thread))
        pthread_join(thread, NULL);
    fw_server_stop();
}
