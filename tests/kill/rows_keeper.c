/* SPDX-License-Identifier: MIT
 *
 * Rows of keepers: one is born, tells how its child ended, ends a daemonic child whose parent
 * is gone, and is killed anywhere there. A daemonic child dies with its keeper, and its
 * parent is told so; another one goes on, and tells by itself how it ended.
 */
#include "rows.h"

#include "offspring.h"
#include "os.h"

static const manner daemonic = {.start = FURROW_START_FORK, .daemon = 1};
static const manner ignored = {.start = FURROW_START_FORK, .ignored = 1};
static const manner spawned = {.start = FURROW_START_SPAWN, .daemon = 1};

/* From where signals are as they are to be to where it sleeps. */
static const operation being_born = {.object = "keeper",
                                     .name = "birth",
                                     .set_up = offspring_lay,
                                     .act = offspring_act_child,
                                     .from = row_at(furrow_process_start),
                                     .forks = 2,
                                     .then = row_at(fw_os_signals_open),
                                     .to = row_at(fw_os_wait_events),
                                     .steps = 1,
                                     .survive = offspring_survive};

/* The child of one, up to its function. */
static const operation child_born = {.object = "keeper",
                                     .name = "child",
                                     .set_up = offspring_lay,
                                     .act = offspring_act_child,
                                     .from = row_at(furrow_process_start),
                                     .forks = 3,
                                     .to = row_at(offspring_run),
                                     .survive = offspring_survive};

/* From its sleep to its end. */
static const operation telling = {.object = "keeper",
                                  .name = "tell",
                                  .set_up = offspring_lay,
                                  .act = offspring_act_ends,
                                  .to = row_at(fw_os_exit),
                                  .survive = offspring_survive,
                                  .visit = offspring_visit};

static const operation ending = {.object = "keeper",
                                 .name = "end",
                                 .set_up = offspring_lay,
                                 .act = offspring_act_dies,
                                 .to = row_at(fw_os_exit),
                                 .survive = offspring_survive,
                                 .visit = offspring_visit};

static const row rows[] = {
    {.how = &being_born, .position = "daemon", .script = &daemonic},
    {.how = &being_born, .position = "ignored", .script = &ignored},
    {.how = &being_born, .position = "spawn", .script = &spawned},
    {.how = &child_born, .position = "daemon", .script = &daemonic},
    {.how = &telling, .position = "daemon", .script = &daemonic},
    {.how = &telling, .position = "ignored", .script = &ignored},
    {.how = &ending, .position = "daemon", .script = &daemonic},
    {.how = &ending, .position = "ignored", .script = &ignored},
};

const row_table keeper_rows = {rows, sizeof rows / sizeof *rows};
