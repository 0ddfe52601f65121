#!/usr/bin/env bash
# Runs the operation tests, and a training of both stages, on libtorch. Without a folder: with the libtorch that LIBTORCH or the installed PyTorch
# gives (SIGHTLINE_DEVICE=cuda:0 for a GPU). With the folder that benchmarks/peers/setup.sh made: inside it, by chroot (as root).
#
#   eng/test-libtorch.sh [FOLDER]
#
# The last line is "N passed, N failed, N skipped".
set -uo pipefail
cd "$(dirname "$0")/.."
export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1

folder=${1:-}
configuration=${CONFIGURATION:-Release}
here=$PWD
if [ "${NO_BUILD:-}" != 1 ]; then
  for project in Sightline.Tensors.Tests Sightline.Training.Tests; do dotnet build "tests/$project" -c "$configuration" -v q || exit 1; done
fi

enter=()
if [ -n "$folder" ]; then
  folder=$(realpath "$folder")
  sdk=$(dirname "$(readlink -f "$(command -v dotnet)")")
  mounted=()
  attach() {
    mkdir -p "$folder$2"
    mountpoint -q "$folder$2" && return
    mount --bind "$1" "$folder$2" && mounted+=("$folder$2")
  }
  detach() { for point in "${mounted[@]}"; do umount "$point"; done; }
  trap detach EXIT
  mountpoint -q "$folder/proc" || { mount -t proc proc "$folder/proc" && mounted+=("$folder/proc"); } # .NET does not start without it
  attach /dev /dev
  attach "$sdk" /usr/share/dotnet
  attach "$here" "$here" # fixtures are found by the path that was compiled in
  enter=(chroot "$folder")
  host=/usr/share/dotnet/dotnet
else
  host=$(command -v dotnet)
fi

passed=0 failed=0 skipped=0
run() {
  local project=$1 output
  shift
  output=$("${enter[@]}" env DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1 SIGHTLINE_TEST_ENGINE=libtorch \
    "$host" "$here/tests/$project/bin/$configuration/net10.0/$project.dll" -parallel none -noLogo "$@" 2>&1)
  printf '%s\n' "$output"
  local totals
  totals=$(grep -E 'Total: [0-9]+' <<<"$output" | tail -n 1)
  number() { sed -n "s/.*$1: \([0-9]*\).*/\1/p" <<<"$totals"; }
  if [ -z "$totals" ] || [ "$(number Total)" = 0 ]; then
    echo "$project: no test ran" >&2
    failed=$((failed + 1))
    return
  fi
  local bad=$(($(number Failed) + $(number Errors)))
  skipped=$((skipped + $(number Skipped)))
  failed=$((failed + bad))
  passed=$((passed + $(number Total) - bad - $(number Skipped)))
}

leave=()
case ${SIGHTLINE_DEVICE:-cpu} in
  cuda*)
    leave=(-trait- Device=processor)
    export NVIDIA_TF32_OVERRIDE=0 # cuDNN's convolutions would round their operands to 10 bits, and the tests ask for float32
    ;;
esac

run Sightline.Tensors.Tests -trait Engine=each -trait- Engine=cpu "${leave[@]}"
run Sightline.Tensors.Tests -trait Engine=libtorch -explicit only
run Sightline.Training.Tests -trait Engine=libtorch -explicit only

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
