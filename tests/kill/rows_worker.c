/* SPDX-License-Identifier: MIT
 *
 * Rows of a worker: a generation as it sees it, from its sleep to its sleep. The pool's
 * workers share one CPU, so none of them spins.
 *
 * Windows are found by steps: others live meanwhile, and it is not the same each time.
 */
#include "rows.h"

#include "family.h"
#include "idle.h"

/* park, sleep, be woken */
static const operation sleeping = {.object = "worker",
                                   .name = "sleep",
                                   .set_up = family_lay,
                                   .act = family_act_worker,
                                   .watch = family_watch,
                                   .from = row_at(fw_idle_wait),
                                   .waits = 1,
                                   .steps = 1,
                                   .survive = family_survive,
                                   .visit = family_visit};

/* wake two others, announce, validate, learn the job, install, claim, mark STARTED */
static const operation entering = {.object = "worker",
                                   .name = "enter",
                                   .set_up = family_lay,
                                   .act = family_act_worker,
                                   .watch = family_watch,
                                   .from = row_at(fw_idle_wait),
                                   .behind = 1,
                                   .to = row_at(family_kernel_begins),
                                   .waits = 1,
                                   .steps = 1,
                                   .survive = family_survive,
                                   .visit = family_visit};

/* The same, where it finds nothing to do, or somebody else may take it first. */
static const operation entering_late = {.object = "worker",
                                        .name = "enter",
                                        .set_up = family_lay,
                                        .act = family_act_worker,
                                        .watch = family_watch,
                                        .from = row_at(fw_idle_wait),
                                        .behind = 1,
                                        .to = row_at(fw_idle_wait),
                                        .waits = 1,
                                        .steps = 1,
                                        .survive = family_survive,
                                        .visit = family_visit};

/* Stopped in it, it is ended when the call's time is over. */
static const operation being_late = {.object = "worker",
                                     .name = "first_chunk",
                                     .set_up = family_lay,
                                     .act = family_act_worker,
                                     .watch = family_watch,
                                     .from = row_at(fw_idle_wait),
                                     .behind = 1,
                                     .to = row_at(family_kernel_ends),
                                     .waits = 1,
                                     .steps = 1,
                                     .survive = family_survive,
                                     .visit = family_visit_late,
                                     .visit_ms = 90};

/* Stopped in it, it may find that its generation is over, and another one runs. */
static const operation entering_slowly = {.object = "worker",
                                          .name = "enter",
                                          .set_up = family_lay,
                                          .act = family_act_worker,
                                          .watch = family_watch,
                                          .from = row_at(fw_idle_wait),
                                          .behind = 1,
                                          .to = row_at(family_kernel_begins),
                                          .waits = 1,
                                          .steps = 1,
                                          .survive = family_survive,
                                          .visit = family_visit_next,
                                          .visit_ms = 30};

/* A generation that runs what a dead one left. */
static const operation entering_again = {.object = "worker",
                                         .name = "enter",
                                         .set_up = family_lay,
                                         .act = family_act_worker,
                                         .watch = family_watch,
                                         .from = row_at(fw_idle_wait),
                                         .to = row_at(family_kernel_begins),
                                         .waits = 1,
                                         .steps = 1,
                                         .survive = family_survive,
                                         .visit = family_visit};

static const operation working = {.object = "worker",
                                  .name = "kernel",
                                  .set_up = family_lay,
                                  .act = family_act_worker,
                                  .watch = family_watch,
                                  .from = row_at(family_kernel_begins),
                                  .to = row_at(family_kernel_ends),
                                  .steps = 1,
                                  .survive = family_survive,
                                  .visit = family_visit};

/* mark DONE, claim or steal the next chunk, mark it STARTED; after so many chunks */
static const operation next_after_1 = {.object = "worker",
                                       .name = "next",
                                       .set_up = family_lay,
                                       .act = family_act_worker,
                                       .watch = family_watch,
                                       .from = row_at(family_kernel_ends),
                                       .to = row_at(family_kernel_begins),
                                       .entries = 1,
                                       .steps = 1,
                                       .survive = family_survive,
                                       .visit = family_visit};

static const operation next_after_2 = {.object = "worker",
                                       .name = "next",
                                       .set_up = family_lay,
                                       .act = family_act_worker,
                                       .watch = family_watch,
                                       .from = row_at(family_kernel_ends),
                                       .to = row_at(family_kernel_begins),
                                       .entries = 2,
                                       .steps = 1,
                                       .survive = family_survive,
                                       .visit = family_visit};

static const operation next_after_3 = {.object = "worker",
                                       .name = "next",
                                       .set_up = family_lay,
                                       .act = family_act_worker,
                                       .watch = family_watch,
                                       .from = row_at(family_kernel_ends),
                                       .to = row_at(family_kernel_begins),
                                       .entries = 3,
                                       .steps = 1,
                                       .survive = family_survive,
                                       .visit = family_visit};

static const operation next_after_4 = {.object = "worker",
                                       .name = "next",
                                       .set_up = family_lay,
                                       .act = family_act_worker,
                                       .watch = family_watch,
                                       .from = row_at(family_kernel_ends),
                                       .to = row_at(family_kernel_begins),
                                       .entries = 4,
                                       .steps = 1,
                                       .survive = family_survive,
                                       .visit = family_visit};

static const operation next_after_5 = {.object = "worker",
                                       .name = "next",
                                       .set_up = family_lay,
                                       .act = family_act_worker,
                                       .watch = family_watch,
                                       .from = row_at(family_kernel_ends),
                                       .to = row_at(family_kernel_begins),
                                       .entries = 5,
                                       .steps = 1,
                                       .survive = family_survive,
                                       .visit = family_visit};

/* mark DONE, find nothing more, leave */
static const operation leaving = {.object = "worker",
                                  .name = "leave",
                                  .set_up = family_lay,
                                  .act = family_act_worker,
                                  .watch = family_watch,
                                  .from = row_at(family_kernel_ends),
                                  .to = row_at(fw_idle_wait),
                                  .steps = 1,
                                  .survive = family_survive,
                                  .visit = family_visit};

/* all of it, with steals */
static const operation serving = {.object = "worker",
                                  .name = "generation",
                                  .set_up = family_lay,
                                  .act = family_act_worker,
                                  .watch = family_watch,
                                  .from = row_at(fw_idle_wait),
                                  .behind = 1,
                                  .to = row_at(fw_idle_wait),
                                  .waits = 1,
                                  .steps = 1,
                                  .survive = family_survive,
                                  .visit = family_visit};

/* ---- scripts: worker 1 is the victim ----------------------------------------------*/

static const script idle = {
    .victim = 1, .chunks = 6, .lead = 1, .patient = 1, .hold = HOLD_TO_MEET};
static const script news = {
    .victim = 1, .chunks = 6, .lead = 1, .hold = HOLD_TO_RELIEF, .go = GO_IN_CALL};
static const script other_job = {.victim = 1,
                                 .chunks = 6,
                                 .lead = 1,
                                 .other_job = 1,
                                 .hold = HOLD_TO_RELIEF,
                                 .go = GO_IN_CALL};
static const script wakes_two = {
    .workers = 6, .victim = 1, .chunks = 6, .lead = 1, .hold = HOLD_TO_RELIEF};
static const script contended = {
    .victim = 1, .chunks = 12, .lead = 1, .hold = HOLD_TO_ARRIVAL, .go = GO_IN_CALL};
static const script closed = {
    .victim = 1, .chunks = 6, .lead = 1, .hold = HOLD_TO_ARRIVAL, .go = GO_AFTER_CALL};
static const script superseded = {.victim = 1,
                                  .chunks = 6,
                                  .lead = 1,
                                  .calls = 2,
                                  .hold = HOLD_TO_RELIEF,
                                  .go = GO_IN_NEXT};
static const script passed_by = {.victim = 1,
                                 .chunks = 6,
                                 .lead = 1,
                                 .calls = 2,
                                 .hold = HOLD_TO_STOP,
                                 .go = GO_IN_CALL};
static const script deadline = {.victim = 1,
                                .chunks = 6,
                                .lead = 1,
                                .deadline_ms = 60,
                                .hold = HOLD_TO_STOP,
                                .go = GO_IN_CALL};
static const script rerun = {.workers = 2,
                             .chunks = 6,
                             .lead = 1,
                             .dier = 2,
                             .hold = HOLD_TO_RELIEF,
                             .go = GO_AT_RERUN};

static const script first = {.victim = 1, .chunks = 6, .hold = HOLD_TO_RELIEF};
static const script own = {.victim = 1,
                           .chunks = 9,
                           .hold = HOLD_TO_RELIEF,
                           .end = 1,
                           .until = UNTIL_OTHERS_HOLD};
static const script own_last = {.victim = 1,
                                .chunks = 9,
                                .hold = HOLD_TO_RELIEF,
                                .end = 2,
                                .until = UNTIL_OTHERS_HOLD};
static const script steal = {.victim = 1,
                             .chunks = 9,
                             .hold = HOLD_TO_RELIEF,
                             .end = 3,
                             .until = UNTIL_OTHERS_HOLD};
static const script steal_more = {.victim = 1,
                                  .chunks = 12,
                                  .hold = HOLD_TO_RELIEF,
                                  .end = 4,
                                  .until = UNTIL_OTHERS_HOLD};
static const script steal_late = {.victim = 1,
                                  .chunks = 6,
                                  .hold = HOLD_TO_RELIEF,
                                  .absent = 3,
                                  .end = 2,
                                  .until = UNTIL_OTHERS_HOLD};

static const script not_last = {.victim = 1,
                                .chunks = 3,
                                .hold = HOLD_TO_RELIEF,
                                .end = 1,
                                .until = UNTIL_OTHERS_HOLD};
static const script last = {.victim = 1,
                            .chunks = 3,
                            .hold = HOLD_TO_MEET,
                            .end = 1,
                            .until = UNTIL_OTHERS_LEFT};
static const script last_wakes = {.victim = 1,
                                  .chunks = 3,
                                  .hold = HOLD_TO_MEET,
                                  .end = 1,
                                  .until = UNTIL_DRIVER_SLEEPS};
static const script last_tells = {.victim = 1,
                                  .chunks = 3,
                                  .async = 1,
                                  .hold = HOLD_TO_MEET,
                                  .end = 1,
                                  .until = UNTIL_DRIVER_SLEEPS};
static const script caller = {
    .victim = 1, .chunks = 3, .hold = HOLD_TO_RELIEF, .flags = FURROW_CALLER_RUNS};
static const script beside_death = {.victim = 1,
                                    .chunks = 6,
                                    .hold = HOLD_TO_RELIEF,
                                    .dier = 3,
                                    .end = 1,
                                    .until = UNTIL_DEATH_KNOWN};
static const script after_death = {.victim = 1,
                                   .chunks = 3,
                                   .hold = HOLD_TO_MEET,
                                   .dier = 3,
                                   .end = 1,
                                   .until = UNTIL_DEATH_KNOWN};
static const script after_death_async = {.victim = 1,
                                         .chunks = 3,
                                         .async = 1,
                                         .hold = HOLD_TO_MEET,
                                         .dier = 3,
                                         .end = 1,
                                         .until = UNTIL_DEATH_KNOWN};
static const script steals = {
    .victim = 1, .chunks = 12, .lead = 1, .hold = HOLD_TO_RELIEF, .go = GO_IN_CALL};

static const row rows[] = {
    {&sleeping, "idle", .script = &idle},
    {&sleeping, "news", .script = &news},
    {&entering, "open", .script = &news},
    {&entering, "other_job", .script = &other_job},
    {&entering, "wakes_two", .script = &wakes_two},
    {&entering_late, "contended", .script = &contended},
    {&entering_late, "closed", .script = &closed},
    {&entering_late, "superseded", .script = &superseded},
    {&entering_slowly, "passed_by", .script = &passed_by, .points = 400},
    {&entering_again, "rerun", .script = &rerun},
    {&working, "first", .script = &first},
    {&next_after_1, "own", .script = &own},
    {&next_after_2, "own_last", .script = &own_last},
    {&next_after_3, "steal", .script = &steal},
    {&next_after_4, "steal_more", .script = &steal_more},
    {&next_after_5, "of_stolen", .script = &steal_more},
    {&next_after_3, "steal_late", .script = &steal_late},
    {&leaving, "not_last", .script = &not_last},
    {&leaving, "last", .script = &last},
    {&leaving, "last_wakes", .script = &last_wakes},
    {&leaving, "last_tells", .script = &last_tells},
    {&leaving, "caller_runs", .script = &caller},
    {&leaving, "beside_death", .script = &beside_death},
    {&leaving, "after_death", .script = &after_death},
    {&leaving, "after_death_async", .script = &after_death_async},
    {&serving, "steals", .script = &steals},
    {&being_late, "deadline", .script = &deadline},
};

const row_table worker_rows = {rows, sizeof rows / sizeof *rows};
