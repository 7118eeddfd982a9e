/* SPDX-License-Identifier: MIT
 *
 * Segments and lists between us and Python: once, for no start method of ours matters.
 * Skipped where there is no python3.
 */
#include "left.h"
#include "pylists.h"

#include <criterion/criterion.h>

static const char *error_text(void)
{
    return furrow_last_error()->text;
}

static char name[64];

static int python(const char *script)
{
    char command[4096];
    int status;

    setenv("NAME", name, 1);
    snprintf(command, sizeof command, "python3 -W ignore -c '%s' 2>/dev/null", script);
    status = system(command);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Python's own tracker takes what it attaches for its own unless told otherwise. */
#define ATTACH                                                                         \
    "import os\n"                                                                      \
    "from multiprocessing import shared_memory as sm, resource_tracker as rt\n"        \
    "def mine(o):\n"                                                                   \
    "    rt.unregister(getattr(o, \"shm\", o)._name, \"shared_memory\")\n"             \
    "    return o\n"                                                                   \
    "N = os.environ[\"NAME\"]\n"

static void set_up(void)
{
    const char *start = getenv("FURROW_START");

    if (start && strcmp(start, "fork") != 0)
        cr_skip_test("run once, under fork");
    (void)fw_segment_get();
    snprintf(name, sizeof name, "%s", left_name("python") + 1);
    if (system("python3 -c 'import multiprocessing.shared_memory, sys; "
               "sys.exit(sys.version_info < (3, 9))' 2>/dev/null") != 0)
        cr_skip_test("no python3 of 3.9 or later");
}

TestSuite(python, .init = set_up);

/* CPython: _TestSharedMemory.test_shared_memory_across_processes (fork) */
Test(python, attaches_a_segment_of_ours)
{
    furrow_segment *s = furrow_segment_new(name, 100, NULL);

    cr_assert_not_null(s, "%s", error_text());
    memcpy(furrow_segment_data(s), "from C", 6);
    cr_assert_eq(python(ATTACH "s = mine(sm.SharedMemory(N))\n"
                               "assert s.size == 100 and s.name == N\n"
                               "assert bytes(s.buf[:7]) == b\"from C\\0\"\n"
                               "s.buf[94:] = b\"python\"\n"
                               "s.close()\n"),
                 0);
    cr_assert_eq(memcmp((char *)furrow_segment_data(s) + 94, "python", 6), 0);
    cr_assert_eq(furrow_segment_unlink(s), 0, "it is still there");
    cr_assert_eq(furrow_segment_free(s), 0);
}

/* Python's tracker removes the name at its end: our segment does not care. */
/* CPython: _TestSharedMemory.test_shared_memory_tracking (fork) */
Test(python, that_tracks_a_segment_removes_its_name)
{
    furrow_segment *s = furrow_segment_new(name, 100, NULL);
    char path[128];
    int gone;

    cr_assert_eq(python("import os\n"
                        "from multiprocessing import shared_memory as sm\n"
                        "s = sm.SharedMemory(os.environ[\"NAME\"])\n"
                        "s.buf[0] = 77\n"
                        "s.close()\n"),
                 0);
    snprintf(path, sizeof path, "/dev/shm/%s", name);
    for (int i = 0; i < 5000 && access(path, F_OK) == 0; i++)
        left_sleep(0.001);
    gone = access(path, F_OK) != 0;
    cr_assert_eq(*(char *)furrow_segment_data(s), 77, "the bytes are there");
    cr_assert_eq(furrow_segment_unlink(s), gone ? FURROW_EOS : 0);
    cr_assert_eq(furrow_segment_free(s), 0);
}

static void make_in_python(const char *script)
{
    cr_assert_eq(python(script), 0);
}

/* CPython: _TestSharedMemory.test_shared_memory_untracking (fork) */
Test(python, makes_a_segment_that_we_attach)
{
    furrow_segment *s;

    make_in_python(ATTACH "s = mine(sm.SharedMemory(N, create=True, size=77))\n"
                          "s.buf[76] = 9\n");
    s = furrow_segment_attach(name);
    cr_assert_not_null(s, "%s", error_text());
    cr_assert_eq(furrow_segment_size(s), 77);
    cr_assert_eq(((char *)furrow_segment_data(s))[76], 9);
    ((char *)furrow_segment_data(s))[0] = 5;
    cr_assert_eq(python(ATTACH "s = mine(sm.SharedMemory(N))\nassert s.buf[0] == 5\n"),
                 0);
    cr_assert_eq(furrow_segment_free(s), 0);
    s = furrow_segment_attach(name);
    cr_assert_not_null(s, "who attached it has left it");
    cr_assert_eq(furrow_segment_unlink(s) | furrow_segment_free(s), 0);
}

/* CPython: _TestSharedMemory.test_shared_memory_ShareableList_basics (fork) */
Test(python, makes_a_list_that_we_read)
{
    furrow_segment *s;

    make_in_python(ATTACH
                   "mine(sm.ShareableList([\"howdy\", b\"HoWdY\", -273.154, 100, "
                   "None, True, False, -2**63, \"\", b\"a\\0b\"], name=N))\n");
    s = furrow_segment_attach(name);
    cr_assert_not_null(s, "%s", error_text());
    cr_assert_eq(furrow_pylist_len(s), 10);
    cr_assert(is_there(s, 0, furrow_item_text("howdy")));
    cr_assert(is_there(s, 1, furrow_item_bytes("HoWdY", 5)));
    cr_assert(is_there(s, 2, furrow_item_real(-273.154)));
    cr_assert(is_there(s, 3, furrow_item_int(100)));
    cr_assert(is_there(s, 4, furrow_item_none()));
    cr_assert(is_there(s, 5, furrow_item_bool(1)));
    cr_assert(is_there(s, 6, furrow_item_bool(0)));
    cr_assert(is_there(s, 7, furrow_item_int(INT64_MIN)));
    cr_assert(is_there(s, 8, furrow_item_text("")));
    cr_assert(is_there(s, 9, furrow_item_bytes("a\0b", 3)));
    cr_assert_eq(furrow_segment_unlink(s) | furrow_segment_free(s), 0);
}

/* CPython: _TestSharedMemory.test_shared_memory_ShareableList_basics (fork) */
Test(python, reads_a_list_of_ours)
{
    const furrow_item items[] = {furrow_item_text("\xc3\xa9t\xc3\xa9 \xe2\x82\xac"),
                                 furrow_item_bytes("\xff\xfe", 2),
                                 furrow_item_real(0.1),
                                 furrow_item_int(-5),
                                 furrow_item_none(),
                                 furrow_item_bool(1),
                                 furrow_item_bool(0)};
    furrow_segment *s = furrow_pylist_new(name, items, 7, NULL);

    cr_assert_not_null(s, "%s", error_text());
    cr_assert_eq(
        python(ATTACH
               "l = mine(sm.ShareableList(name=N))\n"
               "assert list(l) == [\"\\u00e9t\\u00e9 \\u20ac\", b\"\\xff\\xfe\", "
               "0.1, -5, None, True, False]\n"),
        0);
    cr_assert_eq(furrow_segment_free(s), 0);
}

/* CPython: _TestSharedMemory.test_shared_memory_ShareableList_pickling (fork) */
Test(python, and_we_change_each_others_items)
{
    const furrow_item items[] = {furrow_item_text("howdy"), furrow_item_int(1),
                                 furrow_item_none()};
    furrow_segment *s = furrow_pylist_new(name, items, 3, NULL);
    furrow_item item = furrow_item_text("some");

    cr_assert_eq(furrow_pylist_set(s, 2, &item), 0);
    cr_assert_eq(python(ATTACH "l = mine(sm.ShareableList(name=N))\n"
                               "assert l[2] == \"some\" and l.format == \"8sq8s\"\n"
                               "l[0] = \"longer!\"\n"
                               "l[1] = 2.5\n"
                               "l[2] = None\n"),
                 0);
    cr_assert(is_there(s, 0, furrow_item_text("longer!")));
    cr_assert(is_there(s, 1, furrow_item_real(2.5)));
    cr_assert(is_there(s, 2, furrow_item_none()));
    cr_assert_eq(furrow_segment_free(s), 0);
}
