#!/usr/bin/env bash
# Checks the README's promises about dependencies.
set -euo pipefail
cd "$(dirname "$0")/.."
export GOWORK=off
go=${GO:-go}

failed=0
# complain TITLE LINES prints the lines under the title, if there are any.
complain() {
	if [[ -n $2 ]]; then
		echo "$1:"
		echo "$2" | sed 's/^/  /'
		failed=1
	fi
}

self=$("$go" list -m)

# The store imports neither a database driver nor HTTP: both are the application's choice.
packages=(. ./entities/...)
[[ -d migrations ]] && packages+=(./migrations/...)
complain "the store imports a database driver or HTTP" "$(
	"$go" list -deps "${packages[@]}" |
		grep -E '^(net/http|gorm\.io/driver/|gorm\.io/plugin/|github\.com/mattn/go-sqlite3|github\.com/glebarez/|modernc\.org/|github\.com/jackc/|github\.com/lib/pq|github\.com/go-sql-driver/|github\.com/microsoft/go-mssqldb)' || true
)"

# bff and the packages under it import only each other, internal/wait and the standard
# library; serverside also imports the UUIDs that replace a missing session id.
complain "bff imports something outside the standard library" "$(
	"$go" list -deps -f '{{if not .Standard}}{{.ImportPath}}{{end}}' ./bff ./bff/adapter ./bff/bfftest ./bff/ticket ./bff/backchannel |
		grep -vE "^$self/(bff|internal/wait)(/|\$)" || true
	"$go" list -deps -f '{{if not .Standard}}{{.ImportPath}}{{end}}' ./bff/serverside |
		grep -vE "^($self/(bff|internal/wait)(/|\$)|github\.com/google/uuid\$)" || true
)"

# The adapters compile their session library and no database.
for adapter in adapters/*/; do
	complain "$adapter imports a database" "$(
		cd "$adapter"
		"$go" list -deps . | grep -E '^(gorm\.io/|database/sql$|github\.com/(jackc|go-sql-driver|mattn/go-sqlite3))' || true
	)"
done

# Users of the root module download only GORM and its requirements. (go.mod also lists
# test drivers; module graph pruning keeps users from downloading them.)
complain "go.mod has requirements that are not agreed (see CONTRIBUTING.md)" "$(
	"$go" mod edit -json | awk -F'"' '/"Path":/ {path = $4} /"Version":/ {print path}' |
		grep -vxE 'gorm\.io/(gorm|driver/sqlite|plugin/dbresolver)|github\.com/(jinzhu/(inflection|now)|mattn/go-(sqlite3|isatty)|google/uuid)|golang\.org/x/(text|sys)|modernc\.org/(sqlite|libc|mathutil|memory)|github\.com/(dustin/go-humanize|ncruces/go-strftime|remyoudompheng/bigfft)' || true
)"

# Every other module uses the library in this tree.
while read -r mod; do
	dir=$(dirname "$mod")
	if grep -qE "^[[:space:]]*(require )?$self v" "$mod" && ! grep -qE "^(replace )?[[:space:]]*$self => \.\.(/|\$)" "$mod"; then
		complain "module without a replace directive for $self" "$dir"
	fi
done < <(find . -mindepth 2 -name go.mod -not -path '*/.*/*' -not -path '*/testdata/*')

if ((failed)); then exit 1; fi
echo "deps: as the README promises"
