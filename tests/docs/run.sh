#!/bin/sh
# SPDX-License-Identifier: MIT
#
# run.sh CHECK SOURCE [PROGRAM]: does a document say what the code says?
#
# As in tests/arch, each check runs on the tree, where it must print nothing, and on a
# copy in which plant_CHECK has made the document wrong, where it must print something; and
# once more for plant_CHECK_2 and so on.
set -eu
check=$1 source=$2 program=${3:-}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# ---- docs/memory-layout.md: the offsets -----------------------------------------------

# Rows "| offset | bytes | `field` | ..." under a heading "### `struct`".
check_layout()
{
    "$program" | sort >"$scratch/code"
    awk '/^### `/ { gsub(/[#` ]/, ""); s = $0 }
         /^\| [0-9]+ \| [0-9]+ \| `/ { gsub(/`/, ""); print s, $2, $4, $6 }' \
        "$1/docs/memory-layout.md" | sort >"$scratch/said"
    diff "$scratch/code" "$scratch/said" || :
}
plant_layout()
{
    sed -i 's/^| 64 | 64 | `lock`/| 72 | 64 | `lock`/' "$1/docs/memory-layout.md"
}

# ---- docs/counters.md -----------------------------------------------------------------

check_counters()
{
    sed -n 's/^FW_COUNTER(\([a-z_]*\), "\(.*\)")$/\1 \2/p' "$1/shm/counters.def" \
        >"$scratch/code"
    [ -s "$scratch/code" ] || echo 'counters.def cannot be read'
    sed -n 's/^| `\([a-z_]*\)` | \(.*\) |$/\1 \2/p' "$1/docs/counters.md" |
        sed 's/ |.*//' >"$scratch/said"
    diff "$scratch/code" "$scratch/said" || :
}
plant_counters()
{
    echo 'FW_COUNTER(planted, "nothing")' >>"$1/shm/counters.def"
}

# ---- docs/guide: programs and what they print -----------------------------------------

# A block of C is lines of the program that was linked last before it; a block of text is
# lines of what that program prints.
check_guide()
{
    for chapter in "$1"/docs/guide/*.md; do
        awk -v guide="$1/docs/guide/" '
            function whole(path,    line, text) {
                text = "\n"
                while ((getline line < path) > 0) text = text line "\n"
                close(path)
                return text
            }
            function where() { return FILENAME ":" start ": " }
            function look(    path) {
                path = program
                if (kind == "text" && !sub(/programs\//, "expected/", path))
                    sub(/examples\//, "examples/expected/", path)
                if (kind == "text") sub(/\.c$/, ".txt", path)
                if (program == "") print where() "no program is linked before this block"
                else if (!index(whole(guide path), "\n" block))
                    print where() "these lines are not in " path
            }
            !kind && match($0, /\]\([^)]*\.c\)/) {
                program = substr($0, RSTART + 2, RLENGTH - 3)
            }
            /^```/ && kind { if (kind != "other") look(); kind = ""; next }
            /^```/ {
                kind = $0 == "```c" ? "c" : $0 == "```text" ? "text" : "other"
                start = FNR; block = ""; next
            }
            kind { block = block $0 "\n" }' "$chapter"
    done
}
plant_guide()
{
    for program in "$1"/docs/guide/programs/*.c; do
        sed -i 's/furrow_array/furrow_planted/' "$program"
    done
}

# Links between documents lead somewhere.
check_links()
{
    (cd "$1" && for page in *.md docs/*.md docs/*/*.md; do
        sed -n 's/](\([^)]*\))/\n=\1\n/gp' "$page" | sed -n 's/^=\([^:#]*\)\(#.*\)\{0,1\}$/\1/p' |
            while read -r to; do
                [ -z "$to" ] || [ -e "$(dirname "$page")/$to" ] || echo "$page: no $to"
            done
    done)
}
plant_links()
{
    echo '[planted](docs/planted.md)' >>"$1/README.md"
}

# ---- docs/memory-order.md: every pair of the code is in the list, and no other -----------

# The words of the tags, without those that the manual gives as examples.
check_orders()
{
    (cd "$1" && grep -rhoE '(release|acquire): [a-z_]+\.[a-z_]+ (->|<-)' shm sched engine \
        --include='*.[ch]' --exclude=atomic.h | sed 's/^[a-z]*: //; s/ .*//' | sort -u) \
        >"$scratch/code"
    sed -n 's/^| `\([a-z_]*\.[a-z_]*\)` | pair.*/\1/p' "$1/docs/memory-order.md" | sort -u \
        >"$scratch/said"
    diff "$scratch/code" "$scratch/said" || :
}
plant_orders()
{
    printf '/* release: planted.word -> nobody() */\n' >>"$1/shm/heap.c"
}

# ---- docs/cpython-cases.md: what cases.sh writes -----------------------------------------

check_cases() # the "program" is the list of rooms
{
    "$source/tests/docs/cases.sh" "$1" "$program" >"$scratch/code" 2>&1 || {
        cat "$scratch/code"
        return
    }
    diff "$scratch/code" "$1/docs/cpython-cases.md" || :
}
plant_cases() # a case that the document does not have
{
    sed -i 's/^Test(heap, numbers)/\/* CPython: TestWait.test_wait *\/\n&/' \
        "$1/tests/shm/test_heap.c"
}
plant_cases_2() # a misspelt name
{
    sed -i 's/CPython: _TestHeap\.test_heap/&s/' "$1/tests/shm/test_heap.c"
}
plant_cases_3() # a test that was renamed
{
    sed -i 's/^Test(heap, fragments_/Test(heap, planted_/' "$1/tests/shm/test_heap.c"
}
plant_cases_4() # a comment above nothing
{
    sed -i 's/^\/\* CPython: .*/&\n/' "$1/tests/shm/test_heap.c"
}

"check_$check" "$source" >"$scratch/broken"
if [ -s "$scratch/broken" ]; then
    echo "docs.$check: code and document differ:"
    head -n 60 "$scratch/broken"
    exit 1
fi
for plant in "plant_$check" "plant_${check}_2" "plant_${check}_3" "plant_${check}_4"; do
    command -v "$plant" >/dev/null || continue
    rm -rf "$scratch/copy"
    mkdir "$scratch/copy"
    for room in shm sched engine examples tests docs README.md CHANGELOG.md \
        CONTRIBUTING.md LICENSE; do
        cp -R "$source/$room" "$scratch/copy/"
    done
    "$plant" "$scratch/copy"
    "check_$check" "$scratch/copy" >"$scratch/caught"
    [ -s "$scratch/caught" ] || { echo "docs.$check: $plant is not seen"; exit 1; }
    echo "docs.$check: they agree; $plant is seen:"
    head -n 3 "$scratch/caught"
done
