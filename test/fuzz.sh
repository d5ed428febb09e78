#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# test/fuzz.sh SECONDS   runs every fuzz target of the module, the seconds
# shared out among them (at least one each). A new target is found by itself.
set -euo pipefail

total=${1:?seconds}
cd "$(dirname "$0")/.."
targets=()
while read -r dir; do
  while read -r name; do
    targets+=("$dir $name")
  done < <(grep -hoE '^func Fuzz[A-Za-z0-9_]+' "$dir"/*_test.go 2>/dev/null | awk '{print $2}' | sort -u)
done < <(go list -f '{{.Dir}}' ./...)
if [ ${#targets[@]} -eq 0 ]; then
  echo "fuzz: no targets found" >&2
  exit 1
fi
each=$((total / ${#targets[@]}))
[ "$each" -ge 1 ] || each=1
echo "fuzz: ${#targets[@]} targets, ${each} s each"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
for t in "${targets[@]}"; do
  read -r dir name <<<"$t"
  if (cd "$dir" && go test -short -run '^$' -fuzz "^$name\$" -fuzztime "${each}s" -parallel 2 .) >"$log" 2>&1; then
    echo "  ok   ${dir#"$PWD"/} $name $(grep -oE 'execs: [0-9]+' "$log" | tail -n 1)"
  else
    echo "  FAIL ${dir#"$PWD"/} $name"
    cat "$log"
    exit 1
  fi
done
