/* SPDX-License-Identifier: MIT
 *
 * Objects of furrow_sync.h as blocks of the heap.
 *
 * Who writes the magic: the maker, before the block is published, and whoever frees it, by
 * compare-and-swap, so that of two only one does. Killed between that and the giving back:
 * the block stays until the family ends, and is no object any more.
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
    if (!fw_cas_seqcst(magic, &value, 0))
        return fw_status_in(function, fw_fail(FURROW_EINVAL, "it is free already"));
    return fw_status_in(function, fw_heap_free_pair(object, other));
}
