/* SPDX-License-Identifier: MIT
 *
 * A world: one process that makes a row's heap and object afresh, and one death in it.
 */
#ifndef KILL_WORLD_H
#define KILL_WORLD_H

#include "row.h"
#include "trail.h"

typedef enum world_mode {
    WORLD_PROFILE, /* nobody dies: the window's trail is taken, and after each change */
                   /* the heap must be whole */
    WORLD_KILL,    /* the victim dies at its place */
    WORLD_STOP     /* it is stopped there, for as long as a visitor tries */
} world_mode;

enum { WORLD_DEATHS = 3, WORLD_LOST = 99 };

typedef struct world {
    const row *row;
    scene *scene; /* shared with the judge */
    trail *trail; /* likewise: of the last victim's window; profile writes it */
    world_mode mode;
    int earlier;                     /* so many died before the last victim, each at */
    trail_place place[WORLD_DEATHS]; /* its place; the last one's is behind them */
} world;

/* Run it in a process of its own, under a deadline. 0: all is as promised; 1: it is not,
 * and scene->text says what; 77: there is no ptrace here; WORLD_LOST: somebody else, such
 * as the OOM killer, has killed the world itself. */
int world_run(world *w);

#endif
