/* SPDX-License-Identifier: MIT
 *
 * Rows of processes: whoever makes, starts, joins or frees one, and the one that is born,
 * by fork and by spawn (see offspring.h).
 */
#include "rows.h"

#include "offspring.h"

#include "birth.h"

#include <unistd.h>

static const manner by_fork = {.start = FURROW_START_FORK};
static const manner daemonic = {.start = FURROW_START_FORK, .daemon = 1};
static const manner lasting = {.start = FURROW_START_FORK, .daemon = 1, .lasts = 1};
static const manner by_spawn = {.start = FURROW_START_SPAWN};
static const manner by_spawn_daemonic = {.start = FURROW_START_SPAWN, .daemon = 1};

static const operation making = {.object = "process",
                                 .name = "new",
                                 .set_up = offspring_lay,
                                 .act = offspring_act_parent,
                                 .from = row_at(furrow_process_new_sized),
                                 .survive = offspring_survive,
                                 .visit = offspring_visit};

static const operation starting = {.object = "process",
                                   .name = "start",
                                   .set_up = offspring_lay,
                                   .act = offspring_act_parent,
                                   .from = row_at(furrow_process_start),
                                   .steps = 1,
                                   .survive = offspring_survive,
                                   .visit = offspring_visit};

static const operation joining = {.object = "process",
                                  .name = "join",
                                  .set_up = offspring_lay,
                                  .act = offspring_act_parent,
                                  .from = row_at(furrow_process_join),
                                  .survive = offspring_survive,
                                  .visit = offspring_visit};

static const operation freeing = {.object = "process",
                                  .name = "free",
                                  .set_up = offspring_lay,
                                  .act = offspring_act_parent,
                                  .from = row_at(furrow_process_free),
                                  .survive = offspring_survive,
                                  .visit = offspring_visit};

static const operation starting_program = {.object = "process",
                                           .name = "start",
                                           .set_up = offspring_lay,
                                           .act = offspring_act_parent,
                                           .from = row_at(furrow_process_start),
                                           .steps = 1,
                                           .survive = offspring_survive};

/* From its first instruction to its function. */
static const operation being_born = {.object = "process",
                                     .name = "birth",
                                     .set_up = offspring_lay,
                                     .act = offspring_act_child,
                                     .from = row_at(furrow_process_start),
                                     .forks = 1,
                                     .to = row_at(offspring_run),
                                     .survive = offspring_survive};

/* To where it runs the program, and from where that is taken over. */
static const operation before_program = {.object = "process",
                                         .name = "exec",
                                         .set_up = offspring_lay,
                                         .act = offspring_act_child,
                                         .from = row_at(furrow_process_start),
                                         .forks = 1,
                                         .to = row_at(execve),
                                         .survive = offspring_survive};

static const operation in_program = {.object = "process",
                                     .name = "boot",
                                     .set_up = offspring_lay,
                                     .act = offspring_act_child,
                                     .from = row_at(furrow_process_start),
                                     .forks = 1,
                                     .runs = 1,
                                     .then = row_at(furrow_init),
                                     .to = row_at(offspring_run),
                                     .survive = offspring_survive};

static const row rows[] = {
    {.how = &making, .position = "fork", .script = &by_fork},
    {.how = &starting, .position = "fork", .script = &by_fork},
    {.how = &starting, .position = "daemon", .script = &daemonic},
    {.how = &starting_program, .position = "spawn", .script = &by_spawn, .points = 64},
    {.how = &starting_program,
     .position = "spawn_daemon",
     .script = &by_spawn_daemonic,
     .points = 64},
    {.how = &joining, .position = "ended", .script = &by_fork},
    {.how = &joining, .position = "runs", .script = &lasting},
    {.how = &freeing, .position = "ended", .script = &by_fork},
    {.how = &being_born, .position = "fork", .script = &by_fork},
    {.how = &before_program, .position = "spawn", .script = &by_spawn},
    {.how = &in_program, .position = "spawn", .script = &by_spawn},
};

const row_table process_rows = {rows, sizeof rows / sizeof *rows};
