/* SPDX-License-Identifier: MIT
 *
 * Managers of segments.
 *
 * A manager is a table of its segments: a thread that makes one puts it into a free entry,
 * one that frees it takes it out again, each by one compare-and-swap, so that every segment
 * is freed once. The table belongs to one process and is not published: when that is killed
 * the sweep and the guard take table, segments and names (shared_segment.c).
 */
#include "participant.h"
#include "shared_pylist.h"
#include "shared_segment.h"
#include "status.h"

#define MAGIC UINT64_C(0x73746e656d676573)

struct furrow_segments {
    _Atomic uint64_t magic; /* while it is open */
    int32_t pid;
    _Atomic uint64_t segment[FW_NAMES]; /* as many as there are names */
};

static furrow_segments *manager_of(const char *function, const furrow_segments *manager)
{
    furrow_segments *m = (furrow_segments *)(uintptr_t)manager;

    if (!m) {
        (void)fw_status_null(function, "manager");
        return NULL;
    }
    if ((uintptr_t)m % 64 != 0 || !fw_heap_holds(m, sizeof *m) ||
        fw_load_acquire(&m->magic) != MAGIC)
        fw_fail(FURROW_EINVAL, "%p is not an open manager", (const void *)manager);
    else if (m->pid != fw_participant_pid())
        fw_fail(FURROW_EOWNER, "the manager is process %ld's", (long)m->pid);
    else
        return m;
    return fw_status_new(function, NULL);
}

/* Put it where `before` is. Returns 0 when it is nowhere. */
static int replace(furrow_segments *m, const furrow_segment *before,
                   const furrow_segment *after)
{
    for (int i = 0; i < FW_NAMES; i++) {
        uint64_t expected = (uint64_t)(uintptr_t)before;

        if (fw_cas_seqcst(&m->segment[i], &expected, (uint64_t)(uintptr_t)after))
            return 1;
    }
    return 0;
}

furrow_segments *furrow_segments_open(void)
{
    furrow_segments *m = fw_heap_alloc(sizeof *m);

    if (!m)
        return fw_status_new(__func__, NULL);
    m->pid = fw_participant_pid();
    fw_store_release(&m->magic, MAGIC);
    return m;
}

static furrow_segment *make(furrow_segments *m, const fw_segment_plan *plan)
{
    furrow_segment *s = fw_shared_segment_make(plan);

    if (!s || replace(m, NULL, s))
        return s;
    (void)furrow_segment_free(s);
    fw_fail(FURROW_ENOMEM, "the manager has %d segments already", FW_NAMES);
    return NULL;
}

furrow_segment *furrow_segments_new(furrow_segments *manager, size_t size)
{
    const fw_segment_plan plan = {.size = size};
    furrow_segments *m = manager_of(__func__, manager);

    return m ? fw_status_new(__func__, make(m, &plan)) : NULL;
}

furrow_segment *furrow_segments_pylist(furrow_segments *manager,
                                       const furrow_item *items, size_t len)
{
    fw_segment_plan plan;
    furrow_segments *m = manager_of(__func__, manager);

    if (!m)
        return NULL;
    if (fw_shared_pylist_plan(&plan, items, len) < 0)
        return fw_status_new(__func__, NULL);
    return fw_status_new(__func__, make(m, &plan));
}

int furrow_segments_count(const furrow_segments *manager)
{
    furrow_segments *m = manager_of(__func__, manager);
    int n = 0;

    if (!m)
        return furrow_last_error()->code;
    for (int i = 0; i < FW_NAMES; i++)
        n += fw_load_relaxed(&m->segment[i]) != 0;
    return n;
}

int furrow_segments_free(furrow_segments *manager, furrow_segment *segment)
{
    furrow_segments *m = manager_of(__func__, manager);

    if (!m)
        return furrow_last_error()->code;
    if (!segment)
        return 0;
    if (!replace(m, segment, NULL))
        return fw_status_in(
            __func__,
            fw_fail(FURROW_EINVAL, "the manager has no segment %p", (void *)segment));
    return fw_status_in(__func__, furrow_segment_free(segment));
}

int furrow_segments_close(furrow_segments *manager)
{
    furrow_segments *m;
    uint64_t live = MAGIC;
    int rc = 0;

    if (!manager)
        return 0;
    m = manager_of(__func__, manager);
    if (!m)
        return furrow_last_error()->code;
    if (!fw_cas_seqcst(&m->magic, &live, 0))
        return fw_status_in(__func__,
                            fw_fail(FURROW_EINVAL, "the manager is closed already"));
    for (int i = 0; i < FW_NAMES; i++) {
        uint64_t word = fw_swap_seqcst(&m->segment[i], 0);
        int failed = word ? furrow_segment_free((furrow_segment *)(uintptr_t)word) : 0;

        rc = rc < 0 ? rc : failed;
    }
    (void)fw_heap_free(m);
    return fw_status_in(__func__, rc);
}
