#!/usr/bin/env bash
# Builds the crate with the lowest versions that its Cargo.toml admits of each dependency.
#
# What only tests need is left out: its requirements would raise the versions that are chosen.
# Needs a nightly toolchain. Builds in $CARGO_TARGET_DIR/floors, else in target/floors.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
readonly build=${CARGO_TARGET_DIR:-$PWD/target}/floors

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -R README.md src docs "$work"
# All sections but those of the workspace, of dev-dependencies and of targets that need them.
awk '/^\[/ { skip = /dev-dependencies|^\[workspace\]|^\[\[(test|bench|example)\]\]/ } !skip' Cargo.toml >"$work/Cargo.toml"

cd "$work"
# Only the crate's own dependencies at their lowest; then those that they need, too.
for lowest in direct-minimal-versions minimal-versions; do
    rm -f Cargo.lock
    cargo +nightly update --quiet -Z "$lowest"
    echo "$lowest:"
    cargo tree --all-features -e normal --depth 1 --prefix none | sed 1d
    # On the toolchain of all other stages, which has to take the lock file as it is.
    cargo check --quiet --locked --lib --target-dir "$build"
    cargo check --quiet --locked --lib --all-features --target-dir "$build"
done
