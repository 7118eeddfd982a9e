/* SPDX-License-Identifier: MIT
 *
 * Telling what came of a call.
 *
 * Several things may have gone wrong at once. The order of telling: torn ranges first, for
 * they alone mean that data is lost; then the kernel's own failure, which is the same for
 * any schedule; then what was cut short.
 */
#include "outcome.h"

#include "status.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

/* ---- the thread's torn ranges -------------------------------------------------------*/

static _Thread_local furrow_torn *ranges;
static _Thread_local size_t range_count;
static pthread_key_t at_thread_end;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void make_key(void)
{
    (void)pthread_key_create(&at_thread_end, free);
}

static furrow_torn range_of(const fw_call_job *job, const fw_torn_chunk *torn)
{
    size_t begin = torn->chunk * job->chunk, left = job->len - begin;

    return (furrow_torn){
        .begin = begin,
        .end = begin + (left < job->chunk ? left : job->chunk),
        .worker = torn->worker,
        .pid = torn->pid,
        .signal = WIFSIGNALED(torn->status) ? WTERMSIG(torn->status) : 0,
        .exit_code = WIFEXITED(torn->status) ? WEXITSTATUS(torn->status) : 0};
}

/* None when the supervisor is gone: what nobody had begun was not done either, and a list
 * of some ranges would say that all else was. */
static void keep_ranges(const fw_outcome *o)
{
    size_t count = o->torn && !o->supervisor_gone ? o->torn_count : 0;

    free(ranges);
    range_count = 0;
    ranges = count ? malloc(count * sizeof *ranges) : NULL;
    pthread_once(&once, make_key);
    (void)pthread_setspecific(at_thread_end, ranges);
    for (size_t i = 0; ranges && i < count; i++)
        ranges[range_count++] = range_of(o->job, &o->torn[i]);
}

size_t furrow_error_ranges(const furrow_torn **out)
{
    if (out)
        *out = ranges;
    return range_count;
}

/* ---- sentences ----------------------------------------------------------------------*/

static int tell_torn(const fw_outcome *o, int code, const char *why)
{
    char how[64];

    if (range_count == 0)
        return fw_fail(code, "%s%zu chunks are torn; there was no memory to say which",
                       why, o->torn_count);
    if (ranges[0].signal)
        snprintf(how, sizeof how, "was killed by signal %d (%s)", ranges[0].signal,
                 strsignal(ranges[0].signal));
    else if (!ranges[0].pid)
        snprintf(how, sizeof how, "ended its thread");
    else
        snprintf(how, sizeof how, "ended with exit(%d)", ranges[0].exit_code);
    return fw_fail(
        code, "%sworker %d (pid %ld) %s in elements [%zu, %zu), which are torn%s", why,
        ranges[0].worker, ranges[0].pid, how, ranges[0].begin, ranges[0].end,
        range_count > 1 ? ", and others: see furrow_error_ranges()" : "");
}

static int tell_missing(const fw_kernel_name *name)
{
    const char *path = name ? name->entry.path : "";

    if (!*path || strcmp(path, "/proc/self/exe") == 0)
        path = "the program";
    return fw_fail(FURROW_EOS,
                   "the workers could not find the kernel: %s of that build, where it "
                   "lies, is not to be had there",
                   path);
}

static int tell_kernel(const fw_outcome *o)
{
    uint32_t chunk = (uint32_t)(o->error >> 32);
    furrow_torn at = range_of(o->job, &(fw_torn_chunk){.chunk = chunk});
    int value = (int)(uint32_t)o->error;

    if (value == FW_CALL_NO_KERNEL)
        return tell_missing(o->job->named);
    if (value == FW_CALL_NO_FILE)
        return fw_fail(FURROW_EOS, "a worker could not map an array's file");
    if (value == FW_CALL_NO_CHUNK || at.begin >= o->job->len)
        return fw_fail(FURROW_ECORRUPT,
                       "the pool's memory is overwritten: a worker was "
                       "told of a chunk that the call does not have");
    return fw_fail(FURROW_EKERNEL, "the kernel returned %d for elements [%zu, %zu)",
                   value, at.begin, at.end);
}

int fw_outcome_not_run(int rc)
{
    if (rc == FURROW_ETIME || rc == FURROW_EDIED)
        keep_ranges(&(fw_outcome){0});
    return rc;
}

int fw_outcome_tell(const fw_outcome *o)
{
    static const char gone[] =
        "the pool's supervisor was killed, and its workers with it";

    if (o->torn_count || o->supervisor_gone)
        keep_ranges(o);
    if (o->supervisor_gone)
        return fw_fail(FURROW_EDIED, "%s; the call is incomplete", gone);
    if (o->torn_count)
        return o->timed_out & FW_DEADLINE_ENDED || (o->timed_out && o->cut)
                   ? tell_torn(o, FURROW_ETIME, "the deadline passed; ")
                   : tell_torn(o, FURROW_EDIED, "");
    if (o->corrupt)
        return fw_fail(FURROW_ECORRUPT, "the pool's memory is overwritten; the call is "
                                        "incomplete");
    if (o->no_workers)
        return fw_team_tell_none(o->no_workers,
                                 "all workers are gone and none can be started");
    if (o->error != FW_NO_ERROR)
        return tell_kernel(o);
    if (o->cut && o->timed_out) {
        keep_ranges(o);
        return fw_fail(FURROW_ETIME,
                       "the deadline passed; what was not started was left "
                       "out, what was started is complete");
    }
    if (o->cut)
        return fw_fail(FURROW_ECANCELED, "the call was cancelled");
    return 0;
}
