# SPDX-License-Identifier: MIT
"""NumPy as the oracle of tests/shm/test_npy.c.

npy_oracle.py make DIR    write files of many types and shapes, and DIR/manifest: one
                          line "file code letter version shape|format" each, where code is
                          what furrow_npy_load() must return (0, or "not supported"), and
                          FILE.raw holds the elements in C order and native byte order
npy_oracle.py check DIR   DIR/saved has lines "file descr shape" (tabs between): numpy.load() must find
                          that type, that shape and the bytes of FILE.raw
"""
import ast
import os
import sys
import warnings

import numpy as np

NOTSUP = -12
SHAPES = [(), (0,), (7,), (2, 3, 4), (3, 0, 2), (1, 2, 1, 3, 1, 2, 1, 2)]
LETTERS = {"S1": "c", "i1": "b", "u1": "B", "i2": "h", "u2": "H", "i4": "i", "u4": "I",
           "i8": "l", "u8": "L", "f4": "f", "f8": "d", "g": "g", "c8": "F",
           "c16": "D", "?": "?"}
STRUCTS = [
    ([("x", "f8"), ("y", "f8"), ("id", "i4")], "T{d:x:d:y:i:id:}"),
    ([("t", "i1"), ("v", "f8", (2, 3)), ("s", "i2")], "T{b:t:6d:v:h:s:}"),
    ([("name", "S16"), ("w", "c16"), ("ok", "?")], "T{16c:name:Zd:w:?:ok:}"),
    ([("a b", "u1"), ("\u00e9t\u00e9", "f4")], "T{B:a b:f:\u00e9t\u00e9:}"),
    ([("\u03bb", "f4"), ("g", "g"), ("end", "i1")], "T{f:\u03bb:g:g:b:end:}"),
]


def values(dtype, shape):
    rng = np.random.default_rng(1)
    n = int(np.prod(shape, dtype=int))
    if dtype.kind == "b":
        return rng.integers(0, 2, n).astype(dtype).reshape(shape)
    if dtype.kind == "S":
        return np.frombuffer(rng.bytes(n), "S1").reshape(shape)
    parts = rng.integers(-100, 100, n)
    if dtype.kind == "c":
        return (parts + 1j * rng.integers(-100, 100, n)).astype(dtype).reshape(shape)
    return parts.astype(dtype).reshape(shape)


def fill(array):
    for name in array.dtype.names:
        field = array[name]
        if field.dtype.itemsize > 1 and field.dtype.kind == "S":
            field[...] = b"Ackerfurche 1234"
        else:
            field[...] = values(field.dtype, field.shape)
    return array


def native(array):
    dtype = array.dtype.newbyteorder("=")
    if not dtype.names:
        return array.astype(dtype)
    result = np.zeros(array.shape, dtype)  # astype() leaves the padding undefined
    for name in dtype.names:
        result[name] = array[name]
    return result


class Maker:
    def __init__(self, folder):
        self.folder = folder
        self.count = 0
        self.manifest = open(os.path.join(folder, "manifest"), "w", encoding="utf-8")

    def add(self, array, code, letter="-", version=None, fmt=""):
        name = "file%d.npy" % self.count
        path = os.path.join(self.folder, name)
        self.count += 1
        with open(path, "wb") as f, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            np.lib.format.write_array(f, array, version=version, allow_pickle=True)
        with open(path, "rb") as f:
            version = f.read(8)[6]
        with open(path + ".raw", "wb") as f:
            f.write(native(array).tobytes())
        shape = ",".join(map(str, array.shape or (1,)))
        self.manifest.write("%s %d %s %d %s|%s\n" % (name, code, letter, version, shape,
                                                     fmt))


def make_scalars(maker):
    for text, letter in LETTERS.items():
        for shape in SHAPES:
            maker.add(values(np.dtype(text), shape), 0, letter)
        big = np.dtype(text).newbyteorder(">")
        if big.itemsize > 1:
            maker.add(values(np.dtype(text), (7,)).astype(big), 0, letter)
            maker.add(values(np.dtype(text), (2, 3, 4)).astype(big), 0, letter)
    for version in (1, 0), (2, 0), (3, 0):
        maker.add(values(np.dtype("f8"), (5, 6)), 0, "d", version)


def make_structs(maker):
    for fields, fmt in STRUCTS:
        for order in "<", ">":
            dtype = np.dtype(fields, align=True)
            if order == ">":
                dtype = np.dtype({"names": dtype.names,
                                  "formats": [dtype[n].newbyteorder(">")
                                              for n in dtype.names],
                                  "offsets": [dtype.fields[n][1] for n in dtype.names],
                                  "itemsize": dtype.itemsize})
            maker.add(fill(np.zeros((3, 2), dtype)), 0, "T", None, fmt)
    maker.add(fill(np.zeros(4, np.dtype([("x", "f8"), ("y", "f8")]))), 0, "T", None,
              "T{d:x:d:y:}")
    wide = np.dtype({"names": ["a", "b"], "formats": ["i1", "i4"], "offsets": [0, 12],
                     "itemsize": 24})
    maker.add(fill(np.zeros(4, wide)), 0, "T", None, "T{b:a:11xi:b:8x}")


def make_unsupported(maker):
    for text in "f2", "U5", "M8[s]", "m8[us]", "S5", "V8":
        maker.add(np.zeros(3, text), NOTSUP)
    maker.add(np.zeros(3, "G"), NOTSUP)
    maker.add(np.array([None, 1]), NOTSUP)
    maker.add(np.asfortranarray(values(np.dtype("f8"), (2, 3))), NOTSUP)
    maker.add(np.zeros(3, [("a", "i1"), ("b", "f8")]), NOTSUP)
    maker.add(np.zeros(3, [("a", "f8"), ("b", "i1")]), NOTSUP)
    maker.add(np.zeros(3, [("a", [("b", "f8")])]), NOTSUP)
    maker.add(np.zeros(3, [("a", "f2")]), NOTSUP)
    maker.add(np.zeros(3, [("a", "V4"), ("b", "f4")]), NOTSUP)
    maker.add(np.zeros(3, [(("title", "a"), "f8")]), NOTSUP)
    maker.add(np.zeros(3, [("a:b", "f8")]), NOTSUP)
    maker.add(np.zeros(3, [("a'b", "f8")]), NOTSUP)
    maker.add(np.zeros(3, [("a\\b", "f8")]), NOTSUP)
    maker.add(np.zeros(3, [("n" * 32, "f8")]), NOTSUP)
    maker.add(np.zeros(3, [("f%d" % i, "f8") for i in range(33)]), NOTSUP)
    maker.add(np.zeros(3, [("a%025d" % i, "f8") for i in range(10)]), NOTSUP)
    maker.add(np.zeros((1,) * 9), NOTSUP)


def make(folder):
    maker = Maker(folder)
    make_scalars(maker)
    make_structs(maker)
    make_unsupported(maker)
    maker.manifest.close()


def wrong(folder, name, descr, shape):
    path = os.path.join(folder, name)
    array = np.load(path)
    if array.dtype != np.lib.format.descr_to_dtype(ast.literal_eval(descr)):
        return "dtype %s, expected %s" % (array.dtype, descr)
    if array.shape != ast.literal_eval(shape):
        return "shape %s, expected %s" % (array.shape, shape)
    with open(path + ".raw", "rb") as f:
        if array.tobytes() != f.read():
            return "other bytes"
    with open(path, "rb") as f:
        np.lib.format.read_magic(f)
        f.seek(6)
        first = 10 if f.read(1) == b"\x01" else 12
        f.seek(8)
        length = int.from_bytes(f.read(first - 8), "little")
        if (first + length) % 64:
            return "data at %d" % (first + length)
    return None


def check(folder):
    failed = 0
    with open(os.path.join(folder, "saved"), encoding="utf-8") as saved:
        for line in saved:
            name, descr, shape = line.rstrip("\n").split("\t")
            why = wrong(folder, name, descr, shape)
            if why:
                print("%s: %s" % (name, why), file=sys.stderr)
                failed += 1
    return failed != 0


if __name__ == "__main__":
    sys.exit(make(sys.argv[2]) if sys.argv[1] == "make" else check(sys.argv[2]))
