#!/usr/bin/env bash
# Runs the MySQL suite on a server of MariaDB or MySQL from Debian, without containers.
#
#   scripts/mysql.sh mariadb|mysql      (MariaDB of trixie, MySQL of sid)
#
# It needs Debian, root and debootstrap. The first run installs the server in bin/.chroot,
# which takes some minutes. All other files are in a temporary directory that it removes.
# The suites for migrations also run on a second server, whose defaults, an SQL mode and
# sql_safe_updates, change the meaning of statements or refuse them.
# DRILL=full also runs the drills in full size. RUN is a pattern for the tests of
# internal/dbtest, and then no other test runs.
set -euo pipefail
cd "$(dirname "$0")/.."
export GOWORK=off
. scripts/mysqld.sh

mysqld_install "${1:-}"
port=$(free_port)
mysqld_init server
mysqld_start server "$port"
mysqld_accounts server
version=$(mysqld_version server)
echo "--- $version on port $port"

# use PORT makes the tests use the server on the port.
use() { export USERSESSION_TEST_MYSQL="root@tcp(127.0.0.1:$1)/test?parseTime=true"; }

use "$port"
export USERSESSION_REQUIRE=mysql USERSESSION_TEST_OWN_SERVER=1
failed=
if [[ -n ${RUN:-} ]]; then
	REQUIRE=1 go_test "$1" internal/dbtest -race -shuffle=on -run "$RUN"
else
	REQUIRE=1 go_test "$1" internal/dbtest -race -shuffle=on
	REQUIRE=1 go_test "$1" migrations/migrationstest
	go_test "$1" examples/usersessiondb
	if [[ ${DRILL:-} == full ]]; then
		REQUIRE=1 USERSESSION_DRILL=full go_test "$1" internal/dbtest -run Drill
	fi
	mode=ANSI,STRICT_TRANS_TABLES,NO_BACKSLASH_ESCAPES,PAD_CHAR_TO_FULL_LENGTH,HIGH_NOT_PRECEDENCE
	port=$(free_port)
	mysqld_init other
	mysqld_start other "$port" --sql-mode="$mode"
	mysqld_accounts other
	mysqld_sql other -e 'SET GLOBAL sql_safe_updates = 1'
	use "$port"
	REQUIRE=1 go_test "$1, sql_mode $mode, sql_safe_updates" migrations/migrationstest
	go_test "$1, sql_mode $mode, sql_safe_updates" examples/usersessiondb
fi
echo
echo "$version: $([[ -z $failed ]] && echo passed || echo FAILED)"
[[ -z $failed ]]
