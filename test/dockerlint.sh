#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# test/dockerlint.sh PACKAGE@VERSION   lints the Dockerfile with a linter from
# npm, kept by version outside the tree. Without npm it says so; the rules of
# test/dockerfile_test.go hold in any case.
set -euo pipefail

cd "$(dirname "$0")/.."
if ! command -v npm >/dev/null 2>&1; then
  echo "dockerlint: no npm here; only test/dockerfile_test.go has judged the Dockerfile." >&2
  exit 0
fi
dir=${POSTFACH_TOOLS:-${XDG_CACHE_HOME:-${HOME:?}/.cache}/postfach-tools}/${1/@/-}
bin=$dir/node_modules/.bin/${1%@*}
if [ ! -x "$bin" ]; then
  mkdir -p "$dir"
  npm install --silent --no-audit --no-fund --prefix "$dir" "$1" >&2
fi
"$bin" Dockerfile
