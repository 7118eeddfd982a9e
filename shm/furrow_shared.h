/* SPDX-License-Identifier: MIT
 *
 * furrow_shared.h - shared state beside arrays: plain named segments, as Python's
 * multiprocessing.shared_memory has them, a manager that frees all it made, and lists of
 * values.
 *
 * Functions take NULL and dead handles as those of furrow_shm.h do: FURROW_EINVAL, or the
 * message of the constructor that failed.
 */
#ifndef FURROW_SHARED_H
#define FURROW_SHARED_H

#include "furrow_shm.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default) /* exported, when all else is hidden */

/* ---- segments -----------------------------------------------------------------------
 *
 * A file in /dev/shm of exactly so many bytes and nothing else in it, readable and
 * writable by its user alone. Other programs attach it by its name: furrow's, and Python's
 * SharedMemory(name). (Python before 3.13 takes every segment that it attaches for its
 * own, and removes the name when it ends; from 3.13 on say track=False.)
 *
 * A segment belongs to the process that made or attached it, whose children see its bytes
 * at the same address. When that process ends, by whatever death, its segments end, and the
 * names of those that it made without .keep go.
 */
typedef struct furrow_segment furrow_segment;

typedef struct furrow_segment_options {
    int keep; /* the name and the bytes outlive this process and furrow_segment_free() */
} furrow_segment_options;

/* A new segment of `size` zeros. name: "x" or "/x", other characters than '/', up to 198 of
 * them; NULL: a name that nobody has, "psm_" and eight digits. Its memory is taken at once.
 * Errors: FURROW_EINVAL (the name, size 0), FURROW_EOS (os_error EEXIST: somebody has the
 * name), FURROW_ENOMEM.
 * Death in the middle: no name is left. */
furrow_segment *furrow_segment_new_sized(const char *name, size_t size,
                                         const furrow_segment_options *options,
                                         size_t options_size);
inline furrow_segment *furrow_segment_new(const char *name, size_t size,
                                          const furrow_segment_options *options)
{
    return furrow_segment_new_sized(name, size, options, sizeof *options);
}

/* Attach what another program, or this one, has made. The file must be this user's or
 * root's: whoever may write it may also cut it short, and bytes that are gone are a SIGBUS.
 * Errors: FURROW_EINVAL (the name), FURROW_EOS (there is none: os_error ENOENT; another
 * user's: EPERM), FURROW_ECORRUPT (it has no bytes), FURROW_ENOMEM. */
furrow_segment *furrow_segment_attach(const char *name);

/* Its name without a slash, as Python has it; lent until it is freed. NULL: no segment. */
const char *furrow_segment_name(const furrow_segment *segment);

/* Its bytes; 0: no segment. */
size_t furrow_segment_size(const furrow_segment *segment);

/* Where they are. NULL when it is no segment, or (in a process that is older than it) when
 * its file cannot be mapped here. */
void *furrow_segment_data(const furrow_segment *segment);

/* The same as an array of type 'B', for calls; it lives as long as the segment does. */
furrow_array *furrow_segment_array(const furrow_segment *segment);

/* Remove the name; the bytes stay for those who have attached them. Whoever has attached a
 * segment may do that, once: then FURROW_EOS with ENOENT, also when the name is another
 * file's by now. */
int furrow_segment_unlink(furrow_segment *segment);

/* Give it back; NULL is fine. The name goes when this process made it without .keep.
 * FURROW_EOWNER in another process. */
int furrow_segment_free(furrow_segment *segment);

/* ---- managers of segments -----------------------------------------------------------
 *
 * A manager frees the segments that were made by it when it is closed, or when its process
 * ends, by whatever death. It is used by the process that opened it, from any thread.
 */
typedef struct furrow_segments furrow_segments;

furrow_segments *furrow_segments_open(void);

/* A segment with a name of its own. Errors: those of furrow_segment_new(), FURROW_EOWNER
 * (another process's manager). */
furrow_segment *furrow_segments_new(furrow_segments *manager, size_t size);

/* How many it has; negative: no manager. */
int furrow_segments_count(const furrow_segments *manager);

/* Free one of them before the others. FURROW_EINVAL when it has no such. */
int furrow_segments_free(furrow_segments *manager, furrow_segment *segment);

/* Free all and the manager itself; NULL is fine. */
int furrow_segments_close(furrow_segments *manager);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
