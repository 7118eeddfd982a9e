/* SPDX-License-Identifier: MIT
 *
 * Two connections to each other.
 */
#include "connection.h"
#include "status.h"

#include <stdlib.h>

static int connect_both(furrow_connection **a, furrow_connection **b, const int fd[2],
                        int duplex)
{
    fw_stream first = {fd[0], duplex, 1, duplex};
    fw_stream second = {fd[1], duplex, duplex, 1};

    *a = fw_connection_new(&first);
    *b = *a ? fw_connection_new(&second) : NULL;
    if (*b)
        return 0;
    free(*a);
    *a = NULL;
    fw_os_close(fd[0]);
    fw_os_close(fd[1]);
    return furrow_last_error()->code;
}

int furrow_pipe(furrow_connection **a, furrow_connection **b, int duplex)
{
    int fd[2], rc;

    if (!a || !b)
        return fw_status_in(__func__,
                            fw_fail(FURROW_EINVAL, "there is no place for both ends"));
    *a = *b = NULL;
    rc = duplex ? fw_os_stream_pair(fd) : fw_os_stream_pipe(fd);
    if (rc < 0)
        return fw_status_in(__func__, fw_fail_os(-rc, "cannot make a pipe"));
    return fw_status_in(__func__, connect_both(a, b, fd, duplex != 0));
}
