#!/usr/bin/env bash
# Runs every fuzz target of the modules for a given time.
#
#   scripts/fuzz.sh DURATION MODULE...
set -euo pipefail
cd "$(dirname "$0")/.."

duration=$1
shift
go=${GO:-go}
targets=0

for module in "$@"; do
	while read -r dir; do
		while read -r target; do
			echo "--- $module/$dir: $target"
			(cd "$module" && "$go" test -run '^$' -fuzz "^$target\$" -fuzztime "$duration" "./$dir")
			targets=$((targets + 1))
		done < <(grep -hoE '^func Fuzz[A-Za-z0-9_]*' "$module/$dir"/*_test.go | sed 's/^func //')
	done < <(
		cd "$module"
		# Only the packages of this module; nested modules are listed separately.
		"$go" list -f '{{range .TestGoFiles}}{{$.Dir}}/{{.}}{{"\n"}}{{end}}{{range .XTestGoFiles}}{{$.Dir}}/{{.}}{{"\n"}}{{end}}' ./... |
			sed '/^$/d' | { xargs -r grep -lE '^func Fuzz' || true; } |
			xargs -r -n1 dirname | sort -u | xargs -r -n1 realpath --relative-to=.
	)
done
echo "fuzz: $targets targets, $duration each"
