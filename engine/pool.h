/* SPDX-License-Identifier: MIT
 *
 * The pool object, private to the process that opened it.
 */
#ifndef FW_POOL_H
#define FW_POOL_H

#include "call.h"
#include "team.h"

#include <pthread.h>

enum { FW_POOL_PREPARED = 64 };

/* An array whose memory the present workers have taken and mapped. */
typedef struct fw_prepared {
    uint64_t serial;
    uint64_t replaced;          /* workers replaced until then */
    struct fw_submission *take; /* that does it in the queue; NULL: it is done */
} fw_prepared;

struct furrow_pool {
    fw_team *team; /* NULL: inline, inside a worker */
    int32_t pid;   /* the opener */
    size_t trace;

    /* Under the driver lock: */
    fw_call last;          /* the call that was resolved last */
    int last_valid;        /* it may be repeated: it had work to do, and succeeded */
    uint64_t last_version; /* of the job that describes it */
    void *far_ctx;         /* the last large ctx: a heap block */
    size_t far_size;

    /* Under `mutex`: */
    pthread_mutex_t mutex;
    fw_prepared prepared[FW_POOL_PREPARED];
    unsigned prepared_next;
    struct furrow_future *futures; /* those whose pool is still open */
    fw_kernel_names names;         /* unused where workers are threads */
};

/* May this process and thread use the pool for calls? 0; 1: inline, no workers; or
 * FURROW_EINVAL. */
int fw_pool_use(const furrow_pool *pool);

/* A thread that has the turn, or has come in, must not be cancelled where it looks at files:
 * nobody would ever give back what it has. Returns what to pass to fw_pool_may_be_cancelled()
 * afterwards. (In a kernel that the caller runs it may be: sched/caller.c.) */
static inline int fw_pool_not_cancelled(void)
{
    int before;

    (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
    return before;
}
static inline void fw_pool_may_be_cancelled(int before)
{
    (void)pthread_setcancelstate(before, NULL);
}

/* Resolve the request for this pool: operands, and the kernel's name where workers need
 * it. A ctx of more than FW_CALL_CTX_MAX bytes is left to the caller. */
int fw_pool_resolve(furrow_pool *pool, const furrow_call *request, size_t size,
                    fw_call *out);

#endif
