#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# test/install.sh NAME...   makes sure that the named programs are there.
#
# A name is a program's (litmus, rclone, clamd ...). What is present costs
# nothing; what is missing comes from Debian's apt, which needs root. Services
# of the installed packages are not started: the tests start their own.
set -euo pipefail

package_of() {
  case $1 in
    clamd) echo clamav-daemon ;;
    clamdscan) echo clamdscan ;;
    apache2) echo apache2-bin ;; # the server without the service
    7z) echo p7zip-full ;;
    gcc) echo gcc libc6-dev ;;
    xmllint) echo libxml2-utils ;;
    ps) echo procps ;;
    setpriv) echo util-linux ;;
    pdftotext | pdftoppm | pdfinfo) echo poppler-utils ;;
    zbarimg) echo zbar-tools ;;
    initdb) echo postgresql ;;
    node) echo nodejs ;;
    nextcloudcmd) echo nextcloud-desktop-cmd ;;
    owncloudcmd) echo owncloud-client-cmd ;;
    mount.davfs) echo davfs2 ;;
    gio) echo libglib2.0-bin ;;
    gvfsd-dav) echo gvfs-backends ;;
    kioclient) echo kde-cli-tools ;;
    dbus-run-session) echo dbus-daemon ;;
    unshare) echo util-linux ;;
    promtool) echo prometheus ;;
    apparmor_parser) echo apparmor ;;
    systemd-analyze) echo systemd ;;
    *) echo "$1" ;;
  esac
}

# Debian keeps the programs of the PostgreSQL server and of GNOME out of the path.
more_path=/usr/sbin:/sbin:/usr/libexec
for dir in /usr/lib/postgresql/*/bin; do more_path+=:$dir; done

missing=()
for name in "$@"; do
  PATH="$PATH:$more_path" command -v "$name" >/dev/null 2>&1 || missing+=("$name")
done
[ ${#missing[@]} -eq 0 ] && exit 0

packages=()
for name in "${missing[@]}"; do
  read -ra more <<<"$(package_of "$name")"
  packages+=("${more[@]}")
done

if ! command -v apt-get >/dev/null 2>&1; then
  echo "install.sh: missing ${missing[*]}, and there is no apt-get here: please install them yourself." >&2
  exit 1
fi
if [ "$(id -u)" -ne 0 ]; then
  echo "install.sh: missing ${missing[*]}. As root: apt-get install --no-install-recommends ${packages[*]}" >&2
  exit 1
fi

# A policy-rc.d that says 101 keeps packages from starting services.
policy=/usr/sbin/policy-rc.d
made=
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
  made=yes
fi
log=$(mktemp)
cleanup() {
  [ -z "$made" ] || rm -f "$policy"
  rm -f "$log"
}
trap cleanup EXIT

export DEBIAN_FRONTEND=noninteractive
apt=(apt-get -qq -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3)
echo "install.sh: installing ${packages[*]}" >&2
for try in 1 2 3; do
  # The lists may be absent (bare image) or out of date: refresh after the first failure.
  if "${apt[@]}" install -y --no-install-recommends "${packages[@]}" >"$log" 2>&1 </dev/null; then
    exit 0
  fi
  "${apt[@]}" update >>"$log" 2>&1 </dev/null || sleep $((try * 5))
done
echo "install.sh: could not install ${packages[*]}; the end of what apt said:" >&2
tail -n 20 "$log" >&2
exit 1
