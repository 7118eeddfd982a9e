# SPDX-License-Identifier: MIT
"""Python's own multiprocessing.connection at the other end.

peer.py echo FD          send back each message until the end of file
peer.py objects FD       send a few objects, then messages of many sizes
peer.py check FD         receive messages of many sizes and say "ok", or what is wrong
peer.py files FD         receive two open files, write into the first, send it back
peer.py serve ADDRESS KEY    a Listener
peer.py connect ADDRESS KEY  a Client
"""
import sys
from multiprocessing import AuthenticationError, connection, reduction

SIZES = [0, 1, 4, 5, 4095, 4096, 16384, 16385, 65536, 1 << 20, (1 << 24) + 3]


def pattern(size):
    return bytes(bytearray(i * 7 + size & 0xFF for i in range(min(size, 256)))) * (
        size // 256 + 1)


def sized(size):
    return pattern(size)[:size]


def echo(c):
    try:
        while True:
            c.send_bytes(c.recv_bytes())
    except EOFError:
        pass


def objects(c):
    for o in (None, 1, "hi", [1, 2.5], {"k": b"\x01"}):
        c.send(o)
    for size in SIZES:
        c.send_bytes(sized(size))


def check(c):
    for size in SIZES:
        got = c.recv_bytes()
        if got != sized(size):
            c.send_bytes(b"%d bytes came as %d" % (size, len(got)))
            return
    c.send_bytes(b"ok")


def files(c):
    import os
    import socket
    s = socket.socket(fileno=os.dup(c.fileno()))
    one, two = reduction.recvfds(s, 2)
    os.write(one, b"from python")
    c.send_bytes(b"written")
    reduction.sendfds(s, [two])


def address(text):
    if text.startswith("@"):
        return "\0" + text[1:]
    if text.startswith("/"):
        return text
    host, port = text.rsplit(":", 1)
    return host, int(port)


def serve(where, key):
    """Echo one message of each of two clients; those with another key do not count."""
    served = 0
    with connection.Listener(address(where), authkey=key.encode()) as listener:
        while served < 2:
            try:
                c = listener.accept()
            except (AuthenticationError, EOFError):
                continue
            c.send_bytes(c.recv_bytes())
            c.close()
            served += 1


def connect(where, key):
    """3: the other side does not accept the key."""
    try:
        c = connection.Client(address(where), authkey=key.encode())
    except AuthenticationError:
        sys.exit(3)
    c.send_bytes(b"hello")
    if c.recv_bytes() != b"welcome":
        sys.exit(4)


if __name__ == "__main__":
    if len(sys.argv) == 4:
        globals()[sys.argv[1]](sys.argv[2], sys.argv[3])
    else:
        globals()[sys.argv[1]](connection.Connection(int(sys.argv[2])))
