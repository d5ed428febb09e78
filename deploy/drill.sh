#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# drill.sh --config FILE --to DIR   shows that this installation can be restored
#
# Exports everything, makes a backup, restores the backup into DIR as an
# installation of its own, exports that, and compares the digests. Nothing of
# the running installation is changed but its audit log, which records the
# reading. Run it as the service's user, with the environment of the service
# where passwords and access keys come from it. DIR must be new or empty and
# needs room for three times the contents; it holds everything in plain text, so
# delete it afterwards. At the end it says how long restoring took and how old
# the state was that came back. Exit code 0: the backup is whole.
set -euo pipefail
umask 077

config= to=
postfach=${POSTFACH:-postfach}
while [ $# -gt 0 ]; do
  case $1 in
    --config) config=${2:?} && shift 2 ;;
    --to) to=${2:?} && shift 2 ;;
    *) echo "usage: drill.sh --config FILE --to DIR" >&2 && exit 2 ;;
  esac
done
if [ -z "$config" ] || [ -z "$to" ]; then
  echo "usage: drill.sh --config FILE --to DIR" >&2
  exit 2
fi
mkdir -p "$to"
to=$(cd "$to" && pwd)
if [ -n "$(ls -A "$to")" ]; then
  echo "drill: $to is not empty" >&2
  exit 2
fi
order="Wiederherstellungsübung / restore drill $(date -u +%F)"
step() { echo; echo "== $*"; }

step "1. export of the installation as it is"
"$postfach" export --all --history --to "$to/before" --order "$order" --config "$config"

step "2. backup: the catalog first, the contents afterwards"
mkdir "$to/restored"
as_of=$(date +%s)
catalog=$(sed -n 's/^catalog:[[:space:]]*//p' "$config" | tr -d "\"'")
case $catalog in
  postgres*) "$postfach" catalog copy --from "$catalog" --to "sqlite:$to/restored/catalog.db" --order "$order" ;;
  *) "$postfach" backup "$to/backup.db" --order "$order" --config "$config" ;;
esac
"$postfach" storage copy --to "dir:$to/restored/blobs" --order "$order" --config "$config"

backed_up=$(date +%s)

step "3. restore: an installation of its own, from the backup alone"
# The same settings, but for where catalog and contents lie. A folder has no spool.
sed -E -e "s|^catalog:.*|catalog: sqlite:$to/restored/catalog.db|" -e "s|^storage:.*|storage: dir:$to/restored/blobs|" \
  -e '/^[[:space:]]+spool:/d' -e 's/([{,][[:space:]]*)spool:[^,}]*,?/\1/' "$config" >"$to/restored/postfach.yaml"
case $catalog in
  postgres*) "$postfach" restore --here --order "$order" --config "$to/restored/postfach.yaml" ;;
  *) "$postfach" restore --from "$to/backup.db" --order "$order" --config "$to/restored/postfach.yaml" ;;
esac
"$postfach" audit replay --verify --config "$to/restored/postfach.yaml"

restored=$(date +%s)

step "4. export of what was restored"
"$postfach" export --all --history --to "$to/after" --config "$to/restored/postfach.yaml"
(cd "$to/after" && sha256sum --check --strict --quiet SHA256SUMS)

step "5. comparison"
# A document may have been moved, and new ones may have come, between export
# and backup; but none may be gone. The first 64 digits of a line, behind a "\"
# where the name is escaped, are the digest.
digests() { grep -v '  manifest.csv$' "$1/SHA256SUMS" | sed -E 's/^\\?([0-9a-f]{64}).*/\1/' | sort; }
digests "$to/before" >"$to/before.digests"
digests "$to/after" >"$to/after.digests"
comm -23 "$to/before.digests" "$to/after.digests" >"$to/lost.digests"
if [ -s "$to/lost.digests" ]; then
  echo "drill: $(wc -l <"$to/lost.digests") documents are not in the restored installation:" >&2
  grep -F -f "$to/lost.digests" "$to/before/SHA256SUMS" >&2
  exit 1
fi
echo "drill: all $(wc -l <"$to/before.digests") documents are there, with the same digests; $(comm -13 "$to/before.digests" "$to/after.digests" | wc -l) came meanwhile"
# What came in after the catalog was copied would be lost; a real night adds the
# age of the last backup and the time until somebody begins.
echo "drill: making the backup took $((backed_up - as_of)) s, restoring and checking it $((restored - backed_up)) s; it came back as it stood at $(date -d "@$as_of" '+%F %T %z')"
