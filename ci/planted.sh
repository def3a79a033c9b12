#!/usr/bin/env bash
# Prints the names of the planted bugs that a short run tries, and to stderr how they were chosen:
# those marked `quick` whose source file, model or own file changed since the last release, and a
# tenth of the others, which rotates with the number of commits.
#
# The last release is the newest tag `v*`; before there is one, the commit in ci/last-release, for
# which all quick ones were planted.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

base=$(git describe --tags --abbrev=0 --match 'v*' 2>/dev/null || cat ci/last-release)
if git rev-parse --quiet --verify "$base^{commit}" >/dev/null; then
    changed=$(
        git diff --name-only "$base"
        git ls-files --others --exclude-standard
    )
    turn=$(($(git rev-list --count HEAD) % 10))
else
    echo "planted bugs: the commit $base is not in this clone, so all that are marked quick" >&2
    changed='' turn=all
fi

changed_count=0 turn_count=0 left=0
for file in loom-tests/mutants/*.mutant; do
    grep -qx quick "$file" || continue
    name=$(basename "$file" .mutant)
    source=$(sed -n 's/^file: *//p' "$file")
    model=$(sed -n 's/^model: *\(.*\)::.*/loom-tests\/tests\/\1.rs/p' "$file")
    if grep -Fxq -e "$source" -e "$model" -e "$file" <<<"$changed"; then
        changed_count=$((changed_count + 1))
    elif [ "$turn" = all ] || [ $(($(cksum <<<"$name" | cut -d ' ' -f 1) % 10)) = "$turn" ]; then
        turn_count=$((turn_count + 1))
    else
        left=$((left + 1))
        continue
    fi
    echo "$name"
done
echo "planted bugs: $changed_count of files changed since $base, $turn_count of the others (turn $turn of 10), $left left to ci/test.sh all" >&2
