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
    WORLD_KILL,    /* the victim dies after `point` steps */
    WORLD_STOP     /* it is stopped there, for as long as a visitor tries */
} world_mode;

typedef struct world {
    const row *row;
    scene *scene; /* shared with the judge */
    trail *trail; /* likewise: profile writes it, the others read it */
    world_mode mode;
    long point;
} world;

/* Run it in a process of its own, under a deadline. 0: all is as promised; 1: it is not,
 * and scene->text says what; 77: there is no ptrace here. */
int world_run(world *w);

#endif
