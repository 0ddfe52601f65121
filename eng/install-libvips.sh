#!/usr/bin/env bash
# Installs libvips (the picture decoder) on Debian or Ubuntu unless it is there already.
set -euo pipefail

if ldconfig -p 2>/dev/null | grep -q 'libvips\.so\.42'; then exit 0; fi

root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "libvips is missing and this user cannot install it; ask for: apt-get install libvips42" >&2
    exit 10
  fi
  root=(sudo)
fi

command -v apt-get >/dev/null || { echo "libvips is missing: install it with this system's package manager" >&2; exit 10; }
echo "installing libvips (once) ..." >&2
"${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq >&2
# Debian 12 and Ubuntu 22.04 say libvips42, newer ones libvips42t64
for package in libvips42 libvips42t64; do
  if "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$package" >&2; then exit 0; fi
done

echo "libvips could not be installed" >&2
exit 10
