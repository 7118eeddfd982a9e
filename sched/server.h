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

/* In the program: have one run (0, or an error); let it end; in a forked child, which has
 * none, close what is the parent's. */
int fw_server_ready(void);
void fw_server_stop(void);
void fw_server_forget(void);

#endif
