/* SPDX-License-Identifier: MIT
 *
 * What the objects of furrow_sync.h have in common: they are blocks of the heap with a magic
 * word that says what they are while they live.
 */
#ifndef FW_SYNC_OBJECT_H
#define FW_SYNC_OBJECT_H

#include "atomic.h"
#include "furrow_sync.h"

/* The options that a caller of `size` bytes of them gave, in a struct of `room` bytes. */
void fw_sync_options(void *out, size_t room, const void *options, size_t size);

/* A new block of zeros, of this process until fw_sync_publish(). NULL with an error. */
void *fw_sync_new(size_t size);
int fw_sync_drop(void *block); /* that was not published */

/* Give it its magic, and it (and `other`, or NULL) to the family. Returns it; NULL stays
 * NULL, and the public function is noted. */
void *fw_sync_publish(const char *function, void *object, void *other,
                      _Atomic uint64_t *magic, uint64_t value);

/* In a public function, for a handle that is not live: NULL (the error of whatever made it
 * stays) or something else. Returns the code. */
int fw_sync_refuse(const char *function, const void *object, const char *noun);

/* End it, once. 0, FURROW_EINVAL when somebody else has, or the heap's error. */
int fw_sync_free(const char *function, void *object, void *other,
                 _Atomic uint64_t *magic, uint64_t value);

#endif
