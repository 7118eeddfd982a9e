/* SPDX-License-Identifier: MIT
 *
 * Names in /dev/shm that must not outlive their owner.
 */
#ifndef FW_NAMES_H
#define FW_NAMES_H

#include "layout.h"

/* Note that this process is about to give the file the name. Returns an index or an error.
 * Takes the heap's lock. */
int fw_names_add(const char *name, const fw_file_id *id);

/* Unlink the name (unless it is another file's by now) and forget it. Takes the lock. */
void fw_names_remove(int index);

/* Unlink the names whose owner is gone. Needs the heap's lock. */
void fw_names_sweep(fw_heap *heap);

/* Unlink the names of one process, known to be gone. Takes the lock. */
void fw_names_orphaned(int32_t pid, uint64_t start_time);

/* Called before a process's name is added: sees to it that somebody unlinks the names of
 * this process when it is killed. shm/ starts no process: sched/guard.c defines it.
 * 0 or an error. */
int fw_names_guard(void);

#endif
