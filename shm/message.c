/* SPDX-License-Identifier: MIT
 *
 * Messages.
 *
 * A block is its maker's until it is published with the slot that names it, and its taker's
 * from then on that the slot is free again (heap.h, fw_heap_pass): should either die with it,
 * it is swept as any unpublished block.
 *
 * Who is late and has a block to free does not wait for a holder of the heap's lock that is
 * stopped: he keeps the block, in a list of this process's, each block with the address of
 * the next one. Whoever frees a message next, or makes one, frees what is kept. The list is
 * added to by compare-and-swap, taken as a whole, and no forked child has it.
 */
#include "message.h"

#include "ledger.h"
#include "status.h"

#include <string.h>

#define MOMENT_NS ((int64_t)100 * 1000 * 1000)

furrow_deadline fw_message_patient(furrow_deadline deadline)
{
    furrow_deadline moment = fw_os_now() + MOMENT_NS;

    return fw_heap_patience(deadline > moment ? deadline : moment);
}

void fw_message_impatient(furrow_deadline before)
{
    (void)fw_heap_patience(before);
}

/* ---- blocks that are still to be freed -------------------------------------------------*/

static void *_Atomic page;

/* The first block of the list, or 0; NULL when nothing was ever kept. */
static _Atomic uint64_t *kept(void)
{
    return fw_load_seqcst(&page);
}

static void keep(void *block)
{
    _Atomic uint64_t *first;
    void *there;
    uint64_t next;

    if (fw_os_page_wiped_on_fork(&page, &there) < 0)
        return; /* it goes with this process */
    first = there;
    next = fw_load_seqcst(first);
    do
        memcpy(block, &next, sizeof next);
    while (!fw_cas_seqcst(first, &next, (uint64_t)(uintptr_t)block));
}

static void free_kept(void)
{
    _Atomic uint64_t *first = kept();
    uint64_t at = first && fw_load_seqcst(first) ? fw_swap_seqcst(first, 0) : 0, next;
    int rc = 0;

    for (; at; at = next) {
        void *block = (void *)(uintptr_t)at;

        memcpy(&next, block, sizeof next);
        rc = rc == FURROW_ETIME ? rc : fw_heap_free(block);
        if (rc == FURROW_ETIME)
            keep(block);
    }
}

void fw_message_drop(void *block)
{
    furrow_error before = *furrow_last_error();

    if (fw_heap_free(block) == FURROW_ETIME)
        keep(block);
    else
        free_kept();
    (void)fw_status_adopt(&before);
}

/* ---- making and freeing ---------------------------------------------------------------*/

/* From a size on where a lack of memory would be a signal. */
static int take_memory(void *block, size_t size)
{
    int rc = size < FW_HEAP_LARGE ? 0 : fw_ledger_check_taking(block, size);

    if (rc < 0 || size < FW_HEAP_LARGE)
        return rc;
    rc = fw_os_populate(block, size);
    if (rc < 0)
        return fw_fail_os(-rc, "cannot take %zu MiB for a message", size >> 20);
    (void)fw_heap_set_taken(block);
    return 0;
}

void *fw_message_block(size_t size)
{
    void *block;

    free_kept();
    block = fw_heap_alloc(size ? size : 1);
    if (!block || take_memory(block, size) == 0)
        return block;
    fw_message_drop(block);
    return NULL;
}

int furrow_message_new(furrow_message *out, size_t size)
{
    void *block;

    if (!out)
        return fw_fail_null("message");
    block = fw_message_block(size);
    if (!block)
        return fw_status_in(__func__, furrow_last_error()->code);
    *out = (furrow_message){.data = block, .size = size};
    return 0;
}

int furrow_message_free(furrow_message *m)
{
    int rc;

    if (!m)
        return fw_fail_null("message");
    rc = m->data ? fw_heap_free(m->data) : 0;
    if (rc == 0) {
        free_kept();
        *m = (furrow_message){0};
    }
    return fw_status_in(__func__, rc);
}
