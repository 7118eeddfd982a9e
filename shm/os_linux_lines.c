/* SPDX-License-Identifier: MIT
 *
 * Files of Linux that may be long, line by line and without malloc:
 * /proc/self/mountinfo has thousands of lines on a host of containers.
 */
#include "os.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

typedef struct window {
    char text[4097];
    size_t used;
    int skip; /* the rest of a line that was too long is passing by */
} window;

/* Show the complete lines of the window and keep the rest. 1 when `see` has enough. */
static int show_lines(window *w, int (*see)(void *, char *), void *ctx)
{
    char *line = w->text, *end;
    size_t left = w->used;

    while ((end = memchr(line, '\n', left))) {
        *end = 0;
        if (!w->skip && see(ctx, line))
            return 1;
        w->skip = 0;
        left -= (size_t)(end + 1 - line);
        line = end + 1;
    }
    if (left == sizeof w->text - 1) {
        w->skip = 1;
        left = 0;
    }
    memmove(w->text, line, left);
    w->used = left;
    return 0;
}

int fw_os_read_lines(const char *path, int (*see)(void *ctx, char *line), void *ctx)
{
    window w = {.used = 0};
    int rc = 0, enough = 0, fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    while (!enough) {
        ssize_t n = read(fd, w.text + w.used, sizeof w.text - 1 - w.used);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            rc = -errno;
        if (n <= 0)
            break;
        w.used += (size_t)n;
        enough = show_lines(&w, see, ctx);
    }
    if (rc == 0 && !enough && w.used && !w.skip) { /* a last line without newline */
        w.text[w.used] = '\n';
        w.used++;
        show_lines(&w, see, ctx);
    }
    close(fd);
    return rc;
}
