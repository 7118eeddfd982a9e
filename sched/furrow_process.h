/* SPDX-License-Identifier: MIT
 *
 * furrow_process.h - processes (and threads) that run a function of the program.
 *
 *     static int greet(void *arg, size_t size) { puts(arg); (void)size; return 0; }
 *
 *     int main(void)
 *     {
 *         furrow_init();
 *         furrow_process *p = furrow_process_new(greet, "hello", 6, NULL);
 *         if (furrow_process_start(p) || furrow_process_join(p, FURROW_FOREVER))
 *             furrow_perror("greet");
 *         return furrow_process_free(p);
 *     }
 *
 * What a process shares with its parent lies in the heap, whatever it was started by: a
 * pointer into the heap may be among its argument bytes.
 */
#ifndef FURROW_PROCESS_H
#define FURROW_PROCESS_H

#include "furrow_sched.h"
#include "furrow_shm.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* ---- start methods ------------------------------------------------------------------
 *
 *   thread      a thread of this process. Cannot be killed; its exit code is its result.
 *   fork        a copy of this process, with one thread: that of the caller of start().
 *               What another thread had locked at that moment stays locked in the copy.
 *   spawn       the program is run anew, and furrow_init() takes it over before main()
 *               does anything: nothing is there but what the program file says, the heap,
 *               and a copy of the argument bytes.
 *   forkserver  as spawn, but forked from a small server without threads, which was run
 *               anew at the first start: as clean as spawn, nearly as quick as fork.
 */

/* The first line of main() in a program that uses spawn or forkserver. In a process that
 * was started so it runs what it was started for, and does not return. Otherwise it notes
 * that it ran, without which these two methods are refused, and returns 0. */
int furrow_init(void);

/* The method of processes and pools that do not say which: FURROW_START of the environment
 * ("fork", "thread", "spawn", "forkserver"), else what was set here, else the quickest that
 * is safe now: fork while this process has one thread; with more, forkserver when furrow_init()
 * ran or furrow_process_helper() names one, else fork, for want of anything better.
 * Children have their parent's.
 * Errors: FURROW_EINVAL (no such method), FURROW_EBUSY (it was set already, or used; with
 * `force` it may change any time, and FURROW_START_DEFAULT takes back what was set). */
int furrow_context_set(furrow_start method, int force);

/* Never FURROW_START_DEFAULT, unless `none_yet` and nothing was set or used yet. */
furrow_start furrow_context_get(int none_yet);

/* "fork", or NULL with FURROW_EINVAL. */
const char *furrow_start_name(furrow_start method);

/* Run `path` in place of the program for spawn and for the server of forkserver: one that
 * calls furrow_init() first, such as the furrow-worker that comes with furrow. It does not
 * have the program's functions: only those of shared objects can be run. NULL: the program
 * again. FURROW_HELPER of the environment sets one too.
 * Errors: FURROW_EINVAL (the path is too long). */
int furrow_process_helper(const char *path);

/* Run `preload` in the server of forkserver before it forks anything, once: what it loads
 * and computes is there in all children. From the next server on.
 * Errors: FURROW_ENOTSUP (no file backs the function), FURROW_EBUSY (the server runs). */
int furrow_process_preload(void (*preload)(void));

/* ---- a process --------------------------------------------------------------------*/

/* What runs in it; its result is the exit code (its low 8 bits, but of a thread). `arg`: a
 * copy of the bytes, aligned for any type, good until the process ends. */
typedef int (*furrow_process_function)(void *arg, size_t size);

typedef struct furrow_process furrow_process;

#define FURROW_PROCESS_NAME 64 /* bytes, with the NUL */
#define FURROW_AUTHKEY      64 /* bytes at most */

typedef struct furrow_process_options {
    const char *name; /* NULL: "Process-1", and its second child "Process-1:2" */
    int daemon;       /* ends with its parent, by whatever death of that, and has no
                         children of its own */
    furrow_start start;
} furrow_process_options;

/* A process that is not started yet; `size` bytes at `arg` are copied now. It belongs to
 * this process: only its threads may start, join or ask it (FURROW_EOWNER elsewhere), and
 * its death takes it back. Pid, name and daemon may be read by all of the family.
 * Errors: FURROW_EINVAL, FURROW_ENOMEM, FURROW_EOS (no heap can be made). */
furrow_process *furrow_process_new_sized(furrow_process_function function,
                                         const void *arg, size_t arg_size,
                                         const furrow_process_options *options,
                                         size_t size);
inline furrow_process *furrow_process_new(furrow_process_function function,
                                          const void *arg, size_t arg_size,
                                          const furrow_process_options *options)
{
    return furrow_process_new_sized(function, arg, arg_size, options, sizeof *options);
}

/* Start it. Blocks until it is about to run its function: for spawn some milliseconds. In
 * the child, standard input reads as empty, signals do what they do by default and none is
 * blocked (but of a thread). By fork it has this process's files, but those of furrow's
 * own; else 0, 1, 2 only.
 * Errors: FURROW_EOWNER, FURROW_EBUSY (it was started before), FURROW_EINVAL (this is a
 * daemonic process; furrow_init() has not run), FURROW_ENOTSUP (the function is in no
 * file), FURROW_EOS, FURROW_ENOMEM, FURROW_EDIED (it ended before it could begin): then
 * nothing of it is left, and it may be started again.
 * Death: killed before this returns, the child ends without having begun, or it has begun
 * and is an orphan as any other. */
int furrow_process_start(furrow_process *p);

/* Wait until it has ended. Blocks until the deadline.
 * Errors: FURROW_ETIME, FURROW_EOWNER, FURROW_EINVAL (not started; of itself), FURROW_ENOMEM
 * (it has ended, and its last word cannot be read now: try again). */
int furrow_process_join(furrow_process *p, furrow_deadline deadline);

/* 1: it runs; 0: not started, or it has ended. FURROW_EOWNER, FURROW_EINVAL. */
int furrow_process_is_alive(furrow_process *p);

/* *code = its exit code, or the negative number of the signal that killed it.
 * FURROW_EXIT_UNKNOWN where neither it nor the kernel can tell any more: something else
 * took its status (a server that was killed, or the program's own wait() or SIGCHLD
 * setting), on a kernel before Linux 6.15.
 * Errors: FURROW_EBUSY (it still runs), FURROW_EEMPTY (not started), FURROW_EOWNER,
 * FURROW_ENOMEM (its last word cannot be read now; ask again). */
#define FURROW_EXIT_UNKNOWN 255
int furrow_process_exit_code(furrow_process *p, int *code);

/* SIGINT, SIGTERM, SIGKILL. One that has ended stays as it ended. FURROW_ENOTSUP for a
 * thread; FURROW_EINVAL (not started), FURROW_EOWNER, FURROW_EOS. */
int furrow_process_interrupt(furrow_process *p);
int furrow_process_terminate(furrow_process *p);
int furrow_process_kill(furrow_process *p);

/* Give the handle back; NULL is fine. FURROW_EBUSY while it runs. */
int furrow_process_free(furrow_process *p);

/* 0 before it is started; of a thread, this process's. FURROW_EINVAL. */
int furrow_process_pid(const furrow_process *p);

/* Lent until the handle is freed. NULL with FURROW_EINVAL. */
const char *furrow_process_name(const furrow_process *p);

/* 1 or 0; set before the start. FURROW_EINVAL, FURROW_EOWNER, FURROW_EBUSY. */
int furrow_process_daemon(const furrow_process *p);
int furrow_process_set_daemon(furrow_process *p, int daemon);
int furrow_process_set_name(furrow_process *p, const char *name);

/* An fd that poll() and its kin find readable once it has ended. Lent until the handle is
 * freed; nothing may be read from it. FURROW_EINVAL (not started), FURROW_EOWNER. */
int furrow_process_sentinel(const furrow_process *p);

/* The secret of the family, for connections: random bytes of the first process, which its
 * children have too, unless others were set before their start. Returns how many, at most
 * FURROW_AUTHKEY; p may be furrow_process_current(). FURROW_EINVAL, FURROW_EOS. */
int furrow_process_authkey(const furrow_process *p, void *key);
int furrow_process_set_authkey(furrow_process *p, const void *key, size_t size);

/* ---- around this process --------------------------------------------------------------
 */

/* This process; in a furrow_process of method thread, that. Never NULL. It runs, cannot be
 * joined, started or freed. The first process is called "MainProcess". */
furrow_process *furrow_process_current(void);

/* The process that started this one, or NULL in the first; in a furrow_process of method
 * thread, the process that it runs in. It can be asked for name and pid, whether it is
 * alive, joined, and has a sentinel. */
furrow_process *furrow_process_parent(void);

/* The children of this process that run; what has ended is collected meanwhile. Writes at
 * most `room` of them and returns how many there are. */
size_t furrow_process_children(furrow_process **out, size_t room);

/* Call hook(arg) when this process ends in good order: by exit(), by return from main() or
 * from a furrow_process's function. The last one noted is called first. Then daemonic
 * children are terminated, and the others waited for. A child begins without hooks.
 * Errors: FURROW_ENOMEM. */
int furrow_at_exit(void (*hook)(void *arg), void *arg);

/* ---- a logger -----------------------------------------------------------------------*/

enum {
    FURROW_LOG_DEBUG = 10,
    FURROW_LOG_INFO = 20,
    FURROW_LOG_WARNING = 30,
    FURROW_LOG_ERROR = 40,
    FURROW_LOG_NONE = 100
};

/* Messages of at least that level go to stderr, as "[INFO/Process-1] text", or to `write`
 * when that is not NULL; FURROW_LOG_NONE, the default, is silence. Children by fork have
 * this too, and those by spawn and forkserver the level. furrow tells of starts and
 * ends (INFO), and what it does for them (DEBUG). Returns the level there was. */
int furrow_log_level(int level);
void furrow_log_to(void (*write)(void *ctx, int level, const char *text), void *ctx);
void furrow_log(int level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
