/* SPDX-License-Identifier: MIT
 *
 * Messages.
 *
 * A block is its maker's until it is published with the slot that names it, and its taker's
 * from then on that the slot is free again (heap.h, fw_heap_pass): should either die with it,
 * it is swept as any unpublished block.
 *
 * Who is late and has a block to free does not wait for a holder of the heap's lock that is
 * stopped: the block, which is his alone, is freed with the next one (heap.c).
 */
#include "message.h"

#include "ledger.h"
#include "status.h"

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

void fw_message_drop(void *block)
{
    furrow_error before = *furrow_last_error();

    if (fw_heap_free(block) == FURROW_ETIME)
        fw_heap_free_later(block);
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
    void *block = fw_heap_alloc(size ? size : 1);

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
    if (rc == 0)
        *m = (furrow_message){0};
    return fw_status_in(__func__, rc);
}
