#!/bin/sh
# SPDX-License-Identifier: MIT
#
# run.sh LAW SOURCE BUILD: does the tree in SOURCE, built in BUILD, keep the law?
#
# A check that cannot fail says nothing. So check_LAW runs on the tree, where it must
# print nothing, and again on a copy in which plant_LAW has broken the law, where it must
# print something; and once more for plant_LAW_2 and so on. All get the tree and the
# build folder.
set -eu
law=$1 source=$2 build=$3
here=$(cd "$(dirname "$0")" && pwd)
scratch=$(mktemp -d)
copy=$scratch/copy
trap 'rm -rf "$scratch"' EXIT

for laws in text pairs models compile symbols; do
    # shellcheck source=/dev/null
    . "$here/$laws.sh"
done

copy_tree()
{
    rm -rf "$copy" "$scratch/build"
    mkdir -p "$copy" "$scratch/build"
    for room in shm sched engine tests examples demo bench cmake; do
        [ ! -d "$source/$room" ] || cp -R "$source/$room" "$copy/"
    done
    cp "$source/README.md" "$copy/"
    for file in "$build"/libfurrow.so "$build"/libfurrow.a \
        "$build"/libfurrow_manager.so "$build"/libfurrow_manager.a "$build"/arch; do
        [ ! -e "$file" ] || cp -R "$file" "$scratch/build/"
    done
}

"check_$law" "$source" "$build" >"$scratch/broken"
if [ -s "$scratch/broken" ]; then
    echo "arch.$law: the tree breaks the law:"
    cat "$scratch/broken"
    exit 1
fi
echo "arch.$law: the tree keeps the law"

for plant in "plant_$law" "plant_${law}_2" "plant_${law}_3"; do
    command -v "$plant" >/dev/null || continue
    copy_tree
    "$plant" "$copy" "$scratch/build"
    "check_$law" "$copy" "$scratch/build" >"$scratch/caught"
    if [ ! -s "$scratch/caught" ]; then
        echo "arch.$law: what $plant planted is not seen"
        exit 1
    fi
    echo "$plant is seen:"
    head -n 3 "$scratch/caught" | sed 's/^/    /'
done
