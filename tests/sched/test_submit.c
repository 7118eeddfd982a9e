/* SPDX-License-Identifier: MIT
 *
 * Submissions, on a team that is none: what its supervisor does, it does when it is asked
 * for.
 */
#include "submit.h"

#include <criterion/criterion.h>

static fw_control control;
static fw_submission submission;

/* It has done the last call just now, and then it was killed. */
static int gone_after_the_call(const fw_team *team)
{
    (void)team;
    fw_store_seqcst(&submission.state, FW_SUBMISSION_DONE);
    return 1;
}

static int gone_before_the_call(const fw_team *team)
{
    (void)team;
    return 1;
}

static int wait_for(int (*gone)(const fw_team *team))
{
    const fw_start start = {.name = "none", .supervisor_gone = gone};
    fw_team team = {.control = &control, .start = &start};

    fw_store_seqcst(&submission.state, FW_SUBMISSION_RUNNING);
    return fw_submission_wait(&team, &submission, FURROW_FOREVER);
}

Test(submit, done_before_the_supervisor_was_killed)
{
    cr_assert_eq(wait_for(gone_after_the_call), 0);
}

Test(submit, not_done_before_the_supervisor_was_killed)
{
    cr_assert_eq(wait_for(gone_before_the_call), FURROW_ECLOSED);
}
