/* SPDX-License-Identifier: MIT
 *
 * Rows of the server of start method forkserver: it is born, forks what is asked for, tells
 * how that ended, ends with its program, and is killed anywhere there; and the one who asks
 * is. Who asks gets his process, by another server if need be, and it runs once. A daemonic
 * one dies with its server.
 */
#include "rows.h"

#include "line.h"
#include "offspring.h"
#include "os.h"
#include "server.h"

#include <unistd.h>

static const manner plain = {.start = FURROW_START_FORKSERVER};
static const manner warm = {.start = FURROW_START_FORKSERVER, .warm = 1};
static const manner daemonic = {.start = FURROW_START_FORKSERVER, .daemon = 1};

/* Whoever asks: the first one has the server started. */
static const operation asking = {.object = "server",
                                 .name = "ask",
                                 .set_up = offspring_lay,
                                 .act = offspring_act_parent,
                                 .from = row_at(furrow_process_start),
                                 .survive = offspring_survive};

static const operation asking_first = {.object = "server",
                                       .name = "ask",
                                       .set_up = offspring_lay,
                                       .act = offspring_act_parent,
                                       .from = row_at(furrow_process_start),
                                       .steps = 1,
                                       .survive = offspring_survive};

static const operation stopping = {.object = "server",
                                   .name = "stop",
                                   .set_up = offspring_lay,
                                   .act = offspring_act_parent,
                                   .from = row_at(fw_server_stop),
                                   .survive = offspring_survive};

/* The server, before it runs the program, and from where that is taken over. */
static const operation before_program = {.object = "server",
                                         .name = "exec",
                                         .set_up = offspring_lay,
                                         .act = offspring_act_child,
                                         .from = row_at(furrow_process_start),
                                         .forks = 2,
                                         .to = row_at(execve),
                                         .survive = offspring_survive};

static const operation in_program = {.object = "server",
                                     .name = "boot",
                                     .set_up = offspring_lay,
                                     .act = offspring_act_child,
                                     .from = row_at(furrow_process_start),
                                     .forks = 2,
                                     .runs = 1,
                                     .then = row_at(furrow_init),
                                     .to = row_at(fw_os_readable),
                                     .survive = offspring_survive};

/* From its sleep to its sleep. */
static const operation serving = {.object = "server",
                                  .name = "fork",
                                  .set_up = offspring_lay,
                                  .act = offspring_act_starts,
                                  .to = row_at(fw_os_readable),
                                  .steps = 1,
                                  .survive = offspring_survive,
                                  .visit = offspring_visit};

static const operation telling = {.object = "server",
                                  .name = "tell",
                                  .set_up = offspring_lay,
                                  .act = offspring_act_ends,
                                  .to = row_at(fw_os_readable),
                                  .steps = 1,
                                  .survive = offspring_survive,
                                  .visit = offspring_visit};

static const operation ending = {.object = "server",
                                 .name = "end",
                                 .set_up = offspring_lay,
                                 .act = offspring_act_dies,
                                 .to = row_at(fw_os_exit),
                                 .survive = offspring_survive,
                                 .visit = offspring_visit};

/* What it forks, up to its function. */
static const operation child_born = {.object = "server",
                                     .name = "child",
                                     .set_up = offspring_lay,
                                     .act = offspring_act_starts,
                                     .from = row_at(fw_line_hear),
                                     .forks = 1,
                                     .to = row_at(offspring_run),
                                     .survive = offspring_survive};

static const row rows[] = {
    {.how = &asking, .position = "there", .script = &warm},
    {.how = &asking_first, .position = "none_yet", .script = &plain, .points = 64},
    {.how = &stopping, .position = "idle", .script = &warm},
    {.how = &before_program, .position = "first", .script = &plain},
    {.how = &in_program, .position = "first", .script = &plain},
    {.how = &serving, .position = "plain", .script = &plain},
    {.how = &serving, .position = "daemon", .script = &daemonic},
    {.how = &telling, .position = "plain", .script = &plain},
    {.how = &telling, .position = "daemon", .script = &daemonic},
    {.how = &ending, .position = "plain", .script = &plain},
    {.how = &ending, .position = "daemon", .script = &daemonic},
    {.how = &child_born, .position = "plain", .script = &plain},
    {.how = &child_born, .position = "daemon", .script = &daemonic},
};

const row_table server_rows = {rows, sizeof rows / sizeof *rows};
