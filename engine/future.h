/* SPDX-License-Identifier: MIT
 *
 * Futures: the handle of a submitted call.
 */
#ifndef FW_FUTURE_H
#define FW_FUTURE_H

#include "pool.h"
#include "submit.h"

/* Private to the opener. */
struct furrow_future {
    int32_t pid;       /* whose it is: in a forked child it is nobody's */
    furrow_pool *pool; /* NULL: closed; then the submission is done, or will never be */
    fw_submission *submission;  /* NULL: it ran inline */
    fw_call_job job;            /* to tell the outcome */
    furrow_error result;        /* of an inline call */
    struct furrow_future *next; /* in pool->futures */
};

/* The pool is going: its futures must not touch it any more. */
void fw_future_orphan_all(furrow_pool *pool);

#endif
