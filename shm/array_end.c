/* SPDX-License-Identifier: MIT
 *
 * The end of an array in the heap that nobody has a slice of: a magic, its own or that of
 * whatever lies in front of its elements, goes as one with making object and block this
 * process's (heap.h, fw_heap_pass). Killed before that, it is the array that it was; behind
 * it, both are swept with what else this process has not published.
 */
#include "array.h"

int fw_array_is_sole(const fw_array *a)
{
    return a->kind == FW_ARRAY_HEAP && a->root == a && fw_load_seqcst(&a->refs) == 1;
}

int fw_array_end(fw_array *a, _Atomic uint64_t *magic, uint64_t live)
{
    const fw_pass ending = {
        .block = a, .word = magic, .expected = live, .with = a->block};
    int rc = fw_heap_pass(&ending, FW_HEAP_TO_ME);

    if (rc < 0)
        return rc;
    fw_store_seqcst(&a->magic, 0);
    return fw_heap_free_pair(a, a->block);
}
