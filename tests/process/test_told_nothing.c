/* SPDX-License-Identifier: MIT
 *
 * A program that was run anew, and whose parent is killed before it has said what is to be
 * run, ends, though a copy of the parent's end of the line lives on.
 */
#include "procs.h"

#include "anew.h"
#include "boot.h"
#include "segment.h"

#include <errno.h>

typedef struct told {
    int line[2], role;
} told;

static int run_and_say_nothing(void *arg)
{
    const told *t = arg;
    fw_anew a = {.what = "a program", .line = t->line[0], .pidfd = -1};

    child_want(fw_anew_run(&a, t->role, t->line[1], NULL) > 0);
    raise(SIGKILL);
    return 0;
}

/* We have the parent's end, and the other end ends with the program. */
static void ends(int role)
{
    left_mark before = left_now_with_heap();
    told t = {.role = role};
    fw_word word;
    int rc;

    cr_assert_eq(fw_os_line(t.line), 0);
    cr_assert_eq(child_run(run_and_say_nothing, &t), CHILD_SIGNAL + SIGKILL);
    fw_os_close(t.line[1]);
    while ((rc = fw_line_hear(t.line[0], &word, NULL, fw_os_now() + 10000000000)) == 0)
        cr_assert(word.kind != FW_LINE_UP);
    cr_assert_eq(rc, -EPIPE, "%d", rc);
    fw_os_close(t.line[0]);
    cr_assert_eq(left_outside(&before, 5), 0);
}

Test(told_nothing, ends_as_a_child)
{
    if (peer_anew())
        ends(FW_BOOT_CHILD);
}

Test(told_nothing, ends_as_a_server)
{
    if (peer_anew())
        ends(FW_BOOT_SERVER);
}

Test(told_nothing, ends_as_a_nursery)
{
    if (peer_anew())
        ends(FW_BOOT_NURSERY);
}
