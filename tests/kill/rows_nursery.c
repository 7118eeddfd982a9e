/* SPDX-License-Identifier: MIT
 *
 * Rows of the nursery, which forks, watches and replaces the workers, and drives the
 * calls that nobody waits in. Its death is that of the pool: the opener is told, every
 * worker ends.
 */
#include "rows.h"

#include "family.h"
#include "idle.h"
#include "nursery.h"
#include "reap.h"
#include "submit.h"

/* take the call, tell its job, open its generation; then the nursery spins, or sleeps */
static const operation driving = {.object = "nursery",
                                  .name = "drive",
                                  .set_up = family_lay,
                                  .act = family_act_nursery,
                                  .watch = family_watch,
                                  .from = row_at(fw_submissions_drive),
                                  .to = row_at(fw_idle_wake),
                                  .steps = 1,
                                  .survive = family_survive_driver};

/* From a sleep in it on: join, close, tell the result. */
static const operation driving_on = {.object = "nursery",
                                     .name = "drive",
                                     .set_up = family_lay,
                                     .act = family_act_nursery,
                                     .watch = family_watch,
                                     .from = row_at(fw_os_wait_events),
                                     .behind = 1,
                                     .to = row_at(fw_os_wait_events),
                                     .steps = 1,
                                     .survive = family_survive_driver};

static const operation scanning = {.object = "nursery",
                                   .name = "scan",
                                   .set_up = family_lay,
                                   .act = family_act_nursery,
                                   .watch = family_watch,
                                   .from = row_at(fw_reap_scan),
                                   .steps = 1,
                                   .survive = family_survive_driver};

/* the torn chunk is told, the dead one's place is free */
static const operation publishing = {.object = "nursery",
                                     .name = "fence_publish",
                                     .set_up = family_lay,
                                     .act = family_act_nursery,
                                     .watch = family_watch,
                                     .from = row_at(fw_reap_fence),
                                     .to = row_at(fw_os_wait_events),
                                     .steps = 1,
                                     .survive = family_survive_driver};

static const operation reaping = {.object = "nursery",
                                  .name = "reap",
                                  .set_up = family_lay,
                                  .act = family_act_nursery,
                                  .watch = family_watch,
                                  .from = row_at(fw_os_reap),
                                  .to = row_at(fw_os_wait_events),
                                  .steps = 1,
                                  .survive = family_survive};

static const operation replacing = {.object = "nursery",
                                    .name = "replace",
                                    .set_up = family_lay,
                                    .act = family_act_nursery,
                                    .watch = family_watch,
                                    .from = row_at(fw_os_reap),
                                    .to = row_at(fw_os_wait_events),
                                    .entries = 2,
                                    .steps = 1,
                                    .survive = family_survive};

/* From its first instruction on, to the first sleep behind its workers' forks. */
static const operation opening = {.object = "nursery",
                                  .name = "spawn",
                                  .set_up = family_lay,
                                  .act = family_act_newborn,
                                  .from = row_at(fw_nursery_fork),
                                  .forks = 2,
                                  .to = row_at(fw_os_wait_events),
                                  .steps = 1,
                                  .survive = family_survive};

/* A worker from its first instruction to its first wait. */
static const operation being_born = {.object = "worker",
                                     .name = "birth",
                                     .set_up = family_lay,
                                     .act = family_act_newborn,
                                     .from = row_at(fw_nursery_fork),
                                     .forks = 3,
                                     .to = row_at(fw_idle_wait),
                                     .steps = 1,
                                     .survive = family_survive};

static const operation succeeding = {.object = "worker",
                                     .name = "birth",
                                     .set_up = family_lay,
                                     .act = family_act_successor,
                                     .watch = family_watch,
                                     .forks = 1,
                                     .to = row_at(fw_idle_wait),
                                     .steps = 1,
                                     .survive = family_survive};

static const script queued = {
    .victim = -1, .chunks = 6, .async = 1, .hold = HOLD_TO_RELIEF};
static const script queued_sleep = {
    .victim = -1, .chunks = 6, .async = 1, .hold = HOLD_TO_SLEEP};
static const script queued_death = {
    .victim = -1, .chunks = 3, .async = 1, .dier = 3, .hold = HOLD_TO_MEET};
static const script death = {
    .victim = -1, .chunks = 3, .dier = 3, .hold = HOLD_TO_MEET};
static const script idle_death = {.victim = -1, .chunks = 6, .killed = 3};
static const script opened = {.victim = -1, .chunks = 6};

static const row rows[] = {
    {&driving, "open", .script = &queued, .expect = 1},
    {&driving_on, "join", .script = &queued_sleep, .expect = 1},
    {&scanning, "torn", .script = &queued_death, .expect = 1},
    {&publishing, "torn", .script = &queued_death, .expect = 1},
    {&reaping, "idle", .script = &idle_death},
    {&reaping, "in_call", .script = &death},
    {&replacing, "after_call", .script = &death},
    {&opening, "open", .script = &opened},
    {&being_born, "open", .script = &opened},
    {&succeeding, "successor", .script = &idle_death},
};

const row_table nursery_rows = {rows, sizeof rows / sizeof *rows};
