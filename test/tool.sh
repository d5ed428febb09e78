#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# test/tool.sh NAME MODULE@VERSION   prints the path of a Go tool, built once
# and kept by version outside the tree ($POSTFACH_TOOLS, else the user's cache).
set -euo pipefail

name=$1 module=$2
base=${POSTFACH_TOOLS:-${XDG_CACHE_HOME:-${HOME:?}/.cache}/postfach-tools}
# The Go release is part of the name: a tool built by an older one may not read newer code.
dir=$base/$name-${module##*@}-$(go env GOVERSION)
if [ ! -x "$dir/$name" ]; then
  echo "building $name ${module##*@} (once)" >&2
  mkdir -p "$dir"
  (cd / && GOFLAGS=-mod=mod GOBIN=$dir go install "$module" >&2)
fi
echo "$dir/$name"
