/* SPDX-License-Identifier: MIT
 *
 * The array object: what lies behind the visible struct.
 */
#ifndef FW_ARRAY_H
#define FW_ARRAY_H

#include "heap.h"
#include "type.h"

#define FW_ARRAY_MAGIC UINT64_C(0x7961727261776671)

/* What an array is to be. */
typedef struct fw_array_spec {
    furrow_array view;  /* all but data */
    const char *format; /* "" for single letters */
    size_t bytes;
    char format_storage[FW_TYPE_FORMAT_MAX]; /* for a format that was read */
} fw_array_spec;

/* Check and fill in. shape: its len, ndim and shape count; ndim 0 is one dimension. */
int fw_array_spec_make(fw_array_spec *s, int type, const char *format,
                       const furrow_array *shape);

struct fw_array;
/* A new array whose block begins with so many bytes of somebody else's, and not yet
 * published: that is for fw_heap_publish_pair(array, array->block). */
struct fw_array *fw_array_behind(const fw_array_spec *s, size_t head);

enum { FW_ARRAY_HEAP, FW_ARRAY_FILE, FW_ARRAY_SLICE };

#define FW_ARRAY_PLACED 1

/* Lies in the heap; written by its creator before it is published, later only `refs`,
 * `magic`, `rule` and, by who frees the handle, `name`. */
typedef struct fw_array {
    furrow_array view;      /* first: what users see */
    _Atomic uint64_t magic; /* FW_ARRAY_MAGIC while the handle is live */
    uint64_t serial;        /* of the memory: no two arrays ever have the same */
    int kind;
    int name;              /* index in the table of names, or -1 */
    struct fw_array *root; /* whose memory it is; itself unless a slice */
    _Atomic uint32_t refs; /* of a root: itself, while live, and its slices */
    _Atomic int32_t rule;  /* of a root, by a pool that takes its memory: 0 none was
                               wanted, FW_ARRAY_PLACED, or -errno: it was refused */
    int32_t pid;           /* FILE: the process that mapped it, which holds fd open */
    int fd;
    int writable;
    int attached;      /* it ends, unpublished, with the process that has mapped it */
    void *block;       /* the heap block, or the window run, of the data */
    size_t block_size; /* bytes mapped or allocated */
    fw_file_id id;     /* FILE: of what fd was when it was mapped */
    char format[];     /* of a struct; "" for single letters */
} fw_array;

/* A file to be mapped as an array; fd is taken over in any case. */
typedef struct fw_array_file {
    int fd;
    size_t offset; /* of the first element, a multiple of its alignment */
    int writable;
    int type;
    const char *format; /* for FURROW_STRUCT */
    int ndim;
    size_t shape[FURROW_MAX_DIMS];
} fw_array_file;
furrow_array *fw_array_map_file(const fw_array_file *file);

/* The same, but not published: it ends with this process. */
fw_array *fw_array_of_file(const fw_array_file *file);

/* The object behind a live handle, or NULL with an error (also for a NULL handle: its
 * first message is kept). */
fw_array *fw_array_of(const furrow_array *a);

/* Has it a block of the heap that no slice and no other handle needs? Then it can be ended,
 * and with it the one word of its memory that says that it is live. Once: 0, FURROW_EBUSY
 * when somebody else has, or the heap's error. (array_end.c) */
int fw_array_is_sole(const fw_array *a);
int fw_array_end(fw_array *a, _Atomic uint64_t *magic, uint64_t live);

/* Is a's memory, if it is a file, mapped in this process? Maps it where it is not: workers
 * that are older than the mapping do so at its first use. */
int fw_array_map_here(const fw_array *a);

#endif
