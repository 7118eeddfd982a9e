#!/bin/sh
# SPDX-License-Identifier: MIT
#
# run.sh [--fit] BUILD [MUTANT...]: break one line of a protocol, and see that a test fails.
#
# A mutant is a file here:
#
#     room     heap
#     breaks   what the line is there for, and what is done instead
#     catcher  PROGRAM ARGUMENTS...      a test of the release build; with `tsan` before it,
#     seconds  20                        of the build under ThreadSanitizer; what it may take
#     start    spawn                     FURROW_START of the test; else fork
#     --- old shm/unit.c                 whole lines that are there exactly once
#     --- new                            what stands there instead
#
# The tree is copied to BUILD and built there; each catcher must pass on it as it is. Then
# each mutant is put in, built, and its catcher must fail (or last longer than it may). The
# table says which did; one that was missed, or does not fit the code any more, or does not
# compile, fails the run. With --fit nothing is built: does each mutant fit the code?
#
# Lines that matter for a few instructions only, in another process's time, are caught by the
# model of the protocol: `catcher  model NOUN M_NAME` is a mutant of tests/model/NOUN.pml
# that breaks the same line.
set -u
fit=
[ "$1" != --fit ] || { fit=yes; shift; }
build=$1
shift
here=$(cd "$(dirname "$0")" && pwd)
source=$(cd "$here/../.." && pwd)
jobs=${FURROW_JOBS:-$(getconf _NPROCESSORS_ONLN)}
bad=0
# shellcheck disable=SC2046
[ $# -gt 0 ] || set -- $(cd "$here" && ls ./*.mutant | sed 's|^\./||; s|\.mutant$||')

# field NAME MUTANT: a line of the head.
field()
{
    sed -n "/^---/q; s/^$1  *//p" "$here/$2.mutant"
}

# put MUTANT FROM TO: FROM's files with the mutant in them, under TO. Prints what does not
# fit.
put()
{
    awk -v from="$2" -v to="$3" '
        function whole(path,    text, line) {
            text = ""
            while ((getline line < (from "/" path)) > 0) text = text line "\n"
            close(from "/" path)
            return text
        }
        function swap(    at, text) {
            if (path == "") return
            text = path in seen ? seen[path] : whole(path)
            at = index(text, old)
            if (!at || index(substr(text, at + 1), old))
                print path ": " (at ? "more than once" : "not there") ":\n" old
            seen[path] = substr(text, 1, at - 1) new substr(text, at + length(old))
        }
        /^--- old / { swap(); path = $3; old = new = ""; part = "old"; next }
        /^--- new$/ { part = "new"; next }
        part == "old" { old = old $0 "\n" }
        part == "new" { new = new $0 "\n" }
        END {
            swap()
            if (path == "") print "it changes nothing"
            for (path in seen) if (to != "") printf "%s", seen[path] >(to "/" path)
        }' "$here/$1.mutant"
}

# fits MUTANT: says so when it does not.
fits()
{
    for name in room breaks catcher seconds; do
        [ -n "$(field "$name" "$1")" ] || { echo "$1: no line '$name'"; return 1; }
    done
    wrong=$(put "$1" "$source" "")
    [ -z "$wrong" ] || { echo "$1: $wrong"; return 1; }
}

# preset_of, program_of, arguments_of MUTANT: the parts of its catcher.
preset_of()
{
    case $(field catcher "$1") in tsan\ *) echo tsan ;; *) echo release ;; esac
}
program_of()
{
    field catcher "$1" | sed 's/^tsan //; s/ .*//'
}
arguments_of()
{
    field catcher "$1" | sed -n 's/^tsan //; s/^[^ ]* //p'
}

# made MUTANT: build its catcher.
made()
{
    cmake --build "$build/tree/build/$(preset_of "$1")" -j "$jobs" \
        --target "$(program_of "$1")" >"$build/made.txt" 2>&1
}

# passes MUTANT: runs its catcher.
passes()
{
    where=$build/tree/build/$(preset_of "$1")/tests
    program=$(find "$where" -name "$(program_of "$1")" -type f | head -n 1)
    start=$(field start "$1")
    start=${start:-fork}
    [ "$(preset_of "$1")" != tsan ] || start=thread
    (cd "$where" && eval "set -- $(arguments_of "$1")" &&
        FURROW_START=$start TSAN_OPTIONS=halt_on_error=1 exec timeout -s KILL "$(field seconds "$mutant")" "$program" "$@") \
        >"$build/said.txt" 2>&1 </dev/null
}

# What a mutant let live: the processes of programs in the copy.
end_all()
{
    for exe in /proc/[0-9]*/exe; do
        case $(readlink "$exe") in
        "$build/tree/"*)
            exe=${exe%/exe}
            kill -s KILL "${exe#/proc/}"
            ;;
        esac
    done 2>/dev/null
}

# modelled MUTANT: is its catcher a model? by_model MUTANT: does that catch it?
modelled()
{
    case $(field catcher "$1") in model\ *) return 0 ;; *) return 1 ;; esac
}
by_model()
{
    # shellcheck disable=SC2046
    set -- $(field catcher "$1")
    timeout -s KILL 120 "$source/tests/model/run.sh" "$source/tests/model/$2.pml" \
        "$build/model" "$3" >"$build/said.txt" 2>&1
}

# The tree, each file only when it is another than before.
copy_tree()
{
    mkdir -p "$build/tree"
    (cd "$source" && find shm sched engine tests examples demo bench docs cmake CMakeLists.txt \
        CMakePresets.json LICENSE README.md CHANGELOG.md -type f) | while read -r file; do
        cmp -s "$source/$file" "$build/tree/$file" && continue
        mkdir -p "$(dirname "$build/tree/$file")"
        cp "$source/$file" "$build/tree/$file"
    done
}

# restore MUTANT: newer than what was built from the mutant.
restore()
{
    sed -n 's/^--- old //p' "$here/$1.mutant" | sort -u | while read -r file; do
        cp "$source/$file" "$build/tree/$file"
    done
}

# configured PRESET
configured()
{
    [ ! -e "$build/tree/build/$1/build.ninja" ] || return 0
    (cd "$build/tree" && cmake --preset "$1" -DFURROW_BENCH=OFF -DFURROW_DEMO=OFF) \
        >"$build/made.txt" 2>&1 || { cat "$build/made.txt"; exit 1; }
}

line()
{
    printf '%-28s %-12s %-44s %-8s %s\n' "$@"
}

for mutant in "$@"; do
    fits "$mutant" || bad=1
done
[ -z "$fit" ] || exit $bad
[ $bad = 0 ] || exit 1

mkdir -p "$build"
build=$(cd "$build" && pwd)
copy_tree
: >"$build/passed.txt"
line mutant room catcher result seconds
for mutant in "$@"; do
    configured "$(preset_of "$mutant")"
    catcher=$(field catcher "$mutant")
    if ! modelled "$mutant" && ! grep -qxF "$catcher" "$build/passed.txt"; then
        made "$mutant" || { cat "$build/made.txt"; exit 1; }
        if ! passes "$mutant" && ! passes "$mutant"; then # once more: others are busy too
            cat "$build/said.txt"
            line "$mutant" "$(field room "$mutant")" "$catcher" 'fails without' -
            bad=1
            continue
        fi
        echo "$catcher" >>"$build/passed.txt"
    fi
    put "$mutant" "$source" "$build/tree"
    began=$(date +%s)
    if modelled "$mutant"; then
        if by_model "$mutant"; then result=caught; else result=MISSED bad=1; fi
    elif ! made "$mutant"; then
        result=broken bad=1
        cat "$build/made.txt"
    elif { passes "$mutant"; } 2>/dev/null; then # the shell would tell of who is killed
        result=MISSED bad=1
    else
        result=caught
    fi
    line "$mutant" "$(field room "$mutant")" "$catcher" "$result" \
        $(($(date +%s) - began))
    restore "$mutant"
    end_all
done
exit $bad
