/* SPDX-License-Identifier: MIT
 *
 * Handles of processes.
 *
 * A handle is a block of the heap that belongs to its maker and is never published: the
 * maker's death takes it back. Nobody else writes to it. Who else knows it may read pid,
 * name and daemon; what the maker keeps of a child that it started is in private memory
 * (children.c).
 */
#include "process.h"

#include "birth.h"
#include "heap.h"
#include "line.h"
#include "participant.h"
#include "status.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- handles --------------------------------------------------------------------------*/

static int is_handle(const furrow_process *p)
{
    return fw_kin_is(p) ||
           (fw_heap_holds(p, sizeof *p) && p->magic == FW_PROCESS_MAGIC);
}

int fw_process_check(const furrow_process *p)
{
    if (!p)
        return fw_fail_null("process");
    return is_handle(p) ? 0
                        : fw_fail(FURROW_EINVAL, "%p is no process", (const void *)p);
}

int fw_process_mine(const furrow_process *p)
{
    int rc = fw_process_check(p);
    uint64_t start;
    int32_t pid;

    if (rc < 0)
        return rc;
    if (fw_kin_is(p))
        return fw_fail(FURROW_EINVAL, "%s was not made by this process", p->is.name);
    fw_participant_identity(&pid, &start);
    if (p->maker == pid && p->maker_start == start)
        return 0;
    return fw_fail(FURROW_EOWNER, "%s belongs to process %d, which made it", p->is.name,
                   (int)p->maker);
}

/* Another thread may start it just now: what it has then is there for who sees that. */
static uint32_t state_of(const furrow_process *p)
{
    uint32_t state;

    fw_children_lock();
    state = p->state;
    fw_children_unlock();
    return state;
}

/* Mine, and it was started. */
static int started(const furrow_process *p)
{
    int rc = fw_process_mine(p);

    if (rc == 0 && state_of(p) < FW_PROCESS_RUNS)
        rc = fw_fail(FURROW_EINVAL, "%s was not started", p->is.name);
    return rc;
}

/* ---- making one -----------------------------------------------------------------------*/

static int check_options(const furrow_process_options *o)
{
    if (o->start < FURROW_START_DEFAULT || o->start > FURROW_START_FORKSERVER)
        return fw_fail(FURROW_EINVAL, "there is no start method %d", (int)o->start);
    if (o->name && strlen(o->name) >= FURROW_PROCESS_NAME)
        return fw_fail(FURROW_EINVAL, "the name \"%.80s\" is longer than %d bytes",
                       o->name, FURROW_PROCESS_NAME - 1);
    return 0;
}

static void name_it(furrow_process *p, const char *name)
{
    const char *mine = furrow_process_current()->is.name;
    unsigned number = fw_kin_next();

    if (name)
        snprintf(p->is.name, sizeof p->is.name, "%s", name);
    else if (strncmp(mine, "Process-", 8) == 0)
        snprintf(p->is.name, sizeof p->is.name, "%.*s:%u", FURROW_PROCESS_NAME - 12,
                 mine, number);
    else
        snprintf(p->is.name, sizeof p->is.name, "Process-%u", number);
}

static void *copy_of(const void *arg, size_t size)
{
    void *copy = malloc(size ? size : 1);

    if (copy && size)
        memcpy(copy, arg, size);
    return copy;
}

static furrow_process *make(furrow_process_function function, const void *arg,
                            size_t size, const furrow_process_options *o)
{
    void *copy = copy_of(arg, size);
    furrow_process *p = copy ? fw_heap_alloc(sizeof *p) : NULL;

    if (!copy)
        fw_fail(FURROW_ENOMEM, "no memory for %zu bytes of an argument", size);
    if (!p) {
        free(copy);
        return NULL;
    }
    fw_participant_identity(&p->maker, &p->maker_start);
    name_it(p, o->name);
    p->is.daemon = o->daemon != 0;
    p->method = o->start;
    p->function = function;
    p->arg = copy;
    p->size = size;
    p->magic = FW_PROCESS_MAGIC;
    return p;
}

furrow_process *furrow_process_new_sized(furrow_process_function function,
                                         const void *arg, size_t arg_size,
                                         const furrow_process_options *options,
                                         size_t size)
{
    furrow_process_options o = {0};
    furrow_process *p = NULL;

    if (options)
        memcpy(&o, options, size < sizeof o ? size : sizeof o);
    if (!function)
        fw_fail(FURROW_EINVAL, "a process needs a function to run");
    else if (arg_size && !arg)
        fw_fail(FURROW_EINVAL, "%zu bytes of an argument at NULL", arg_size);
    else if (check_options(&o) == 0)
        p = make(function, arg, arg_size, &o);
    return fw_status_new(__func__, p);
}

extern inline furrow_process *furrow_process_new(furrow_process_function function,
                                                 const void *arg, size_t arg_size,
                                                 const furrow_process_options *options);

static int give_back(furrow_process *p)
{
    int rc = fw_process_mine(p);

    if (rc < 0)
        return rc;
    if (state_of(p) == FW_PROCESS_STARTING)
        return fw_fail(FURROW_EBUSY, "%s is being started", p->is.name);
    if (p->child && !fw_children_collect(p->child))
        return fw_fail(FURROW_EBUSY, "%s still runs: join or kill it first",
                       p->is.name);
    if (p->child)
        fw_children_remove(p->child);
    p->child = NULL;
    free(p->arg);
    p->arg = NULL;
    p->magic = 0;
    return fw_heap_free(p);
}

int furrow_process_free(furrow_process *p)
{
    return p ? fw_status_in(__func__, give_back(p)) : 0;
}

/* ---- its life -------------------------------------------------------------------------*/

/* A start that a cancellation cut short would leave half a process. */
int furrow_process_start(furrow_process *p)
{
    int before, rc;

    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
    rc = fw_birth_start(p);
    pthread_setcancelstate(before, NULL);
    return fw_status_in(__func__, rc);
}

/* 1 when it has ended and its code is known. */
static int collected(furrow_process *p)
{
    int rc = fw_children_collect(p->child);

    return rc >= 0 ? rc : fw_fail_os(-rc, "no word of how %s ended", p->is.name);
}

static int join_child(furrow_process *p, furrow_deadline deadline)
{
    int rc = started(p);

    while (rc == 0 && (rc = collected(p)) == 0) {
        if (fw_os_now() >= deadline)
            return fw_fail(FURROW_ETIME, "%s still runs", p->is.name);
        fw_children_await(p->child, deadline);
    }
    return rc < 0 ? rc : 0;
}

int furrow_process_join(furrow_process *p, furrow_deadline deadline)
{
    int rc = p && fw_kin_is(p) == FW_KIN_PARENT ? fw_kin_parent_join(p, deadline)
                                                : join_child(p, deadline);

    return fw_status_in(__func__, rc);
}

static int alive(furrow_process *p)
{
    int rc;

    if (p && fw_kin_is(p))
        return fw_kin_is(p) == FW_KIN_SELF || !fw_kin_parent_gone(p);
    rc = fw_process_mine(p);
    if (rc < 0)
        return rc;
    return state_of(p) >= FW_PROCESS_RUNS && !fw_children_collect(p->child);
}

int furrow_process_is_alive(furrow_process *p)
{
    return fw_status_in(__func__, alive(p));
}

static int exit_code(furrow_process *p, int *code)
{
    int rc = code ? fw_process_mine(p) : fw_fail_null("code");

    if (rc < 0)
        return rc;
    if (state_of(p) < FW_PROCESS_RUNS)
        return fw_fail(FURROW_EEMPTY, "%s was not started", p->is.name);
    rc = collected(p);
    if (rc == 0)
        return fw_fail(FURROW_EBUSY, "%s still runs", p->is.name);
    if (rc > 0)
        *code = p->code;
    return rc < 0 ? rc : 0;
}

int furrow_process_exit_code(furrow_process *p, int *code)
{
    return fw_status_in(__func__, exit_code(p, code));
}

/* ---- signals --------------------------------------------------------------------------*/

/* No other thread collects it meanwhile: its pid stays its own. */
static int send_signal(furrow_process *p, int signal)
{
    int rc = 0;

    fw_children_lock();
    if (p->state == FW_PROCESS_RUNS) {
        rc = fw_children_signal(p->child, signal);
        if (rc == 0)
            p->child->signal = signal;
    }
    fw_children_unlock();
    return rc == -ESRCH ? 0 : rc;
}

static int signal_it(furrow_process *p, int signal)
{
    int rc = started(p);

    if (rc < 0)
        return rc;
    if (p->method == FURROW_START_THREAD)
        return fw_fail(FURROW_ENOTSUP,
                       "%s is a thread of this process: a signal would "
                       "meet all of it",
                       p->is.name);
    if (fw_children_collect(p->child))
        return 0;
    rc = send_signal(p, signal);
    return rc < 0 ? fw_fail_os(-rc, "no signal reaches %s", p->is.name) : 0;
}

int furrow_process_interrupt(furrow_process *p)
{
    return fw_status_in(__func__, signal_it(p, SIGINT));
}

int furrow_process_terminate(furrow_process *p)
{
    return fw_status_in(__func__, signal_it(p, SIGTERM));
}

int furrow_process_kill(furrow_process *p)
{
    return fw_status_in(__func__, signal_it(p, SIGKILL));
}

/* ---- what it is -----------------------------------------------------------------------*/

int furrow_process_pid(const furrow_process *p)
{
    int rc = fw_process_check(p);

    return fw_status_in(__func__, rc < 0 ? rc : fw_load_relaxed(&p->pid));
}

const char *furrow_process_name(const furrow_process *p)
{
    if (fw_status_in(__func__, fw_process_check(p)) < 0)
        return NULL;
    return p->is.name;
}

int furrow_process_daemon(const furrow_process *p)
{
    int rc = fw_process_check(p);

    return fw_status_in(__func__, rc < 0 ? rc : p->is.daemon);
}

/* May it still be changed? */
static int unstarted(const furrow_process *p)
{
    int rc = fw_process_mine(p);

    if (rc == 0 && state_of(p) != FW_PROCESS_NEW)
        rc = fw_fail(FURROW_EBUSY, "%s was started before", p->is.name);
    return rc;
}

int furrow_process_set_daemon(furrow_process *p, int daemon)
{
    int rc = unstarted(p);

    if (rc == 0)
        p->is.daemon = daemon != 0;
    return fw_status_in(__func__, rc);
}

static int set_name(furrow_process *p, const char *name)
{
    int rc = p && fw_kin_is(p) == FW_KIN_SELF ? 0 : unstarted(p);

    if (rc < 0)
        return rc;
    if (!name || strlen(name) >= sizeof p->is.name)
        return fw_fail(FURROW_EINVAL, "a name of at most %d bytes is expected",
                       FURROW_PROCESS_NAME - 1);
    strcpy(p->is.name, name);
    return 0;
}

int furrow_process_set_name(furrow_process *p, const char *name)
{
    return fw_status_in(__func__, set_name(p, name));
}

static int sentinel(const furrow_process *p)
{
    int rc;

    if (p && fw_kin_is(p) == FW_KIN_PARENT)
        return fw_kin_parent_sentinel(p);
    rc = started(p);
    return rc < 0 ? rc : fw_children_sentinel(p->child);
}

int furrow_process_sentinel(const furrow_process *p)
{
    return fw_status_in(__func__, sentinel(p));
}

/* Where none was set, it has this process's. */
static int key_of(const furrow_process *p, void *key)
{
    int rc = p && fw_kin_is(p) == FW_KIN_SELF ? 0 : fw_process_mine(p);
    fw_identity is;

    if (rc == 0 && !key)
        rc = fw_fail_null("key");
    if (rc < 0)
        return rc;
    is = p->is;
    if (!is.key_size)
        rc = fw_kin_key(&is);
    if (rc < 0)
        return rc;
    memcpy(key, is.key, is.key_size);
    return (int)is.key_size;
}

int furrow_process_authkey(const furrow_process *p, void *key)
{
    return fw_status_in(__func__, key_of(p, key));
}

static int set_key(furrow_process *p, const void *key, size_t size)
{
    int rc = p && fw_kin_is(p) == FW_KIN_SELF ? 0 : unstarted(p);

    if (rc < 0)
        return rc;
    if (!key || size == 0 || size > FURROW_AUTHKEY)
        return fw_fail(FURROW_EINVAL, "a key has 1 to %d bytes, not %zu",
                       FURROW_AUTHKEY, size);
    memcpy(p->is.key, key, size);
    p->is.key_size = (uint32_t)size;
    return 0;
}

int furrow_process_set_authkey(furrow_process *p, const void *key, size_t size)
{
    return fw_status_in(__func__, set_key(p, key, size));
}
