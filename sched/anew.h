/* SPDX-License-Identifier: MIT
 *
 * This program anew, as a process that is not our child: the server of forkserver, the
 * nursery of a pool.
 */
#ifndef FW_ANEW_H
#define FW_ANEW_H

#include "line.h"

typedef struct fw_anew {
    const char *what; /* it is, in sentences */
    int line;         /* our end */
    int pidfd;        /* its, or -1 */
    unsigned asked;   /* which server it comes from */
} fw_anew;

/* Have it run, with `theirs` for its end of the line: its pid, with its pidfd in *a; or an
 * error. What it is to do it hears over the line. */
int fw_anew_run(fw_anew *a, int role, int theirs, _Atomic uint32_t *pid_word);

/* Wait for its word UP; an fd that comes with it in *fd, or -1. What it says of a failure is
 * this thread's error then; FURROW_EDIED when it ends before. */
int fw_anew_hear_up(const fw_anew *a, fw_word *word, int *fd);

#endif
