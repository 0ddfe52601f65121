#!/usr/bin/env bash
# Finds things in the sample pictures with the shipped model. Arguments go on to `sightline demo`.
set -euo pipefail
cd "$(dirname "$0")"
export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1

eng/install-libvips.sh
exec dotnet run -c Release --project src/Sightline.Cli -- demo "$@"
