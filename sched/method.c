/* SPDX-License-Identifier: MIT
 *
 * The start methods fork, spawn and thread of a process.
 */
#include "birth.h"
#include "line.h"
#include "server.h"
#include "status.h"

#include <stdlib.h>

/* ---- fork -----------------------------------------------------------------------------*/

static void become_copy(fw_birth *b)
{
    int line = b->child->theirs;

    fw_children_forget(line);
    fw_server_forget();
    fw_born_run(&b->boot, b->function, b->arg, line, 1);
}

static int start_fork(fw_birth *b)
{
    b->become = become_copy;
    return fw_birth_fork(b);
}

const fw_method fw_method_fork = {.name = "fork", .start = start_fork};

/* ---- spawn ----------------------------------------------------------------------------*/

static void become_program(fw_birth *b)
{
    fw_os_child_signals(0);
    fw_boot_exec_now(&b->exec);
}

static int start_spawn(fw_birth *b)
{
    int rc = fw_boot_prepare(&b->exec, FW_BOOT_CHILD, b->child->theirs);

    b->become = become_program;
    if (rc == 0)
        rc = fw_birth_fork(b);
    if (rc == 0)
        rc = fw_birth_tell(b);
    if (rc == 0)
        rc = fw_birth_hear(b, FW_LINE_UP);
    fw_boot_done(&b->exec);
    return rc;
}

const fw_method fw_method_spawn = {.name = "spawn", .exec = 1, .start = start_spawn};

/* ---- thread ---------------------------------------------------------------------------*/

/* By return or by pthread_exit(). That nothing more is said cannot fail. */
static void thread_ends(void *arg)
{
    const fw_child *c = arg;

    fw_os_line_end(c->theirs);
}

/* Under the lock, as it is read: who sees the end of the line need not have joined us. */
static void note_code(furrow_process *p, int code)
{
    fw_children_lock();
    p->code = code;
    fw_children_unlock();
}

static void *be_thread(void *arg)
{
    fw_child *c = arg;
    furrow_process *p = c->process;

    fw_kin_thread(p);
    pthread_cleanup_push(thread_ends, c);
    if (fw_os_line_await(c->theirs, INT64_MAX) == 0)
        note_code(p, p->function(p->arg, p->size));
    pthread_cleanup_pop(1);
    return NULL;
}

static int start_thread(fw_birth *b)
{
    fw_child *c = b->child;
    int rc;

    b->process->code = 0; /* of pthread_exit() */
    rc = pthread_create(&c->thread, NULL, be_thread, c);
    if (rc != 0)
        return fw_fail_os(rc, "cannot start a thread");
    c->pid = (int32_t)fw_os_pid();
    return 0;
}

const fw_method fw_method_thread = {.name = "thread", .start = start_thread};
