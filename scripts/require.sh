#!/usr/bin/env bash
# Fails if the suite of a required database did not run, by the log of go test -v.
#
#   scripts/require.sh LOG ENGINE[,ENGINE...]
#
# The tests of an engine are the subtests that have its name: TestReplace/postgres. Its
# suite counts as run if such a test has passed and none was skipped. Deeper down, single
# cases may be left out with a reason.
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
		echo "FAIL: $engine is required, but no test of it ran"
		failed=1
	else
		echo "ok: $engine: $passed tests passed, none skipped"
	fi
done
[[ -z $failed ]]
