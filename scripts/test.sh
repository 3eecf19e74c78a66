#!/usr/bin/env bash
# Runs the tests of every module that is named and says at the end what was left out.
#
#   scripts/test.sh LOG "go test flags" MODULE...
#
# go test -v runs everywhere, since without -v a skipped test is not to be seen. What
# is shown is go test's own output without the lines of subtests that pass; LOG has
# all of it. The environment is the caller's: see CONTRIBUTING.md for the variables.
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
	# Flags are several words on purpose.
	# shellcheck disable=SC2086
	(cd "$module" && "$go" test -v $flags ./... 2>&1) | tee -a "$log" | quiet || failed+=("$module")
done

echo
# Engines first, each once, with the reason that its tests give; then everything else.
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
	echo "FAIL: tests failed in: ${failed[*]}"
	exit 1
fi
