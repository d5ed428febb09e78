#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# test/minio/install.sh [minio] [versitygw]   builds the S3 servers of the tests
# from their public Go modules, once, and keeps them by version outside the tree
# (see test/tool.sh). MinIO takes about five minutes on two cores; the build
# gives way to everything else.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

for name in "${@:-minio}"; do
  module=$(awk -v n="$name" '$1 == n { print $2 }' "$here/versions")
  if [ -z "$module" ]; then
    echo "install.sh: no version of $name is written down in $here/versions" >&2
    exit 2
  fi
  CGO_ENABLED=0 nice -n 19 bash "$here/../tool.sh" "$name" "$module" >/dev/null
done
