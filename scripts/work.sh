#!/usr/bin/env bash
# Checks that go.work lists the modules, or adds them.
#
#   scripts/work.sh check|use MODULE...
set -euo pipefail
cd "$(dirname "$0")/.."
go=${GO:-go}
export GOWORK=$PWD/go.work

mode=$1
shift
if [[ $mode == use ]]; then
	"$go" work use "$@"
	exit
fi

listed=$("$go" work edit -json | awk -F'"' '/"DiskPath":/ {print $4}' | sed 's,^\./,,')
missing=()
for module in "$@"; do
	grep -qxF -- "$module" <<<"$listed" || missing+=("$module")
done
if ((${#missing[@]})); then
	echo "go.work does not list: ${missing[*]} (make work)"
	exit 1
fi
