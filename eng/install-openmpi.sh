#!/usr/bin/env bash
# Installs Open MPI (several processes and machines) on Debian or Ubuntu unless it is there already.
set -euo pipefail

if command -v mpirun >/dev/null && ldconfig -p 2>/dev/null | grep -q 'libmpi\.so\.40'; then exit 0; fi

root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "Open MPI is missing and this user cannot install it; ask for: apt-get install openmpi-bin libopenmpi3" >&2
    exit 10
  fi
  root=(sudo)
fi

command -v apt-get >/dev/null || { echo "Open MPI is missing: install it with this system's package manager" >&2; exit 10; }
echo "installing Open MPI (once) ..." >&2
"${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq >&2
# openmpi-bin brings the library, libopenmpi3 on Debian 12 and Ubuntu 22.04, libopenmpi3t64 or libopenmpi40 on newer ones
if "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends openmpi-bin >&2; then exit 0; fi

echo "Open MPI could not be installed" >&2
exit 10
