/* SPDX-License-Identifier: MIT
 *
 * Lists of Python in segments: the public functions. The process that has mapped the
 * segment reads through its file, so that one that was cut short is an error; others of the
 * family read the memory.
 */
#include "participant.h"
#include "shared_pylist.h"
#include "shared_segment.h"
#include "status.h"
#include "sync_object.h"

#include <string.h>

static int open_in(const char *function, const furrow_segment *segment, fw_pylist *list)
{
    const furrow_segment *s = fw_shared_segment_of(function, segment);
    fw_pylist_bytes bytes;
    int rc;

    if (!s)
        return furrow_last_error()->code;
    rc = fw_array_map_here(s->array);
    if (rc < 0)
        return fw_status_in(function, rc);
    bytes = (fw_pylist_bytes){.fd = s->pid == fw_participant_pid() ? s->array->fd : -1,
                              .at = s->array->view.data,
                              .size = s->array->view.len};
    return fw_status_in(function, fw_shared_pylist_open(list, &bytes));
}

int fw_shared_pylist_plan(fw_segment_plan *plan, const furrow_item *items, size_t len)
{
    if (!items && len)
        return fw_fail(FURROW_EINVAL, "items is NULL");
    *plan = (fw_segment_plan){.items = items, .len = len};
    plan->size = fw_shared_pylist_size(items, len);
    return plan->size ? 0 : furrow_last_error()->code;
}

furrow_segment *furrow_pylist_new_sized(const char *name, const furrow_item *items,
                                        size_t len,
                                        const furrow_segment_options *options,
                                        size_t size)
{
    fw_segment_plan plan;

    if (fw_shared_pylist_plan(&plan, items, len) < 0)
        return fw_status_new("furrow_pylist_new", NULL);
    plan.name = name;
    fw_sync_options(&plan.options, sizeof plan.options, options, size);
    return fw_status_new("furrow_pylist_new", fw_shared_segment_make(&plan));
}

int64_t furrow_pylist_len(const furrow_segment *segment)
{
    fw_pylist l;
    int rc = open_in(__func__, segment, &l);

    return rc < 0 ? rc : (int64_t)l.len;
}

int furrow_pylist_get(const furrow_segment *segment, size_t index, furrow_item *out,
                      void *buffer, size_t size)
{
    fw_pylist l;
    int rc = open_in(__func__, segment, &l);

    if (rc < 0)
        return rc;
    if (!out)
        return fw_fail_null("out");
    return fw_status_in(
        __func__, fw_shared_pylist_get(&l, index, out, buffer, buffer ? size : 0));
}

int furrow_pylist_set(furrow_segment *segment, size_t index, const furrow_item *item)
{
    fw_pylist l;
    int rc = open_in(__func__, segment, &l);

    return rc < 0 ? rc : fw_status_in(__func__, fw_shared_pylist_set(&l, index, item));
}

int64_t furrow_pylist_format(const furrow_segment *segment, char *text, size_t size)
{
    fw_pylist l;
    int64_t rc = open_in(__func__, segment, &l);

    if (rc == 0)
        rc = fw_shared_pylist_format(&l, text, size);
    return rc < 0 ? fw_status_in(__func__, (int)rc) : rc;
}

/* The exported twin of the inline function. */
extern inline furrow_segment *furrow_pylist_new(const char *name,
                                                const furrow_item *items, size_t len,
                                                const furrow_segment_options *options);
