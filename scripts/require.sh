#!/usr/bin/env bash
# Fails if the suite of a required engine did not run, according to a log of go test -v.
#
#   scripts/require.sh LOG ENGINE[,ENGINE...]
#
# The tests of an engine are the subtests with its name, such as TestConformance/postgres.
# The suite of an engine has run if at least one of them passed and none was skipped.
# Subtests of these tests may be skipped with a reason.
set -euo pipefail

log=$1
failed=
for engine in ${2//,/ }; do
	passed=$(grep -cE "^    --- PASS: Test[^/ ]+/$engine( |\$)" "$log" || true)
	skipped=$(grep -E "^    --- SKIP: Test[^/ ]+/$engine( |\$)" "$log" || true)
	if [[ -n $skipped ]]; then
		echo "FAIL: $engine is required, but tests were skipped:"
		echo "$skipped"
		failed=1
	elif [[ $passed == 0 ]]; then
		echo "FAIL: $engine is required, but none of its tests ran"
		failed=1
	else
		echo "ok: $engine: $passed tests passed, none skipped"
	fi
done
[[ -z $failed ]]
