/* SPDX-License-Identifier: MIT
 *
 * A call, checked and resolved: everything that a worker needs, as bytes.
 */
#ifndef FW_CALL_H
#define FW_CALL_H

#include "array.h"
#include "dispatch.h"
#include "furrow.h"
#include "kernel_name.h"

#define FW_CALL_OPERANDS (2 * FURROW_MAX_OPERANDS) /* in[], then out[] */
#define FW_CALL_CTX_MAX  512 /* bytes of ctx that travel with the job */

/* The job's payload (control.h). Pointers into the heap are good in all members. */
typedef struct fw_call_job {
    furrow_kernel kernel;
    const fw_kernel_name
        *named;        /* workers must look it up; in theirs: NULL when done */
    size_t len, chunk; /* elements: of the call, of a chunk */
    int ins, outs;     /* in use: in[0 .. ins-1], out[0 .. outs-1], NULLs among them */
    char *data[FW_CALL_OPERANDS];
    size_t itemsize[FW_CALL_OPERANDS];      /* 0 where data is NULL */
    const fw_array *file[FW_CALL_OPERANDS]; /* operands that are mapped files */
    int files;                              /* how many of them */
    const void *far_ctx;                    /* a heap block, when ctx is larger */
    size_t ctx_size;
    furrow_chunk made; /* a worker's: the chunk it ran last; else FW_CALL_NONE_MADE */
    _Alignas(16) unsigned char ctx[FW_CALL_CTX_MAX];
} fw_call_job;
_Static_assert(sizeof(fw_call_job) <= FW_JOB_PAYLOAD, "travels as a payload");

#define FW_CALL_NONE_MADE SIZE_MAX /* `made.index` of a job that nobody has run */

/* The values that stand for "the worker could not find the kernel", "the call has no such
 * chunk" and "the worker could not map an array's file". */
#define FW_CALL_NO_KERNEL INT32_MIN
#define FW_CALL_NO_CHUNK  (INT32_MIN + 1)
#define FW_CALL_NO_FILE   (INT32_MIN + 2)

typedef struct fw_call {
    furrow_call request; /* of the current size, zeros behind a smaller one */
    fw_array *operand[FW_CALL_OPERANDS];
    uint64_t serial[FW_CALL_OPERANDS];
    uint32_t chunks; /* 0: nothing to do */
    uint32_t grace_ns;
    fw_kernel_known *known; /* the note of job.named, for who calls */
    int lasting; /* the kernel's address stays the kernel's, whatever is unloaded */
    unsigned long long unloads; /* of the loader, when it was resolved */
    fw_call_job job;
} fw_call;

/* May the array be operand k of a call: in[k], or out[k - FURROW_MAX_OPERANDS]? For who
 * works on it in this process and without a call: it is mapped here then. FURROW_EINVAL: it is
 * not live, or to be written and mapped read-only. */
int fw_call_operand_here(const furrow_array *view, int k);

/* Check the request for a pool of so many workers and resolve it; far_ctx and named
 * stay NULL. Errors: FURROW_EINVAL, FURROW_ETYPE. */
int fw_call_resolve(const furrow_call *request, size_t size, int workers, fw_call *out);

/* Is the request the one that was resolved, its arrays alive and the same, and the kernel's
 * address still the kernel's? Then only the bytes of ctx may differ. */
int fw_call_same(const fw_call *call, const furrow_call *request, size_t size);

/* Put the request's ctx into the job; it must fit FW_CALL_CTX_MAX. */
void fw_call_set_ctx(fw_call *call, const void *ctx);

/* The fw_job_run of all calls. */
int fw_call_run(void *payload, uint32_t chunk, int worker);

#endif
