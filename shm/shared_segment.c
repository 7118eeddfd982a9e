/* SPDX-License-Identifier: MIT
 *
 * Named segments: plain files in /dev/shm.
 *
 * The bytes are an array of a file (array.c). Three blocks make a segment: this object, the
 * array's object and its run of the window. None of them is ever published, so whoever
 * sweeps after the death of the process gives all three back; the name is in the table of
 * names before the file has it, and is unlinked by the guard (names.c). Nothing here is
 * written by two processes.
 *
 *   new     file without a name -> array -> object -> entry in the table -> name
 *   unlink  name -> entry
 *   free    name -> entry -> array -> object
 * A kill between any two of them leaves what the sweep and the guard know of.
 */
#include "shared_segment.h"

#include "named.h"
#include "names.h"
#include "participant.h"
#include "shared_pylist.h"
#include "status.h"
#include "sync_object.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

furrow_segment *fw_shared_segment_of(const char *function,
                                     const furrow_segment *segment)
{
    furrow_segment *s = (furrow_segment *)(uintptr_t)segment;

    if (!s) {
        (void)fw_status_null(function, "segment");
        return NULL;
    }
    if ((uintptr_t)s % 64 == 0 && fw_heap_holds(s, sizeof *s) &&
        fw_load_acquire(&s->magic) == FW_SEGMENT_MAGIC)
        return s;
    fw_fail(FURROW_EINVAL, "%p is not a live segment", (const void *)segment);
    return fw_status_new(function, NULL);
}

/* ---- names --------------------------------------------------------------------------*/

void fw_shared_segment_pick(uint64_t process, uint32_t n, char name[FW_SEGMENT_PICKED])
{
    uint64_t hash = (process ^ n) * UINT64_C(0x9e3779b97f4a7c15);

    hash = (hash ^ hash >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
    (void)snprintf(name, FW_SEGMENT_PICKED, "/psm_%08x", (unsigned)(hash >> 32));
}

/* The entry goes once, by whichever thread has its index. */
static void drop_entry(furrow_segment *s)
{
    int32_t index = fw_swap_seqcst(&s->name_index, -1);

    if (index >= 0)
        fw_names_remove(index);
}

/* Give the file a name: first into the table, unless it is to stay. 0 or -errno; or, of the
 * table, an error of furrow's with *told. */
static int give_name(furrow_segment *s, int *told)
{
    int rc;

    *told = 0;
    if (!s->keep) {
        rc = fw_names_add(s->name, &s->id);
        if (rc < 0) {
            *told = 1;
            return rc;
        }
        fw_store_seqcst(&s->name_index, rc);
    }
    rc = fw_os_shm_publish(s->array->fd, s->name);
    if (rc < 0)
        drop_entry(s);
    return rc;
}

enum { PICKS = 1000 };

/* A name that nobody has. Each process begins with names of its own, so that the first one
 * is nearly always free. */
static int pick_name(furrow_segment *s, int *told)
{
    static _Atomic uint32_t picked;
    uint64_t start;
    int32_t pid;
    int rc = -EEXIST;

    fw_participant_identity(&pid, &start);
    for (int i = 0; i < PICKS && rc == -EEXIST; i++) {
        fw_shared_segment_pick(start << 32 ^ (uint64_t)(uint32_t)pid << 12,
                               fw_add_relaxed(&picked, 1), s->name);
        rc = give_name(s, told);
    }
    return rc;
}

static int name_it(furrow_segment *s, int picked)
{
    int told = 0;
    int rc = s->keep ? 0 : fw_names_guard();

    if (rc < 0)
        return rc;
    rc = picked ? pick_name(s, &told) : give_name(s, &told);
    if (rc == 0 || told)
        return rc;
    return fw_fail_os(-rc, "cannot give the segment the name %s", s->name + 1);
}

/* ---- made and attached --------------------------------------------------------------*/

/* The object of a file of so many bytes; fd is taken over in any case. */
static furrow_segment *object_of(int fd, size_t size)
{
    const fw_array_file file = {
        .fd = fd, .writable = 1, .type = 'B', .ndim = 1, .shape = {size}};
    fw_array *array = fw_array_of_file(&file);
    furrow_segment *s = array ? fw_heap_alloc(sizeof *s) : NULL;

    if (!s) {
        if (array)
            (void)furrow_array_free(&array->view);
        return NULL;
    }
    s->array = array;
    s->id = array->id;
    s->pid = array->pid;
    fw_store_relaxed(&s->name_index, -1);
    fw_store_release(&s->magic, FW_SEGMENT_MAGIC);
    return s;
}

static int dissolve(furrow_segment *s)
{
    uint64_t live = FW_SEGMENT_MAGIC;
    int rc;

    if (!fw_cas_seqcst(&s->magic, &live, 0))
        return fw_fail(FURROW_EINVAL, "the segment is free already");
    drop_entry(s);
    rc = furrow_array_free(&s->array->view);
    return rc < 0 ? rc : fw_heap_free(s);
}

furrow_segment *fw_shared_segment_make(const fw_segment_plan *plan)
{
    const size_t size = plan->size;
    char spelt[FW_NAME_MAX] = "";
    furrow_segment *s;
    int fd;

    if (size == 0) {
        fw_fail(FURROW_EINVAL, "a segment has at least one byte");
        return NULL;
    }
    if ((plan->name && fw_named_spell(plan->name, spelt) < 0) ||
        fw_heap_check_room(size) < 0)
        return NULL;
    fd = fw_os_shm_new(size);
    if (fd < 0) {
        fw_fail_os(fd == -ENOSPC ? ENOMEM : -fd,
                   "cannot make a shared file of %zu bytes", size);
        return NULL;
    }
    s = object_of(fd, size);
    if (!s)
        return NULL;
    s->keep = plan->options.keep;
    memcpy(s->name, spelt, sizeof s->name);
    if (plan->items)
        fw_shared_pylist_write(s->array->view.data, plan->items, plan->len);
    if (name_it(s, plan->name == NULL) == 0)
        return s;
    (void)dissolve(s);
    return NULL;
}

static furrow_segment *attach(const char *name)
{
    char spelt[FW_NAME_MAX];
    furrow_segment *s;
    size_t size = 0;
    int fd;

    if (fw_named_spell(name, spelt) < 0)
        return NULL;
    fd = fw_os_shm_open(spelt, &size);
    if (fd < 0) {
        fw_fail_os(-fd, "cannot open %s", spelt + 1);
        return NULL;
    }
    if (size == 0) {
        fw_os_close(fd);
        fw_fail(FURROW_ECORRUPT, "%s is empty", spelt + 1);
        return NULL;
    }
    s = object_of(fd, size);
    if (!s)
        return NULL;
    s->keep = 1;
    memcpy(s->name, spelt, sizeof s->name);
    return s;
}

/* ---- public -------------------------------------------------------------------------*/

furrow_segment *furrow_segment_new_sized(const char *name, size_t size,
                                         const furrow_segment_options *options,
                                         size_t options_size)
{
    fw_segment_plan plan = {.name = name, .size = size};

    fw_sync_options(&plan.options, sizeof plan.options, options, options_size);
    return fw_status_new("furrow_segment_new", fw_shared_segment_make(&plan));
}

furrow_segment *furrow_segment_attach(const char *name)
{
    if (!name) {
        fw_fail_null("name");
        return NULL;
    }
    return fw_status_new(__func__, attach(name));
}

const char *furrow_segment_name(const furrow_segment *segment)
{
    const furrow_segment *s = fw_shared_segment_of(__func__, segment);

    return s ? s->name + 1 : NULL;
}

size_t furrow_segment_size(const furrow_segment *segment)
{
    const furrow_segment *s = fw_shared_segment_of(__func__, segment);

    return s ? s->array->view.len : 0;
}

furrow_array *furrow_segment_array(const furrow_segment *segment)
{
    furrow_segment *s = fw_shared_segment_of(__func__, segment);

    return s ? &s->array->view : NULL;
}

void *furrow_segment_data(const furrow_segment *segment)
{
    const furrow_segment *s = fw_shared_segment_of(__func__, segment);

    if (!s)
        return NULL;
    if (fw_array_map_here(s->array) < 0)
        return fw_status_new(__func__, NULL);
    return s->array->view.data;
}

int furrow_segment_unlink(furrow_segment *segment)
{
    furrow_segment *s = fw_shared_segment_of(__func__, segment);
    int rc;

    if (!s)
        return furrow_last_error()->code;
    rc = fw_os_shm_unlink(s->name, &s->id);
    if (s->pid == fw_participant_pid())
        drop_entry(s);
    if (rc < 0)
        return fw_status_in(__func__,
                            fw_fail_os(-rc, "cannot remove the name %s", s->name + 1));
    return 0;
}

int furrow_segment_free(furrow_segment *segment)
{
    furrow_segment *s;

    if (!segment)
        return 0;
    s = fw_shared_segment_of(__func__, segment);
    if (!s)
        return fw_status_in(__func__, furrow_last_error()->code);
    if (s->pid != fw_participant_pid())
        return fw_status_in(
            __func__,
            fw_fail(FURROW_EOWNER, "the segment is process %ld's", (long)s->pid));
    return fw_status_in(__func__, dissolve(s));
}

/* The exported twin of the inline function. */
extern inline furrow_segment *furrow_segment_new(const char *name, size_t size,
                                                 const furrow_segment_options *options);
