#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# test/oidc/install.sh   prints the folder of the OpenID provider of the tests:
# oidc-provider from npm, kept by version outside the tree ($POSTFACH_TOOLS, else
# the user's cache). node and npm come from test/install.sh; where that node is
# older than the provider needs, as Debian 12's is, npm brings a newer one.
set -euo pipefail

package=oidc-provider@9.13.3
dir=${POSTFACH_TOOLS:-${XDG_CACHE_HOME:-${HOME:?}/.cache}/postfach-tools}/${package/@/-}
if [ ! -e "$dir/complete" ]; then
  if ! command -v npm >/dev/null 2>&1; then
    echo "oidc/install.sh: no npm here; test/install.sh node npm" >&2
    exit 1
  fi
  echo "oidc/install.sh: fetching $package (once)" >&2
  mkdir -p "$dir"
  npm install --silent --no-audit --no-fund --prefix "$dir" "$package" >&2
  major=$(node -p 'process.versions.node.split(".")[0]' 2>/dev/null || echo 0)
  if [ "$major" -lt 20 ]; then
    npm install --silent --no-audit --no-fund --prefix "$dir" node@22 >&2
  fi
  touch "$dir/complete"
fi
echo "$dir"
