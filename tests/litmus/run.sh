#!/bin/sh
# SPDX-License-Identifier: MIT
#
# run.sh: what the memory orders promise, asked of herd7 (from herdtools7) under the model
# RC11 of C's atomics: in no litmus test here is the outcome after `exists` possible, nor a
# race; with one order weakened, it is. Exits with 77 when herd7 is not installed.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
command -v "${HERD7:=herd7}" >/dev/null || { echo "herd7 is not installed"; exit 77; }
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
bad=0

# says FILE: possible, impossible, or what went wrong.
says()
{
    # shellcheck disable=SC2086 # HERD7 may have arguments
    $HERD7 -model rc11.cat "$1" >"$scratch/said" 2>&1 || { cat "$scratch/said" && return; }
    if grep -qE '^Flag |^Observation .* (Sometimes|Always) ' "$scratch/said"; then
        echo possible
    elif grep -q '^Observation .* Never ' "$scratch/said"; then
        echo impossible
    else
        cat "$scratch/said"
    fi
}

# expect WORD FILE NAME
expect()
{
    got=$(says "$2")
    echo "$3: $got"
    [ "$got" = "$1" ] || bad=1
}

# mutant TEST FROM TO: with one order, or one line, less.
mutant()
{
    sed "s/$2/$3/" "$here/$1.litmus" >"$scratch/mutant.litmus"
    if cmp -s "$here/$1.litmus" "$scratch/mutant.litmus"; then
        echo "$1: the mutant $2 changes nothing"
        bad=1
    else
        expect possible "$scratch/mutant.litmus" "$1, $3 for $2"
    fi
}

for test in "$here"/*.litmus; do
    name=${test##*/}
    expect impossible "$test" "${name%.litmus}"
done
mutant enter 'seq, memory_order_seq_cst' 'seq, memory_order_acquire'
mutant enter 'in_gen, memory_order_seq_cst' 'in_gen, memory_order_acquire'
mutant leave 'out, memory_order_seq_cst' 'out, memory_order_acquire'
mutant leave 'out, 1, memory_order_seq_cst' 'out, 1, memory_order_acq_rel'
mutant last 'a, 1, memory_order_seq_cst' 'a, 1, memory_order_acq_rel'
mutant cancel 'epoch, 1, memory_order_seq_cst' 'epoch, 1, memory_order_release'
mutant submit 'queued, memory_order_seq_cst' 'queued, memory_order_acquire'
mutant open 'seq, 1, memory_order_release' 'seq, 1, memory_order_relaxed'
mutant open 'seq, memory_order_acquire' 'seq, memory_order_relaxed'
mutant reopen 'out, 1, memory_order_seq_cst' 'out, 1, memory_order_relaxed'
mutant death 'state, 3, memory_order_seq_cst' 'state, 3, memory_order_relaxed'
mutant replace 'active, 0, memory_order_release' 'active, 0, memory_order_relaxed'
mutant sleep '.*int met.*' ''
exit $bad
