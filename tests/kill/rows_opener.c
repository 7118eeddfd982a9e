/* SPDX-License-Identifier: MIT
 *
 * Rows of the opener: his death ends the family. Nobody lives a second later, his named
 * array has no name any more, and the heap is whole for whoever shares it. His pool's
 * blocks stay in it: they go with the heap.
 */
#include "rows.h"

#include "family.h"
#include "nursery.h"
#include "place.h"
#include "reap.h"
#include "status.h"

static const operation opening = {.object = "opener",
                                  .name = "open",
                                  .set_up = family_lay,
                                  .act = family_act_opener,
                                  .from = row_at(fw_place_plan),
                                  .behind = 1,
                                  .to = row_at(fw_nursery_fork),
                                  .survive = family_survive_opener};

static const operation forking = {.object = "opener",
                                  .name = "open_fork",
                                  .set_up = family_lay,
                                  .act = family_act_opener,
                                  .from = row_at(fw_nursery_fork),
                                  .to = row_at(fw_status_new),
                                  .steps = 1,
                                  .survive = family_survive_opener};

static const operation mapping = {.object = "opener",
                                  .name = "map",
                                  .set_up = family_lay,
                                  .act = family_act_opener,
                                  .watch = family_watch,
                                  .from = row_at(family_map),
                                  .steps = 1,
                                  .survive = family_survive_opener};

static const operation submitting = {.object = "opener",
                                     .name = "map_async",
                                     .set_up = family_lay,
                                     .act = family_act_opener,
                                     .watch = family_watch,
                                     .from = row_at(furrow_map_async_sized),
                                     .survive = family_survive_opener};

static const operation scanning = {.object = "opener",
                                   .name = "scan",
                                   .set_up = family_lay,
                                   .act = family_act_opener,
                                   .watch = family_watch,
                                   .from = row_at(fw_reap_scan),
                                   .steps = 1,
                                   .survive = family_survive_opener};

static const operation fencing = {.object = "opener",
                                  .name = "fence",
                                  .set_up = family_lay,
                                  .act = family_act_opener,
                                  .watch = family_watch,
                                  .from = row_at(fw_reap_fence),
                                  .to = row_at(fw_dispatch_unlock),
                                  .steps = 1,
                                  .survive = family_survive_opener};

static const operation handing_over = {.object = "opener",
                                       .name = "hand_over",
                                       .set_up = family_lay,
                                       .act = family_act_opener,
                                       .watch = family_watch,
                                       .from = row_at(fw_dispatch_unlock),
                                       .entries = 2,
                                       .steps = 1,
                                       .survive = family_survive_opener};

static const operation closing = {.object = "opener",
                                  .name = "close",
                                  .set_up = family_lay,
                                  .act = family_act_opener,
                                  .watch = family_watch,
                                  .from = row_at(furrow_pool_close),
                                  .survive = family_survive_opener};

static const operation ending = {.object = "opener",
                                 .name = "terminate",
                                 .set_up = family_lay,
                                 .act = family_act_terminator,
                                 .watch = family_watch,
                                 .from = row_at(furrow_pool_terminate),
                                 .survive = family_survive_opener};

static const script waits = {
    .victim = -1, .chunks = 6, .pinned = 1, .hold = HOLD_TO_RELIEF};
static const script runs = {.victim = -1,
                            .chunks = 6,
                            .pinned = 1,
                            .flags = FURROW_CALLER_RUNS,
                            .hold = HOLD_TO_MEET};
static const script queues = {
    .victim = -1, .chunks = 6, .pinned = 1, .async = 1, .hold = HOLD_TO_RELIEF};
static const script death = {
    .victim = -1, .chunks = 3, .pinned = 1, .dier = 3, .hold = HOLD_TO_MEET};
static const script plain = {.victim = -1, .chunks = 6, .pinned = 1};
static const script before = {
    .victim = -1, .chunks = 6, .pinned = 1, .thread = 1, .hold = HOLD_TO_TURN};
static const script behind = {.victim = -1, .chunks = 6, .pinned = 1, .thread = 2};

static const row rows[] = {
    {&opening, "", .script = &plain, .points = 40},
    {&forking, "", .script = &plain},
    {&mapping, "waits", .script = &waits, .points = 24},
    {&mapping, "caller_runs", .script = &runs},
    {&submitting, "", .script = &queues},
    {&scanning, "torn", .script = &death},
    {&fencing, "torn", .script = &death},
    {&mapping, "turn_taken", .script = &behind},
    {&handing_over, "contended", .script = &before},
    {&closing, "", .script = &plain},
    {&ending, "", .script = &plain},
};

const row_table opener_rows = {rows, sizeof rows / sizeof *rows};
