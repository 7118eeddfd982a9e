/* SPDX-License-Identifier: MIT
 *
 * The table of names.
 *
 * A name is entered before it is given to the file and removed after it is unlinked, so
 * that at any instruction a dead owner's names are in the table. Unlinking compares the
 * file's identity: a name that someone else has taken meanwhile stays. What cannot be
 * unlinked stays in the table, and is tried again with each new name, with each sweep, and
 * when its owner has ended.
 */
#include "names.h"

#include "heap.h"
#include "named.h"
#include "participant.h"
#include "status.h"

#include <errno.h>
#include <string.h>

/* A copy, checked: the name may lead to no other folder, whoever wrote it. One that cannot be
 * unlinked now (no memory, say) is tried again later. */
static void unlink_entry(fw_name *entry)
{
    char name[FW_NAME_MAX];
    int rc = 0;

    memcpy(name, entry->name, sizeof name);
    name[sizeof name - 1] = 0;
    if (fw_named_is_name(name))
        rc = fw_os_shm_unlink(name, &entry->id);
    fw_store_release(&entry->used, rc == 0 || rc == -ENOENT ? 0 : FW_NAME_GIVEN_UP);
}

static void try_again(fw_heap *heap)
{
    for (uint32_t i = 0; i < heap->names && i < FW_NAMES; i++)
        if (fw_load_relaxed(&heap->name[i].used) == FW_NAME_GIVEN_UP)
            unlink_entry(&heap->name[i]);
}

int fw_names_add(const char *name, const fw_file_id *id)
{
    fw_heap *heap = fw_heap_lock();
    int i;

    if (!heap)
        return furrow_last_error()->code;
    try_again(heap);
    for (i = 0; i < FW_NAMES && fw_load_relaxed(&heap->name[i].used); i++)
        ;
    if (i < FW_NAMES) {
        fw_name *entry = &heap->name[i];

        if (heap->names < (uint32_t)i + 1)
            heap->names = (uint32_t)i + 1;
        fw_participant_identity(&entry->pid, &entry->start_time);
        entry->id = *id;
        strncpy(entry->name, name, FW_NAME_MAX - 1);
        fw_fence_death();
        fw_store_release(&entry->used, 1);
    }
    fw_heap_unlock(heap);
    if (i == FW_NAMES)
        return fw_fail(FURROW_ENOMEM, "there are %d named arrays and segments already",
                       FW_NAMES);
    return i;
}

void fw_names_remove(int index)
{
    fw_heap *heap = index >= 0 && index < FW_NAMES ? fw_heap_lock() : NULL;

    if (!heap)
        return;
    unlink_entry(&heap->name[index]);
    fw_heap_unlock(heap);
}

void fw_names_sweep(fw_heap *heap)
{
    for (uint32_t i = 0; i < heap->names && i < FW_NAMES; i++) {
        fw_name *entry = &heap->name[i];

        if (fw_load_relaxed(&entry->used) == FW_NAME_GIVEN_UP ||
            (fw_load_relaxed(&entry->used) &&
             fw_os_process_gone(entry->pid, entry->start_time)))
            unlink_entry(entry);
    }
}

void fw_names_orphaned(int32_t pid, uint64_t start_time)
{
    fw_heap *heap = fw_segment_peek() ? fw_heap_lock() : NULL;

    if (!heap)
        return;
    for (uint32_t i = 0; i < heap->names && i < FW_NAMES; i++) {
        fw_name *entry = &heap->name[i];

        if (fw_load_relaxed(&entry->used) && entry->pid == pid &&
            entry->start_time == start_time)
            unlink_entry(entry);
    }
    fw_heap_unlock(heap);
}
