/* SPDX-License-Identifier: MIT
 *
 * System calls and their plausible failures.
 *
 * A kernel that injects nonsense tests nothing: open() of a file in /sys is never
 * interrupted, and close() that was not done would be a leak of ours. The table names, per
 * call, what Linux does answer.
 */
#include "os_calls.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_clone3
#define SYS_clone3 435
#endif
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

/* What a call may answer. */
enum { MEM = 1, FILES = 2, SPACE = 4, INTR = 8, AGAIN = 16 };

typedef struct row {
    int64_t nr;
    unsigned may;
    int (*when)(const os_call *call, unsigned kind); /* NULL: always */
} row;

static int opens(const os_call *c, unsigned kind)
{
    return kind != SPACE || c->arg[2] & (O_CREAT | O_TMPFILE);
}

static int duplicates(const os_call *c, unsigned kind)
{
    (void)kind;
    return c->arg[1] == F_DUPFD || c->arg[1] == F_DUPFD_CLOEXEC;
}

static int sleeps(const os_call *c, unsigned kind)
{
    int op = (int)c->arg[1] & FUTEX_CMD_MASK;

    (void)kind;
    return op == FUTEX_WAIT || op == FUTEX_WAIT_BITSET;
}

static int waits(const os_call *c, unsigned kind)
{
    (void)kind;
    return !(c->arg[2] & WNOHANG);
}

/* What does not wait can be told to come again; what waits can be interrupted. */
static int by_flags(uint64_t flags, unsigned kind)
{
    if (kind == AGAIN)
        return (flags & MSG_DONTWAIT) != 0;
    return kind != INTR || !(flags & MSG_DONTWAIT);
}

static int messages(const os_call *c, unsigned kind)
{
    return by_flags(c->arg[2], kind);
}

static int receives(const os_call *c, unsigned kind)
{
    return by_flags(c->arg[3], kind);
}

/* Taking and giving back memory can be interrupted or told to come again; advice cannot. */
static int works_long(const os_call *c, unsigned kind)
{
    int advice = (int)c->arg[2];

    if (kind == MEM)
        return advice != MADV_REMOVE;
    return advice == MADV_REMOVE || advice == MADV_COLLAPSE ||
           (advice >= MADV_POPULATE_READ && advice < MADV_COLLAPSE);
}

/* brk(0) asks for nothing. */
static int grows(const os_call *c, unsigned kind)
{
    (void)kind;
    return c->arg[0] != 0;
}

static const row rows[] = {
    {SYS_openat, MEM | FILES | SPACE, opens},
    {SYS_memfd_create, MEM | FILES, NULL},
    {SYS_pidfd_open, MEM | FILES, NULL},
    {SYS_signalfd4, MEM | FILES, NULL},
    {SYS_eventfd2, MEM | FILES, NULL},
    {SYS_pipe2, MEM | FILES, NULL},
    {SYS_socket, MEM | FILES, NULL},
    {SYS_socketpair, MEM | FILES, NULL},
    {SYS_bind, MEM, NULL},
    {SYS_connect, INTR, NULL},
    {SYS_accept4, MEM | FILES | AGAIN, NULL},
    {SYS_sendmsg, MEM | INTR | AGAIN, messages},
    {SYS_recvmsg, MEM | AGAIN, messages},
    {SYS_recvfrom, MEM | INTR | AGAIN, receives},
    {SYS_writev, INTR, NULL},
    {SYS_fcntl, FILES, duplicates},
    {SYS_ftruncate, SPACE, NULL},
    {SYS_fallocate, SPACE | INTR | MEM, NULL},
    {SYS_write, SPACE, NULL},
    {SYS_pwrite64, SPACE, NULL},
    {SYS_linkat, SPACE | MEM, NULL},
    {SYS_mmap, MEM, NULL},
    {SYS_mremap, MEM, NULL},
    {SYS_munmap, MEM, NULL},
    {SYS_mprotect, MEM, NULL},
    {SYS_brk, MEM, grows},
    {SYS_madvise, MEM | INTR | AGAIN, works_long},
    {SYS_mincore, AGAIN, NULL},
    {SYS_mbind, MEM, NULL},
    {SYS_clone, MEM | AGAIN, NULL},
    {SYS_clone3, MEM | AGAIN, NULL},
    {SYS_futex, INTR | AGAIN, sleeps},
    {SYS_ppoll, INTR, NULL},
    {SYS_wait4, INTR, waits},
    {SYS_clock_nanosleep, INTR, NULL},
    {SYS_newfstatat, MEM, NULL},
#ifdef SYS_open /* older architectures have them beside those above */
    {SYS_poll, INTR, NULL},
    {SYS_fork, MEM | AGAIN, NULL},
    {SYS_vfork, MEM | AGAIN, NULL},
    {SYS_pipe, MEM | FILES, NULL},
#endif
};

static const struct {
    const char *name;
    unsigned bit;
    int error, sticky;
} of[FAULTS] = {
    [FAULT_KILL] = {"SIGKILL", 0, 0, 0},
    [FAULT_KILL_PARENT] = {"SIGKILL*", 0, 0, 0},
    [FAULT_ENOMEM] = {"ENOMEM", MEM, ENOMEM, 0},
    [FAULT_ENOMEM_STICKY] = {"ENOMEM+", MEM, ENOMEM, 1},
    [FAULT_EMFILE] = {"EMFILE", FILES, EMFILE, 0},
    [FAULT_EMFILE_STICKY] = {"EMFILE+", FILES, EMFILE, 1},
    [FAULT_ENOSPC] = {"ENOSPC", SPACE, ENOSPC, 0},
    [FAULT_ENOSPC_STICKY] = {"ENOSPC+", SPACE, ENOSPC, 1},
    [FAULT_EINTR] = {"EINTR", INTR, EINTR, 0},
    [FAULT_EAGAIN] = {"EAGAIN", AGAIN, EAGAIN, 0},
    [FAULT_EAGAIN_STICKY] = {"EAGAIN+", AGAIN, EAGAIN, 1},
};

const char *os_calls_fault_name(fault f)
{
    return of[f].name;
}

int os_calls_is_sticky(fault f)
{
    return of[f].sticky;
}

/* What is repeated on EAGAIN would be so for ever: sticky, it is for new processes only. */
static int repeats(fault f, int64_t nr)
{
    static const int64_t again[] = {SYS_futex,   SYS_madvise, SYS_accept4,
                                    SYS_sendmsg, SYS_recvmsg, SYS_recvfrom};

    for (size_t i = 0; i < sizeof again / sizeof *again; i++)
        if (f == FAULT_EAGAIN_STICKY && nr == again[i])
            return 1;
    return 0;
}

int os_calls_errno(fault f, const os_call *call)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const row *r = &rows[i];

        if (r->nr == call->nr && r->may & of[f].bit && !repeats(f, call->nr))
            return !r->when || r->when(call, of[f].bit) ? of[f].error : 0;
    }
    return 0;
}

int os_calls_meets(fault f, const os_call *call)
{
    if (f == FAULT_KILL_PARENT)
        return os_calls_errno(FAULT_EAGAIN_STICKY, call) != 0;
    return f == FAULT_KILL || os_calls_errno(f, call) != 0;
}

/* ---- the entry of a call ------------------------------------------------------------*/

#if defined __x86_64__
static int set_result(pid_t tid, int error)
{
    size_t number = offsetof(struct user_regs_struct, orig_rax);
    size_t result = offsetof(struct user_regs_struct, rax);

    return ptrace(PTRACE_POKEUSER, tid, number, -1L) ||
           ptrace(PTRACE_POKEUSER, tid, result, -(long)error);
}
#elif defined __aarch64__
static int set_register(pid_t tid, int number, unsigned long value)
{
    struct user_regs_struct regs;
    struct iovec io = {&regs, sizeof regs};

    if (ptrace(PTRACE_GETREGSET, tid, NT_PRSTATUS, &io) != 0)
        return -1;
    regs.regs[number] = value;
    return (int)ptrace(PTRACE_SETREGSET, tid, NT_PRSTATUS, &io);
}

static int set_result(pid_t tid, int error)
{
    int none = -1;
    struct iovec io = {&none, sizeof none};

    return ptrace(PTRACE_SETREGSET, tid, NT_ARM_SYSTEM_CALL, &io) ||
           set_register(tid, 0, (unsigned long)-(long)error);
}
#else
#error "how does a tracer refuse a system call here?"
#endif

int os_calls_refuse(pid_t tid, const os_call *call, int error)
{
    /* brk() says no by answering an end that is lower than the one asked for. */
    return set_result(tid, call->nr == SYS_brk ? 0 : error);
}

int os_calls_announce(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rt_sigaction, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    struct sock_fprog program = {sizeof filter / sizeof *filter, filter};

    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
                   prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0
               ? -1
               : 0;
}
