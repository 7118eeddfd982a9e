/* SPDX-License-Identifier: MIT
 *
 * Items of lists. UTF-8 is what RFC 3629 says: no surrogates, nothing beyond U+10FFFF, and
 * each character in its shortest form.
 */
#include "shared_item.h"

#include "status.h"

#include <string.h>

/* How many bytes the character takes that begins with `lead`, and what the second one may
 * be; 0: none begins so. */
static size_t character(unsigned lead, unsigned *low, unsigned *high)
{
    *low = 0x80;
    *high = 0xbf;
    if (lead < 0x80)
        return 1;
    if (lead >= 0xc2 && lead <= 0xdf)
        return 2;
    if (lead >= 0xe0 && lead <= 0xef) {
        *low = lead == 0xe0 ? 0xa0 : 0x80;
        *high = lead == 0xed ? 0x9f : 0xbf;
        return 3;
    }
    if (lead >= 0xf0 && lead <= 0xf4) {
        *low = lead == 0xf0 ? 0x90 : 0x80;
        *high = lead == 0xf4 ? 0x8f : 0xbf;
        return 4;
    }
    return 0;
}

int fw_shared_item_is_utf8(const void *data, size_t size)
{
    const unsigned char *p = data;
    unsigned low, high;

    for (size_t at = 0; at < size;) {
        size_t n = character(p[at], &low, &high);

        if (n == 0 || n > size - at)
            return 0;
        for (size_t i = 1; i < n; i++) {
            if (p[at + i] < low || p[at + i] > high)
                return 0;
            low = 0x80;
            high = 0xbf;
        }
        at += n;
    }
    return 1;
}

int fw_shared_item_check(const furrow_item *item)
{
    if (!item)
        return fw_fail(FURROW_EINVAL, "item is NULL");
    if ((unsigned)item->kind > FURROW_TEXT)
        return fw_fail(FURROW_EINVAL, "there is no kind %d of items", (int)item->kind);
    if (!fw_shared_item_is_sized(item->kind))
        return 0;
    if (!item->data && item->size)
        return fw_fail(FURROW_EINVAL, "the item has no data");
    if (item->kind == FURROW_TEXT && !fw_shared_item_is_utf8(item->data, item->size))
        return fw_fail(FURROW_EINVAL, "the text is not UTF-8");
    return 0;
}

size_t fw_shared_item_size(const furrow_item *item)
{
    return fw_shared_item_is_sized(item->kind) ? item->size : sizeof(uint64_t);
}

furrow_item fw_shared_item_of(unsigned kind, uint64_t scalar, void *data, size_t size)
{
    furrow_item item = {.kind = (furrow_kind)kind};

    if (fw_shared_item_is_sized(kind)) {
        item.data = data;
        item.size = size;
    } else if (kind == FURROW_REAL) {
        memcpy(&item.real, &scalar, sizeof scalar);
    } else if (kind != FURROW_NONE) {
        item.integer = (int64_t)scalar;
    }
    return item;
}

uint64_t fw_shared_item_scalar(const furrow_item *item)
{
    uint64_t scalar = (uint64_t)item->integer;

    if (item->kind == FURROW_REAL)
        memcpy(&scalar, &item->real, sizeof scalar);
    else if (item->kind == FURROW_BOOL)
        scalar = item->integer != 0;
    return item->kind == FURROW_NONE ? 0 : scalar;
}

/* The exported twins of the inline functions. */
extern inline furrow_item furrow_item_none(void);
extern inline furrow_item furrow_item_bool(int value);
extern inline furrow_item furrow_item_int(int64_t value);
extern inline furrow_item furrow_item_real(double value);
extern inline furrow_item furrow_item_bytes(const void *data, size_t size);
extern inline furrow_item furrow_item_text(const char *text);
