/* SPDX-License-Identifier: MIT
 *
 * The operating system: every system call that furrow makes, as primitives with pre- and
 * postconditions. Functions return 0 (or a value >= 0) or -errno; they do not touch the
 * error record and retry EINTR themselves.
 */
#ifndef FW_OS_H
#define FW_OS_H

#include "atomic.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* ---- memory (os_linux_memory.c) -----------------------------------------------------*/

#define FW_PAGE      ((size_t)4096)
#define FW_PAGE_MOST ((size_t)65536) /* the largest that a system has */

/* A nameless, sealed (no shrink, no grow) shared-memory file of `size` bytes of holes.
 * Returns a close-on-exec fd above the standard ones. */
int fw_os_memfd(const char *label, size_t size);

/* Map `size` bytes of fd shared and writable: at `at` and nowhere else (NULL: anywhere).
 * -EEXIST when something is there already. */
int fw_os_map(void *at, size_t size, int fd, void **out);

/* Map fd over a range that we hold already (a reservation), writable or read-only. */
int fw_os_map_over(void *at, size_t size, int fd, int writable);

/* Address space without memory: PROT_NONE, at `at` (NULL: anywhere) / over a range. */
int fw_os_reserve(void *at, size_t size, void **out);
int fw_os_reserve_over(void *at, size_t size);
void fw_os_unmap(void *at, size_t size);

int fw_os_advise_huge(void *at, size_t size);   /* huge pages where the system grants */
int fw_os_advise_nodump(void *at, size_t size); /* not into core dumps */

/* Take the memory of the range: page tables of this process included. -ENOMEM instead of
 * a later SIGBUS. `at` and `size` are widened to pages. */
int fw_os_populate(void *at, size_t size);

/* The same in huge pages where that can be had, also where the system does not grant them
 * to shared memory by itself (Linux 6.1). Range on 2 MiB. */
int fw_os_populate_huge(void *at, size_t size);

/* The range reads as zeros; the memory of whole pages of the system goes back. Page-aligned.
 * Failed: it reads as it did. */
int fw_os_punch(void *at, size_t size);

/* Bytes of the page-aligned range that have memory. */
size_t fw_os_resident(void *at, size_t size);

/* Which pages have memory: bit 0 of each byte of `there`. 0 or -errno. */
int fw_os_pages_there(void *at, size_t pages, unsigned char *there);

/* The private page of *slot, which reads as zeros in a forked child; made when there is none
 * yet. For a few slots of the program's. (os_linux_wiped.c) */
int fw_os_page_wiped_on_fork(void *_Atomic *slot, void **out);

/* A page that is shared with the children forked from now on, of zeros. NULL when there is
 * no memory. Each process unmaps its own. */
void *fw_os_page_shared(void);

/* Does the system grant huge pages to shared memory that asks for them? 1 or 0. */
int fw_os_shm_huge(void);

size_t fw_os_address_space_left(void); /* under RLIMIT_AS; SIZE_MAX when unlimited */
size_t fw_os_memory_total(void);       /* bytes of the machine; 0: not known */

/* ---- views (os_linux_view.c) --------------------------------------------------------*/

/* A second mapping of a part of a shared mapping, of this process alone and for a while:
 * what is set or counted per mapping concerns that part and nothing else. Congruent with
 * the first on 2 MiB. `at` page-aligned. */
typedef struct fw_os_view {
    char *at;
    void *room; /* the address space that it lies in */
    size_t room_size;
} fw_os_view;
int fw_os_view_open(fw_os_view *view, void *at, size_t size);
void fw_os_view_close(fw_os_view *view);

/* Map pages that have memory into this process. A hole would be filled. */
int fw_os_map_pages(void *at, size_t size);

/* Bytes of the mapping that begins at `at` that this process maps by huge pages, or
 * -errno. Takes a while: the kernel counts in all mappings of the process. */
ssize_t fw_os_mapped_huge(const void *at);

/* ---- NUMA (os_linux_numa.c) ---------------------------------------------------------*/

#define FW_OS_NODES 1024

/* From now on memory for the page-aligned range of a shared mapping is taken on `node`,
 * while that has some, whoever touches it first; what is there already stays. The rule
 * belongs to the memory and outlives this process. -EPERM (most containers), -ENOSYS,
 * -EINVAL (this process may not use the node). */
int fw_os_numa_prefer(void *at, size_t size, int node);

/* No rule any more: memory is taken where it is touched first. */
int fw_os_numa_reset(void *at, size_t size);

/* The nodes of so many pages that this process has mapped; -errno for one that it has not.
 * Returns -EPERM (most containers) or -ENOSYS when the kernel does not tell. */
int fw_os_numa_nodes(void **page, size_t count, int *node);

/* The same by other means: adds to pages[node], of FW_OS_NODES, how many pages of the
 * mapping that begins at `at` this process has mapped. As slow as fw_os_mapped_huge(). */
int fw_os_numa_count(const void *at, size_t *pages);

/* ---- files (os_linux_file.c) --------------------------------------------------------*/

/* Read at most size-1 bytes of a small file and end them with NUL. Returns how many. */
ssize_t fw_os_read_file(const char *path, char *buffer, size_t size);

/* Show each line of a file of any length, without its newline, until `see` returns
 * non-zero. Lines longer than a page are left out. (os_linux_lines.c) */
int fw_os_read_lines(const char *path, int (*see)(void *ctx, char *line), void *ctx);

/* fd moved above the standard ones and the user's (>= 64 where possible), close-on-exec.
 * Takes fd over. */
int fw_os_fd_high(int fd);
void fw_os_close(int fd);
/* To the standard error, at once. No cancellation point: callers have locks and turns. */
void fw_os_tell(const char *text);
/* Close it when another program is run. -EBADF: it is not open. */
int fw_os_fd_own(int fd);

/* May a file be so long under RLIMIT_FSIZE? Making it longer does not fail, it kills. */
int fw_os_file_may_be(size_t size);

/* Named shared memory, in two steps so that nobody ever sees a half-made one: new() has
 * its memory (-ENOSPC, not a SIGBUS) and no name, publish() gives it the name ("/x") or
 * -EEXIST. open() attaches; -EINVAL when it is no plain file, -EPERM when it is neither
 * this user's nor root's. unlink() removes the name only while it is still that file. */
typedef struct fw_file_id {
    uint64_t device, inode;
} fw_file_id;
int fw_os_shm_new(size_t size);
int fw_os_shm_publish(int fd, const char *name);
int fw_os_shm_open(const char *name, size_t *size);
int fw_os_shm_unlink(const char *name, const fw_file_id *id);

/* Another process's open file, by its number there. */
int fw_os_open_of(pid_t pid, int fd, int writable);
int fw_os_file_id(int fd, fw_file_id *id);
int64_t fw_os_size(int fd); /* bytes of an open file, or -errno */

/* ---- time and waiting (os_linux_wait.c) ---------------------------------------------*/

int64_t fw_os_now(void); /* CLOCK_MONOTONIC, nanoseconds */

/* Sleep while *word == expected, until the absolute time `until` (INT64_MAX: for ever).
 * 0 woken (or spuriously), -EAGAIN the word differs, -ETIMEDOUT, -EINTR. Works between
 * processes that share the word. */
int fw_os_futex_wait(_Atomic uint32_t *word, uint32_t expected, int64_t until);
/* Returns how many were woken. */
int fw_os_futex_wake(_Atomic uint32_t *word, int how_many);

/* ---- processors (os_linux_cpu.c) ----------------------------------------------------*/

#define FW_CPU_MAX 4096
typedef struct fw_cpuset {
    uint64_t bits[FW_CPU_MAX / 64];
} fw_cpuset;

static inline int fw_cpuset_has(const fw_cpuset *s, int cpu)
{
    return cpu >= 0 && cpu < FW_CPU_MAX && (s->bits[cpu / 64] >> (cpu % 64) & 1);
}
static inline void fw_cpuset_add(fw_cpuset *s, int cpu)
{
    s->bits[cpu / 64] |= UINT64_C(1) << (cpu % 64);
}

int fw_os_affinity(fw_cpuset *out);   /* CPUs the calling thread may run on */
int fw_os_pin(const fw_cpuset *cpus); /* bind the calling thread */
int fw_os_cpus_online(void);          /* of the machine: at least 1 */
int fw_os_cpu(void);                  /* the CPU it runs on now, or -1 */

/* ---- processes (os_linux_process.c) -------------------------------------------------*/

pid_t fw_os_pid(void);

/* fork(): the child of a threaded program may use the C library as glibc allows. All signals
 * are blocked in it, so that no handler of the program runs there, until it calls
 * fw_os_child_signals(). */
pid_t fw_os_fork(void);

/* Run errand(ctx) in a short-lived child and wait until that is gone, killed if need be
 * after so many seconds. What it did is for shared memory to tell: its status may go to
 * someone else's wait(). Not async-signal-safe. (os_linux_errand.c) */
int fw_os_errand(void (*errand)(void *ctx), void *ctx, unsigned seconds);

/* The kernel's identity of a process: pid and start time (clock ticks after boot). */
int fw_os_start_time(pid_t pid, uint64_t *ticks);

int fw_os_pidfd_open(pid_t pid); /* close-on-exec, high */
int fw_os_pidfd_signal(int pidfd, int signal);
int fw_os_pidfd_dead(int pidfd); /* 1: the whole process is gone; 0: not */
int fw_os_pidfd_wait(int pidfd, int64_t until); /* 0 when gone, -ETIMEDOUT */

/* Is the process of that pid and start time (0: not known) gone for certain? A zombie is;
 * a stopped one is not. */
int fw_os_process_gone(pid_t pid, uint64_t ticks);

/* Is there no thread of that number, in any process? */
int fw_os_thread_gone(pid_t tid);

/* The calling thread's number, and the process of any thread's; 0: not known.
 * (os_linux_thread.c) */
pid_t fw_os_thread(void);
pid_t fw_os_thread_process(pid_t tid);

/* SIGKILL to this process when the thread that forked it ends; -ESRCH when the parent is
 * not `parent` any more. */
int fw_os_die_with(pid_t parent);
int fw_os_outlive_parent(void); /* not any more: 0, or -errno where both are refused */

/* For a process that watches others: block SIGCHLD and SIGUSR1 and get an fd that tells of
 * them. wait_events() sleeps until a signal came, the process of pidfd (-1: none) is gone,
 * or `until`; returns a set of FW_EVENT_. */
enum { FW_EVENT_SIGNAL = 1, FW_EVENT_GONE = 2 };
int fw_os_signals_open(void);
int fw_os_wait_events(int signals, int pidfd, int64_t until);

/* A child that has ended, all its threads included: its pid and wait status, or 0. */
pid_t fw_os_reap(int *status);

/* Wait for one child that ends soon; it may have been taken by another wait() already. */
void fw_os_wait_child(pid_t pid);

void fw_os_kill(pid_t pid);            /* SIGKILL to a child of ours */
void fw_os_signal_process(pid_t pid);  /* SIGUSR1 */
void fw_os_set_name(const char *name); /* of this thread, at most 15 characters */

/* End the process without running the atexit handlers that it was forked with. */
_Noreturn void fw_os_exit(int status);

/* From now on exit() in this process flushes its standard streams and ends it, without
 * the atexit handlers that it was forked with. What is buffered now is forgotten. */
void fw_os_child_exit(void);

/* In a fresh child: default signal handlers, nothing blocked; when `quiet`, what a terminal,
 * a user or a batch system sends to end or to tell a program (SIGHUP, SIGINT, SIGQUIT,
 * SIGTERM, SIGUSR1, SIGUSR2) is ignored: what that means is up to the program. And no
 * fds but 0, 1, 2 and `keep` (-1: none). */
void fw_os_child_signals(int quiet);
void fw_os_child_close_fds(int keep);

/* Into a process group of its own: signals to the group it came from, such as those of a
 * terminal or a batch system, do not meet it. */
void fw_os_own_group(void);

/* How readily the OOM killer takes this process, 0 .. 1000. Returns the old value. */
int fw_os_oom_score(int score);

/* ---- children (os_linux_child.c) ----------------------------------------------------*/

/* How a process ended: its exit status, or the negative number of the signal that killed
 * it. Of a child of ours by pid (when pidfd is negative) or pidfd, which it is released
 * by; with a pidfd, on Linux 6.15, also of a process that someone else has released.
 * -EAGAIN: it has not ended; -ECHILD: nobody knows any more. */
int fw_os_ended(pid_t pid, int pidfd, int *code);

/* Does this process ask the kernel to release its children unseen? */
int fw_os_children_ignored(void);

int fw_os_signal(pid_t pid, int signal);

/* The standard input reads as empty from now on. */
void fw_os_child_stdin(void);

/* Another program in the place of this one, with 0, 1, 2 and the fds in `keep` (-1: none)
 * under their numbers and no others. Async-signal-safe. Returns -errno. */
int fw_os_exec(const char *path, char *const argv[], char *const env[],
               const int keep[2]);

/* Close all fds but 0, 1, 2 and these (-1: none); sorts them. */
void fw_os_child_keep(int *keep, int count);

/* From now on exit() in this process calls leave(status), and nothing that was noted with
 * atexit() before. */
void fw_os_child_leave(void (*leave)(int status));
void fw_os_flush(int all); /* the standard streams, or all */

int fw_os_code(int status); /* of a wait status, as by fw_os_ended() */
int fw_os_threads(void);    /* of this process; 0: not known */
int fw_os_random(void *bytes, size_t size);

/* ---- lines (os_linux_line.c) --------------------------------------------------------*/

/* Two ends, of bytes in order and of fds that are passed along; close-on-exec, high. */
int fw_os_line(int end[2]);

/* All of it, with an fd when that is not negative. -EPIPE when nobody has the other end. A
 * lack of memory is waited out for a moment, here and in recv(). */
int fw_os_line_send(int line, const void *bytes, size_t size, int fd);

/* What came with bytes: an fd, or -1; and who sent them, by the kernel's word, at an end that
 * knows its senders, or 0. */
typedef struct fw_os_along {
    int fd;
    pid_t from;
} fw_os_along;

/* Exactly so many bytes, and what came with them (may be NULL). -EPIPE at the end,
 * -ETIMEDOUT: what came until then is lost. After an error with->fd is -1. */
int fw_os_line_recv(int line, void *bytes, size_t size, fw_os_along *with,
                    int64_t until);

/* Who sends is told from now on to whoever has this end. */
int fw_os_line_know_senders(int line);

/* So many bytes can be taken at once. */
size_t fw_os_line_waiting(int line);

/* Take one byte, whatever it is, also when there is no memory at all. 0, -EPIPE, -ETIMEDOUT. */
int fw_os_line_await(int line, int64_t until);

/* Nothing more is said over the line, in either direction, whoever has a copy of an end; what
 * was said before can be heard. It cannot fail. */
void fw_os_line_end(int line);

/* Which of so many fds (at most 4; -1: none) have something to be had, the end included? A
 * set of bits; 0: none until `until`. */
enum { FW_READABLE_MAX = 4 };
unsigned fw_os_readable(const int *fd, int count, int64_t until);

/* ---- regular files (os_linux_regular.c) ---------------------------------------------*/

/* Returns an fd and the file's size; -EINVAL when it is not a regular file. */
int fw_os_regular_open(const char *path, int writable, size_t *size);

/* Returns how many bytes: less than `size` only at the end of the file. */
ssize_t fw_os_regular_read(int fd, void *buffer, size_t size, size_t offset);

/* A file that appears, or replaces one, only when it is complete. open() makes a new file
 * beside `path` (-EINVAL: something other than a regular file is there); close(0) renames
 * it, close(-errno) removes it; its result is `rc` or the error that came up now. */
typedef struct fw_os_target {
    int fd;
    int mode; /* of the file that is there, or -1 */
    char path[4096], part[4096];
} fw_os_target;
int fw_os_target_open(fw_os_target *t, const char *path);
int fw_os_target_write(const fw_os_target *t, const void *buffer, size_t size);
int fw_os_target_close(fw_os_target *t, int rc);

#endif
