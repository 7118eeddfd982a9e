/* SPDX-License-Identifier: MIT
 *
 * The making of barriers (see sync_barrier.c).
 *
 * Nobody knows one before it is published, with the name of its action as one with it.
 */
#include "status.h"
#include "sync_barrier.h"
#include "sync_object.h"

enum { SPARE = 16 }; /* processes at the barrier, beyond twice the parties */

static int name_action(furrow_barrier *b, int (*action)(void *arg))
{
    int rc;

    b->entry = fw_sync_new(sizeof *b->entry);
    if (!b->entry)
        return furrow_last_error()->code;
    rc = fw_entry_of((fw_entry_function)action, b->entry);
    if (rc < 0)
        (void)fw_sync_drop(b->entry);
    return rc;
}

static furrow_barrier *make(unsigned parties, const furrow_barrier_options *o)
{
    uint32_t slots = 2 * parties + SPARE;
    furrow_barrier *b;

    if (parties < 1 || parties > FURROW_BARRIER_PARTIES) {
        fw_fail(FURROW_EINVAL, "a barrier of %u parties: 1 to %d", parties,
                FURROW_BARRIER_PARTIES);
        return NULL;
    }
    if (!(o->timeout >= 0)) {
        fw_fail(FURROW_EINVAL, "a timeout of %g seconds", o->timeout);
        return NULL;
    }
    b = fw_sync_new(sizeof *b + (slots + parties) * sizeof b->name[0]);
    if (!b)
        return NULL;
    b->parties = parties;
    b->slots = slots;
    b->timeout_ns = o->timeout < 6e9 ? (int64_t)(o->timeout * 1e9) : 0;
    b->arg = o->arg;
    if (!o->action || name_action(b, o->action) == 0)
        return b;
    (void)fw_sync_drop(b);
    return NULL;
}

furrow_barrier *furrow_barrier_new_sized(unsigned parties,
                                         const furrow_barrier_options *options,
                                         size_t size)
{
    furrow_barrier_options o;
    furrow_barrier *b;

    fw_sync_options(&o, sizeof o, options, size);
    b = make(parties, &o);
    return fw_sync_publish("furrow_barrier_new", b, b ? b->entry : NULL,
                           b ? &b->magic : NULL, FW_SYNC_BARRIER_MAGIC);
}

/* The exported twin of the inline function. */
extern inline furrow_barrier *furrow_barrier_new(unsigned parties,
                                                 const furrow_barrier_options *options);
