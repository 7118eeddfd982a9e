/* SPDX-License-Identifier: MIT
 *
 * What stands before each message on the wire: its length, as Python's
 * multiprocessing.connection writes it.
 *
 *     +------------------------+            +-------------+----------------------------+
 *     | length, signed, 4, be  |     or     | ff ff ff ff | length, unsigned, 8 be     |
 *     +------------------------+            +-------------+----------------------------+
 *      0 .. 2^31 - 1                         any; written from 2^31 up
 */
#ifndef FW_FRAME_H
#define FW_FRAME_H

#include <stddef.h>
#include <stdint.h>

#pragma GCC visibility push(default) /* libfurrow_manager uses it */

enum { FW_FRAME_SHORT = 4, FW_FRAME_LONG = 12 };

/* Write the head of a message. Returns its bytes, 4 or 12. */
size_t fw_frame_encode(unsigned char head[FW_FRAME_LONG], uint64_t size);

/* Read the `have` bytes of a head that are there: 0 and *size when it is complete, how
 * many more bytes are to be read first, or FURROW_ECORRUPT for a length that cannot
 * be. */
int fw_frame_decode(const unsigned char head[FW_FRAME_LONG], size_t have,
                    uint64_t *size);

#pragma GCC visibility pop
#endif
