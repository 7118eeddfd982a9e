/* SPDX-License-Identifier: MIT
 *
 * Hooks at the end: a stack of this process alone.
 */
#include "hook.h"

#include "children.h"
#include "status.h"

#include <stdlib.h>

typedef struct hook {
    struct hook *below;
    void (*call)(void *arg);
    void *arg;
    pid_t by; /* a copy that the program forks has them, and runs none but its own */
} hook;

static hook *top; /* under the lock of the children */

int furrow_at_exit(void (*call)(void *arg), void *arg)
{
    hook *h = malloc(sizeof *h);

    if (!call || !h) {
        free(h);
        return fw_status_in(__func__,
                            call ? fw_fail(FURROW_ENOMEM, "no memory for a hook")
                                 : fw_fail_null("hook"));
    }
    fw_children_mind();
    fw_children_lock();
    *h = (hook){top, call, arg, fw_os_pid()};
    top = h;
    fw_children_unlock();
    return 0;
}

static hook *take(void)
{
    hook *h;

    fw_children_lock();
    h = top;
    top = h ? h->below : NULL;
    fw_children_unlock();
    return h;
}

void fw_hooks_run(void)
{
    hook *h;

    while ((h = take()) != NULL) {
        if (h->by == fw_os_pid())
            h->call(h->arg);
        free(h);
    }
}

void fw_hooks_forget(void)
{
    hook *h;

    while ((h = take()) != NULL)
        free(h);
}
