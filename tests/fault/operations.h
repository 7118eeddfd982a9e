/* SPDX-License-Identifier: MIT
 *
 * What faults are injected into: one operation of the library each, with what it needs
 * before, how its effect is checked, and how it is undone.
 */
#ifndef FAULT_OPERATIONS_H
#define FAULT_OPERATIONS_H

#include <furrow.h>

typedef struct world {
    furrow_pool *pool;
    furrow_array *a, *b;
    char name[64]; /* of shared memory */
    char path[64]; /* of a file */
    double sum;
    void *end[3]; /* connections, or a listener */
} world;

typedef struct operation {
    const char *name;
    int (*prepare)(world *w); /* 0, or it failed without any fault */
    int (*run)(world *w);     /* 0, or the library's error */
    int (*check)(world *w);   /* after success: 0 when its effect is right */
} operation;

/* A program has one table of them. */
typedef struct operation_table {
    const operation *operation;
    int count;

    /* They speak with a process beside them: what befalls that shows as the end of a file or
     * of a message, as a broken barrier, or as a deadline. */
    int have_peers;

    /* After FURROW_EDIED in a call: 0 when everything but the torn ranges is as it should be.
     * NULL: no call is made that could be torn. */
    int (*check_torn)(const world *w);
} operation_table;

extern const operation_table operations;

/* Close and free whatever the world has. 0, or an error. */
int world_end(world *w);

/* A pool, an array and a call from beginning to end. 0 when all is right. */
int world_use_library(void);

#endif
