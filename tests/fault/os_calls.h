/* SPDX-License-Identifier: MIT
 *
 * Which system call may fail with what, and how to make one fail.
 */
#ifndef FAULT_OS_CALLS_H
#define FAULT_OS_CALLS_H

#include <stdint.h>
#include <sys/types.h>

/* What happens at a system call. STICKY ones go on until the operation is over: a machine
 * that has no memory has none for the next call either. */
typedef enum fault {
    FAULT_KILL,
    FAULT_KILL_PARENT, /* when the new process or thread is there */
    FAULT_ENOMEM,
    FAULT_ENOMEM_STICKY,
    FAULT_EMFILE,
    FAULT_EMFILE_STICKY,
    FAULT_ENOSPC,
    FAULT_ENOSPC_STICKY,
    FAULT_EINTR,
    FAULT_EAGAIN,
    FAULT_EAGAIN_STICKY,
    FAULTS
} fault;

typedef struct os_call {
    int64_t nr;
    uint64_t arg[6];
} os_call;

const char *os_calls_fault_name(fault f);
int os_calls_is_sticky(fault f);

/* The errno that the fault makes of this call; 0 when the kernel would never answer it so.
 * 0 too for the deaths. */
int os_calls_errno(fault f, const os_call *call);

/* May the fault be injected at this call? */
int os_calls_meets(fault f, const os_call *call);

/* The thread stands at the entry of the call: let it return -error, not done. */
int os_calls_refuse(pid_t tid, const os_call *call, int error);

/* Have each system call of this process and its future children stop for a tracer, but
 * those that a child makes by the dozen and that change nothing for others. 0 or -1. */
int os_calls_announce(void);

#endif
