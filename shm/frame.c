/* SPDX-License-Identifier: MIT
 *
 * The head of a message. A length is refused when it is negative, other than the mark
 * of the long form, or when no memory could ever hold so much. The long form of a
 * length that would do with the short one is accepted, as Python accepts it.
 */
#include "frame.h"

#include "status.h"

#define SHORT_MAX UINT64_C(0x7fffffff)
#define LONG_MARK UINT64_C(0xffffffff)

static void put_number(unsigned char *to, size_t bytes, uint64_t value)
{
    for (size_t i = 0; i < bytes; i++)
        to[i] = (unsigned char)(value >> 8 * (bytes - 1 - i));
}

static uint64_t get_number(const unsigned char *from, size_t bytes)
{
    uint64_t value = 0;

    for (size_t i = 0; i < bytes; i++)
        value = value << 8 | from[i];
    return value;
}

size_t fw_frame_encode(unsigned char head[FW_FRAME_LONG], uint64_t size)
{
    if (size <= SHORT_MAX) {
        put_number(head, 4, size);
        return FW_FRAME_SHORT;
    }
    put_number(head, 4, LONG_MARK);
    put_number(head + 4, 8, size);
    return FW_FRAME_LONG;
}

int fw_frame_decode(const unsigned char head[FW_FRAME_LONG], size_t have,
                    uint64_t *size)
{
    uint64_t length;

    if (have < FW_FRAME_SHORT)
        return (int)(FW_FRAME_SHORT - have);
    length = get_number(head, 4);
    if (length == LONG_MARK) {
        if (have < FW_FRAME_LONG)
            return (int)(FW_FRAME_LONG - have);
        length = get_number(head + 4, 8);
        if (length > INT64_MAX)
            return fw_fail(FURROW_ECORRUPT, "a message says that it has %llu bytes",
                           (unsigned long long)length);
    } else if (length > SHORT_MAX) {
        return fw_fail(FURROW_ECORRUPT, "a message says that it has %ld bytes",
                       (long)(int32_t)length);
    }
    *size = length;
    return 0;
}
