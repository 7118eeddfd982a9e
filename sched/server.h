/* SPDX-License-Identifier: MIT
 *
 * The server of start method forkserver.
 */
#ifndef FW_SERVER_H
#define FW_SERVER_H

#include "boot.h"

/* The server's life: forks what is asked for over the line `control`. */
_Noreturn void fw_server_run(int control, const fw_boot *boot,
                             fw_entry_function preload);

/* What is asked of it. */
enum {
    FW_SERVE_CHILD,  /* a process */
    FW_SERVE_DAEMON, /* one that ends with the server */
    FW_SERVE_NURSERY /* of a pool */
};

/* In the program: ask its server, run first where there is none, to fork something that has
 * `theirs` for its line. 0, FW_BIRTH_AGAIN (the server was killed), or an error; *asked gets
 * the server's number. When the line has ended: was it the server that was killed, not what
 * it forked? */
int fw_server_ask(int what, int theirs, unsigned *asked);
int fw_server_was_killed(unsigned asked);

/* In the program: have one run (0, or an error); let it end; in a forked child, which has
 * none, close what is the parent's. */
int fw_server_ready(void);
void fw_server_stop(void);
void fw_server_forget(void);

#endif
