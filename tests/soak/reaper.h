/* SPDX-License-Identifier: MIT */
#ifndef SOAK_REAPER_H
#define SOAK_REAPER_H

/* Run the soak of that name in a child; 0 when it returned 0 and, within some seconds,
 * none of its processes is left, nor a name in /dev/shm that begins with "/furrow-NAME-"
 * and this process's id. */
int reaper_run(const char *name, int (*run)(double seconds), double seconds);

#endif
