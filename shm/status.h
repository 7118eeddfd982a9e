/* SPDX-License-Identifier: MIT
 *
 * The error record of each thread, and the one line that fails.
 *
 *     return fw_fail(FURROW_EINVAL, "chunk size %zu is larger than %d", n, max);
 *
 * Internal functions fail so and return the negative code; they do not know which public
 * function was called. The public function passes its result through fw_status_in(),
 * which writes its name into the record: the outermost one wins.
 */
#ifndef FW_STATUS_H
#define FW_STATUS_H

#include "furrow_shm.h"

#pragma GCC visibility push(default) /* libfurrow_manager uses it */

/* Record a failure and return `code` (negative). The second form adds the errno of a
 * system call and its meaning to the sentence. */
int fw_fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));
int fw_fail_os(int os_error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* In a public function, a NULL handle: returns the code of the record when there is one
 * (the message of whatever made the handle NULL stays, its function too), else
 * FURROW_EINVAL with "`what` is NULL". */
#define fw_fail_null(what) fw_status_null(__func__, what)
int fw_status_null(const char *function, const char *what);

/* Note the public function when rc < 0; returns rc. */
int fw_status_in(const char *function, int rc);

/* The same for a constructor: returns p. */
void *fw_status_new(const char *function, void *p);

/* Put a record that another process or thread made into this thread's. Returns its code. */
int fw_status_adopt(const furrow_error *error);

#pragma GCC visibility pop
#endif
