#!/usr/bin/env bash
# Puts the picture and the table of the last saved comparison between the marks in README.md.
#
#   cargo bench --bench compare -- --save docs/performance
#   ci/front-page.sh            writes README.md
#   ci/front-page.sh --check    fails if README.md shows something else
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
readonly saved=docs/performance/front-page.md
readonly begin='<!-- compare: begin -->' end='<!-- compare: end -->'

case "$*" in
'' | --check) ;;
*)
    echo 'usage: ci/front-page.sh [--check]' >&2
    exit 2
    ;;
esac
if ! { grep -qxF "$begin" README.md && grep -qxF "$end" README.md; }; then
    echo "README.md has no lines $begin and $end" >&2
    exit 2
fi

page=$(mktemp)
trap 'rm -f "$page"' EXIT
awk -v begin="$begin" -v end="$end" -v saved="$saved" '
    $0 == end { inside = 0 }
    !inside { print }
    $0 == begin { inside = 1; print ""; while ((getline line < saved) > 0) print line; print "" }
' README.md >"$page"
if [ "${1:-}" != --check ]; then
    cat "$page" >README.md
elif ! diff -u README.md "$page"; then
    echo "README.md shows another comparison than $saved: run ci/front-page.sh"
    exit 1
fi
