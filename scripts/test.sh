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

# The browser tests mostly wait for pages, and the tests of the migrations for processes and locks.
# So these modules run one after the other beside the other modules.
beside=() others=()
for module in "$@"; do
	if [[ $module == */e2e || $module == */migrationstest ]]; then beside+=("$module"); else others+=("$module"); fi
done

work=$(mktemp -d "${TMPDIR:-/tmp}/usersession-test.XXXXXX")
trap 'rm -rf "$work"' EXIT

# run MODULE runs the tests of a module and keeps its output in a file.
run() {
	# $flags is split into words on purpose.
	# shellcheck disable=SC2086
	(cd "$1" && "$go" test -v -timeout 20m $flags ./... 2>&1)
}

# report MODULE prints the output that it reads and adds it to the log.
report() {
	echo "=== module $1" >>"$log"
	echo "--- $1: $go test -v $flags ./..."
	tee -a "$log" | quiet
}

(
	for i in "${!beside[@]}"; do
		result=0
		run "${beside[i]}" >"$work/$i" || result=$?
		echo "$result" >"$work/$i.result"
	done
) &
failed=()
for module in "${others[@]}"; do
	run "$module" | report "$module" || failed+=("$module")
done
wait
for i in "${!beside[@]}"; do
	[[ $(cat "$work/$i.result" 2>/dev/null) == 0 ]] || failed+=("${beside[i]}")
	report "${beside[i]}" <"$work/$i"
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
