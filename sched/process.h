/* SPDX-License-Identifier: MIT
 *
 * A process: its handle, and what its parent keeps of it.
 */
#ifndef FW_PROCESS_H
#define FW_PROCESS_H

#include "furrow_process.h"
#include "os.h"

#include <pthread.h>

#define FW_PROCESS_MAGIC UINT64_C(0x31636f72705f7766) /* "fw_proc1" */

enum { FW_PROCESS_NEW, FW_PROCESS_STARTING, FW_PROCESS_RUNS, FW_PROCESS_ENDED };

/* What a process is told about itself. */
typedef struct fw_identity {
    char name[FURROW_PROCESS_NAME];
    int32_t daemon;
    uint32_t key_size;
    unsigned char key[FURROW_AUTHKEY];
} fw_identity;

/* A block of the heap that is never published: it goes with its maker. Written by that
 * alone; of what others may read, all is there before they can know the handle, but `pid`,
 * which is one word. What is private to the maker is behind pointers. */
struct furrow_process {
    uint64_t magic;
    int32_t maker; /* pid, and start time */
    uint64_t maker_start;
    fw_identity is;
    furrow_start method;
    _Atomic int32_t pid;
    /* the maker's: under the lock of its children (children.h) */
    uint32_t state;
    int code;
    furrow_process_function function;
    void *arg;
    size_t size;
    struct fw_child *child; /* when it was started */
};

/* 0, or FURROW_EINVAL for what is no handle. fw_process_mine(): also FURROW_EOWNER for
 * another process's; FURROW_EINVAL for this process itself and for its parent. */
int fw_process_check(const furrow_process *p);
int fw_process_mine(const furrow_process *p);

#endif
