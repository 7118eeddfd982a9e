/* SPDX-License-Identifier: MIT */
#ifndef SOAK_STATE_H
#define SOAK_STATE_H

#include "os.h"

#include <stdio.h>
#include <string.h>

/* State letter and wait channel of a process: "S futex_wait_queue". */
static inline void process_state(long pid, char *out, size_t size)
{
    char path[64], text[512], wchan[64] = "";
    const char *end;

    snprintf(path, sizeof path, "/proc/%ld/wchan", pid);
    if (fw_os_read_file(path, wchan, sizeof wchan) < 0)
        wchan[0] = 0;
    snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    if (fw_os_read_file(path, text, sizeof text) <= 0 || !(end = strrchr(text, ')')))
        snprintf(out, size, "gone");
    else
        snprintf(out, size, "%c %s", end[2], wchan);
}

#endif
