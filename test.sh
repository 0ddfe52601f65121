#!/usr/bin/env bash
# Runs all tests: ./test.sh, or those of some projects: ./test.sh Sightline.Tensors.Tests
# Ends with the counts of the result files; fails when a test fails, a test host dies or a project has no tests.
set -uo pipefail
cd "$(dirname "$0")"
export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1

eng/install-libvips.sh || exit $?
eng/install-openmpi.sh || exit $?
dotnet build Sightline.slnx -c Release -v q || exit 1

results=artifacts/test-results
rm -rf "$results"
mkdir -p "$results"
projects=("$@")
if [ ${#projects[@]} -eq 0 ]; then
  for file in tests/*/*.Tests.csproj; do projects+=("$(basename "$file" .csproj)"); done
fi

passed=0 failed=0 skipped=0
for project in "${projects[@]}"; do
  timeout 900 dotnet test "tests/$project/$project.csproj" -c Release --no-build -v q \
    --logger "trx;LogFileName=$project.trx" --results-directory "$results"
  code=$?
  counters=$(grep -o '<Counters [^>]*>' "$results/$project.trx" 2>/dev/null)
  number() { sed -n "s/.* $1=\"\([0-9]*\)\".*/\1/p" <<<"$counters"; }
  total=$(number total) executed=$(number executed) good=$(number passed)
  total=${total:-0} executed=${executed:-0} good=${good:-0}
  bad=$((executed - good))
  if [ "$total" -eq 0 ]; then
    echo "$project: no test ran" >&2
    bad=1
  elif [ "$code" -ne 0 ] && [ "$bad" -eq 0 ]; then
    echo "$project: the test host ended with $code" >&2
    bad=1
  fi
  passed=$((passed + good)) failed=$((failed + bad)) skipped=$((skipped + total - executed))
done

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
