#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# test/fuzz.sh SECONDS   runs every fuzz target of the module, the seconds
# shared out among them (a fifth of a second each at least). A new target is found by itself.
# Each package's test binary is built once, instrumented, and runs its targets.
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
each=$((total * 1000 / ${#targets[@]}))
[ "$each" -ge 200 ] || each=200
echo "fuzz: ${#targets[@]} targets, ${each} ms each"

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
code=0
fuzz() { # DIR NAME
  code=0
  (cd "$1" && "$tmp/run" -test.short -test.run '^$' -test.fuzz "^$2\$" -test.fuzztime "${each}ms" \
    -test.parallel 2 -test.fuzzcachedir "$tmp/corpus") >"$tmp/log" 2>&1 || code=$?
  return "$code"
}

built=
for t in "${targets[@]}"; do
  read -r dir name <<<"$t"
  if [ "$dir" != "$built" ]; then
    (cd "$dir" && go test -c -fuzz . -o "$tmp/run" .)
    built=$dir
  fi
  for _ in 1 2 3 4 5; do # on a busy machine the Go tool stumbles over the end of its time, without any finding
    if fuzz "$dir" "$name" || ! grep -q 'context deadline exceeded' "$tmp/log" || grep -q 'Failing input' "$tmp/log"; then
      break
    fi
  done
  if [ "$code" -eq 0 ]; then
    echo "  ok   ${dir#"$PWD"/} $name $(grep -oE 'execs: [0-9]+' "$tmp/log" | tail -n 1)"
  else
    echo "  FAIL ${dir#"$PWD"/} $name"
    cat "$tmp/log"
    exit 1
  fi
done
