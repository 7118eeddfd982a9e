#!/bin/sh
# SPDX-License-Identifier: MIT
#
# run.sh MODEL.pml SCRATCH [long | M_NAME]: the protocol as it is holds in every
# interleaving, and each mutant is caught; or only this mutant. What is to be run stands in
# the head of the model, in lines
#
#      *   holds  NAME -DFLAG...              no error in the whole state space
#      *   long   NAME -DFLAG...              the same, but only with `long`
#      *   caught M_NAME -DFLAG...: what      -DM_NAME breaks that line of the protocol
#
# Exits with 77 when spin is not installed.
set -eu
model=$1 scratch=$2 what=${3-}
case $model in /*) ;; *) model=$PWD/$model ;; esac
command -v spin >/dev/null || { echo "spin is not installed"; exit 77; }
mkdir -p "$scratch"
cd "$scratch"
bad=0

# search NAME FLAGS...: prints the number of errors, or why there is none to print.
search()
{
    name=$1
    shift
    rm -rf "./$name"
    mkdir "$name"
    (cd "$name" && spin -a "$@" "$model" >spin.txt 2>&1 &&
        ${CC:-cc} "${optimise:--O2}" -w -DSAFETY -DREVERSE -DVECTORSZ=1024 -DCOLLAPSE -DMEMLIM=4000 \
            -o pan pan.c && ./pan -m1000000 >pan.txt 2>&1) || { echo failed; return; }
    if grep -qE 'max search depth|out of memory|not completed|memory limit' \
        "$name/pan.txt"; then
        grep -q 'errors: [1-9]' "$name/pan.txt" || { echo incomplete; return; }
    fi
    sed -n 's/.*errors: \([0-9]*\).*/\1/p' "$name/pan.txt"
}

# told NAME: states, memory and seconds of a search.
told()
{
    awk '/states, stored/ { states = $1 }
        /total actual memory/ { megabytes = $1 }
        /elapsed time/ { seconds = $4 }
        END { printf "%.0f states, %d MiB, %.1f s\n", states, megabytes, seconds }' \
        "$1/pan.txt"
}

holds()
{
    errors=$(search "$@")
    echo "$1: errors $errors, $([ "$errors" = failed ] || told "$1")"
    [ "$errors" = 0 ] || bad=1
}

caught()
{
    mutant=$1
    shift
    errors=$(optimise=-O1 search "$mutant" "-D$mutant" "$@") # found in no time
    echo "$mutant: $(sed -n 's/^pan:1: //p' "$mutant/pan.txt" | head -n 1)"
    [ "$errors" = 1 ] || { echo "$mutant is not caught ($errors)"; bad=1; }
}

# The runs in the head, without what is said about them.
sed -n '/^ \*\//q; s/^ \*   \(holds\|long\|caught\) */\1 /p' "$model" |
    sed 's/:.*//' >runs.txt
grep -q '^holds' runs.txt && grep -q '^caught' runs.txt || {
    echo "$model: no runs in its head"
    exit 1
}
case $what in
M_*)
    grep "^caught $what\( \|$\)" runs.txt >one.txt || { echo "no mutant $what"; exit 1; }
    mv one.txt runs.txt
    ;;
esac
while read -r kind name flags; do
    case $kind in
    long) [ "$what" = long ] || continue; kind=holds ;;
    esac
    # shellcheck disable=SC2086
    "$kind" "$name" $flags </dev/null
done <runs.txt
exit $bad
