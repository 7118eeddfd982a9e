/* SPDX-License-Identifier: MIT
 *
 * Start methods: one small table each.
 */
#ifndef FW_START_H
#define FW_START_H

struct fw_team;

typedef struct fw_start {
    const char *name;
    int processes; /* members can be killed, and are replaced when they die */

    /* Have the nursery begin: its pid, with its pidfd in the team; or an error. NULL where
     * there is none. */
    int (*nursery)(struct fw_team *team);

    /* Start all members and whatever watches them; returns when all are up. */
    int (*open)(struct fw_team *team);

    /* Tell the supervisor that there is something to do. From any member, or the opener. */
    void (*notify)(struct fw_team *team);

    /* Is the supervisor gone? Then nothing is watched or replaced any more. */
    int (*supervisor_gone)(const struct fw_team *team);

    /* control->stop is set: wait until all members have ended. */
    void (*close)(struct fw_team *team);

    /* Nobody looks at the team any more: clean up. */
    void (*clean_up)(struct fw_team *team);
} fw_start;

extern const fw_start fw_start_fork, fw_start_thread, fw_start_spawn,
    fw_start_forkserver;

/* start_anew.c: `nursery` of spawn and forkserver. */
int fw_start_spawned(struct fw_team *team);
int fw_start_served(struct fw_team *team);

#endif
