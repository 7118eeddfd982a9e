/* SPDX-License-Identifier: MIT
 *
 * Items of lists: what may be one, and its bytes.
 */
#ifndef FW_SHARED_ITEM_H
#define FW_SHARED_ITEM_H

#include "furrow_shared.h"

/* 0, or FURROW_EINVAL: no such kind, no data, a text that is not UTF-8. */
int fw_shared_item_check(const furrow_item *item);

int fw_shared_item_is_utf8(const void *data, size_t size);

static inline int fw_shared_item_is_sized(unsigned kind)
{
    return kind == FURROW_BYTES || kind == FURROW_TEXT;
}

/* The bytes that it takes: of its data, or 8. */
size_t fw_shared_item_size(const furrow_item *item);

/* An item without data of its own: the scalar in 8 bytes, or where the data is to be. */
furrow_item fw_shared_item_of(unsigned kind, uint64_t scalar, void *data, size_t size);
uint64_t fw_shared_item_scalar(const furrow_item *item);

#endif
