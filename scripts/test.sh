#!/usr/bin/env bash
# Runs the tests of the modules and lists the skipped tests at the end.
#
#   scripts/test.sh LOG "go test flags" MODULE...
#
# It uses go test -v, because go test shows skipped tests only with -v. It prints the output
# of go test without the lines of subtests that pass; LOG gets the whole output. For the
# environment variables see CONTRIBUTING.md.
set -euo pipefail
cd "$(dirname "$0")/.."

log=$1 flags=$2
shift 2
go=${GO:-go}
mkdir -p "$(dirname "$log")"
: >"$log"

quiet() {
	grep --line-buffered -vE '^(=== (RUN|PAUSE|CONT|NAME) |[[:space:]]+--- PASS: |[?] .*\[no test files\]|.*[[:space:]]coverage: )' || true
}

failed=()
for module in "$@"; do
	echo "=== module $module" >>"$log"
	echo "--- $module: $go test -v $flags ./..."
	# $flags is split into words on purpose.
	# shellcheck disable=SC2086
	(cd "$module" && "$go" test -v $flags ./... 2>&1) | tee -a "$log" | quiet || failed+=("$module")
done

echo
# Skipped engines first, one line each, with the reason of their tests; then other tests.
awk '
	/^[[:space:]]*--- SKIP: / {
		name = $3
		if (name ~ /^Test[^\/]+\/[a-z]+$/) { sub(/.*\//, "", name); engines[name]++ } else others[name]
	}
	/: [a-z]+ is left out: / {
		line = $0
		sub(/^[^:]*:[0-9]+: /, "", line)
		name = line
		sub(/ .*/, "", name)
		sub(/^.* is left out: /, "", line)
		reasons[name] = line
	}
	END {
		for (name in engines) printf "LEFT OUT: %s, %d tests: %s\n", name, engines[name], reasons[name] ? reasons[name] : "see above"
		for (name in others) printf "LEFT OUT: %s: see above\n", name
	}' "$log" | sort
if ((${#failed[@]})); then
	grep -E '^[[:space:]]*--- FAIL: ' "$log" || true
	echo "FAIL: tests failed in: ${failed[*]}"
	exit 1
fi
