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

/* The method of processes and pools that do not say which (of pools, FURROW_START overrides
 * also what their options say): FURROW_START of the environment ("fork", "thread", "spawn",
 * "forkserver"), else what was set here, else the quickest that is safe now: fork while this
 * process has one thread; with more, forkserver when furrow_init() ran or
 * furrow_process_helper() names one, else fork, for want of anything better.
 * Children have what was set in their parent.
 * Errors: FURROW_EINVAL (no such method), FURROW_EBUSY (it was set already, or used; with
 * `force` it may change any time, and FURROW_START_DEFAULT takes back what was set). */
int furrow_context_set(furrow_start method, int force);

/* The method that counts now. FURROW_START_DEFAULT only when `none_yet` is not 0, and nothing
 * was set or used yet. FURROW_START_FORK, with FURROW_EINVAL in the error record, when
 * FURROW_START says what is none. */
furrow_start furrow_context_get(int none_yet);

/* Its name, as "fork"; NULL with FURROW_EINVAL where there is no such method. */
const char *furrow_start_name(furrow_start method);

/* Run `path` in place of the program for spawn and for the server of forkserver: one that
 * calls furrow_init() first, such as the furrow-worker that comes with furrow. It does not
 * have the program's functions: only those of shared objects can be run. The path is copied.
 * NULL: what FURROW_HELPER of the environment names, else the program again.
 * Errors: FURROW_EINVAL (the path is too long). */
int furrow_process_helper(const char *path);

/* Run `preload` in the server of forkserver before it forks anything, once: what it loads
 * and computes is there in all children. NULL: nothing. Set before the first start by
 * forkserver; a server that takes the place of a killed one runs it, too.
 * Errors: FURROW_ENOTSUP (no file backs the function), FURROW_EBUSY (the server runs),
 * FURROW_ENOMEM. */
int furrow_process_preload(void (*preload)(void));

/* ---- a process --------------------------------------------------------------------*/

/* What runs in it; its result is the exit code (its low 8 bits; of a thread, all). `arg`: a
 * copy of the `size` bytes, aligned for any type, good until the process ends. An exception
 * of C++ that leaves it, or a hook, calls std::terminate(): the exit code is -SIGABRT. */
typedef int (*furrow_process_function)(void *arg, size_t size);

typedef struct furrow_process furrow_process;

#define FURROW_PROCESS_NAME 64 /* bytes, with the NUL */
#define FURROW_AUTHKEY      64 /* bytes at most */

typedef struct furrow_process_options {
    const char *name;   /* NULL: "Process-1", and its second child "Process-1:2" */
    int daemon;         /* ends with its parent, by whatever death of that, and has no
                         children of its own */
    furrow_start start; /* FURROW_START_DEFAULT: furrow_context_get() at the start */
} furrow_process_options;

/* A process that is not started yet; `size` bytes at `arg` are copied now. It belongs to
 * this process: only its threads may start, join or ask it (FURROW_EOWNER elsewhere), and
 * its death takes it back. Pid, name and daemon may be read by all of the family.
 * Errors: FURROW_EINVAL (no function, an option, NULL with a size), FURROW_ENOMEM,
 * FURROW_EOS (no heap can be made). */
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
 * Its death, of whatever kind, is no error: furrow_process_exit_code() tells.
 * Errors: FURROW_ETIME, FURROW_EOWNER, FURROW_EINVAL (not started; of itself), FURROW_ENOMEM
 * (it has ended, and its last word cannot be read now: try again). */
int furrow_process_join(furrow_process *p, furrow_deadline deadline);

/* 1: it runs; 0: not started, or it has ended. Never blocks. Errors: FURROW_EOWNER,
 * FURROW_EINVAL. */
int furrow_process_is_alive(furrow_process *p);

/* *code = its exit code, or the negative number of the signal that killed it.
 * FURROW_EXIT_UNKNOWN where neither it nor the kernel can tell any more: something else
 * took its status (a server that was killed, or the program's own wait() or SIGCHLD
 * setting), on a kernel before Linux 6.15.
 * Errors: FURROW_EBUSY (it still runs), FURROW_EEMPTY (not started), FURROW_EOWNER,
 * FURROW_ENOMEM (its last word cannot be read now; ask again). */
#define FURROW_EXIT_UNKNOWN 255
int furrow_process_exit_code(furrow_process *p, int *code);

/* Send it SIGINT, SIGTERM, SIGKILL. Does not wait for its end: join does. One that has ended
 * stays as it ended.
 * Errors: FURROW_ENOTSUP (a thread), FURROW_EINVAL (not started), FURROW_EOWNER,
 * FURROW_EOS. */
int furrow_process_interrupt(furrow_process *p);
int furrow_process_terminate(furrow_process *p);
int furrow_process_kill(furrow_process *p);

/* Give the handle back; NULL is fine. Errors: FURROW_EBUSY while it runs, FURROW_EOWNER,
 * FURROW_EINVAL. */
int furrow_process_free(furrow_process *p);

/* Its pid: 0 before it is started; of a thread, this process's. FURROW_EINVAL. */
int furrow_process_pid(const furrow_process *p);

/* Its name; lent until the handle is freed. NULL with FURROW_EINVAL. */
const char *furrow_process_name(const furrow_process *p);

/* Whether it is daemonic: 1 or 0. Flag and name may be set until it is started, the name of
 * furrow_process_current() at any time.
 * Errors: FURROW_EINVAL (also: a name of FURROW_PROCESS_NAME bytes or more), FURROW_EOWNER,
 * FURROW_EBUSY (it was started). */
int furrow_process_daemon(const furrow_process *p);
int furrow_process_set_daemon(furrow_process *p, int daemon);
int furrow_process_set_name(furrow_process *p, const char *name);

/* An fd that poll() and its kin find readable once it has ended. Lent until the handle is
 * freed; nothing may be read from it. FURROW_EINVAL (not started), FURROW_EOWNER. */
int furrow_process_sentinel(const furrow_process *p);

/* The secret of the family, for connections: random bytes of the first process, which its
 * children have too, unless others (1 to FURROW_AUTHKEY) were set before their start. `key`
 * has room for FURROW_AUTHKEY; returns how many there are. p may be furrow_process_current().
 * Errors: FURROW_EINVAL, FURROW_EOWNER, FURROW_EBUSY (set: it was started), FURROW_EOS. */
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
 * most `room` of them and returns how many there are. Never fails, never blocks. */
size_t furrow_process_children(furrow_process **out, size_t room);

/* Call hook(arg) when this process ends in good order: by exit(), by return from main() or
 * from a furrow_process's function. The last one noted is called first. Then daemonic
 * children are sent SIGTERM, and SIGKILL after a second, and the others are waited for. A
 * child begins without hooks. A process that is killed runs none.
 * Errors: FURROW_ENOMEM; for NULL as for any NULL handle (furrow_shm.h). */
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
