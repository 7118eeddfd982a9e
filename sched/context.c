/* SPDX-License-Identifier: MIT
 *
 * The default start method.
 *
 * It is settled by what was set, or else anew for each process: what is safe depends on how
 * many threads there are at that moment.
 */
#include "context.h"

#include "boot.h"
#include "status.h"

#include <stdlib.h>
#include <string.h>

static const char *const names[] = {"default", "fork", "thread", "spawn", "forkserver"};

static _Atomic int32_t chosen; /* by furrow_context_set() or the parent; 0: nothing */
static _Atomic int32_t used;

static int by_name(const char *name)
{
    for (int i = FURROW_START_DEFAULT; i <= FURROW_START_FORKSERVER; i++)
        if (strcmp(name, names[i]) == 0)
            return i;
    return fw_fail(FURROW_EINVAL,
                   "FURROW_START=\"%.40s\" is not known: fork, thread, spawn or "
                   "forkserver is expected",
                   name);
}

/* The quickest that is safe now. */
static furrow_start safe_now(void)
{
    if (fw_os_threads() == 1 || fw_boot_allowed() < 0)
        return FURROW_START_FORK;
    return FURROW_START_FORKSERVER;
}

static int resolve(void)
{
    const char *text = getenv("FURROW_START");
    int method = text && *text ? by_name(text) : 0;

    if (method != 0)
        return method;
    method = fw_load_relaxed(&chosen);
    return method ? method : (int)safe_now();
}

int fw_context_choose(furrow_start wanted)
{
    if (wanted != FURROW_START_DEFAULT)
        return (int)wanted;
    fw_store_relaxed(&used, 1);
    return resolve();
}

furrow_start fw_context_chosen(void)
{
    return (furrow_start)fw_load_relaxed(&chosen);
}

void fw_context_inherit(furrow_start method)
{
    fw_store_relaxed(&chosen, (int32_t)method);
}

static int set(furrow_start method, int force)
{
    if (method < FURROW_START_DEFAULT || method > FURROW_START_FORKSERVER ||
        (method == FURROW_START_DEFAULT && !force))
        return fw_fail(FURROW_EINVAL, "there is no start method %d", (int)method);
    if (!force && fw_load_relaxed(&chosen))
        return fw_fail(FURROW_EBUSY, "the default start method is set already: %s",
                       names[fw_load_relaxed(&chosen)]);
    if (!force && fw_load_relaxed(&used))
        return fw_fail(FURROW_EBUSY, "the default start method was used already");
    fw_store_relaxed(&chosen, (int32_t)method);
    if (method == FURROW_START_DEFAULT)
        fw_store_relaxed(&used, 0);
    return 0;
}

int furrow_context_set(furrow_start method, int force)
{
    return fw_status_in(__func__, set(method, force));
}

furrow_start furrow_context_get(int none_yet)
{
    int method;

    if (none_yet && !fw_load_relaxed(&chosen) && !fw_load_relaxed(&used))
        return FURROW_START_DEFAULT;
    method = fw_status_in(__func__, resolve());
    return method < 0 ? FURROW_START_FORK : (furrow_start)method;
}

const char *furrow_start_name(furrow_start method)
{
    if (method > FURROW_START_DEFAULT && method <= FURROW_START_FORKSERVER)
        return names[method];
    (void)fw_status_in(
        __func__, fw_fail(FURROW_EINVAL, "there is no start method %d", (int)method));
    return NULL;
}
