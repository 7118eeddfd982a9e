/* SPDX-License-Identifier: MIT
 *
 * Named segments: what lies behind the handle.
 */
#ifndef FW_SHARED_SEGMENT_H
#define FW_SHARED_SEGMENT_H

#include "array.h"
#include "furrow_shared.h"

#define FW_SEGMENT_MAGIC UINT64_C(0x746e656d67657366)

/* Lies in the heap and is never published: it is reclaimed with its process. */
struct furrow_segment {
    _Atomic uint64_t magic; /* FW_SEGMENT_MAGIC while the handle is live */
    fw_array *array;        /* its bytes: a file in the window, not published either */
    fw_file_id id;
    int32_t pid;                /* the process that mapped it */
    _Atomic int32_t name_index; /* in the table of names, or -1. Whoever swaps it out
                                   removes the entry, which then may be another's */
    int keep;                   /* the name stays when the segment is freed */
    char name[FW_NAME_MAX];     /* "/x" */
};

/* The segment behind a handle given to that public function, or NULL with an error. */
furrow_segment *fw_shared_segment_of(const char *function,
                                     const furrow_segment *segment);

/* A new segment whose bytes are complete before it has its name. */
typedef struct fw_segment_plan {
    const char *name; /* NULL: one that nobody has */
    size_t size;
    furrow_segment_options options;
    const furrow_item *items; /* of a list of Python; NULL: zeros */
    size_t len;
} fw_segment_plan;
furrow_segment *fw_shared_segment_make(const fw_segment_plan *plan);

/* The nth name that a process tries for a segment without one. */
enum { FW_SEGMENT_PICKED = 16 };
void fw_shared_segment_pick(uint64_t process, uint32_t n, char name[FW_SEGMENT_PICKED]);

#endif
