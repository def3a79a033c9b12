#!/usr/bin/env bash
# Promise A, on what the compiler makes of it: a `get` under a guard has no locked instruction, no fence
# and no store but to its own stack, on the whole way of a hit and of a miss.
#
# Compiles functions that only call `get` of a map with keys and values of known types, and reads their
# assembly and that of all functions that they call. That the check still sees
# something is shown by two more functions: one that stores and one that locks. Needs x86-64; elsewhere it
# ends with status 77.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$PWD
readonly SKIPPED=77
if [ "$(uname -m)" != x86_64 ]; then
    echo 'skipped: only the assembly of x86-64 is read'
    exit "$SKIPPED"
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/src"
cp Cargo.lock "$work"
cat >"$work/Cargo.toml" <<TOML
[package]
name = "promise-a"
version = "0.0.0"
edition = "2024"
[workspace]
[dependencies]
splitmap = { path = "$root" }
[profile.release]
codegen-units = 1
TOML
cat >"$work/src/lib.rs" <<'RUST'
use splitmap::{HashMap, LocalGuard};
use std::sync::atomic::{AtomicU64, Ordering};

/// Reads: what the promise is about.
#[unsafe(no_mangle)]
#[inline(never)]
pub fn read_number(map: &HashMap<u64, u64>, guard: &LocalGuard<'_>, key: u64) -> u64 {
    map.get(&key, guard).copied().unwrap_or(0)
}

#[unsafe(no_mangle)]
#[inline(never)]
pub fn read_text(map: &HashMap<String, u64>, guard: &LocalGuard<'_>, key: &str) -> u64 {
    map.get(key, guard).copied().unwrap_or(0)
}

/// Planted: the check has to find these.
#[unsafe(no_mangle)]
#[inline(never)]
pub fn planted_store(map: &HashMap<u64, u64>, guard: &LocalGuard<'_>, hits: &AtomicU64) -> u64 {
    hits.store(7, Ordering::Relaxed);
    map.get(&7, guard).copied().unwrap_or(0)
}

#[unsafe(no_mangle)]
#[inline(never)]
pub fn planted_lock(map: &HashMap<u64, u64>, guard: &LocalGuard<'_>, hits: &AtomicU64) -> u64 {
    hits.fetch_add(1, Ordering::Relaxed);
    map.get(&7, guard).copied().unwrap_or(0)
}
RUST
build=${CARGO_TARGET_DIR:-$root/target}/promise-a
# The assembly of all crates, and none from before.
rm -rf "$build"
RUSTFLAGS='--emit=asm -Csymbol-mangling-version=v0' \
    cargo build --quiet --release --lib --manifest-path "$work/Cargo.toml" --target-dir "$build"
cat "$build"/release/deps/*.s >"$work/all.s"

# What may be called although its assembly is not here: comparing bytes, panics, and what makes the
# hasher's seed, once in a process.
readonly known='^(bcmp|memcmp)$|panic|expect_failed|4once5futex.*4Once4call'

# Prints what breaks the promise in a function, and in those that it calls; then how many
# instructions it read.
breaches() {
    awk -v first="$1" -v known="$known" '
        function memory(operand) { return operand ~ /\(/ || operand ~ /^[A-Za-z_.]/ }
        /^[A-Za-z_][^ \t]*:/ { name = substr($1, 1, length($1) - 1) }
        /^\t[a-z]/ { count[name]++; body[name, count[name]] = $0 }
        END {
            todo[1] = first; last = 1; seen[first] = 1
            for (at = 1; at <= last; at++) {
                name = todo[at]
                for (line = 1; line <= count[name]; line++) {
                    text = body[name, line]
                    sub(/^\t/, "", text); sub(/[ \t]*#.*/, "", text)
                    word = text; sub(/[ \t].*/, "", word)
                    rest = text; sub(/^[^ \t]*[ \t]*/, "", rest)
                    read++
                    if (word ~ /^(call|jmp)/ && rest !~ /^\.L/) {
                        callee = rest; sub(/^\*/, "", callee); sub(/@.*/, "", callee)
                        if ((callee in count) && !(callee in seen)) {
                            seen[callee] = 1; todo[++last] = callee
                        }
                        # A jump by a register is one of a switch.
                        if (!(callee in count) && callee !~ known && (word ~ /^call/ || callee !~ /^%/)) {
                            print name ": calls what is not known: " text
                        }
                    }
                    if (word == "lock" || word ~ /^[mls]fence$/ || (word ~ /^xchg/ && rest ~ /\(/)) {
                        print name ": " text
                        continue
                    }
                    # These read their last operand, or have none.
                    if (word ~ /^(cmp|test|ucomis|comis|ptest|vptest|vtest|prefetch|nop|j|call|push|ret|ud2|mul|div|idiv)/) continue
                    if (word ~ /^bt[lqw]?$/) continue
                    if (word ~ /^imul/ && rest !~ /,/) continue
                    # The last operand, whose parentheses may hold commas.
                    operand = rest; gsub(/\([^)]*\)/, "(&)", operand)
                    depth = 0; from = 1
                    for (i = 1; i <= length(rest); i++) {
                        c = substr(rest, i, 1)
                        if (c == "(") depth++
                        if (c == ")") depth--
                        if (c == "," && depth == 0) from = i + 1
                    }
                    operand = substr(rest, from); sub(/^[ \t]+/, "", operand)
                    if (memory(operand) && operand !~ /\(%rsp/) print name ": " text
                }
            }
            print "instructions read: " read + 0 > "/dev/stderr"
            if (read < 10) print first ": not found in the assembly"
        }' "$work/all.s"
}

failed=0
for function in read_number read_text; do
    found=$(breaches "$function")
    if [ -n "$found" ]; then
        printf '%s breaks the promise:\n%s\n' "$function" "$found"
        failed=1
    else
        echo "$function: no locked instruction, no fence, no store but to the stack"
    fi
done
while read -r function what; do
    if [ "$(breaches "$function" | grep -cE "^$function: $what")" != 1 ]; then
        echo "$function was not noticed, or something else was: the check is blind"
        failed=1
    else
        echo "$function: noticed"
    fi
done <<'PLANTED'
planted_store mov
planted_lock lock
PLANTED
exit "$failed"
