#!/bin/sh
# SPDX-License-Identifier: MIT
#
# cases.sh SOURCE ROOMS: print docs/cpython-cases.md.
#
# A comment directly above a Test in SOURCE/tests/*/test_*.c says which tests of CPython it
# answers, and in brackets under which start methods, where not all of its room's mean
# something; several such comments may follow one another:
#
#     /* CPython: _TestQueue.test_put, _TestQueue.test_get (fork spawn forkserver) */
#
# ROOMS is written when the build is configured: a line per room with the start methods
# that its suites run under. A case is one Test under one start method; suites that start
# nobody run once, under the method "any". What is wrong is told on stderr; then it fails.
set -eu
source=$1 rooms=$2
here=$source/tests/docs

cd "$source/tests"
LC_ALL=C awk -v names="$here/cpython-tests.txt" -v left="$here/cpython-left-out.txt" \
    -v rooms="$rooms" '
    function wrong(text) { print text >"/dev/stderr"; failed = 1 }
    function where() { return "tests/" FILENAME ":" FNR ": " }

    function read_names(    line, part) {
        while ((getline line < names) > 0) {
            if (line ~ /^#/ || line == "") continue
            split(line, part, ".")
            if (!(part[1] in known)) { known[part[1]]; class[++classes] = part[1] }
            known[line]
            method[part[1], ++methods[part[1]]] = part[2]
            asked++
        }
    }
    function read_left(    line, at, name) {
        while ((getline line < left) > 0) {
            if (line ~ /^#/ || line == "") continue
            at = index(line, ": ")
            name = substr(line, 1, at - 1)
            if (!at || !(name in known)) wrong("cpython-left-out.txt: unknown: " line)
            why[name] = substr(line, at + 2)
        }
    }
    function read_rooms(    line, n, word, some) {
        while ((getline line < rooms) > 0) {
            n = split(line, word, " ")
            room[word[1]] = ""
            for (i = 2; i <= n; i++) room[word[1]] = room[word[1]] " " word[i]
            some++
        }
        if (!some) wrong("no rooms are in " rooms)
    }
    BEGIN { read_names(); read_left(); read_rooms() }

    # What a comment says: into answers[1..answered], each with its methods in only[].
    function read_comment(text,    n, i, part, methods_given, word) {
        methods_given = ""
        if (match(text, /\([a-z ]*\)$/)) {
            methods_given = " " substr(text, RSTART + 1, RLENGTH - 2) " "
            text = substr(text, 1, RSTART - 1)
            n = split(methods_given, word, " ")
            for (i = 1; i <= n; i++)
                if (word[i] !~ /^(fork|spawn|forkserver|thread)$/)
                    wrong(where() "no start method: " word[i])
        }
        n = split(text, part, /, */)
        for (i = 1; i <= n; i++) {
            gsub(/^ +| +$/, "", part[i])
            if (!(part[i] in known) || part[i] !~ /\./)
                wrong(where() "CPython has no such test: \"" part[i] "\"")
            answers[++answered] = part[i]
            only[answered] = methods_given
        }
    }
    # Of the methods of the room those that the comment allows; each makes a case.
    function take(i, test, given,    n, k, word, said) {
        n = split(given == "" ? "any" : given, word, " ")
        said = ""
        for (k = 1; k <= n; k++) {
            if (only[i] != "" && index(only[i], " " word[k] " ") == 0) continue
            said = said (said == "" ? "" : ", ") word[k]
            if (!((test, word[k]) in counted)) {
                counted[test, word[k]]
                total++
                if (!(word[k] in under)) order[++kinds] = word[k]
                under[word[k]]++
            }
            by[answers[i]]++
        }
        rows[answers[i]]++
        row[answers[i], rows[answers[i]]] = "`" test "`" (said == "" ? " (not yet)" : " (" said ")")
        if (answers[i] in why) wrong(where() answers[i] " is left out, and answered")
    }

    FNR == 1 { answered = 0 }
    /^\/\* CPython:/ {
        if ($0 !~ / \*\/$/) wrong(where() "the comment does not end in its line")
        sub(/^\/\* CPython: */, "")
        sub(/ *\*\/$/, "")
        read_comment($0)
        at = where()
        next
    }
    /CPython:/ { wrong(where() "such a comment begins its line, directly above a Test") }
    answered && match($0, /^(Parameterized)?Test\([a-z0-9_]+, [a-z0-9_]+/) {
        split(FILENAME, part, "/")
        name = substr($0, RSTART, RLENGTH)
        sub(/^.*\(/, "", name)
        sub(/, /, ".", name)
        for (i = 1; i <= answered; i++) take(i, part[1] "/" name, room[part[1]])
        answered = 0
        next
    }
    answered { wrong(at "no Test stands below this comment"); answered = 0 }

    function table(c,    i, k, full, head) {
        head = 0
        for (i = 1; i <= methods[c]; i++) {
            full = c "." method[c, i]
            if (!rows[full]) continue
            if (!head++) print "\n| CPython | answered by | cases |\n|---|---|---|"
            printf "| `%s` | ", method[c, i]
            for (k = 1; k <= rows[full]; k++) printf "%s%s", (k > 1 ? "<br>" : ""), row[full, k]
            printf " | %d |\n", by[full]
        }
    }
    function list(c, kind,    i, full, text) {
        text = ""
        for (i = 1; i <= methods[c]; i++) {
            full = c "." method[c, i]
            if (rows[full] || (full in why) || (c in why)) continue
            text = text (text == "" ? "" : ", ") "`" method[c, i] "`"
        }
        if (text != "") print "\nNot answered yet: " text "."
    }
    function leave(c,    i, full) {
        if (c in why) print "\nLeft out: " why[c] "."
        for (i = 1; i <= methods[c]; i++) {
            full = c "." method[c, i]
            if (full in why) print "\nLeft out: `" method[c, i] "`: " why[full] "."
        }
    }
    function count(c, what,    i, n, full) {
        n = 0
        for (i = 1; i <= methods[c]; i++) {
            full = c "." method[c, i]
            if (what == "answered" ? by[full] : !by[full] && ((c in why) || (full in why)))
                n++
        }
        return n
    }
    END {
        if (failed) exit 1
        for (i = 1; i <= classes; i++) {
            done += count(class[i], "answered")
            not += count(class[i], "left")
        }
        print "# Which of our tests answers which of CPython'"'"'s\n"
        print "Written by `tests/docs/cases.sh` from the comments in the suites: change those, then"
        print "`cmake --build build/release --target cases`. `ctest -R docs.cases` compares."
        print "CPython'"'"'s names are of its 3.14. A case is one of our tests under one start"
        print "method, or once (any) where it starts nobody; a test that answers two of CPython'"'"'s"
        print "is counted in both rows, and once in the total."
        printf "\nOf %d tests %d are answered, %d are left out with the reason, %d are open.\n",
            asked, done, not, asked - done - not
        for (i = 1; i <= classes; i++) {
            printf "\n## %s\n\n%d of %d answered.\n", class[i], count(class[i], "answered"),
                methods[class[i]]
            table(class[i])
            list(class[i])
            leave(class[i])
        }
        printf "\n## Total\n\n| method | cases |\n|---|---|\n"
        for (k = 1; k <= kinds; k++) printf "| %s | %d |\n", order[k], under[order[k]]
        printf "\nTotal: %d cases\n", total
    }' */test_*.c
