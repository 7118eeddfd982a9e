/* SPDX-License-Identifier: MIT
 *
 * The start of a process, in its parent.
 *
 *   parent   adds it to its list, with a line; forks, or asks a server to
 *   child    becomes what it is, says HELLO (by who forked it) and UP (by spawn and
 *            forkserver), and waits
 *   parent   has its pidfd now; says go
 *
 * Whoever is killed in between, its end of the line closes: the parent hears of the death
 * and takes back what it has, the child ends. Where a copy of the line's end lives on in
 * another fork of the program, the pidfds tell.
 *
 * The go-ahead and the child's place in the list are one step under the list's lock: what
 * cannot be told to begin for lack of memory is taken back, and never begins. To hear it takes
 * no memory, nor does a thread's end.
 */
#include "birth.h"

#include "context.h"
#include "hook.h"
#include "line.h"
#include "participant.h"
#include "server.h"
#include "status.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#define SECOND INT64_C(1000000000)

static const fw_method *const methods[] = {[FURROW_START_FORK] = &fw_method_fork,
                                           [FURROW_START_THREAD] = &fw_method_thread,
                                           [FURROW_START_SPAWN] = &fw_method_spawn,
                                           [FURROW_START_FORKSERVER] =
                                               &fw_method_forkserver};

/* ---- words of the child ---------------------------------------------------------------*/

static int too_early(const fw_birth *b)
{
    int code = 0;

    if (b->child->ours && b->child->pidfd >= 0 &&
        fw_os_readable(&b->child->pidfd, 1, fw_os_now() + SECOND) &&
        fw_os_ended(b->child->pid, b->child->pidfd, &code) == 0)
        return fw_fail(FURROW_EDIED, "%s ended with code %d before it could begin%s",
                       b->process->is.name, code,
                       b->exec.path ? " (does what is run call furrow_init()?)" : "");
    return fw_fail(FURROW_EDIED, "%s ended before it could begin", b->process->is.name);
}

static int gone(const fw_child *c)
{
    return c->pidfd >= 0 && fw_os_pidfd_dead(c->pidfd);
}

int fw_birth_hear(fw_birth *b, uint32_t kind)
{
    fw_child *c = b->child;
    int64_t patience = fw_os_now() + 60 * SECOND;

    while (!(b->heard & 1u << kind)) {
        int last = gone(c), rc;
        fw_os_along with;
        fw_word word;

        rc = fw_line_hear(c->line, &word, &with, fw_os_now() + SECOND / 10);
        if (rc == 0 && word.kind == FW_LINE_HELLO) {
            fw_children_lock();
            c->pid = word.value;
            fw_os_close(c->pidfd); /* it was said before */
            c->pidfd = with.fd;
            fw_children_unlock();
        } else {
            fw_os_close(with.fd); /* no file belongs to another word */
        }
        if (rc == 0 && word.kind == FW_LINE_FAILED)
            return fw_line_adopt(&word);
        if (rc == 0)
            b->heard |= 1u << (word.kind & 31);
        if (rc == -ETIMEDOUT && !last && fw_os_now() < patience)
            continue;
        if (rc < 0 && rc != -EPIPE && rc != -ETIMEDOUT)
            return fw_fail_os(-rc, "no word from a new process");
        if (rc < 0)
            return too_early(b);
    }
    return 0;
}

int fw_birth_tell(fw_birth *b)
{
    int rc = fw_os_line_send(b->child->line, &b->boot, sizeof b->boot, -1);

    if (rc == 0)
        rc = fw_os_line_send(b->child->line, b->process->arg, b->process->size, -1);
    return rc == -EPIPE || rc == 0 ? 0 : fw_fail_os(-rc, "cannot tell a new process");
}

/* ---- forks ----------------------------------------------------------------------------*/

static int fork_it(fw_birth *b)
{
    fw_child *c = b->child;
    pid_t pid = fw_os_fork();
    int fd;

    if (pid == 0)
        b->become(b);
    if (pid < 0)
        return fw_fail_os(-(int)pid, "cannot fork a process");
    fd = fw_os_pidfd_open(pid);
    fw_children_lock();
    c->pid = pid;
    c->pidfd = fd < 0 ? -1 : fd;
    c->ours = 1;
    fw_children_unlock();
    return 0;
}

static int fork_keeper(fw_birth *b)
{
    pid_t middle = fw_os_fork(), pid;

    if (middle == 0) {
        pid = fw_os_fork();
        if (pid == 0)
            fw_keeper_run(b);
        if (pid < 0) {
            (void)fw_fail_os(-(int)pid, "cannot fork a process");
            (void)fw_line_say_error(b->child->theirs);
        }
        fw_os_exit(0);
    }
    if (middle < 0)
        return fw_fail_os(-(int)middle, "cannot fork a process");
    fw_os_wait_child(middle);
    fw_children_close_theirs(b->child);
    return fw_birth_hear(b, FW_LINE_HELLO);
}

int fw_birth_fork(fw_birth *b)
{
    int rc, kept = b->process->is.daemon || fw_os_children_ignored();

    fw_os_flush(0);
    rc = kept ? fork_keeper(b) : fork_it(b);
    fw_children_close_theirs(b->child);
    return rc;
}

/* ---- the start ------------------------------------------------------------------------*/

/* What did not come to be: nothing of it stays. */
static void undo(fw_birth *b)
{
    fw_child *c = b->child;
    int code;

    fw_os_line_end(c->line); /* it hears that it is not to begin, whoever has a copy */
    if (c->method == FURROW_START_THREAD && c->pid > 0) {
        pthread_join(c->thread, NULL);
    } else if (c->pidfd >= 0) {
        (void)fw_children_signal(c, SIGKILL);
        (void)fw_os_readable(&c->pidfd, 1, fw_os_now() + 5 * SECOND);
    } else if (c->ours) {
        fw_os_kill(c->pid);
        fw_os_wait_child(c->pid);
    }
    if (c->ours)
        (void)fw_os_ended(c->pid, c->pidfd, &code);
    fw_children_remove(c);
}

/* It has what it needs, and is one of ours when it begins. */
static int let_go(furrow_process *p, fw_child *c)
{
    int rc;

    if (c->pidfd < 0 && c->method != FURROW_START_THREAD)
        (void)fw_os_start_time(c->pid, &c->start_time);
    fw_children_lock();
    fw_store_relaxed(&p->pid, c->pid);
    rc = fw_os_line_send(c->line, "g", 1, -1);
    if (rc == 0 || rc == -EPIPE) { /* it has died already: a join tells */
        p->child = c;
        p->state = FW_PROCESS_RUNS;
        rc = 0;
    } else {
        fw_store_relaxed(&p->pid, 0);
    }
    fw_children_unlock();
    return rc == 0 ? 0 : fw_fail_os(-rc, "cannot tell a new process to begin");
}

static int attempt(furrow_process *p, const fw_method *m, fw_birth *b)
{
    int rc;

    b->exec.path = NULL;
    b->heard = 0;
    b->child = fw_children_add(p);
    if (!b->child)
        return furrow_last_error()->code;
    rc = m->start(b);
    if (rc == 0)
        rc = let_go(p, b->child);
    if (rc != 0)
        undo(b);
    return rc;
}

static int begin(furrow_process *p, const fw_method *m)
{
    fw_birth b = {
        .process = p, .function = p->function, .arg = p->arg, .extra = {-1, -1}};
    int rc = fw_boot_for(&b.boot, p);

    if (rc == 0 && m->exec)
        rc = fw_entry_of((fw_entry_function)p->function, &b.boot.entry);
    for (int i = 0; rc == 0 && i < 3; i++) {
        rc = attempt(p, m, &b);
        if (rc == 0)
            return 0;
        if (rc == FW_BIRTH_AGAIN)
            rc = i < 2 ? 0
                       : fw_fail(FURROW_EDIED,
                                 "the server that forks processes was killed again "
                                 "and again");
    }
    return rc;
}

static int may_start(furrow_process *p)
{
    int rc = fw_process_mine(p);

    if (rc < 0)
        return rc;
    if (furrow_process_current()->is.daemon)
        return fw_fail(FURROW_EINVAL, "%s is daemonic: it may not have children",
                       furrow_process_current()->is.name);
    return fw_boot_passed();
}

static int claim(furrow_process *p)
{
    int rc = 0;

    fw_children_lock();
    if (p->state != FW_PROCESS_NEW)
        rc = fw_fail(FURROW_EBUSY, "%s was started before", p->is.name);
    else
        p->state = FW_PROCESS_STARTING;
    fw_children_unlock();
    return rc;
}

int fw_birth_start(furrow_process *p)
{
    int rc = may_start(p), method;

    if (rc == 0)
        rc = claim(p);
    if (rc < 0)
        return rc;
    fw_children_mind();
    method = fw_context_choose(p->method);
    rc = method;
    if (rc > 0) {
        p->method = (furrow_start)method;
        if (p->is.key_size == 0)
            rc = fw_kin_key(&p->is);
        else
            rc = 0;
    }
    if (rc == 0)
        rc = begin(p, methods[method]);
    if (rc < 0) {
        fw_children_lock();
        p->state = FW_PROCESS_NEW;
        fw_children_unlock();
        return rc;
    }
    furrow_log(FURROW_LOG_INFO, "%s is started by %s, pid %d", p->is.name,
               methods[method]->name, (int)fw_load_relaxed(&p->pid));
    return 0;
}
