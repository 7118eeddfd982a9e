/* SPDX-License-Identifier: MIT
 *
 * What tests say of what they leave (left.h): a check that sees too much, or nothing, is none.
 */
#include "left.h"

#include <criterion/criterion.h>
#include <fcntl.h>

static char old_one[80], new_one[80], kept[80];

/* Names of this session, at their paths. */
static void set_up(void)
{
    snprintf(old_one, sizeof old_one, "/dev/shm%s", left_name("old"));
    snprintf(new_one, sizeof new_one, "/dev/shm%s", left_name("new"));
    snprintf(kept, sizeof kept, "/dev/shm%s", left_name("kept"));
}

static void tear_down(void)
{
    unlink(old_one);
    unlink(new_one);
    unlink(kept);
}

TestSuite(left, .init = set_up, .fini = tear_down);

static void make(const char *path)
{
    int fd = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);

    cr_assert(fd >= 0);
    close(fd);
}

/* The number of this session is that of one that failed here some time ago. */
Test(left, a_name_that_was_there_before_does_not_count)
{
    left_mark before;

    make(old_one);
    before = left_now();
    cr_assert_eq(left_since(&before, 0), 0);
}

Test(left, a_name_that_came_since_counts)
{
    left_mark before;

    make(old_one);
    before = left_now();
    make(new_one);
    cr_assert_eq(left_since(&before, 0), 1);
    unlink(new_one);
    cr_assert_eq(left_since(&before, 0), 0);
}

Test(left, a_name_that_another_file_has_counts)
{
    left_mark before;

    make(old_one);
    before = left_now();
    cr_assert_eq(rename(old_one, kept), 0);
    make(old_one);
    cr_assert_eq(left_since(&before, 0), 1);
}

Test(left, a_name_of_another_session_does_not_count)
{
    left_mark before = left_now();

    snprintf(new_one, sizeof new_one, "/dev/shm/furrow-%d0-new", (int)getsid(0));
    make(new_one);
    cr_assert_eq(left_since(&before, 0), 0);
}
