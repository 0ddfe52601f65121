#!/usr/bin/env bash
# Installs Open MPI (several processes and machines) on Debian or Ubuntu unless it is there already.
set -euo pipefail

if command -v mpirun >/dev/null && ldconfig -p 2>/dev/null | grep -q 'libmpi\.so\.40'; then exit 0; fi

# openmpi-bin brings the library, libopenmpi3 on Debian 12 and Ubuntu 22.04, libopenmpi3t64 or libopenmpi40 on newer ones
exec "$(dirname "$0")/install-package.sh" "Open MPI" "openmpi-bin libopenmpi3" openmpi-bin
