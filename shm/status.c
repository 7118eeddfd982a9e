/* SPDX-License-Identifier: MIT
 *
 * The table of codes, and each thread's record of its last failure.
 *
 * The record is plain thread-local memory: no lock, no shared word. A forked child
 * inherits its parent's record as it was.
 */
#include "status.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* One table of codes: name and meaning. */
#define FW_STATUS_TABLE(X)                                                             \
    X(FURROW_OWNERDIED, "the last holder of the lock died holding it")                 \
    X(FURROW_OK, "success")                                                            \
    X(FURROW_EINVAL, "invalid argument")                                               \
    X(FURROW_ETYPE, "typecodes do not match")                                          \
    X(FURROW_ENOMEM, "not enough memory")                                              \
    X(FURROW_EOS, "the operating system refused")                                      \
    X(FURROW_ETIME, "the deadline has passed")                                         \
    X(FURROW_ECLOSED, "closed")                                                        \
    X(FURROW_EDIED, "a process died")                                                  \
    X(FURROW_EKERNEL, "a kernel failed")                                               \
    X(FURROW_ECANCELED, "cancelled")                                                   \
    X(FURROW_ECORRUPT, "corrupt data")                                                 \
    X(FURROW_EBUSY, "in use")                                                          \
    X(FURROW_ENOTSUP, "not supported")                                                 \
    X(FURROW_EEMPTY, "empty")                                                          \
    X(FURROW_EFULL, "full")                                                            \
    X(FURROW_EEOF, "end of file")                                                      \
    X(FURROW_ESHORT, "the buffer is too short")                                        \
    X(FURROW_EAUTH, "not authenticated")                                               \
    X(FURROW_EBROKEN, "broken")                                                        \
    X(FURROW_EOWNER, "not the owner")

static _Thread_local furrow_error record = {.function = "furrow"};

const char *furrow_status_name(int code)
{
    switch (code) {
#define FW_STATUS_NAME(c, text)                                                        \
    case c:                                                                            \
        return #c;
        FW_STATUS_TABLE(FW_STATUS_NAME)
#undef FW_STATUS_NAME
    default:
        return "FURROW_?";
    }
}

const char *furrow_strerror(int code)
{
    switch (code) {
#define FW_STATUS_TEXT(c, text)                                                        \
    case c:                                                                            \
        return text;
        FW_STATUS_TABLE(FW_STATUS_TEXT)
#undef FW_STATUS_TEXT
    default:
        return "unknown code";
    }
}

const furrow_error *furrow_last_error(void)
{
    return &record;
}

void furrow_error_clear(void)
{
    record = (furrow_error){.function = "furrow"};
}

void furrow_perror(const char *prefix)
{
    const char *text = record.code ? record.text : "no error";

    if (prefix)
        fprintf(stderr, "%s: ", prefix);
    fprintf(stderr, "%s: %s\n", record.function, text);
}

/* Who asks an empty queue again and again gets a constant sentence each time. */
static int is_plain(const char *format)
{
    return !strchr(format, '%') && strlen(format) < sizeof record.text;
}

int fw_fail(int code, const char *format, ...)
{
    va_list args;

    record.code = code;
    record.os_error = 0;
    if (is_plain(format)) {
        memcpy(record.text, format, strlen(format) + 1);
        return code;
    }
    va_start(args, format);
    vsnprintf(record.text, sizeof record.text, format, args);
    va_end(args);
    return code;
}

int fw_fail_os(int os_error, const char *format, ...)
{
    char meaning[128];
    va_list args;
    size_t used;

    record.code = os_error == ENOMEM ? FURROW_ENOMEM : FURROW_EOS;
    record.os_error = os_error;
    va_start(args, format);
    vsnprintf(record.text, sizeof record.text, format, args);
    va_end(args);
    used = strlen(record.text);
    snprintf(record.text + used, sizeof record.text - used, ": %s",
             strerror_r(os_error, meaning, sizeof meaning));
    return record.code;
}

int fw_status_null(const char *function, const char *what)
{
    if (record.code < 0)
        return record.code;
    return fw_status_in(function, fw_fail(FURROW_EINVAL, "%s is NULL", what));
}

int fw_status_in(const char *function, int rc)
{
    if (rc < 0)
        record.function = function;
    return rc;
}

void *fw_status_new(const char *function, void *p)
{
    if (!p)
        record.function = function;
    return p;
}

int fw_status_adopt(const furrow_error *error)
{
    const char *function = record.function;

    record = *error;
    record.function = function;
    return record.code;
}
