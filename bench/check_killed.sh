#!/bin/sh
# SPDX-License-Identifier: MIT
#
# check_killed.sh BENCH - kills a bench in the middle of each peer that forks by itself, and
# looks that nothing of it remains. 77: there is no python3.
set -u
bench=$1
command -v python3 >/dev/null && command -v setsid >/dev/null || exit 77

# members SESSION: the processes of it that are no zombies, with their command lines. Few
# programs are run for it: what it looks for is there for moments.
members()
{
    for stat in /proc/[0-9]*/stat; do
        { read -r line <"$stat"; } 2>/dev/null || continue
        # shellcheck disable=SC2086 # words
        set -- "$1" ${line##*) }
        [ "${2:-Z}" != Z ] && [ "${5:-}" = "$1" ] || continue
        { command=$(tr '\0\n' '  ' <"${stat%stat}cmdline"); } 2>/dev/null || continue
        pid=${stat%/stat}
        echo "${pid#/proc/} $command"
    done
}

# killed ROW SCRIPT: two processes run a script that holds that text. So many launches that
# they are there for long.
killed()
{
    setsid "$bench" --quick --launches 100 --rows "$1" >/dev/null 2>&1 &
    driver=$!
    tries=0
    until [ "$(members "$driver" | grep -c "$2")" -ge 2 ]; do
        tries=$((tries + 1))
        if [ "$tries" -gt 3000 ] || ! kill -0 "$driver" 2>/dev/null; then
            echo "check_killed: no two processes of Python in row $1"
            kill -9 "$driver"
            exit 1
        fi
        sleep 0.01
    done
    kill -9 "$driver"
    tries=0
    while [ -n "$(members "$driver")" ]; do
        tries=$((tries + 1))
        if [ "$tries" -gt 200 ]; then
            echo "check_killed: of row $1 these remain:"
            members "$driver"
            exit 1
        fi
        sleep 0.1
    done
}

killed pipe 'import Pipe'
for again in 1 2 3 4; do # now and then Python has the time to end its own
    killed queue 'import Queue'
done
