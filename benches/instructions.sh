#!/usr/bin/env bash
# Counts the instructions of one operation with callgrind, for splitmap and, beside it, for DashMap.
#
#   benches/instructions.sh                  prints the table
#   benches/instructions.sh --write [FILE]   puts the table between the marks in FILE
#   benches/instructions.sh --check [FILE]   fails if a count of splitmap is more than 5 % above the one
#                                            in FILE
#
# FILE is docs/PERFORMANCE.md unless given. The marks are the lines
# <!-- instructions: begin --> and <!-- instructions: end -->.
#
# Counts repeat exactly and times do not, so a change of a few percent is a change of the code. The
# counts also depend on the compiler, and a little on the C library, because they include its malloc.
# The table names the compiler. Regenerate the table when the compiler changes.
#
# Needs valgrind on x86-64 Linux. Without it the script exits with status 77.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly SKIPPED=77
# Operations of the shorter run. The longer run has twice as many, which is the most that
# benches/instructions/main.rs accepts.
readonly operations=10000
readonly tolerance=5
readonly begin='<!-- instructions: begin -->' end='<!-- instructions: end -->'

usage() {
    echo 'usage: benches/instructions.sh [--write [FILE] | --check [FILE]]' >&2
    exit 2
}

mode=print file=docs/PERFORMANCE.md
case "${1:-}" in
'') ;;
--write | --check) mode=${1#--} ;;
*) usage ;;
esac
[ $# -le 2 ] || usage
[ -z "${2:-}" ] || file=$2
if [ "$mode" != print ] && ! { grep -qxF "$begin" "$file" && grep -qxF "$end" "$file"; }; then
    echo "$file has no lines $begin and $end" >&2
    exit 2
fi

if [ "$(uname -s) $(uname -m)" != 'Linux x86_64' ]; then
    echo 'skipped: instructions are counted only on x86-64 Linux'
    exit "$SKIPPED"
fi
if ! command -v valgrind >/dev/null; then
    echo 'skipped: no valgrind'
    exit "$SKIPPED"
fi

# Inherited flags would change the code that is counted, or use instructions that valgrind does not
# know.
unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS CARGO_PROFILE_BENCH_LTO CARGO_PROFILE_BENCH_CODEGEN_UNITS \
    CARGO_PROFILE_BENCH_OPT_LEVEL CARGO_PROFILE_BENCH_DEBUG_ASSERTIONS

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

cargo bench --bench instructions --no-run --message-format=json >"$scratch/messages"
program=$(sed -n '/"name":"instructions"/s/.*"executable":"\([^"]*\)".*/\1/p' "$scratch/messages")
"$program" --list >"$scratch/list"

# Prints how many instructions the program executes with these arguments.
executed() {
    if ! valgrind --tool=callgrind --callgrind-out-file=/dev/null "$program" "$@" \
        >"$scratch/log" 2>&1 ||
        ! sed -n 's/^==[0-9]*== Collected *: *\([0-9][0-9]*\)$/\1/p' "$scratch/log" | grep .; then
        cat "$scratch/log" >&2
        return 1
    fi
}

# Prints the instructions of one operation. Everything else that the program does is the same in both
# runs, so it cancels out in the difference.
an_operation() {
    local once twice
    once=$(executed "$1" "$2" "$operations")
    twice=$(executed "$1" "$2" $((2 * operations)))
    echo $(((twice - once + operations / 2) / operations))
}

# Prints the table.
count() {
    echo "*$(rustc --version); $(valgrind --version)*"
    echo
    echo '| instructions | splitmap | DashMap |'
    echo '|---|---:|---:|'
    local kind case title ours theirs
    while read -r kind case title; do
        [ "$kind" = case ] || continue
        ours=$(an_operation "$case" splitmap)
        theirs=$(an_operation "$case" dashmap)
        echo "| $title | $ours | $theirs |"
    done <"$scratch/list"
}

count >"$scratch/new"
cat "$scratch/new"

# Prints the lines between the marks in the file.
committed() {
    awk -v begin="$begin" -v end="$end" '$0 == end { inside = 0 } inside; $0 == begin { inside = 1 }' "$file"
}

case $mode in
write)
    awk -v begin="$begin" -v end="$end" -v new="$scratch/new" '
        $0 == end { inside = 0 }
        !inside
        $0 == begin {
            inside = 1
            print ""
            while ((getline line <new) > 0) print line
            print ""
        }' "$file" >"$scratch/file"
    # Copied, because a moved file keeps the mode of the temporary file.
    cat "$scratch/file" >"$file"
    ;;
check)
    committed >"$scratch/old"
    status=0
    # A change of this crate does not change DashMap's counts. If they move, the compiler, the C
    # library or DashMap itself has changed, and that may explain our counts, too.
    awk -F ' *\\| *' -v tolerance="$tolerance" -v file="$file" '
        function differs(old, new) { return new * 100 > old * (100 + tolerance) }
        $3 !~ /^[0-9]+$/ { next }
        FNR == NR { ours[$2] = $3; theirs[$2] = $4; next }
        !($2 in ours) { print "not in " file ": " $2; bad = 1; next }
        {
            if (differs(ours[$2], $3)) { print "more: " $2 ": " $3 ", was " ours[$2]; bad = 1 }
            if (differs($3, ours[$2])) { print "less: " $2 ": " $3 ", was " ours[$2]; less = 1 }
            if (differs(theirs[$2], $4) || differs($4, theirs[$2])) moved = 1
            delete ours[$2]
        }
        END {
            for (title in ours) { print "only in " file ": " title; bad = 1 }
            if (less && !bad) print "Regenerate and commit the table, so that the gain is kept: benches/instructions.sh --write " file ""
            if (moved) print "DashMap'\''s counts moved, too: the compiler, the C library or DashMap may be the cause."
            exit bad
        }' "$scratch/old" "$scratch/new" || status=$?
    if [ "$status" != 0 ]; then
        if ! diff -q <(grep '^\*' "$scratch/old") <(grep '^\*' "$scratch/new") >/dev/null; then
            echo "The committed table was made with: $(grep '^\*' "$scratch/old")"
        fi
        echo "If the change is intended, run benches/instructions.sh --write $file and commit the result."
        exit 1
    fi
    echo "No count is more than $tolerance % above that in $file."
    ;;
esac
