/* SPDX-License-Identifier: MIT
 *
 * A child that does one thing and is gone before its caller goes on.
 *
 * The host program may ignore SIGCHLD or sit in wait(-1) in another thread. Both end
 * our waitpid() with ECHILD, and both only after the child has ended, which is all we
 * need.
 */
#include "os.h"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

int fw_os_errand(void (*errand)(void *ctx), void *ctx, unsigned seconds)
{
    pid_t parent = fw_os_pid(), pid = fw_os_fork();

    if (pid < 0)
        return (int)pid;
    if (pid == 0) {
        fw_os_child_signals(1);
        if (fw_os_die_with(parent) == -ESRCH) /* of this thread, which waits for us */
            _exit(1);
        alarm(seconds);
        errand(ctx);
        _exit(0); /* no exit(): the host's handlers and buffers are not ours to run */
    }
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    return 0;
}
