#!/usr/bin/env bash
# The public interface of the crate, as a list: every public item with its bounds, and what is `Send`.
#
#   ci/public-api.sh            writes the list to docs/PUBLIC-API.txt
#   ci/public-api.sh --check    shows where the crate differs from that list, and fails if it does
#
# Needs a nightly toolchain (rustdoc's JSON) and `cargo install cargo-public-api --locked`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
readonly list=docs/PUBLIC-API.txt

case "$*" in
'' | --check) ;;
*)
    echo 'usage: ci/public-api.sh [--check]' >&2
    exit 2
    ;;
esac

found=$(mktemp)
trap 'rm -f "$found"' EXIT
# Traits that are unstable themselves come and go with the toolchain.
cargo +nightly public-api -p splitmap --all-features -s --color=never |
    grep -v ' core::marker::\(Freeze\|UnsafeUnpin\|StructuralPartialEq\) for ' >"$found"

if [ "${1:-}" != --check ]; then
    # Not moved: a file that is moved has the temporary file's mode.
    cat "$found" >"$list"
elif ! diff -u "$list" "$found"; then
    echo "The public interface has changed. If it is meant to: run ci/public-api.sh, and commit $list."
    exit 1
fi
