/* SPDX-License-Identifier: MIT
 *
 * libFuzzer: Python's ShareableList on any bytes. What is read lies in the buffer, a text is
 * UTF-8, and a change that succeeds is read back; nothing outside of the bytes is touched.
 *
 * The first byte says which item is changed, and to what.
 */
#include "shared_pylist.h"

#include <stdlib.h>
#include <string.h>

enum { MOST = 4096, BUFFER = 300 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void require(int what)
{
    if (!what)
        abort();
}

static int is_told(int64_t rc)
{
    return rc == FURROW_ECORRUPT || rc == FURROW_EINVAL || rc == FURROW_ESHORT ||
           rc == FURROW_EFULL;
}

static void read_all(const fw_pylist *l)
{
    char buffer[BUFFER], format[64];
    furrow_item item;

    for (size_t i = 0; i <= l->len; i++) {
        int rc = fw_shared_pylist_get(l, i, &item, buffer, sizeof buffer);

        require(rc == 0 || is_told(rc));
        require(i < l->len || rc == FURROW_EINVAL);
        if (rc == 0 && fw_shared_item_is_sized(item.kind))
            require(item.data == buffer && item.size <= sizeof buffer);
        if (rc == 0 && item.kind == FURROW_TEXT)
            require(fw_shared_item_is_utf8(buffer, item.size));
    }
    require(fw_shared_pylist_format(l, format, sizeof format) >= 0 ||
            furrow_last_error()->code == FURROW_ECORRUPT);
}

static void change(const fw_pylist *l, unsigned how)
{
    static const char text[] = "twelve bytes";
    char buffer[BUFFER];
    furrow_item item = {.kind = (furrow_kind)(how % 6)}, back;
    size_t index = how / 6 % 7;
    int rc;

    item.integer = item.kind == FURROW_BOOL ? 1 : (int64_t)how;
    if (fw_shared_item_is_sized(item.kind)) {
        item.data = text;
        item.size = how / 42 * 2;
    }
    rc = fw_shared_pylist_set(l, index, &item);
    require(rc == 0 || is_told(rc));
    if (rc < 0)
        return;
    rc = fw_shared_pylist_get(l, index, &back, buffer, sizeof buffer);
    if (rc < 0) /* its format lies over another's, as Python would not lay it */
        return;
    if (back.kind == item.kind && fw_shared_item_is_sized(item.kind))
        require(back.size <= BUFFER);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    fw_pylist_bytes there = {.fd = -1};
    unsigned how = size ? bytes[0] : 0;
    fw_pylist l;
    int rc;

    if (size < 1 || size > MOST)
        return 0;
    there.size = size - 1;
    there.at = malloc(there.size ? there.size : 1); /* its end is watched */
    require(there.at != NULL);
    memcpy(there.at, bytes + 1, there.size);
    rc = fw_shared_pylist_open(&l, &there);
    require(rc == 0 || rc == FURROW_ECORRUPT);
    if (rc == 0) {
        read_all(&l);
        change(&l, how);
        rc = fw_shared_pylist_open(&l, &there);
        require(rc == 0 || rc == FURROW_ECORRUPT);
        if (rc == 0)
            read_all(&l);
    }
    free(there.at);
    return 0;
}
