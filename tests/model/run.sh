#!/bin/sh
# SPDX-License-Identifier: MIT
#
# run.sh SCRATCH: the join as it is holds in every interleaving, and each mutant is caught.
# Exits with 77 when spin is not installed. `run.sh SCRATCH long` also takes two calls with
# one death (minutes).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
scratch=$1
command -v spin >/dev/null || { echo "spin is not installed"; exit 77; }
mkdir -p "$scratch"
cd "$scratch"

# check NAME DEFINES...: prints "0" or "1", the number of errors.
check()
{
    name=$1
    shift
    rm -rf "./$name"
    mkdir "$name"
    (cd "$name" && spin -a "$@" "$here/join.pml" >spin.txt 2>&1 &&
        ${CC:-cc} -O2 -w -DSAFETY -DREVERSE -DVECTORSZ=1024 -DCOLLAPSE -o pan pan.c &&
        ./pan -m1000000 >pan.txt 2>&1) || { echo "failed"; return; }
    if grep -qE 'max search depth|out of memory|not completed' "$name/pan.txt"; then
        grep -q 'errors: [1-9]' "$name/pan.txt" || { echo "incomplete"; return; }
    fi
    sed -n 's/.*errors: \([0-9]*\).*/\1/p' "$name/pan.txt"
}

bad=0
holds()
{
    errors=$(check "$@")
    states=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' "$1/pan.txt")
    echo "$1: errors $errors, $states states"
    [ "$errors" = 0 ] || bad=1
}
caught()
{
    mutant=$1
    shift
    errors=$(check "$mutant" "-D$mutant" "$@")
    echo "$mutant: $(sed -n 's/^pan:1: //p' "$mutant/pan.txt" | head -n 1)"
    [ "$errors" = 1 ] || { echo "$mutant is not caught ($errors)"; bad=1; }
}

holds one_death -DCALLS=1 -DKILLS=1
holds no_death -DCALLS=2 -DKILLS=0
[ "${2-}" != long ] || holds two_calls_one_death -DCALLS=2 -DKILLS=1

for m in M_NO_VALIDATE M_VALIDATE_FIRST M_NEVER_CLOSE M_NO_WAIT M_NO_TAG M_SLOW_IS_DEAD; do
    caught $m -DCALLS=2 -DKILLS=0
done
for m in M_DEAD_FIRST M_FENCE_FIRST M_ACTIVE_LATE M_ANY_DEAD M_FORGET M_KNOW M_NO_MARK \
    M_NO_LIST; do
    caught $m -DCALLS=1 -DKILLS=1
done
caught M_TORN_AGAIN -DCALLS=1 -DKILLS=2
exit $bad
