/* SPDX-License-Identifier: MIT
 *
 * Users' locks: the robust mutex of lock.c, which says who writes its words.
 *
 * Nothing is kept beside the mutex: a word of our own that named the holder would be
 * written a moment before or after the one that the kernel knows. The kernel's word has the
 * number of the holding thread, and procfs tells of which process that is; a fork gives the
 * child's thread another number, so the child of a holder holds nothing.
 */
#include "sync_lock.h"

#include "os.h"
#include "status.h"
#include "sync_object.h"

furrow_lock *fw_sync_lock_make(const furrow_lock_options *options)
{
    furrow_lock *l = fw_sync_new(sizeof *l);

    if (!l)
        return NULL;
    if (fw_lock_init_kind(&l->lock, options->recursive ? FW_LOCK_RECURSIVE
                                                       : FW_LOCK_CHECKED) < 0) {
        (void)fw_sync_drop(l);
        return NULL;
    }
    l->lock.automatic = options->automatic != 0;
    return l;
}

int fw_sync_lock_take(furrow_lock *l, furrow_deadline deadline)
{
    int rc = fw_lock_take(&l->lock, deadline);

    if (rc == FURROW_OWNERDIED && l->lock.automatic)
        fw_lock_consistent(&l->lock);
    return rc;
}

int fw_sync_lock_mine(const furrow_lock *l)
{
    pid_t holder = fw_lock_holder(&l->lock);

    return holder != 0 && holder == fw_os_thread();
}

/* ---- public -------------------------------------------------------------------------*/

furrow_lock *furrow_lock_new_sized(const furrow_lock_options *options, size_t size)
{
    furrow_lock_options o;
    furrow_lock *l;

    fw_sync_options(&o, sizeof o, options, size);
    l = fw_sync_lock_make(&o);
    return fw_sync_publish("furrow_lock_new", l, NULL, l ? &l->lock.magic : NULL,
                           FW_SYNC_LOCK_MAGIC);
}

int furrow_lock_lock(furrow_lock *l, furrow_deadline deadline)
{
    if (!fw_sync_lock_live(l))
        return fw_sync_refuse(__func__, l, "lock");
    return fw_status_in(__func__, fw_sync_lock_take(l, deadline));
}

int furrow_lock_unlock(furrow_lock *l)
{
    if (!fw_sync_lock_live(l))
        return fw_sync_refuse(__func__, l, "lock");
    return fw_status_in(__func__, fw_lock_give(&l->lock));
}

int furrow_lock_consistent(furrow_lock *l)
{
    if (!fw_sync_lock_live(l))
        return fw_sync_refuse(__func__, l, "lock");
    if (!fw_sync_lock_mine(l))
        return fw_status_in(
            __func__,
            fw_fail(FURROW_EOWNER, "it is not this thread that holds the lock"));
    fw_lock_consistent(&l->lock);
    return 0;
}

int furrow_lock_locked(const furrow_lock *l)
{
    if (!fw_sync_lock_live(l))
        return fw_sync_refuse(__func__, l, "lock");
    return fw_lock_holder(&l->lock) != 0;
}

int furrow_lock_count(const furrow_lock *l)
{
    if (!fw_sync_lock_live(l))
        return fw_sync_refuse(__func__, l, "lock");
    return fw_sync_lock_mine(l) ? (int)fw_lock_depth(&l->lock) : 0;
}

int furrow_lock_describe(const furrow_lock *l, furrow_lock_info *info)
{
    pid_t holder;

    if (!fw_sync_lock_live(l))
        return fw_sync_refuse(__func__, l, "lock");
    if (!info)
        return fw_fail_null("info");
    *info = (furrow_lock_info){.recursive = l->lock.kind == FW_LOCK_RECURSIVE,
                               .broken = fw_lock_broken(&l->lock)};
    holder = fw_lock_holder(&l->lock);
    if (!holder)
        return 0;
    info->tid = holder;
    info->pid = fw_os_thread_process(holder);
    info->count = fw_lock_depth(&l->lock);
    info->mine = holder == fw_os_thread();
    return 0;
}

int furrow_lock_free(furrow_lock *l)
{
    if (!l)
        return 0;
    if (!fw_sync_lock_live(l))
        return fw_sync_refuse(__func__, l, "lock");
    if (fw_lock_holder(&l->lock))
        return fw_status_in(__func__, fw_fail(FURROW_EBUSY, "the lock is held"));
    return fw_sync_free(__func__, l, NULL, &l->lock.magic, FW_SYNC_LOCK_MAGIC);
}

/* The exported twin of the inline function. */
extern inline furrow_lock *furrow_lock_new(const furrow_lock_options *options);
