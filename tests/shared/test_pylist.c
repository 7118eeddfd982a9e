/* SPDX-License-Identifier: MIT
 *
 * Python's lists in segments: the layout byte by byte, and bytes that are no list.
 */
#include "left.h"
#include "peer.h"
#include "pylists.h"

#include <criterion/criterion.h>
#include <fcntl.h>

static const char *error_text(void)
{
    return furrow_last_error()->text;
}

static char name[64];

static void set_up(void)
{
    (void)fw_segment_get();
    snprintf(name, sizeof name, "%s", left_name("pylist") + 1);
}

TestSuite(pylist, .init = set_up);

static furrow_segment *basics(void)
{
    const furrow_item items[] = {
        furrow_item_text("howdy"),  furrow_item_bytes("HoWdY", 5),
        furrow_item_real(-273.154), furrow_item_int(100),
        furrow_item_none(),         furrow_item_bool(1),
        furrow_item_int(42)};
    furrow_segment *s = furrow_pylist_new(name, items, 7, NULL);

    cr_assert_not_null(s, "%s", error_text());
    return s;
}

/* ---- lists ------------------------------------------------------------------------*/

/* CPython: _TestSharedMemory.test_shared_memory_ShareableList_basics */
Test(pylist, keeps_one_of_each_kind)
{
    furrow_segment *s = basics();
    char format[64];

    cr_assert_eq(furrow_pylist_len(s), 7);
    cr_assert(is_there(s, 0, furrow_item_text("howdy")));
    cr_assert(is_there(s, 1, furrow_item_bytes("HoWdY", 5)));
    cr_assert(is_there(s, 2, furrow_item_real(-273.154)));
    cr_assert(is_there(s, 3, furrow_item_int(100)));
    cr_assert(is_there(s, 4, furrow_item_none()));
    cr_assert(is_there(s, 5, furrow_item_bool(1)));
    cr_assert(is_there(s, 6, furrow_item_int(42)));
    cr_assert_eq(furrow_pylist_format(s, format, sizeof format), 23);
    cr_assert_str_eq(format, "8s8sdqxxxxxx?xxxxxxxx?q");
    cr_assert_eq(furrow_segment_free(s), 0);
}

/* CPython: _TestSharedMemory.test_shared_memory_ShareableList_basics */
Test(pylist, items_change)
{
    furrow_segment *s = basics(), *also = furrow_segment_attach(name);
    furrow_item item = furrow_item_int(42);
    char format[64];

    cr_assert_eq(furrow_pylist_set(s, 3, &item), 0);
    cr_assert(is_there(also, 3, item));
    item = furrow_item_text("some");
    cr_assert_eq(furrow_pylist_set(s, 4, &item), 0);
    cr_assert(is_there(also, 4, item));
    cr_assert_gt(furrow_pylist_format(s, format, sizeof format), 0);
    cr_assert_str_eq(format, "8s8sdq8sxxxxxxx?q");
    item = furrow_item_text("far too many");
    cr_assert_eq(furrow_pylist_set(s, 4, &item), FURROW_EFULL);
    cr_assert(is_there(also, 4, furrow_item_text("some")));
    item = furrow_item_text("encod\xc3\xa9s");
    cr_assert_eq(furrow_pylist_set(s, 0, &item), 0);
    cr_assert(is_there(also, 0, item));
    cr_assert(is_there(also, 1, furrow_item_bytes("HoWdY", 5)), "no spillage");
    item = furrow_item_none();
    cr_assert_eq(furrow_pylist_set(also, 0, &item), 0);
    cr_assert(is_there(s, 0, item));
    cr_assert_eq(furrow_pylist_set(s, 7, &item), FURROW_EINVAL);
    cr_assert_eq(furrow_segment_free(also) | furrow_segment_free(s), 0);
}

/* CPython: _TestSharedMemory.test_shared_memory_ShareableList_basics */
Test(pylist, of_nothing)
{
    furrow_segment *s = furrow_pylist_new(name, NULL, 0, NULL);
    char format[4] = "x";
    furrow_item out;

    cr_assert_not_null(s);
    cr_assert_eq(furrow_segment_size(s), 16);
    cr_assert_eq(furrow_pylist_len(s), 0);
    cr_assert_eq(furrow_pylist_format(s, format, sizeof format), 0);
    cr_assert_str_eq(format, "");
    cr_assert_eq(furrow_pylist_get(s, 0, &out, NULL, 0), FURROW_EINVAL);
    cr_assert_eq(furrow_segment_free(s), 0);
}

/* CPython: _TestSharedMemory.test_shared_memory_SharedMemoryManager_basics */
Test(pylist, of_a_manager_goes_with_it)
{
    furrow_segments *m = furrow_segments_open();
    furrow_item item = furrow_item_int(5);
    furrow_segment *s = furrow_segments_pylist(m, &item, 1), *also;
    char held[32];

    cr_assert_not_null(s, "%s", error_text());
    snprintf(held, sizeof held, "%s", furrow_segment_name(s));
    also = furrow_segment_attach(held);
    cr_assert(is_there(also, 0, item));
    cr_assert_eq(furrow_segment_free(also), 0);
    cr_assert_eq(furrow_segments_close(m), 0);
    cr_assert_null(furrow_segment_attach(held));
    cr_assert_eq(furrow_last_error()->os_error, ENOENT);
}

static int change_by_name(void *shared)
{
    furrow_segment *s = furrow_segment_attach(shared);
    furrow_item item = furrow_item_text("changed");

    child_want(s && is_there(s, 6, furrow_item_int(42)));
    child_want(furrow_pylist_set(s, 0, &item) == 0);
    return furrow_segment_free(s) != 0;
}

/* CPython: _TestSharedMemory.test_shared_memory_ShareableList_pickling */
Test(pylist, is_changed_by_another_by_its_name)
{
    furrow_segment *s = basics();
    char *shared = fw_heap_alloc(64);
    peer p;

    memcpy(shared, name, sizeof name);
    cr_assert_eq(peer_start(&p, change_by_name, shared), 0);
    cr_assert_eq(peer_join(&p), 0);
    cr_assert(is_there(s, 0, furrow_item_text("changed")));
    cr_assert_eq(furrow_segment_free(s), 0);
}

static int change_by_handle(void *shared)
{
    furrow_item item = furrow_item_int(-1);

    child_want(is_there(shared, 6, furrow_item_int(42)));
    child_want(furrow_pylist_set(shared, 6, &item) == 0);
    return 0;
}

Test(pylist, is_changed_by_another_by_its_handle)
{
    furrow_segment *s = basics();
    peer p;

    cr_assert_eq(peer_start(&p, change_by_handle, s), 0);
    cr_assert_eq(peer_join(&p), 0);
    cr_assert(is_there(s, 6, furrow_item_int(-1)));
    cr_assert_eq(furrow_segment_free(s), 0);
}

/* What Python would not give back is refused instead of bent. */
Test(pylist, what_python_cannot_keep)
{
    furrow_segment *s = basics();
    furrow_item nul = furrow_item_bytes("ab\0", 3),
                inside = furrow_item_bytes("a\0b", 3);

    cr_assert_eq(furrow_pylist_set(s, 1, &nul), FURROW_EINVAL);
    cr_assert(is_there(s, 1, furrow_item_bytes("HoWdY", 5)));
    cr_assert_null(furrow_pylist_new(NULL, &nul, 1, NULL));
    cr_assert_eq(furrow_last_error()->code, FURROW_EINVAL);
    cr_assert_eq(furrow_pylist_set(s, 1, &inside), 0);
    cr_assert(is_there(s, 1, inside));
    cr_assert_eq(furrow_segment_free(s), 0);
}

/* ---- what is no list --------------------------------------------------------------*/

/* Every call ends well or with an error; what it gives lies within the buffer. */
static void want_harmless(furrow_segment *s)
{
    char buffer[64], format[128];
    furrow_item out, item = furrow_item_text("x");
    int64_t len = furrow_pylist_len(s);

    cr_assert(len >= 0 || len == FURROW_ECORRUPT);
    for (size_t i = 0; i < 9; i++) {
        int rc = furrow_pylist_get(s, i, &out, buffer, sizeof buffer);

        cr_assert(rc == 0 || rc == FURROW_ECORRUPT || rc == FURROW_EINVAL ||
                  rc == FURROW_ESHORT);
    }
    (void)furrow_pylist_format(s, format, sizeof format);
    (void)furrow_pylist_set(s, 3, &item);
}

Test(pylist, every_byte_of_it)
{
    furrow_segment *s = basics();
    unsigned char *p = furrow_segment_data(s), whole[512];
    size_t size = furrow_segment_size(s);

    cr_assert(size < sizeof whole);
    memcpy(whole, p, size);
    for (size_t at = 0; at < size; at++)
        for (int bit = 0; bit < 8; bit++) {
            memcpy(p, whole, size);
            p[at] = (unsigned char)(p[at] ^ 1u << bit);
            want_harmless(s);
        }
    cr_assert_eq(furrow_segment_free(s), 0);
}

static void put(unsigned char *p, size_t at, int64_t number)
{
    memcpy(p + at, &number, 8);
}

Test(pylist, forged_numbers)
{
    const int64_t numbers[] = {
        -1,      INT64_MIN, INT64_MAX, 8, 1 << 20, INT64_MAX / 8, INT64_MAX / 17,
        1 << 30, 7,         6};
    furrow_segment *s = basics();
    unsigned char *p = furrow_segment_data(s), whole[512];
    size_t size = furrow_segment_size(s);

    memcpy(whole, p, size);
    for (size_t at = 0; at < 72; at += 8)
        for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
            memcpy(p, whole, size);
            put(p, at, numbers[i]);
            want_harmless(s);
        }
    put(p, 0, -1);
    cr_assert_eq(furrow_pylist_len(s), FURROW_ECORRUPT);
    cr_assert_str_eq(furrow_last_error()->function, "furrow_pylist_len");
    cr_assert_eq(furrow_segment_free(s), 0);
}

Test(pylist, of_every_length)
{
    furrow_segment *s = basics();
    unsigned char whole[512];
    size_t size = furrow_segment_size(s);

    memcpy(whole, furrow_segment_data(s), size);
    cr_assert_eq(furrow_segment_free(s), 0);
    for (size_t n = 1; n < size; n++) {
        s = furrow_segment_new(name, n, NULL);
        memcpy(furrow_segment_data(s), whole, n);
        cr_assert_eq(furrow_pylist_len(s), FURROW_ECORRUPT, "%zu", n);
        want_harmless(s);
        cr_assert_eq(furrow_segment_free(s), 0);
    }
}

Test(pylist, formats_that_python_does_not_give)
{
    const char *formats[] = {"", "s", "9s", "-1s", "8sx", "qq", "99999999", "i", "?"};
    furrow_segment *s = basics();
    char *p = furrow_segment_data(s), buffer[64];
    size_t at = furrow_segment_size(s) - 7 * 9;
    furrow_item out;

    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        memset(p + at, 0, 8);
        memcpy(p + at, formats[i], strlen(formats[i]));
        cr_assert_eq(furrow_pylist_get(s, 0, &out, buffer, sizeof buffer),
                     FURROW_ECORRUPT, "%s", formats[i]);
    }
    cr_assert_eq(furrow_segment_free(s), 0);
}

/* Python gives a text as many bytes as it has characters, and cuts it. */
Test(pylist, a_text_that_python_has_cut)
{
    furrow_segment *s = basics();
    char *p = furrow_segment_data(s), buffer[64];
    furrow_item out;

    memcpy(p + 72, "seven..\xc3", 8);
    cr_assert_eq(furrow_pylist_get(s, 0, &out, buffer, sizeof buffer), FURROW_ECORRUPT);
    cr_assert(strstr(error_text(), "not UTF-8"), "%s", error_text());
    cr_assert_eq(furrow_segment_free(s), 0);
}

Test(pylist, cut_short)
{
    furrow_segment *s = basics();
    char path[300], buffer[64];
    furrow_item out;

    snprintf(path, sizeof path, "/dev/shm/%s", name);
    cr_assert_eq(truncate(path, 80), 0);
    cr_assert_eq(furrow_pylist_get(s, 0, &out, buffer, sizeof buffer), FURROW_ECORRUPT);
    cr_assert_eq(truncate(path, 0), 0);
    cr_assert_eq(furrow_pylist_len(s), FURROW_ECORRUPT);
    cr_assert_eq(furrow_segment_free(s), 0);
}
