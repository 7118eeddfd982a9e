/* SPDX-License-Identifier: MIT
 *
 * furrow_shm.h - memory that several processes see: errors, typecodes, shared arrays.
 *
 * All arrays live in one heap which every process of the family (the program, what it
 * forks or starts, and the workers of its pools) maps at the same address, so that a pointer
 * made in one of them is good in all. The heap has no name in the file system: when the last
 * process ends, by whatever death, the kernel takes it back. Room in it is for 4096
 * processes at a time, and for 1024 named arrays and segments: more are FURROW_ENOMEM.
 *
 * Every function may be called from any thread, none from a signal handler. A function
 * that takes a handle accepts the NULL of a failed constructor: it fails with the code that
 * is in the error record and keeps the message; with FURROW_EINVAL when there is none.
 * What waits for more than the heap's lock says so under "Blocks" or has a deadline; that
 * lock survives its holder's death. A holder that is stopped (SIGSTOP, a debugger) is
 * waited for, except by calls with a deadline.
 */
#ifndef FURROW_SHM_H
#define FURROW_SHM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default) /* exported, when all else is hidden */

/* ---- errors -------------------------------------------------------------------------
 *
 * A function returns 0, or a negative code of this table; a constructor returns NULL. Some
 * return a positive number that is no failure (a count; FURROW_OWNERDIED; FURROW_UNSENT of
 * furrow_pipe.h) and say so: test those for failure with < 0.
 * After a failure the thread's error record holds the code, the errno of the system call
 * if one failed, the public function and one sentence. Success leaves the record as it
 * is, so that at the end of a chain of calls it still tells what failed first.
 */
typedef enum furrow_status {
    FURROW_OWNERDIED = 1,  /* a lock is held, but its last holder died holding it */
    FURROW_OK = 0,         /* success */
    FURROW_EINVAL = -1,    /* an argument is not valid */
    FURROW_ETYPE = -2,     /* typecodes do not match */
    FURROW_ENOMEM = -3,    /* not enough memory */
    FURROW_EOS = -4,       /* the operating system refused; see os_error */
    FURROW_ETIME = -5,     /* the deadline has passed */
    FURROW_ECLOSED = -6,   /* the pool or object is closed */
    FURROW_EDIED = -7,     /* a worker or process died; see furrow_error_ranges() */
    FURROW_EKERNEL = -8,   /* a kernel returned non-zero */
    FURROW_ECANCELED = -9, /* the call was cancelled */
    FURROW_ECORRUPT = -10, /* shared memory or a file does not hold what it should */
    FURROW_EBUSY = -11,    /* in use */
    FURROW_ENOTSUP = -12,  /* not supported here */
    FURROW_EEMPTY = -13,   /* nothing is in it */
    FURROW_EFULL = -14,    /* no room is in it */
    FURROW_EEOF = -15,     /* the other end is closed, and all has been read */
    FURROW_ESHORT = -16,   /* the buffer is too short; the message stays */
    FURROW_EAUTH = -17,    /* the other side did not prove that it has the key */
    FURROW_EBROKEN = -18,  /* the lock, or barrier, is broken: see furrow_sync.h */
    FURROW_EOWNER = -19    /* only who made, started or holds it may do that */
} furrow_status;

/* What failed, in this thread. `function` is the public function that was called;
 * `os_error` is an errno value or 0; `text` is one sentence without a newline. */
typedef struct furrow_error {
    int code; /* 0: nothing has failed since the record was cleared */
    int os_error;
    const char *function;
    char text[488];
} furrow_error;

/* The calling thread's record: never NULL; lent until the next failure in this thread.
 */
const furrow_error *furrow_last_error(void);

/* Forget the record, so that the next failed handle is told afresh. */
void furrow_error_clear(void);

/* The name of a code ("FURROW_ENOMEM") and its meaning in a few words. Never NULL. */
const char *furrow_status_name(int code);
const char *furrow_strerror(int code);

/* Print "prefix: function: sentence" and a newline to stderr; prefix may be NULL. */
void furrow_perror(const char *prefix);

/* ---- deadlines ----------------------------------------------------------------------
 *
 * A deadline is a point of CLOCK_MONOTONIC in nanoseconds. 0 is long past: the call
 * tries once. Clock changes and suspends of the machine do not move it.
 */
typedef int64_t furrow_deadline;
#define FURROW_FOREVER INT64_MAX

/* The deadline so many seconds from now: now for 0 and less, FURROW_FOREVER for
 * anything from 6e9 seconds (190 years) up and for NaN. */
furrow_deadline furrow_in(double seconds);

/* ---- typecodes ----------------------------------------------------------------------
 *
 * The letters that Python's array and struct modules and NumPy use:
 *   c char   b B signed/unsigned char   h H short   i I int   l L long   q Q long long
 *   f float  d double  g long double  F D complex float/double  ? bool
 * and FURROW_STRUCT, a C struct of them whose layout a PEP 3118 format string gives,
 * for example "T{d:x:d:y:i:id:}" (members aligned and the end padded as C does it, a
 * repeat count before a letter, names optional).
 */
#define FURROW_STRUCT 'T'

typedef struct furrow_type {
    char code;
    size_t size;        /* bytes */
    size_t align;       /* bytes */
    const char *c_name; /* "double" */
    const char *numpy;  /* NumPy's descr: "<f8"; NULL where NumPy has none */
    const char *format; /* PEP 3118: "d" */
} furrow_type;

/* The type of a letter; NULL with FURROW_EINVAL where there is none, and for
 * FURROW_STRUCT, whose size its format alone tells. */
const furrow_type *furrow_type_of(int code);

/* ---- arrays -------------------------------------------------------------------------
 *
 * Visible on purpose: pass y->data to BLAS, FFTW or HDF5. Elements are contiguous, in C
 * order. data is aligned to at least 64 bytes, to 4 KiB above 1 KiB of elements, and to
 * 2 MiB from 1 MiB up; but that of a named array to 4 KiB, of a mapped file to 64 bytes,
 * and a slice begins where its first element lies. The struct itself lies in shared memory
 * too and is read-only for users.
 */
#define FURROW_MAX_DIMS 8

typedef struct furrow_array {
    void *data;
    size_t len;      /* elements: the product of shape */
    size_t itemsize; /* bytes */
    int type;        /* a typecode letter, or FURROW_STRUCT */
    int ndim;        /* 1 .. FURROW_MAX_DIMS */
    size_t shape[FURROW_MAX_DIMS];
} furrow_array;

typedef struct furrow_array_options {
    int ndim;                      /* dimensions; 0: one of len elements */
    size_t shape[FURROW_MAX_DIMS]; /* their product must be len (or len 0: computed) */
    const char *format;            /* for FURROW_STRUCT: the PEP 3118 format */
    const char
        *name;    /* up to 198 characters other than '/', which may be before them: a
                         named array that other programs attach; NULL: none */
    int keep;     /* the name and the file outlive their owner */
    int populate; /* furrow_array_populate() it at once */
} furrow_array_options;

/* A new array of len zeros. From 1 MiB up its memory is promised (FURROW_ENOMEM when
 * the machine or the cgroup cannot give it beside what is promised already) and taken
 * at the first use: by the workers that own the elements when a pool runs on it first,
 * or at once with .populate. A named array has its memory at once; it is a file in
 * /dev/shm that its user alone may read and write, and its name goes when its owner
 * frees it or ends, by whatever death, unless .keep.
 * Death: an array lives until it is freed or the family has ended; what a killed
 * process was just building is reclaimed.
 * Errors: FURROW_EINVAL (typecode, format, shape, name), FURROW_ENOMEM (memory, or the
 * heap's address space), FURROW_EOS (no heap can be made; the name exists: os_error is
 * EEXIST).
 */
furrow_array *furrow_array_new_sized(int type, size_t len,
                                     const furrow_array_options *options, size_t size);
inline furrow_array *furrow_array_new(int type, size_t len,
                                      const furrow_array_options *options)
{
    return furrow_array_new_sized(type, len, options, sizeof *options);
}

/* A value is an array of one element. Errors: those of furrow_array_new(). */
inline furrow_array *furrow_value_new(int type)
{
    return furrow_array_new_sized(type, 1, NULL, 0);
}

/* Attach to the named array of another program. What lies there is checked as hostile
 * input. Free it as any other; the name belongs to its creator. It ends with this process,
 * by whatever death, slices too: another one attaches for itself. The file must be this
 * user's or root's, for who may write a file may also cut it short: elements that are
 * gone are a SIGBUS to whoever touches them. In a worker that is a death as any other;
 * functions of this header that read or write the array return an error.
 * Errors: FURROW_EINVAL (the name), FURROW_EOS (there is none, no permission, another
 * user's: EPERM), FURROW_ECORRUPT (it is not a whole furrow array), FURROW_ENOMEM. */
furrow_array *furrow_array_attach(const char *name);

/* Rows [begin, end) of the first dimension, sharing a's memory. Free it as any other;
 * the memory stays until a and all its slices are freed.
 * Errors: FURROW_EINVAL (no such rows, not a live array), FURROW_ENOMEM. */
furrow_array *furrow_array_slice(furrow_array *a, size_t begin, size_t end);

/* Take all memory of the array now, so that later writes cannot meet a lack of it; on
 * the caller's NUMA node (furrow_pool_populate() does it by the owners).
 * Errors: FURROW_ENOMEM (no element has changed), FURROW_EINVAL (not a live array); a
 * file that is mapped read-only has none to take. Blocks for as long as clearing takes:
 * some tenths of a second per GiB. Before Linux 5.14 a lack of memory is a SIGBUS. */
int furrow_array_populate(furrow_array *a);

/* Where the array's memory is. Counted for the pages that its elements touch; others
 * may take or lose memory meanwhile. */
#define FURROW_WHERE_NODES 64

enum {
    FURROW_RULE_NONE = 0, /* memory is taken on the node of whoever touches it first */
    FURROW_RULE_SET = 1, /* each part is taken on the node of the workers that own it */
    FURROW_RULE_REFUSED = 2 /* that was refused (at least for a part): as for NONE */
};

typedef struct furrow_where_node {
    int node; /* the operating system's number of it */
    size_t pages;
} furrow_where_node;

typedef struct furrow_where {
    size_t page;      /* bytes of a page */
    size_t present;   /* bytes that are in memory */
    size_t absent;    /* bytes that are not: never taken, or swapped out */
    size_t huge;      /* bytes of it in whole huge pages; SIZE_MAX: not known */
    int rule;         /* FURROW_RULE_ */
    int rule_error;   /* errno of the refusal, or 0 */
    size_t stride;    /* one page in so many was asked for its node: 1 up to 64 MiB */
    size_t asked;     /* pages whose node is known */
    size_t elsewhere; /* of them, on nodes that the list below has no room for */
    int nodes_error;  /* when none is known, errno: ENOSYS on a kernel without NUMA */
    int nodes;        /* entries of node[]: those with pages, by number */
    furrow_where_node node[FURROW_WHERE_NODES];
} furrow_where;

/* Find out on which nodes, and in how large pages, the memory of the array (or slice)
 * lies. Takes no memory for the array; costs some milliseconds, and more for arrays of
 * many GiB.
 * Errors: FURROW_EINVAL, FURROW_EOS. */
int furrow_array_where(const furrow_array *a, furrow_where *out);

/* Give the array back; NULL is fine. Freeing an array that a running call uses is the
 * caller's mistake. Any process of the family may free it, but a file (named or mapped)
 * only the process that made, attached or mapped it. Returns 0, FURROW_EINVAL when it
 * is not a live array or another process's file, or FURROW_ECORRUPT when a stray store
 * has met the array or the heap: then its memory stays.
 * Death in the middle: the memory is reclaimed, at once or when the family ends; never
 * twice. */
int furrow_array_free(furrow_array *a);

/* The PEP 3118 format of the elements; lent until the array is freed. NULL with
 * FURROW_EINVAL when it is not a live array. */
const char *furrow_array_format(const furrow_array *a);

/* ---- NumPy files --------------------------------------------------------------------
 *
 * Version 1.0 to 3.0 .npy files, C order and the types above.
 */

/* Read a .npy file into a new array; numbers in foreign byte order are turned round.
 * Errors: FURROW_EOS (the file cannot be read), FURROW_EINVAL (it is no regular file),
 * FURROW_ECORRUPT (what is wrong with it), FURROW_ENOTSUP (its types or its order of
 * elements are not ours), FURROW_ENOMEM. Blocks while it reads. */
furrow_array *furrow_npy_load(const char *path);

/* Map a .npy file without a copy, where byte order and alignment (64 bytes, as NumPy
 * writes) allow: changes go to the file when `writable`, else the memory is read-only
 * and a store to it a SIGSEGV. A file that is cut short while it is mapped is a SIGBUS.
 * Errors: those of furrow_npy_load(); FURROW_ENOTSUP says what stands in the way of
 * mapping, where loading may still work. */
furrow_array *furrow_npy_map(const char *path, int writable);

/* Write the array as .npy, through a temporary file beside it that is renamed when
 * complete.
 * Errors: FURROW_EOS, FURROW_EINVAL (something other than a regular file is there;
 * NumPy has no such type; not a live array). Blocks while it writes.
 * Death in the middle: the old file, if there was one, stays as it was; the temporary
 * one is left behind. */
int furrow_npy_save(const furrow_array *a, const char *path);

/* ---- the heap ---------------------------------------------------------------------*/

typedef struct furrow_heap_info {
    void *base;        /* where it is mapped, in every process of the family */
    size_t size;       /* bytes of address space */
    size_t wanted;     /* bytes it would have had with no limit in the way */
    size_t small_used; /* bytes in use in the zone of 4 KiB pages */
    size_t large_used; /* bytes in use in the zone of 2 MiB pages */
    size_t promised;   /* bytes of large_used that were promised but not yet taken */
    size_t blocks;     /* blocks in use */
    unsigned huge;     /* 1: the system grants huge pages to shared memory */
} furrow_heap_info;

/* What the heap is and holds. Creates it when there is none yet. FURROW_EINVAL for
 * NULL; FURROW_ENOMEM or FURROW_EOS when no heap can be made. */
int furrow_heap_describe(furrow_heap_info *info);

/* Walk the whole heap and check every structure in it. 0, or FURROW_ECORRUPT with a
 * sentence about the first thing that is wrong. Blocks allocation meanwhile. */
int furrow_fsck(void);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
