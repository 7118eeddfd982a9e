/* SPDX-License-Identifier: MIT
 *
 * Objects of furrow_sync.h as blocks of the heap.
 *
 * Who writes the magic: the maker, before the block is published, and whoever frees it, under
 * the heap's lock and as one with making the blocks his own (owner.c), so that of two only one
 * does. Killed before that, it is the object that it was; behind it, its blocks go as whatever
 * else he has not published.
 */
#include "sync_object.h"

#include "heap.h"
#include "status.h"

#include <string.h>

void fw_sync_options(void *out, size_t room, const void *options, size_t size)
{
    memset(out, 0, room);
    if (options)
        memcpy(out, options, size < room ? size : room);
}

void *fw_sync_new(size_t size)
{
    return fw_heap_alloc(size);
}

int fw_sync_drop(void *block)
{
    return fw_heap_free(block);
}

void *fw_sync_publish(const char *function, void *object, void *other,
                      _Atomic uint64_t *magic, uint64_t value)
{
    if (!object)
        return fw_status_new(function, NULL);
    fw_store_seqcst(magic, value);
    (void)fw_heap_publish_pair(object, other);
    return object;
}

int fw_sync_refuse(const char *function, const void *object, const char *noun)
{
    if (!object)
        return fw_status_null(function, noun);
    return fw_status_in(function,
                        fw_fail(FURROW_EINVAL, "%p is not a live %s", object, noun));
}

int fw_sync_free(const char *function, void *object, void *other,
                 _Atomic uint64_t *magic, uint64_t value)
{
    fw_pass ending = {.block = object, .word = magic, .expected = value, .with = other};
    int rc = fw_heap_pass(&ending, FW_HEAP_TO_ME);

    if (rc == FURROW_EBUSY)
        rc = fw_fail(FURROW_EINVAL, "it is free already");
    return fw_status_in(function, rc < 0 ? rc : fw_heap_free_pair(object, other));
}
