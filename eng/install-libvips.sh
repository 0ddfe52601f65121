#!/usr/bin/env bash
# Installs libvips (the picture decoder) on Debian or Ubuntu unless it is there already.
set -euo pipefail

if ldconfig -p 2>/dev/null | grep -q 'libvips\.so\.42'; then exit 0; fi

# Debian 12 and Ubuntu 22.04 say libvips42, newer ones libvips42t64
exec "$(dirname "$0")/install-package.sh" libvips libvips42 libvips42 libvips42t64
