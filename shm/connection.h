/* SPDX-License-Identifier: MIT
 *
 * What a connection is within this process.
 */
#ifndef FW_CONNECTION_H
#define FW_CONNECTION_H

#include "frame.h"
#include "furrow_pipe.h"
#include "grip.h"
#include "os_stream.h"

#define FW_CONNECTION_MAGIC UINT64_C(0x6e6e6f6377667766)

/* Why nothing more can be received. */
enum { FW_INTACT, FW_BAD_LENGTH, FW_CUT_SHORT };

/* The message that is coming in. Whoever holds `receiving` writes. */
typedef struct fw_incoming {
    unsigned char head[FW_FRAME_LONG];
    size_t have;   /* bytes of the head */
    int known;     /* the head is complete: */
    uint64_t size; /* of the message */
    size_t got;    /* bytes of it that are in `kept` */
    char *kept;
    size_t room; /* of kept */
    int broken;
} fw_incoming;

/* The rest of a message whose beginning went out. Whoever holds `sending` writes. */
typedef struct fw_outgoing {
    char *kept;
    size_t room, begin, end; /* bytes [begin, end) are to be sent */
    int torn;                /* there is no rest, and the message is not whole */
} fw_outgoing;

struct furrow_connection {
    uint64_t magic;
    fw_stream stream;
    fw_grip receiving, sending;
    fw_incoming in;
    fw_outgoing out;
    uint64_t limit;       /* of a message's bytes; under `receiving` */
    int ack;              /* the peer acknowledges files, and expects it */
    _Atomic uint32_t due; /* acknowledgements that have not come yet */
};

/* 0, or a negative code when it is no live connection (for NULL without a message), or
 * does not go that way. */
int fw_connection_check(const furrow_connection *c);
int fw_connection_check_readable(const furrow_connection *c);
int fw_connection_check_writable(const furrow_connection *c);

/* At the end of a public function: note its name when it fails. Of a NULL connection
 * the first message, and its function, are kept. none() is for what returns a
 * pointer. */
int fw_connection_done(const char *function, const furrow_connection *c, int rc);
void *fw_connection_none(const char *function, const furrow_connection *c);

/* A connection around a stream. NULL with an error: the fd stays the caller's. */
furrow_connection *fw_connection_new(const fw_stream *s);

/* The error for what reading or writing answered: -errno. */
int fw_connection_failed(ssize_t n, const char *doing);

/* receive.c. Under `receiving`: read the head of the next message; it must fit the
 * limit. */
int fw_receive_head(furrow_connection *c, furrow_deadline deadline);
void fw_receive_fini(furrow_connection *c);

/* After the head: the whole message, in c->in.kept, where it stays until it is done. */
int fw_receive_kept(furrow_connection *c, furrow_deadline deadline);
void fw_receive_done(furrow_connection *c);

/* Is the byte, which came where a message begins, an acknowledgement that is due? Then it is
 * not any more. */
#define FW_ACKNOWLEDGED 'A'
int fw_receive_is_ack(furrow_connection *c, unsigned char byte);

/* Takes and gives `receiving`. */
int fw_receive_take(furrow_connection *c, furrow_deadline deadline);
int fw_receive_give(furrow_connection *c, int rc);

/* Is there a message, or an error, that needs no more bytes? */
int fw_receive_ready(furrow_connection *c);

/* send.c. Under `sending`: send the rest of an earlier message. */
int fw_send_rest(furrow_connection *c, furrow_deadline deadline);

/* Takes and gives `sending`. */
int fw_send_take(furrow_connection *c, furrow_deadline deadline);
int fw_send_give(furrow_connection *c, int rc);

/* Send one byte that is no part of a message, or keep it to be sent before the next one.
 * Takes `sending`. */
int fw_send_byte(furrow_connection *c, char byte, furrow_deadline deadline);

/* Send one message of two parts. Takes `sending`. */
int fw_send_message(furrow_connection *c, const struct iovec part[2],
                    furrow_deadline deadline);

#endif
