/* SPDX-License-Identifier: MIT
 *
 * Events: one word, changed by compare-and-swap alone. Bit 0 is the event, the others count
 * the times that it was set: so one who waits knows that it was set even when it is clear
 * again by the time he looks.
 *
 * A kill: before the swap nothing has happened; after it the event is set, and whoever
 * sleeps finds it so when the next one rings, or at his tick. So a set of what is set rings,
 * too: its setter may have died before he did.
 */
#include "sync_event.h"

#include "os.h"
#include "status.h"
#include "sync_object.h"

static int is_live(const furrow_event *e)
{
    return e && fw_load_relaxed(&e->magic) == FW_SYNC_EVENT_MAGIC;
}

furrow_event *furrow_event_new(void)
{
    furrow_event *e = fw_sync_new(sizeof *e);

    return fw_sync_publish(__func__, e, NULL, e ? &e->magic : NULL,
                           FW_SYNC_EVENT_MAGIC);
}

int furrow_event_set(furrow_event *e)
{
    uint32_t state;

    if (!is_live(e))
        return fw_sync_refuse(__func__, e, "event");
    state = fw_load_seqcst(&e->state);
    while (!(state & 1) && !fw_cas_seqcst(&e->state, &state, state + 3))
        ;
    fw_bell_ring(&e->bell, FW_BELL_ALL);
    return 0;
}

int furrow_event_clear(furrow_event *e)
{
    uint32_t state;

    if (!is_live(e))
        return fw_sync_refuse(__func__, e, "event");
    state = fw_load_seqcst(&e->state);
    while (state & 1 && !fw_cas_seqcst(&e->state, &state, state - 1))
        ;
    return 0;
}

int furrow_event_is_set(const furrow_event *e)
{
    if (!is_live(e))
        return fw_sync_refuse(__func__, e, "event");
    return (int)(fw_load_seqcst(&e->state) & 1);
}

int furrow_event_wait(furrow_event *e, furrow_deadline deadline)
{
    uint32_t state, before, heard;

    if (!is_live(e))
        return fw_sync_refuse(__func__, e, "event");
    before = state = fw_load_seqcst(&e->state);
    while (!(state & 1) && state >> 1 == before >> 1) {
        if (deadline == 0 || fw_os_now() >= deadline)
            return fw_status_in(__func__,
                                fw_fail(FURROW_ETIME, "the event is not set"));
        heard = fw_bell_listen(&e->bell);
        state = fw_load_seqcst(&e->state);
        if (!(state & 1) && state >> 1 == before >> 1)
            fw_bell_sleep(&e->bell, heard, deadline);
        state = fw_load_seqcst(&e->state);
    }
    return 0;
}

int furrow_event_free(furrow_event *e)
{
    if (!e)
        return 0;
    if (!is_live(e))
        return fw_sync_refuse(__func__, e, "event");
    return fw_sync_free(__func__, e, NULL, &e->magic, FW_SYNC_EVENT_MAGIC);
}
