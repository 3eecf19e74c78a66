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
	echo "the module is called $new already"
	exit
fi

# In a git checkout the files that belong to it; elsewhere every file but the built ones.
if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
	list() { git ls-files -z --cached --others --exclude-standard; }
else
	list() { find . -type f -not -path './.git/*' -not -path './bin/*' -print0; }
fi

# The path ends where a character follows that cannot go on with it: a module whose name
# begins like ours is another one, and our packages are ours. A quoted path with a space
# after it is no path but a label that went into a key or a sealed ticket: changing it
# would make what is stored unreadable.
path=$(sed 's/[.]/\\./g' <<<"$old")
pattern="(?<![A-Za-z0-9._~-])$path(?![A-Za-z0-9_~-])(?!(?<=\"$path) )"
count=0
while IFS= read -r -d '' file; do
	[[ -f $file && ! -L $file ]] || continue
	grep -qIF -- "$old" "$file" || continue
	PATTERN=$pattern NEW=$new perl -pi -e 's/$ENV{PATTERN}/$ENV{NEW}/g' "$file"
	count=$((count + 1))
done < <(list)

# What the README says about a path that is nobody's is true no longer.
perl -0pi -e 's/<!-- unpublished -->.*?<!-- \/unpublished -->\n*//sg' README.md

# Imports and requirements are sorted by path, which has changed.
list | grep -zE '\.go$' | xargs -0 -r gofmt -w
while read -r mod; do
	(cd "$(dirname "$mod")" && "$go" mod tidy)
done < <(find . -name go.mod -not -path '*/.git/*' -not -path '*/testdata/*')

echo "renamed $old to $new in $count files; now run make check"
