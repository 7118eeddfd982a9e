/* SPDX-License-Identifier: MIT
 *
 * Python's ShareableList, as Python 3.9 and later lay it out; numbers are 8 bytes of this
 * machine's order.
 *
 *   +-----+--------------------------+-----------+------------------+------------------+
 *   | n   | n + 1 offsets into data  | data      | n formats of 8 B | n codes of 1 B   |
 *   +-----+--------------------------+-----------+------------------+------------------+
 *
 * A format is one of Python's struct module, filled up with NULs: `q`, `d`, `xxxxxxx?`
 * (a bool), `xxxxxx?x` (None), `24s`. The code says what `s` is: 1 text, 2 bytes; 3 is None,
 * 0 all else. An item's room is what lies between its offset and the next one.
 *
 * Nobody orders anything here: Python stores format, code and item one after another. So
 * each number is read once, and all are checked against the size of the segment.
 */
#include "shared_pylist.h"

#include "os.h"
#include "status.h"

#include <stdio.h>
#include <string.h>

enum { WORD = 8, FORMAT = 8, ITEM_MOST = 9999991 };
enum { CODE_OTHER, CODE_TEXT, CODE_BYTES, CODE_NONE };

static int corrupt(const char *what)
{
    return fw_fail(FURROW_ECORRUPT, "it is no list of Python: %s", what);
}

/* `at` and `size` are within the bytes. */
static int fetch(const fw_pylist_bytes *b, size_t at, void *out, size_t size)
{
    if (size == 0)
        return 0;
    if (b->fd < 0)
        memcpy(out, b->at + at, size);
    else if (fw_os_regular_read(b->fd, out, size, at) != (ssize_t)size)
        return fw_fail(FURROW_ECORRUPT, "the segment was cut short");
    return 0;
}

int fw_shared_pylist_open(fw_pylist *l, const fw_pylist_bytes *bytes)
{
    int64_t len, end;
    size_t size = bytes->size;
    int rc;

    if (size < 2 * WORD)
        return corrupt("it is too short");
    rc = fetch(bytes, 0, &len, sizeof len);
    if (rc < 0)
        return rc;
    if (len < 0 || (uint64_t)len > (size - 2 * WORD) / (WORD + FORMAT + 1))
        return corrupt("it has no room for so many items");
    l->bytes = *bytes;
    l->len = (size_t)len;
    l->data = WORD * (l->len + 2);
    rc = fetch(bytes, l->data - WORD, &end, sizeof end);
    if (rc < 0)
        return rc;
    if (end < 0 || (uint64_t)end > size - l->data - l->len * (FORMAT + 1))
        return corrupt("its items end outside");
    l->formats = l->data + (size_t)end;
    l->codes = l->formats + FORMAT * l->len;
    return 0;
}

/* ---- one item -----------------------------------------------------------------------*/

typedef struct place {
    size_t at, room; /* of its data */
    char format[FORMAT + 1];
    signed char code;
} place;

static int find(const fw_pylist *l, size_t index, place *p)
{
    int64_t offset[2];
    size_t end = l->formats - l->data;
    int rc;

    if (index >= l->len)
        return fw_fail(FURROW_EINVAL, "index %zu of a list of %zu items", index,
                       l->len);
    rc = fetch(&l->bytes, WORD * (index + 1), offset, sizeof offset);
    if (rc == 0)
        rc = fetch(&l->bytes, l->formats + FORMAT * index, p->format, FORMAT);
    if (rc == 0)
        rc = fetch(&l->bytes, l->codes + index, &p->code, 1);
    if (rc < 0)
        return rc;
    if (offset[0] < 0 || offset[1] < offset[0] || (uint64_t)offset[1] > end)
        return corrupt("an item lies outside");
    p->format[FORMAT] = 0;
    p->at = l->data + (size_t)offset[0];
    p->room = (size_t)(offset[1] - offset[0]);
    return 0;
}

/* The number before the `s`; SIZE_MAX: it is no such format. */
static size_t bytes_in(const char *format)
{
    size_t n = 0;

    if (*format < '0' || *format > '9')
        return SIZE_MAX;
    for (; *format >= '0' && *format <= '9'; format++)
        n = 10 * n + (size_t)(*format - '0');
    return strcmp(format, "s") == 0 ? n : SIZE_MAX;
}

/* Of what kind the item is, by its format and its code; -1: of none. */
static int kind_of(const place *p)
{
    static const struct {
        const char *format;
        int code, kind;
    } known[] = {{"q", CODE_OTHER, FURROW_INT},
                 {"d", CODE_OTHER, FURROW_REAL},
                 {"xxxxxxx?", CODE_OTHER, FURROW_BOOL},
                 {"xxxxxx?x", CODE_NONE, FURROW_NONE}};

    if (bytes_in(p->format) != SIZE_MAX)
        return p->code == CODE_TEXT    ? FURROW_TEXT
               : p->code == CODE_BYTES ? FURROW_BYTES
                                       : -1;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(p->format, known[i].format) == 0 && p->code == known[i].code)
            return known[i].kind;
    return -1;
}

/* How many of the bytes are the item's: Python takes the NULs behind them off. */
static int trimmed(const fw_pylist *l, const place *p, size_t *size)
{
    char part[256];

    while (*size > 0) {
        size_t n = *size < sizeof part ? *size : sizeof part;
        int rc = fetch(&l->bytes, p->at + *size - n, part, n);

        if (rc < 0)
            return rc;
        while (n > 0 && part[n - 1] == 0) {
            n--;
            --*size;
        }
        if (n > 0)
            return 0;
    }
    return 0;
}

static int get_sized(const fw_pylist *l, const place *p, furrow_item *out, void *buffer,
                     size_t size)
{
    size_t n = bytes_in(p->format);
    int rc;

    if (n > p->room)
        return corrupt("an item is longer than its room");
    rc = trimmed(l, p, &n);
    if (rc < 0)
        return rc;
    out->size = n;
    if (n > size)
        return fw_fail(FURROW_ESHORT, "the item has %zu bytes, the buffer %zu", n,
                       size);
    rc = fetch(&l->bytes, p->at, buffer, n);
    if (rc < 0)
        return rc;
    if (out->kind == FURROW_TEXT && !fw_shared_item_is_utf8(buffer, n))
        return corrupt("a text is not UTF-8");
    if (n < size)
        ((char *)buffer)[n] = 0;
    out->data = buffer;
    return 0;
}

int fw_shared_pylist_get(const fw_pylist *l, size_t index, furrow_item *out,
                         void *buffer, size_t size)
{
    uint64_t scalar;
    place p;
    int kind, rc = find(l, index, &p);

    if (rc < 0)
        return rc;
    kind = kind_of(&p);
    if (kind < 0)
        return corrupt("an item has no format that Python gives");
    *out = fw_shared_item_of((unsigned)kind, 0, NULL, 0);
    if (fw_shared_item_is_sized((unsigned)kind))
        return get_sized(l, &p, out, buffer, size);
    if (p.room < WORD)
        return corrupt("an item is longer than its room");
    rc = fetch(&l->bytes, p.at, &scalar, sizeof scalar);
    if (rc < 0)
        return rc;
    if (kind == FURROW_BOOL)
        scalar = scalar >> 56 != 0;
    *out = fw_shared_item_of((unsigned)kind, scalar, NULL, 0);
    return 0;
}

/* ---- writing ------------------------------------------------------------------------*/

static int check(const furrow_item *item)
{
    int rc = fw_shared_item_check(item);

    if (rc < 0 || !fw_shared_item_is_sized(item->kind))
        return rc;
    if (item->size > ITEM_MOST)
        return fw_fail(FURROW_EINVAL, "an item of %zu bytes: Python's have %d at most",
                       item->size, ITEM_MOST);
    if (item->size && ((const char *)item->data)[item->size - 1] == 0)
        return fw_fail(FURROW_EINVAL,
                       "Python does not keep a NUL at the end of bytes or a text");
    return 0;
}

static size_t room_of(const furrow_item *item)
{
    if (!fw_shared_item_is_sized(item->kind))
        return WORD;
    return WORD * (item->size / WORD + 1);
}

/* The format and the code of the item, in so much room. */
static int describe(const furrow_item *item, size_t room, char format[FORMAT + 1])
{
    static const char *const scalar[] = {"xxxxxx?x", "xxxxxxx?", "q", "d"};

    memset(format, 0, FORMAT + 1);
    if (fw_shared_item_is_sized(item->kind)) {
        (void)snprintf(format, FORMAT + 1, "%us", (unsigned)(room % 10000000));
        return item->kind == FURROW_TEXT ? CODE_TEXT : CODE_BYTES;
    }
    (void)memcpy(format, scalar[item->kind], strlen(scalar[item->kind]));
    return item->kind == FURROW_NONE ? CODE_NONE : CODE_OTHER;
}

/* The bytes of the item, and NULs up to `room`. */
static void lay(char *at, const furrow_item *item, size_t room)
{
    uint64_t scalar = fw_shared_item_scalar(item);

    if (item->kind == FURROW_BOOL)
        scalar <<= 56;
    if (!fw_shared_item_is_sized(item->kind)) {
        memcpy(at, &scalar, sizeof scalar);
        return;
    }
    if (item->size)
        memcpy(at, item->data, item->size);
    memset(at + item->size, 0, room - item->size);
}

int fw_shared_pylist_set(const fw_pylist *l, size_t index, const furrow_item *item)
{
    char format[FORMAT + 1];
    size_t fills;
    signed char code;
    place p;
    int rc = find(l, index, &p);

    if (rc == 0)
        rc = check(item);
    if (rc < 0)
        return rc;
    fills = bytes_in(p.format) <= p.room ? bytes_in(p.format) : p.room;
    fills = fills <= ITEM_MOST + WORD ? fills : ITEM_MOST + WORD;
    if (fw_shared_item_size(item) >
        (fw_shared_item_is_sized(item->kind) ? fills : p.room))
        return fw_fail(FURROW_EFULL, "an item of %zu bytes, and room for %zu",
                       fw_shared_item_size(item), fills);
    code = (signed char)describe(item, fills, format);
    memcpy(l->bytes.at + l->formats + FORMAT * index, format, FORMAT);
    l->bytes.at[l->codes + index] = (char)code;
    lay(l->bytes.at + p.at, item, fills);
    return 0;
}

size_t fw_shared_pylist_size(const furrow_item *items, size_t len)
{
    size_t size = 2 * WORD, each = WORD + FORMAT + 1;

    for (size_t i = 0; i < len; i++) {
        if (check(&items[i]) < 0)
            return 0;
        size += each + room_of(&items[i]);
    }
    return size;
}

void fw_shared_pylist_write(char *at, const furrow_item *items, size_t len)
{
    char *data = at + WORD * (len + 2), *formats;
    uint64_t number = len, offset = 0;

    memcpy(at, &number, sizeof number);
    for (size_t i = 0; i < len; i++) {
        memcpy(at + WORD * (i + 1), &offset, sizeof offset);
        lay(data + offset, &items[i], room_of(&items[i]));
        offset += room_of(&items[i]);
    }
    memcpy(at + WORD * (len + 1), &offset, sizeof offset);
    formats = data + offset;
    for (size_t i = 0; i < len; i++) {
        char format[FORMAT + 1];
        int code = describe(&items[i], room_of(&items[i]), format);

        memcpy(formats + FORMAT * i, format, FORMAT);
        formats[FORMAT * len + i] = (char)code;
    }
}

int64_t fw_shared_pylist_format(const fw_pylist *l, char *text, size_t size)
{
    size_t used = 0;

    if (text && size)
        text[0] = 0;
    for (size_t i = 0; i < l->len; i++) {
        char *at = text && used < size ? text + used : NULL;
        place p;
        int rc = find(l, i, &p);

        if (rc < 0)
            return rc;
        used += (size_t)snprintf(at, at ? size - used : 0, "%s", p.format);
    }
    return (int64_t)used;
}
