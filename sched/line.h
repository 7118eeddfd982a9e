/* SPDX-License-Identifier: MIT
 *
 * What is said over the line between a process and the one that started it.
 */
#ifndef FW_LINE_H
#define FW_LINE_H

#include "kin.h"
#include "os.h"

enum {
    /* to the parent */
    FW_LINE_HELLO = 1, /* value: the child's pid; comes with its pidfd */
    FW_LINE_UP, /* it has what it needs, and waits for the go-ahead; a nursery: value:
                       its pid; comes with its pidfd */
    FW_LINE_FAILED, /* value: a furrow_status; and os_error, text */
    FW_LINE_EXITED, /* value: its exit code, by itself, right before its end */
    FW_LINE_STATUS, /* value: its wait status, by who has released it */
    /* to a server */
    FW_LINE_REQUEST /* value: FW_SERVE_; comes with the child's end of a line */
};

/* Small enough for a line to take it as one. */
typedef struct fw_word {
    uint32_t kind;
    int32_t value;
    int32_t os_error;
    char text[500];
} fw_word;
_Static_assert(sizeof(fw_word) == 512, "one piece of a stream");

/* 0 or -errno (-EPIPE: the other end is gone). */
int fw_line_say(int line, uint32_t kind, int32_t value, int fd);

/* The calling thread's error record. */
int fw_line_say_error(int line);

/* 0 or -errno (-EPIPE, -ETIMEDOUT); what comes with it in *with (may be NULL). */
int fw_line_hear(int line, fw_word *word, fw_os_along *with, int64_t until);

/* All that the parent has to say. It may be killed before it has, and a copy of its end of the
 * line live on in what it has forked: -EPIPE then, too. */
int fw_line_hear_parent(int line, const fw_parent *by, void *out, size_t size);

/* FAILED: into this thread's error record. Returns its code. */
int fw_line_adopt(const fw_word *word);

#endif
