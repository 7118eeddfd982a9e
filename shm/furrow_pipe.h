/* SPDX-License-Identifier: MIT
 *
 * furrow_pipe.h - connections: messages of bytes between two processes, and waiting.
 *
 *     furrow_connection *mine, *theirs;
 *
 *     if (furrow_pipe(&mine, &theirs, 1) < 0)
 *         furrow_perror("pipe");
 *     if (fork() == 0) {
 *         furrow_connection_close(mine);
 *         furrow_connection_send(theirs, "hello", 5, FURROW_FOREVER);
 *         _exit(0);
 *     }
 *     furrow_connection_close(theirs); // else the end of file never comes
 *     furrow_connection_recv(mine, buffer, sizeof buffer, &size, furrow_in(5));
 *
 * A connection is a handle of this process around a file descriptor; a forked child has
 * a copy of both. Messages keep their boundaries. On the wire they are those of
 * Python's multiprocessing.connection (a length of 4 bytes, or of 12 from 2 GiB up,
 * then the bytes), so that a Connection(fd) of any Python may be at the other end, with
 * send_bytes() and recv_bytes().
 *
 * Any thread may use a connection: whole messages go out, and come in, one after
 * another. One process at a time may send into an end, and one may receive from it: two
 * that do would cut each other's messages in two. Close the ends that you do not use:
 * the other side sees the end of file when the last copy of an end is closed, by
 * whatever death.
 *
 * Death: a process that is killed while it sends leaves at most the beginning of one
 * message. Its reader gets all messages before that, then FURROW_ECORRUPT ("the end of
 * file came in the middle of a message") or, when nothing of it was sent, FURROW_EEOF;
 * never a message that is not whole, and never a hang. Writing to an end that nobody
 * reads is FURROW_EEOF, never a SIGPIPE.
 */
#ifndef FURROW_PIPE_H
#define FURROW_PIPE_H

#include "furrow_shm.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

typedef struct furrow_connection furrow_connection;

/* ---- making and ending -----------------------------------------------------------*/

/* Two connections to each other: what one sends the other receives. Duplex: both do
 * both (a pair of local sockets). Else `a` receives and `b` sends (a pipe).
 * Errors: FURROW_EINVAL, FURROW_ENOMEM, FURROW_EOS (no file descriptor is left). Then
 * both are NULL. */
int furrow_pipe(furrow_connection **a, furrow_connection **b, int duplex);

/* A connection around a file descriptor that is open here, for example an inherited
 * one: an end of a pipe or a connected stream socket. It belongs to the connection
 * then; on failure it stays the caller's. Whether it is blocking does not matter and is
 * not changed.
 * Errors: FURROW_EINVAL (not open, or nothing that bytes flow through in order),
 * FURROW_ENOMEM. */
furrow_connection *furrow_connection_from_fd(int fd);

/* Close it and free the handle; NULL is fine. A rest that was not sent (see send) is
 * lost, and the reader told so. No other thread may use it any more. Never blocks.
 * Errors: FURROW_EINVAL. */
int furrow_connection_close(furrow_connection *c);

/* Its file descriptor, lent: for poll(), or to be inherited. Errors: FURROW_EINVAL. */
int furrow_connection_fileno(const furrow_connection *c);

/* Can one receive from it, or send into it? 1 or 0, or FURROW_EINVAL. */
int furrow_connection_readable(const furrow_connection *c);
int furrow_connection_writable(const furrow_connection *c);

/* ---- messages --------------------------------------------------------------------*/

/* Send one message of `size` bytes; 0 is a message too. Blocks while the other side
 * does not read, until the deadline. Returns 0, or FURROW_UNSENT (positive: test for
 * failure with < 0): the message is on its way, but only its beginning has gone out by
 * the deadline. A copy of the rest is kept; furrow_connection_flush() or the next send
 * goes on with it.
 * Errors, by which nothing of the message has been sent: FURROW_ETIME, FURROW_EBUSY
 * (the rest of an earlier message, or another thread's, did not go out in time),
 * FURROW_EINVAL (cannot be sent into; NULL with a size), FURROW_ENOMEM, FURROW_EOS; and
 * FURROW_EEOF (nobody reads any more), FURROW_ECORRUPT (an earlier message was cut
 * short by a failure of the system). */
#define FURROW_UNSENT 1
int furrow_connection_send(furrow_connection *c, const void *data, size_t size,
                           furrow_deadline deadline);

/* Bytes that are kept so. Blocks while another thread sends. Errors: FURROW_EINVAL. */
int64_t furrow_connection_unsent(furrow_connection *c);

/* Send them. Blocks until they are sent or the deadline has passed. Errors: as for send;
 * FURROW_ETIME leaves the rest of the rest. */
int furrow_connection_flush(furrow_connection *c, furrow_deadline deadline);

/* Receive the next message into a buffer of `room` bytes; its size goes to *size (may
 * be NULL). Blocks until it is there or the deadline has passed; what had come of it by
 * then is kept for the next call, so that a deadline loses nothing.
 * Errors: FURROW_ESHORT (the buffer is shorter, or the message longer than the limit:
 * *size says how much it takes, and the message stays), FURROW_EEOF (the other end is
 * closed, all has been read), FURROW_ECORRUPT (it ended in the middle of a message, or
 * sends no lengths: from then on every call says so), FURROW_ETIME, FURROW_EINVAL
 * (cannot be received from), FURROW_ENOMEM, FURROW_EOS. */
int furrow_connection_recv(furrow_connection *c, void *buffer, size_t room,
                           size_t *size, furrow_deadline deadline);

/* The size of the next message in bytes; the message stays. Blocks and fails as recv. */
int furrow_connection_next(furrow_connection *c, size_t *size,
                           furrow_deadline deadline);

/* Receive the next message into memory of its own, for the caller to free(); a NUL follows
 * its last byte, *size (may be NULL) does not count it. Memory is taken as bytes come in,
 * not as the sender says. Blocks as recv. NULL on failure, with the errors of recv. */
void *furrow_connection_recv_new(furrow_connection *c, size_t *size,
                                 furrow_deadline deadline);

/* Refuse messages of more bytes from now on: FURROW_ESHORT. At first there is no limit.
 * Blocks while another thread receives. Errors: FURROW_EINVAL. */
int furrow_connection_limit(furrow_connection *c, size_t bytes);

/* Is there something to receive: bytes of a message, or the end of file? Blocks until there
 * is or the deadline has passed. 1 or 0; takes nothing out. Errors: FURROW_EINVAL,
 * FURROW_EOS. */
int furrow_connection_poll(furrow_connection *c, furrow_deadline deadline);

/* ---- open files, connections and arrays ------------------------------------------*/

/* Send 1 to 253 open files through a duplex connection of this machine; the other side
 * takes them by furrow_connection_recv_fds(), as many as were sent, and gets copies
 * with numbers of its own (close-on-exec). They stand between messages, as Python's
 * multiprocessing.reduction sends them (sendfds, recvfds).
 * Errors: as for send; FURROW_EINVAL (one of them is not open; no local socket);
 * FURROW_ECORRUPT (an acknowledgement was expected and something else came). */
int furrow_connection_send_fds(furrow_connection *c, const int *fds, size_t n,
                               furrow_deadline deadline);

/* Receive exactly n files, blocking as recv does. On failure fds holds -1, and nothing is
 * open that was not before.
 * Errors: as for recv; FURROW_EOS with EMFILE (this process has no room for them: they
 * are lost here, the sender still has them); FURROW_ECORRUPT (a message, or another
 * number of files, came instead). */
int furrow_connection_recv_fds(furrow_connection *c, int *fds, size_t n,
                               furrow_deadline deadline);

/* Does the peer expect that files are acknowledged, and acknowledge what it gets?
 * Python does so from 3.14 on. Both sides must say the same; at first no. Files that do not
 * find room or are of another number are acknowledged, too. When a deadline passes before
 * the peer has acknowledged, or when a message of the peer's comes first
 * (FURROW_ECORRUPT; it stays), the files are sent all the same, and whatever is received
 * next takes the acknowledgement in. Errors: FURROW_EINVAL. */
int furrow_connection_acknowledge(furrow_connection *c, int yes);

/* Hand over a connection: the receiver gets one of its own to the same file. The sender
 * closes its own, without having sent into it or received from it any more.
 * Errors: as for send_fds and recv_fds; FURROW_EBUSY (it is in the middle of a message). */
int furrow_connection_send_connection(furrow_connection *c, furrow_connection *other,
                                      furrow_deadline deadline);
furrow_connection *furrow_connection_recv_connection(furrow_connection *c,
                                                     furrow_deadline deadline);

/* Send where an array is, not what is in it: a message of 248 bytes. A process of the
 * same family gets the same array, as by a pointer: who frees it is between the two.
 * Another program gets a named array attached, which it frees; others it cannot get.
 * Errors of send: as for send; FURROW_EINVAL (not a live array). Of recv: as for recv;
 * FURROW_EINVAL (the array has been freed, or is of another program and has no name
 * that this process knows), FURROW_ECORRUPT (the message is no array's; it stays), and
 * those of furrow_array_attach(). */
int furrow_connection_send_array(furrow_connection *c, furrow_array *a,
                                 furrow_deadline deadline);
furrow_array *furrow_connection_recv_array(furrow_connection *c,
                                           furrow_deadline deadline);

/* ---- waiting for several ---------------------------------------------------------*/

enum {
    FURROW_WAIT_CONNECTION = 0, /* .connection can be received from */
    FURROW_WAIT_FD = 1 /* .fd: a socket, a pipe, a sentinel: poll() says POLLIN */
};

typedef struct furrow_waited {
    int what; /* FURROW_WAIT_ */
    int fd;
    furrow_connection *connection;
    int ready; /* out: 1 or 0 */
} furrow_waited;

/* Wait until at least one of the n objects is ready or the deadline has passed. Ready
 * is what can be read, and what has come to its end. Returns how many are, 0 at the
 * deadline (which is never early). Takes nothing out of any of them.
 * Errors: FURROW_EINVAL (an object that is none, or only sends; none at all and for
 * ever), FURROW_ENOMEM, FURROW_EOS. */
int furrow_wait(furrow_waited *objects, size_t n, furrow_deadline deadline);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
