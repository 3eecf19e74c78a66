#!/usr/bin/env bash
# Runs the MySQL suite against TiDB and then a short benchmark, without containers. The first
# run builds the server from its source in the Go proxy and keeps it in bin/. The build takes
# about ten minutes on one processor and 2 GB in Go's module cache.
#
#   scripts/tidb.sh
#
# RUN is another pattern for the tests; then there is no benchmark. BENCHARGS are other flags of
# the benchmark.
#
# The server keeps its data in its own process (unistore, which TiDB's own tests use), so
# the suite does not test TiKV. All other files of the script are in a temporary directory
# that it removes.
set -euo pipefail
cd "$(dirname "$0")/.."
export GOWORK=off
go=${GO:-go}

# TiDB and its parser, which is a separate module, at the same commit.
stamp=20251126154744-e4e814fdc0af
tidb=v1.1.0-beta.0.$stamp
parser=v0.0.0-$stamp

work=$(mktemp -d "${TMPDIR:-/tmp}/usersession-tidb.XXXXXX")
pid=

stop() {
	[[ -n $pid ]] || return 0
	kill "$pid" 2>/dev/null || true
	wait "$pid" 2>/dev/null || true
	pid=
}

trap 'stop; rm -rf "$work"' EXIT

# build FILE builds the server. The replace directives are copied from TiDB's go.mod, because
# they have an effect only in the main module.
build() {
	mkdir -p "$work/module" "$(dirname "$1")"
	cat >"$work/module/go.mod" <<-EOF
		module tidb

		go 1.25

		require (
			github.com/pingcap/tidb $tidb
			github.com/pingcap/tidb/pkg/parser $parser
		)

		replace (
			github.com/go-ldap/ldap/v3 => github.com/YangKeao/ldap/v3 v3.4.5-0.20230421065457-369a3bab1117
			sourcegraph.com/sourcegraph/appdash => github.com/sourcegraph/appdash v0.0.0-20190731080439-ebfcffb1b5c0
			sourcegraph.com/sourcegraph/appdash-data => github.com/sourcegraph/appdash-data v0.0.0-20151005221446-73f23eafcf67
		)
	EOF
	(cd "$work/module" && "$go" build -mod=mod -buildvcs=false -ldflags='-s -w' -o "$1" github.com/pingcap/tidb/cmd/tidb-server)
}

# taken PORT reports whether a server listens on the port.
taken() { (: </dev/tcp/127.0.0.1/"$1") 2>/dev/null; }

# start FILE starts the server, sets port, and returns when the server answers.
start() {
	for port in $(shuf -i 20000-30000 -n 20); do
		taken "$port" || break
	done
	"$1" -store unistore -path "$work/data" -temp-dir "$work/tmp" -host 127.0.0.1 -P "$port" -socket "$work/tidb.sock" \
		-report-status=false -L error -log-file "$work/server.log" -log-slow-query "$work/slow.log" >"$work/server.out" 2>&1 &
	pid=$!
	for _ in {1..300}; do
		kill -0 "$pid" 2>/dev/null || break
		if taken "$port"; then return 0; fi
		sleep 0.2
	done
	echo "the server did not start:" >&2
	tail -n 20 "$work/server.out" "$work/server.log" >&2 || true
	return 1
}

server=$PWD/bin/tidb-server-$stamp
if [[ ! -x $server ]]; then
	echo "--- building TiDB $tidb"
	build "$server"
fi
start "$server"

echo "--- TiDB $tidb on port $port"
export USERSESSION_TEST_MYSQL="root@tcp(127.0.0.1:$port)/test?parseTime=true"
export USERSESSION_REQUIRE=mysql
log=$work/test.log
result=passed

# tests MODULE PATTERN runs the tests of a module that match the pattern.
tests() { (cd "$1" && "$go" test -count=1 -v -timeout 30m -run "$2" ./...) >>"$log" 2>&1 || result=FAILED; }

tests internal/dbtest "${RUN:-/^mysql\$}"
[[ -n ${RUN:-} ]] || tests migrations/migrationstest '^TestTiDB_/^mysql$'
# On success, show the top-level tests and the skips; on failure, the whole log.
if [[ $result == FAILED ]]; then cat "$log"; else grep -E '^(--- |ok |[[:space:]]*--- SKIP)' "$log" || true; fi
echo
echo "TiDB $tidb: $result"
scripts/require.sh "$log" mysql
[[ $result == passed ]]
[[ -z ${RUN:-} ]] || exit 0

echo
echo "--- benchmark"
# BENCHARGS is split into words on purpose.
# shellcheck disable=SC2086
(cd bench && "$go" run . operations -engines mysql ${BENCHARGS:--rounds 5})
