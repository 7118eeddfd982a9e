#!/bin/sh
# SPDX-License-Identifier: MIT
#
# run.sh EMULATOR... -- PROGRAM [ARGUMENT...]: a test program under a user-mode emulator,
# without those of its tests that mean nothing there: skip.txt has them, a line each, with
# the reason, which is printed. `*` is the whole program; its exit status is then 77. A name
# may be that of one start method: test_engine_map:thread.
#
# The heap is small: the emulator keeps books on each page of it.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
emulator=
while [ "$1" != -- ]; do
    emulator="$emulator $1"
    shift
done
shift
program=$1
name=${program##*/}
shift

skipped=$(sed -nE "s/^$name(:${FURROW_START:-none})? //p" "$here/skip.txt")
if [ -n "$skipped" ]; then
    echo "$skipped" | sed "s/^/skipped under an emulator: $name /"
    case $skipped in '*'*) exit 77 ;; esac
    set -- "$@" --filter "!(*/@($(echo "$skipped" | sed 's/:.*//' | paste -sd '|')))"
fi
export FURROW_HEAP="${FURROW_HEAP:-16G}"
# shellcheck disable=SC2086 # words
exec $emulator "$program" "$@"
