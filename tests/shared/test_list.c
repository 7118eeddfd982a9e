/* SPDX-License-Identifier: MIT
 *
 * Lists: what they keep, what they refuse, and several that change them.
 */
#include "left.h"
#include "peer.h"

#include "furrow_shared.h"
#include "heap.h"

#include <criterion/criterion.h>
#include <float.h>
#include <math.h>

static const char *error_text(void)
{
    return furrow_last_error()->text;
}

static void set_up(void)
{
    (void)fw_segment_get();
}

TestSuite(list, .init = set_up);

static furrow_item text(const char *t)
{
    return furrow_item_text(t);
}

static furrow_list *basics(void)
{
    const furrow_item items[] = {text("howdy"),
                                 furrow_item_bytes("HoWdY", 5),
                                 furrow_item_real(-273.154),
                                 furrow_item_int(100),
                                 furrow_item_none(),
                                 furrow_item_bool(1),
                                 furrow_item_int(42)};
    furrow_list *l = furrow_list_new(items, 7, NULL);

    cr_assert_not_null(l, "%s", error_text());
    return l;
}

/* The item there is this one, bit for bit. */
static int is_there(const furrow_list *l, size_t index, furrow_item item)
{
    static char buffer[1 << 16];
    furrow_item out;

    if (furrow_list_get(l, index, &out, buffer, sizeof buffer) != 0 ||
        out.kind != item.kind)
        return 0;
    if (item.kind == FURROW_BYTES || item.kind == FURROW_TEXT)
        return out.size == item.size &&
               (item.size == 0 || memcmp(out.data, item.data, item.size) == 0) &&
               buffer[item.size] == 0;
    if (item.kind == FURROW_NONE)
        return 1;
    return memcmp(&out.integer, &item.integer, 8) == 0;
}

/* ---- what it keeps ----------------------------------------------------------------*/

/* CPython: _TestSharedMemory.test_shared_memory_ShareableList_basics */
Test(list, keeps_one_of_each_kind)
{
    furrow_list *l = basics();

    cr_assert_eq(furrow_list_len(l), 7);
    cr_assert(is_there(l, 0, text("howdy")));
    cr_assert(is_there(l, 1, furrow_item_bytes("HoWdY", 5)));
    cr_assert(is_there(l, 2, furrow_item_real(-273.154)));
    cr_assert(is_there(l, 3, furrow_item_int(100)));
    cr_assert(is_there(l, 4, furrow_item_none()));
    cr_assert(is_there(l, 5, furrow_item_bool(1)));
    cr_assert(is_there(l, 6, furrow_item_int(42)));
    cr_assert_eq(furrow_list_free(l), 0);
}

/* CPython: _TestSharedMemory.test_shared_memory_ShareableList_basics */
Test(list, no_such_index)
{
    furrow_list *l = basics();
    furrow_item out = furrow_item_int(5);

    cr_assert_eq(furrow_list_get(l, 7, &out, NULL, 0), FURROW_EINVAL);
    cr_assert_str_eq(error_text(), "index 7 of a list of 7 items");
    cr_assert_str_eq(furrow_last_error()->function, "furrow_list_get");
    cr_assert_eq(furrow_list_set(l, 7, &out), FURROW_EINVAL);
    cr_assert_eq(furrow_list_get(l, SIZE_MAX, &out, NULL, 0), FURROW_EINVAL);
    cr_assert_eq(furrow_list_free(l), 0);
}

/* CPython: _TestSharedMemory.test_shared_memory_ShareableList_basics */
Test(list, an_item_changes_its_kind)
{
    furrow_list *l = basics();
    furrow_item item = furrow_item_int(42);
    char format[64];

    cr_assert_eq(furrow_list_format(l, format, sizeof format), 9);
    cr_assert_str_eq(format, "8s8ydqn?q");
    cr_assert_eq(furrow_list_set(l, 3, &item), 0);
    cr_assert(is_there(l, 3, item));
    item = text("some");
    cr_assert_eq(furrow_list_set(l, 4, &item), 0);
    cr_assert(is_there(l, 4, item));
    cr_assert_eq(furrow_list_format(l, format, sizeof format), 10);
    cr_assert_str_eq(format, "8s8ydq8s?q");
    cr_assert_eq(furrow_list_format(l, format, 4), 10, "and cut");
    cr_assert_str_eq(format, "8s8");
    cr_assert_eq(furrow_list_free(l), 0);
}

/* CPython: _TestSharedMemory.test_shared_memory_ShareableList_basics */
Test(list, an_item_has_its_room_and_no_more)
{
    furrow_list *l = basics();
    furrow_item exactly = text("encod\xc3\xa9s"), more = text("encod\xc3\xa9"
                                                              "es");
    furrow_item nine = furrow_item_bytes("123456789", 9);

    cr_assert_eq(exactly.size, 8);
    cr_assert_eq(furrow_list_set(l, 0, &exactly), 0);
    cr_assert(is_there(l, 0, exactly));
    cr_assert(is_there(l, 1, furrow_item_bytes("HoWdY", 5)), "no spillage");
    cr_assert_eq(more.size, 9);
    cr_assert_eq(furrow_list_set(l, 0, &more), FURROW_EFULL);
    cr_assert_str_eq(error_text(), "an item of 9 bytes, and room for 8");
    cr_assert(is_there(l, 0, exactly));
    cr_assert_eq(furrow_list_set(l, 1, &nine), FURROW_EFULL);
    cr_assert(is_there(l, 1, furrow_item_bytes("HoWdY", 5)));
    cr_assert_eq(furrow_list_free(l), 0);
}

Test(list, items_grow_to_the_room_that_was_asked_for)
{
    const furrow_item items[] = {furrow_item_none(), text("x")};
    furrow_list *l = furrow_list_new(items, 2, &(furrow_list_options){.room = 1000});
    char big[1001];
    furrow_item item;

    memset(big, 'b', sizeof big);
    item = furrow_item_bytes(big, 1000);
    cr_assert_eq(furrow_list_set(l, 0, &item), 0);
    cr_assert(is_there(l, 0, item));
    cr_assert(is_there(l, 1, text("x")));
    item.size = 1001;
    cr_assert_eq(furrow_list_set(l, 0, &item), FURROW_EFULL);
    cr_assert_eq(furrow_list_free(l), 0);
}

/* CPython: _TestSharedMemory.test_shared_memory_ShareableList_basics */
Test(list, looks_for_items)
{
    furrow_list *l = basics();
    furrow_item hundred = furrow_item_int(100), forty_two = furrow_item_int(42);
    furrow_item as_text = text("100"), adios = furrow_item_bytes("adios", 5);
    furrow_item howdy = furrow_item_bytes("HoWdY", 5), as_real = furrow_item_real(100);

    cr_assert_eq(furrow_list_index_of(l, &as_text), FURROW_EEMPTY);
    cr_assert_eq(furrow_list_index_of(l, &as_real), FURROW_EEMPTY, "another kind");
    cr_assert_eq(furrow_list_index_of(l, &hundred), 3);
    cr_assert_eq(furrow_list_count(l, &forty_two), 1);
    cr_assert_eq(furrow_list_set(l, 3, &forty_two), 0);
    cr_assert_eq(furrow_list_count(l, &forty_two), 2);
    cr_assert_eq(furrow_list_index_of(l, &forty_two), 3);
    cr_assert_eq(furrow_list_count(l, &howdy), 1);
    cr_assert_eq(furrow_list_count(l, &adios), 0);
    cr_assert_eq(furrow_list_free(l), 0);
}

/* CPython: _TestSharedMemory.test_shared_memory_ShareableList_basics */
Test(list, of_nothing)
{
    furrow_list *l = furrow_list_new(NULL, 0, NULL);
    furrow_item none = furrow_item_none();
    char format[8] = "x";

    cr_assert_not_null(l, "%s", error_text());
    cr_assert_eq(furrow_list_len(l), 0);
    cr_assert_eq(furrow_list_format(l, format, sizeof format), 0);
    cr_assert_str_eq(format, "");
    cr_assert_eq(furrow_list_count(l, &none), 0);
    cr_assert_eq(furrow_list_index_of(l, &none), FURROW_EEMPTY);
    cr_assert_eq(furrow_list_free(l), 0);
}

/* CPython: _TestSharedMemory.test_shared_memory_ShareableList_basics */
Test(list, is_gone_through_in_order)
{
    furrow_item items[400], out;
    furrow_list *l;

    for (int i = 0; i < 400; i++)
        items[i] = furrow_item_int(i);
    l = furrow_list_new(items, 400, NULL);
    for (size_t i = 0; i < (size_t)furrow_list_len(l); i++) {
        cr_assert_eq(furrow_list_get(l, i, &out, NULL, 0), 0);
        cr_assert_eq(out.integer, (int64_t)i);
    }
    cr_assert_eq(furrow_list_free(l), 0);
}

Test(list, numbers_at_their_limits)
{
    const furrow_item items[] = {furrow_item_int(INT64_MIN), furrow_item_int(INT64_MAX),
                                 furrow_item_int(-1),        furrow_item_real(DBL_MAX),
                                 furrow_item_real(-0.0),     furrow_item_real(INFINITY),
                                 furrow_item_real(NAN),      furrow_item_bool(-5),
                                 furrow_item_bool(0)};
    furrow_list *l = furrow_list_new(items, 9, NULL);
    furrow_item nan = furrow_item_real(NAN), zero = furrow_item_real(0.0);

    for (size_t i = 0; i < 9; i++)
        cr_assert(is_there(l, i, items[i]), "%zu", i);
    cr_assert_eq(furrow_list_count(l, &nan), 0, "it equals nothing");
    cr_assert_eq(furrow_list_index_of(l, &zero), 4, "-0.0 equals 0.0");
    cr_assert_eq(furrow_list_free(l), 0);
}

/* NULs at the end, in the middle, alone, and nothing at all. */
Test(list, keeps_nuls)
{
    const furrow_item items[] = {furrow_item_bytes("", 0),
                                 furrow_item_bytes("\0", 1),
                                 furrow_item_bytes("ab\0\0\0", 5),
                                 furrow_item_bytes("\0\0\0\0\0\0\0\0", 8),
                                 furrow_item_bytes("a\0b\0c\0\0", 7),
                                 furrow_item_bytes(NULL, 0)};
    furrow_list *l = furrow_list_new(items, 6, NULL);
    furrow_item one = furrow_item_bytes("\0", 1), two = furrow_item_bytes("\0\0", 2);

    for (size_t i = 0; i < 6; i++)
        cr_assert(is_there(l, i, items[i]), "%zu", i);
    cr_assert_eq(furrow_list_count(l, &one), 1);
    cr_assert_eq(furrow_list_count(l, &two), 0);
    cr_assert_eq(furrow_list_free(l), 0);
}

/* Any bytes of any size, again and again, are what comes out. */
Test(list, gives_back_what_it_was_given)
{
    static char bytes[3000];
    uint64_t seed = 20261123;
    furrow_item items[10] = {{.kind = FURROW_NONE}};
    furrow_list *l = furrow_list_new(items, 10, &(furrow_list_options){.room = 3000});

    for (int round = 0; round < 20000; round++) {
        size_t index, size;

        seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
        index = seed % 10;
        size = seed / 16 % (round % 100 ? 40 : 3001);
        for (size_t i = 0; i < size; i++)
            bytes[i] = (char)((seed >> i % 50) * (i + 1) & (seed % 3 ? 255 : 1));
        items[0] = furrow_item_bytes(bytes, size);
        cr_assert_eq(furrow_list_set(l, index, &items[0]), 0);
        cr_assert(is_there(l, index, items[0]), "round %d, %zu bytes", round, size);
    }
    cr_assert_eq(furrow_list_free(l), 0);
}

Test(list, every_character_of_utf8)
{
    furrow_item item = furrow_item_none();
    furrow_list *l = furrow_list_new(&item, 1, NULL);

    for (unsigned c = 0; c < 0x110000; c += c < 0x3000 || c > 0xd000 ? 1 : 97) {
        unsigned char u[4];
        size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
        int is_character = c < 0xd800 || c > 0xdfff;

        for (size_t i = n - 1; i > 0; i--)
            u[i] = (unsigned char)(0x80 | (c >> 6 * (n - 1 - i) & 63));
        u[0] = (unsigned char)(n == 1 ? c : (0xf00u >> n & 0xff) | c >> 6 * (n - 1));
        item = furrow_item_text("");
        item.data = u;
        item.size = n;
        cr_assert_eq(furrow_list_set(l, 0, &item), is_character ? 0 : FURROW_EINVAL,
                     "U+%04X", c);
        if (c > 0xe100 && c < 0x10fff0)
            c += 1013;
    }
    cr_assert_eq(furrow_list_free(l), 0);
}

Test(list, what_is_no_utf8)
{
    const char *bad[] = {"\x80",
                         "\xc3",
                         "a\xff",
                         "\xc0\x80",
                         "\xc1\xbf",
                         "\xe0\x80\x80",
                         "\xed\xa0\x80",
                         "\xf0\x80\x80\x80",
                         "\xf4\x90\x80\x80",
                         "\xf5\x80\x80\x80",
                         "\xe2\x82",
                         "\xc3("};
    furrow_item item = text("fine");
    furrow_list *l = furrow_list_new(&item, 1, NULL);

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        furrow_item wrong = text(bad[i]);

        cr_assert_eq(furrow_list_set(l, 0, &wrong), FURROW_EINVAL, "%zu", i);
        cr_assert_null(furrow_list_new(&wrong, 1, NULL));
        wrong.kind = FURROW_BYTES;
        cr_assert_eq(furrow_list_set(l, 0, &wrong), 0, "bytes may be any");
    }
    cr_assert_eq(furrow_list_free(l), 0);
}

Test(list, a_buffer_that_is_too_short)
{
    furrow_item item = text("twelve bytes"), out;
    furrow_list *l = furrow_list_new(&item, 1, NULL);
    char buffer[12] = "unchanged";

    cr_assert_eq(furrow_list_get(l, 0, &out, buffer, 11), FURROW_ESHORT);
    cr_assert_eq(out.size, 12);
    cr_assert_eq(out.kind, FURROW_TEXT);
    cr_assert_null(out.data);
    cr_assert_str_eq(buffer, "unchanged");
    cr_assert_eq(furrow_list_get(l, 0, &out, NULL, 0), FURROW_ESHORT);
    cr_assert_eq(furrow_list_get(l, 0, &out, buffer, 12), 0);
    cr_assert_eq(memcmp(buffer, "twelve bytes", 12), 0);
    cr_assert_eq(furrow_list_free(l), 0);
}

Test(list, what_is_no_item)
{
    furrow_item bad = {.kind = (furrow_kind)6}, none = furrow_item_none();
    furrow_item no_data = {.kind = FURROW_BYTES, .size = 5};
    furrow_list *l = furrow_list_new(&none, 1, NULL);
    left_mark before = left_now();

    cr_assert_null(furrow_list_new(&bad, 1, NULL));
    cr_assert_eq(furrow_last_error()->code, FURROW_EINVAL);
    cr_assert_null(furrow_list_new(&no_data, 1, NULL));
    cr_assert_eq(furrow_list_set(l, 0, &bad), FURROW_EINVAL);
    cr_assert_eq(furrow_list_set(l, 0, NULL), FURROW_EINVAL);
    cr_assert_eq(furrow_list_get(l, 0, NULL, NULL, 0), FURROW_EINVAL);
    furrow_error_clear();
    cr_assert_null(furrow_list_new(NULL, 3, NULL));
    cr_assert_eq(furrow_last_error()->code, FURROW_EINVAL);
    no_data.data = "x";
    no_data.size = SIZE_MAX / 4;
    cr_assert_null(furrow_list_new(&no_data, 1, NULL));
    cr_assert_eq(furrow_last_error()->code, FURROW_ENOMEM);
    cr_assert_eq(left_heap(&before), 0);
    cr_assert_eq(furrow_list_free(l), 0);
}

Test(list, handles_that_are_none)
{
    furrow_item none = furrow_item_none();
    furrow_list *l = furrow_list_new(&none, 1, NULL);

    furrow_error_clear();
    cr_assert_eq(furrow_list_len(NULL), FURROW_EINVAL);
    cr_assert_str_eq(furrow_last_error()->function, "furrow_list_len");
    cr_assert_eq(furrow_list_free(NULL), 0);
    cr_assert_eq(furrow_list_free(l), 0);
    cr_assert_eq(furrow_list_free(l), FURROW_EINVAL);
    cr_assert_eq(furrow_list_len(l), FURROW_EINVAL);
    cr_assert_eq(furrow_list_set(l, 0, &none), FURROW_EINVAL);
}

Test(list, of_a_megabyte_item)
{
    static char bytes[3 << 20];
    furrow_item item = furrow_item_bytes(bytes, sizeof bytes), out;
    furrow_list *l = furrow_list_new(&item, 1, NULL);
    char *back = malloc(sizeof bytes);

    bytes[sizeof bytes - 1] = 7;
    cr_assert_eq(furrow_list_set(l, 0, &item), 0, "%s", error_text());
    cr_assert_eq(furrow_list_get(l, 0, &out, back, sizeof bytes), 0);
    cr_assert_eq(memcmp(back, bytes, sizeof bytes), 0);
    cr_assert_eq(furrow_list_free(l), 0);
    free(back);
}

Test(list, leaves_nothing)
{
    left_mark before = left_now();

    for (int i = 0; i < 20; i++)
        cr_assert_eq(furrow_list_free(basics()), 0);
    cr_assert_eq(left_since(&before, 0), 0);
}

/* Twice such a room is more than 32 bits hold: each item still has its own. */
Test(list, has_rooms_of_two_gibibytes)
{
    const furrow_item items[] = {furrow_item_int(1), furrow_item_int(2)};
    furrow_list *l;

    l = furrow_list_new(items, 2, &(furrow_list_options){.room = (size_t)2 << 30});
    if (!l && furrow_last_error()->code == FURROW_ENOMEM)
        cr_skip_test("there is no memory for 8 GiB: %s", error_text());
    cr_assert_not_null(l, "%s", error_text());
    cr_assert(is_there(l, 0, items[0]));
    cr_assert(is_there(l, 1, items[1]));
    cr_assert_eq(furrow_list_set(l, 0, &(furrow_item){FURROW_INT, {3}, NULL, 0}), 0);
    cr_assert_eq(furrow_list_set(l, 0, &(furrow_item){FURROW_INT, {4}, NULL, 0}), 0);
    cr_assert(is_there(l, 1, items[1]), "it is not the other one's room");
    cr_assert_eq(furrow_list_free(l), 0);
}

/* ---- others -----------------------------------------------------------------------*/

static int change_two(void *shared)
{
    furrow_list *l = shared;
    furrow_item changed = text("changed"), number = furrow_item_int(9);

    child_want(is_there(l, 3, furrow_item_int(100)));
    child_want(furrow_list_set(l, 0, &changed) == 0);
    child_want(furrow_list_set(l, 6, &number) == 0);
    return 0;
}

/* The handle itself is what another process is given. */
/* CPython: _TestSharedMemory.test_shared_memory_ShareableList_pickling */
Test(list, is_changed_by_another)
{
    furrow_list *l = basics();
    peer p;

    cr_assert_eq(peer_start(&p, change_two, l), 0);
    cr_assert_eq(peer_join(&p), 0);
    cr_assert(is_there(l, 0, text("changed")));
    cr_assert(is_there(l, 6, furrow_item_int(9)));
    cr_assert_eq(furrow_list_free(l), 0);
}

static int use_of_the_dead(void *shared)
{
    furrow_item out;

    child_want(furrow_list_get(shared, 0, &out, NULL, 0) == FURROW_EINVAL);
    return 0;
}

/* CPython: _TestSharedMemory.test_shared_memory_ShareableList_pickling_dead_object */
Test(list, that_is_free_is_nobodys)
{
    furrow_list *l = basics();
    peer p;

    cr_assert_eq(furrow_list_free(l), 0);
    cr_assert_eq(peer_start(&p, use_of_the_dead, l), 0);
    cr_assert_eq(peer_join(&p), 0);
}

/* One item of 8 to 800 equal bytes, as many as it says. */
static int is_whole(const furrow_item *item)
{
    const unsigned char *p = item->data;

    for (size_t i = 0; i < item->size; i++)
        if (p[i] != item->size / 8)
            return 0;
    return item->kind == FURROW_BYTES && item->size >= 8;
}

typedef struct board {
    furrow_list *list;
    _Atomic int stop;
} board;

static int change_often(void *shared)
{
    board *b = shared;
    char bytes[800];

    for (unsigned i = 0; i < 20000 && !b->stop; i++) {
        size_t size = 8 * (1 + i * 37 % 100);
        furrow_item item = furrow_item_bytes(bytes, size);

        memset(bytes, (int)size / 8, size);
        child_want(furrow_list_set(b->list, i % 2, &item) == 0);
    }
    return 0;
}

static int read_often(const board *b, int times)
{
    char buffer[800];
    furrow_item out;

    for (int i = 0; i < times; i++) {
        child_want(furrow_list_get(b->list, (size_t)i % 2, &out, buffer, 800) == 0);
        child_want(is_whole(&out));
    }
    return 0;
}

static board *begin(void)
{
    board *b = fw_heap_alloc(sizeof *b);
    char bytes[8] = {1, 1, 1, 1, 1, 1, 1, 1};
    furrow_item items[2];

    items[0] = items[1] = furrow_item_bytes(bytes, 8);
    b->list = furrow_list_new(items, 2, &(furrow_list_options){.room = 800});
    return b;
}

Test(list, is_never_torn)
{
    board *b = begin();
    peer p[2];

    for (int i = 0; i < 2; i++)
        cr_assert_eq(peer_start(&p[i], change_often, b), 0);
    cr_assert_eq(read_often(b, 20000), 0);
    b->stop = 1;
    for (int i = 0; i < 2; i++)
        cr_assert_eq(peer_join(&p[i]), 0);
    cr_assert_eq(read_often(b, 10), 0);
    cr_assert_eq(furrow_list_free(b->list), 0);
}

/* Killed anywhere in a change, again and again. */
Test(list, is_whole_after_kills)
{
    board *b = begin();

    for (int i = 0; i < 100; i++) {
        pid_t pid = child_start(change_often, b);

        left_sleep(0.0003 * (i % 10));
        kill(pid, SIGKILL);
        (void)child_wait(pid);
        cr_assert_eq(read_often(b, 4), 0);
    }
    cr_assert_eq(change_often(b), 0, "the lock goes on");
    cr_assert_eq(furrow_list_free(b->list), 0);
    cr_assert_eq(furrow_fsck(), 0);
}
