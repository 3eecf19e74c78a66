#!/usr/bin/env bash
# Changes the module path everywhere: go.mod files, imports, configuration, documents.
#
#   scripts/rename.sh github.com/you/usersession
set -euo pipefail
cd "$(dirname "$0")/.."
export GOWORK=off
go=${GO:-go}

new=${1:-}
old=$("$go" list -m)
if [[ ! $new =~ ^[A-Za-z0-9._~-]+(/[A-Za-z0-9._~-]+)*$ ]]; then
	echo "usage: make rename MODULE=github.com/you/usersession" >&2
	exit 2
fi
if [[ $new == "$old" ]]; then
	echo "the module already has the name $new"
	exit
fi

# In a git checkout, the files that belong to it; elsewhere, every file except built ones.
if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
	list() { git ls-files -z --cached --others --exclude-standard; }
else
	list() { find . -type f -not -path './.git/*' -not -path './bin/*' -print0; }
fi

# The pattern matches the module's path and the paths of its packages, but not a module
# whose path only begins with the same characters. It does not match a quoted path that is
# followed by a space: that is a label of a key or a sealed ticket, and with another label
# stored tickets could not be opened.
path=$(sed 's/[.]/\\./g' <<<"$old")
pattern="(?<![A-Za-z0-9._~-])$path(?![A-Za-z0-9_~-])(?!(?<=\"$path) )"
count=0
while IFS= read -r -d '' file; do
	[[ -f $file && ! -L $file ]] || continue
	grep -qIF -- "$old" "$file" || continue
	PATTERN=$pattern NEW=$new perl -pi -e 's/$ENV{PATTERN}/$ENV{NEW}/g' "$file"
	count=$((count + 1))
done < <(list)

# Remove the documents' notes on the unpublished path.
perl -0pi -e 's/<!-- unpublished -->.*?<!-- \/unpublished -->\n*//sg' README.md docs/*.md examples/usersessiondb/README.md

# Imports and requirements are sorted by path, which has changed.
list | grep -zE '\.go$' | xargs -0 -r gofmt -w
while read -r mod; do
	(cd "$(dirname "$mod")" && "$go" mod tidy)
done < <(find . -name go.mod -not -path '*/.git/*' -not -path '*/testdata/*')

echo "renamed $old to $new in $count files; now run make check"
