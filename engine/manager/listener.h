/* SPDX-License-Identifier: MIT
 *
 * What a listener is within its process.
 */
#ifndef FW_LISTENER_H
#define FW_LISTENER_H

#include "address.h"
#include "grip.h"
#include "handshake.h"

#define FW_LISTENER_MAGIC UINT64_C(0x6e657473696c7766)

enum { FW_LISTENER_PENDING = 1024 };

/* A client whose handshake is not over. */
typedef struct fw_pending {
    fw_stream stream;
    fw_handshake shake;
    int64_t until;
    char from[FW_SOCKET_TEXT];
} fw_pending;

struct furrow_listener {
    uint64_t magic;
    int fd;
    int32_t pid; /* who opened it */
    int keyed;   /* clients have to prove a key */
    fw_handshake_terms terms;
    double seconds; /* for a handshake */
    char *path;     /* or NULL, and */
    fw_file_id id;  /* which file it was */
    char address[FW_SOCKET_TEXT], last[FW_SOCKET_TEXT];
    fw_grip grip; /* of who accepts; over what follows, and `last` */
    fw_pending *pending[FW_LISTENER_PENDING];
    int count;
    int64_t left; /* when accepting ended the last time */
};

/* 0, or an error (for NULL without a message). */
int fw_listener_check(const furrow_listener *l);

/* Close and free a client's handshake. */
void fw_listener_drop(furrow_listener *l, int i);

#endif
