#!/usr/bin/env bash
# Installs the first of some packages that this Debian or Ubuntu has: eng/install-package.sh NAME "WHAT TO ASK FOR" PACKAGE...
set -euo pipefail
name=$1; wanted=$2; shift 2

root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "$name is missing and this user cannot install it; ask for: apt-get install $wanted" >&2
    exit 10
  fi
  root=(sudo)
fi

command -v apt-get >/dev/null || { echo "$name is missing: install it with this system's package manager" >&2; exit 10; }
echo "installing $name (once) ..." >&2
"${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq >&2
for package in "$@"; do
  if "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$package" >&2; then exit 0; fi
done

echo "$name could not be installed" >&2
exit 10
