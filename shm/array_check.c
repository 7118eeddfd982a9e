/* SPDX-License-Identifier: MIT
 *
 * From a handle to the object behind it. The object is in shared memory: what it says of
 * itself is checked at this door, before anything is done to the memory that it names.
 */
#include "array.h"

#include "status.h"

static int is_object(const fw_array *a)
{
    return (uintptr_t)a % 64 == 0 && fw_heap_holds(a, sizeof *a);
}

/* Is what the object says of its memory possible? An object that a stray store has met
 * must not make anybody touch, map or give back what is not the heap's. */
static int is_sound(const fw_array *a)
{
    const fw_array *root = a->root;
    const char *data = a->view.data, *block;
    size_t bytes, size;

    if (root != a && !is_object(root))
        return 0;
    block = root->block;
    size = root->block_size;
    return root->kind != FW_ARRAY_SLICE &&
           fw_heap_spans(block, size, root->kind == FW_ARRAY_FILE) &&
           !__builtin_mul_overflow(a->view.len, a->view.itemsize, &bytes) &&
           data >= block && (size_t)(data - block) <= size &&
           bytes <= size - (size_t)(data - block) && a->view.ndim >= 1 &&
           a->view.ndim <= FURROW_MAX_DIMS;
}

fw_array *fw_array_of(const furrow_array *view)
{
    fw_array *a = (fw_array *)(uintptr_t)view;

    if (!is_object(a) || fw_load_acquire(&a->magic) != FW_ARRAY_MAGIC) {
        fw_fail(FURROW_EINVAL, "%p is not a live array", (const void *)view);
        return NULL;
    }
    if (!is_sound(a)) {
        fw_fail(FURROW_ECORRUPT, "the array at %p is overwritten", (const void *)view);
        return NULL;
    }
    return a;
}
