/* SPDX-License-Identifier: MIT
 *
 * Words over lines.
 *
 * A line is a stream socket between a process and its parent; who else speaks over the
 * child's end (its keeper, the server that forked it) says whole words, which the kernel
 * does not mix. Nothing of it lies in shared memory: what a killed process has said can be
 * read, what it has not is the end of the line, and there is nothing to repair.
 */
#include "line.h"

#include "status.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int fw_line_say(int line, uint32_t kind, int32_t value, int fd)
{
    fw_word word = {.kind = kind, .value = value};

    return fw_os_line_send(line, &word, sizeof word, fd);
}

int fw_line_say_error(int line)
{
    const furrow_error *e = furrow_last_error();
    fw_word word = {.kind = FW_LINE_FAILED, .value = e->code, .os_error = e->os_error};

    snprintf(word.text, sizeof word.text, "%s", e->text);
    return fw_os_line_send(line, &word, sizeof word, -1);
}

int fw_line_hear(int line, fw_word *word, fw_os_along *with, int64_t until)
{
    return fw_os_line_recv(line, word, sizeof *word, with, until);
}

int fw_line_hear_parent(int line, const fw_parent *by, void *out, size_t size)
{
    char *at = out;
    int rc = 0;

    while (size && rc == 0) {
        size_t n;

        if (!fw_os_readable(&line, 1, fw_os_now() + 100 * 1000 * 1000)) {
            rc = fw_os_process_gone(by->pid, by->start_time) ? -EPIPE : 0;
            continue;
        }
        n = fw_os_line_waiting(line); /* none: it is the end */
        n = n == 0 ? 1 : n < size ? n : size;
        rc = fw_os_line_recv(line, at, n, NULL, INT64_MAX);
        at += n;
        size -= n;
    }
    return rc;
}

int fw_line_adopt(const fw_word *word)
{
    furrow_error e = {.code = word->value < 0 ? word->value : FURROW_EOS,
                      .os_error = word->os_error,
                      .function = ""};

    snprintf(e.text, sizeof e.text, "%.*s", (int)sizeof e.text - 1, word->text);
    return fw_status_adopt(&e);
}
