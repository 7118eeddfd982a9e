/* SPDX-License-Identifier: MIT
 *
 * The operating system: sockets that listen and connect. Functions return 0 (or a value
 * >= 0) or -errno and leave the error record alone; new file descriptors are
 * close-on-exec and high.
 */
#ifndef FW_OS_SOCKET_H
#define FW_OS_SOCKET_H

#include "os.h"

#pragma GCC visibility push(default) /* libfurrow_manager uses it */

typedef struct fw_socket_address {
    uint32_t size;
    _Alignas(16) unsigned char bytes[128];
} fw_socket_address;

enum { FW_SOCKET_TEXT = 160 };

/* A local address: a path, or an abstract name after a NUL byte. 0 bytes: one that the
 * system chooses when somebody listens. -ENAMETOOLONG. */
int fw_os_socket_local(const char *name, size_t size, fw_socket_address *out);

/* Of TCP; the host may be a name, which is looked up (and may take a while). Its addresses,
 * `room` of them at most, in the system's order but for this: IPv6 and IPv4 take turns, as
 * RFC 8305 has it, so that a family that leads nowhere is no more than every other one.
 * How many, at least 1, or -ENOENT. */
int fw_os_socket_inet(const char *host, const char *port, fw_socket_address *out,
                      int room);

/* "/path", "@abstract", "1.2.3.4:80", "[::1]:80" or "". */
void fw_os_socket_text(const fw_socket_address *a, char text[FW_SOCKET_TEXT]);

/* Listen there; the fd does not block. *a becomes what was chosen. */
int fw_os_socket_listen(fw_socket_address *a, int backlog);

/* The next that has connected, and from where. -EAGAIN: nobody. */
int fw_os_socket_accept(int fd, fw_socket_address *from);

/* Connect by `until`: the fd, -ETIME (it has passed), -errno (ETIMEDOUT: the system has given
 * the other side up before). */
int fw_os_socket_connect(const fw_socket_address *a, int64_t until);

/* Which file a path is now (a socket, not followed), and remove the path if it still is
 * (NULL: in any case). */
int fw_os_socket_path_id(const char *path, fw_file_id *id);
void fw_os_socket_unlink(const char *path, const fw_file_id *id);

void fw_os_socket_close(int fd);
int fw_os_socket_random(void *to, size_t size); /* of a cipher's quality */
int32_t fw_os_socket_pid(void);

#pragma GCC visibility pop
#endif
