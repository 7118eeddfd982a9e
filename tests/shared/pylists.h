/* SPDX-License-Identifier: MIT
 *
 * What the suites of Python's lists share: a look at one item.
 */
#ifndef PYLISTS_H
#define PYLISTS_H

#include "shared_segment.h"

#include <string.h>

static inline int is_there(const furrow_segment *s, size_t index, furrow_item item)
{
    char buffer[512];
    furrow_item out;

    if (furrow_pylist_get(s, index, &out, buffer, sizeof buffer) != 0 ||
        out.kind != item.kind)
        return 0;
    if (item.kind == FURROW_BYTES || item.kind == FURROW_TEXT)
        return out.size == item.size &&
               (item.size == 0 || memcmp(out.data, item.data, item.size) == 0);
    return item.kind == FURROW_NONE || memcmp(&out.integer, &item.integer, 8) == 0;
}

#endif
