#!/usr/bin/env bash
# Checks on a copy that the tree still builds after make rename, that the tests of the
# contract pass, and that tickets sealed under the old name can still be opened.
set -euo pipefail
cd "$(dirname "$0")/.."
export GOWORK=off
go=${GO:-go}

copy=$(mktemp -d "${TMPDIR:-/tmp}/usersession-rename.XXXXXX")
trap 'rm -rf "$copy"' EXIT

old=$("$go" list -m)
tar --exclude=./.git --exclude=./bin -cf - . | tar -xf - -C "$copy"
cd "$copy"
scripts/rename.sh rename.test/renamed >/dev/null

left=$("$go" list -f '{{join .Imports "\n"}}
{{join .TestImports "\n"}}
{{join .XTestImports "\n"}}' ./... | grep -E "^$old(/|\$)" | sort -u || true)
if [[ -n $left ]]; then
	echo "after the rename, these imports remain:"
	echo "$left"
	exit 1
fi
"$go" build ./...
"$go" vet ./bff
"$go" test ./bff ./bff/ticket/... | { grep -v '^ok' || true; }
(cd examples/quickstart && "$go" build -o /dev/null .)
echo "rename: the tree builds under another name"
