/* SPDX-License-Identifier: MIT
 *
 * Entry points: what is mapped already, what is found again by name in an older
 * process, and what cannot be.
 */
#include "child.h"
#include "entry.h"
#include "fixtures/late_object.h"
#include "furrow.h"

#include <criterion/criterion.h>

static fw_entry_map *now(void)
{
    fw_entry_map *map = fw_entry_map_new();

    cr_assert_not_null(map);
    return map;
}

static void own(void)
{
}

static int name_of(const fw_entry_map *map, furrow_kernel kernel, fw_entry *out)
{
    return fw_entry_name(map, (fw_entry_function)kernel, out);
}

Test(entry, what_is_mapped_needs_no_name)
{
    fw_entry_map *map = now();
    fw_entry entry;

    cr_assert_eq(fw_entry_name(map, own, &entry), 0);
    cr_assert_eq(fw_entry_name(map, (fw_entry_function)strsignal, &entry), 0);
    fw_entry_map_free(map);
    fw_entry_map_free(NULL);
}

Test(entry, loaded_before)
{
    void *object = late_open(1);
    fw_entry_map *map = now();
    fw_entry entry;

    cr_assert_not_null(object, "%s", dlerror());
    cr_assert_eq(name_of(map, late_symbol(object, "late_kernel"), &entry), 0);
    fw_entry_map_free(map);
}

Test(entry, loaded_after_has_a_name)
{
    fw_entry_map *map = now();
    void *object = late_open(1);
    furrow_kernel kernel = late_symbol(object, "late_kernel");
    fw_entry entry;

    cr_assert_eq(name_of(map, kernel, &entry), 1);
    cr_assert(strstr(entry.path, "late_kernel_1.so"), "%s", entry.path);
    cr_assert(entry.offset > 0 && entry.offset < 1 << 20);
    cr_assert_eq((furrow_kernel)fw_entry_resolve(&entry), kernel);
    fw_entry_map_free(map);
}

/* A process that is older than the object gets the name through a pipe and calls it. */
static int older(void *arg)
{
    const int *ends = arg;
    fw_entry entry;
    int (*number)(void);

    close(ends[1]);
    child_want(read(ends[0], &entry, sizeof entry) == (ssize_t)sizeof entry);
    number = (int (*)(void))fw_entry_resolve(&entry);
    child_want(number);
    return number();
}

Test(entry, is_found_by_an_older_process)
{
    fw_entry_map *map = now();
    fw_entry entry;
    int ends[2];
    pid_t pid;

    cr_assert_eq(pipe(ends), 0);
    pid = child_start(older, ends);
    (void)late_open(1);
    cr_assert_eq(name_of(map, late_symbol(late_open(2), "late_number"), &entry), 1);
    cr_assert_eq(write(ends[1], &entry, sizeof entry), (ssize_t)sizeof entry);
    cr_assert_eq(child_wait(pid), 2);
    close(ends[0]);
    close(ends[1]);
    fw_entry_map_free(map);
}

/* Another object may lie where the old one was: after an unload no file's code is
 * believed to be there, but named. */
Test(entry, after_an_unload_all_is_named)
{
    void *object = late_open(1);
    fw_entry_map *map = now();
    fw_entry entry;

    dlclose(object);
    object = late_open(2);
    cr_assert_eq(name_of(map, late_symbol(object, "late_kernel"), &entry), 1);
    cr_assert(strstr(entry.path, "late_kernel_2.so"), "%s", entry.path);
    cr_assert_eq(fw_entry_name(map, own, &entry), 1);
    cr_assert_eq(fw_entry_resolve(&entry), own, "the program itself, by its build");
    fw_entry_map_free(map);
}

Test(entry, code_without_a_file)
{
    furrow_kernel old = late_code(7), young;
    fw_entry_map *map = now();
    fw_entry entry;

    if (!old)
        cr_skip_test("no code is known for this processor");
    young = late_code(8);
    cr_assert_eq(name_of(map, old, &entry), 0);
    cr_assert_eq(name_of(map, young, &entry), FURROW_ENOTSUP);
    cr_assert(strstr(furrow_last_error()->text, "open the pool after making it"), "%s",
              furrow_last_error()->text);
    fw_entry_map_free(map);
}

Test(entry, what_cannot_be_had_is_null)
{
    fw_entry_map *map = now();
    fw_entry entry, other;

    cr_assert_eq(name_of(map, late_symbol(late_open(1), "late_kernel"), &entry), 1);
    other = entry;
    cr_assert(other.id_size > 0, "the linker gives build-ids");
    other.id[0] ^= 1;
    cr_assert_null(fw_entry_resolve(&other), "of another build");
    other = (fw_entry){.offset = 64, .path = "/nowhere/at/all.so"};
    cr_assert_null(fw_entry_resolve(&other));
    fw_entry_map_free(map);
}
