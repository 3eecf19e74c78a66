#!/usr/bin/env bash
# Sees to it that the databases of the tests answer, on a Debian or Ubuntu machine:
#
#   PostgreSQL  127.0.0.1:5432, user root without a password, database test
#   MariaDB     127.0.0.1:3306, user root without a password, database test
#
# A server that answers like that is used as it is. One that is missing is installed,
# set up and started, which needs root. One that was there before, but with other
# accounts, is started and otherwise left alone, unless USERSESSION_CONFIGURE=1 says
# that the machine is there for nothing but these tests. With USERSESSION_TEST_POSTGRES
# or USERSESSION_TEST_MYSQL the tests use a database of yours, and this script has
# nothing to do with that one.
set -euo pipefail

configure=${USERSESSION_CONFIGURE:-}
updated=

say() { echo "databases: $*"; }
die() {
	say "$*" >&2
	exit 1
}

listening() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# wait_for SECONDS COMMAND… waits until the command succeeds.
wait_for() {
	local attempts=$(($1 * 4))
	shift
	until "$@"; do
		((attempts-- > 0)) || return 1
		sleep 0.25
	done
}

need_root() {
	[[ $(id -u) == 0 ]] || die "$1 needs root; or set $2 to a database of yours"
}

# install PACKAGE… installs Debian packages and remembers that they are new here, and
# so are ours to set up.
install() {
	command -v apt-get >/dev/null || die "no apt-get here: start the servers yourself (see compose.yaml)"
	export DEBIAN_FRONTEND=noninteractive
	if [[ -z $updated ]]; then
		apt-get update -q
		updated=1
	fi
	apt-get install -qy --no-install-recommends "$@"
}

# --- PostgreSQL --------------------------------------------------------------

postgres_answers() {
	listening 5432 || return 1
	command -v psql >/dev/null || return 0 # nothing to ask with: the tests will tell
	PGCONNECT_TIMEOUT=3 psql -wqAt -h 127.0.0.1 -U root -d test -c 'SELECT 1' >/dev/null 2>&1
}

postgres_cluster() { pg_lsclusters -h | awk '$2 == "main" {print $1; exit}'; }

postgres_start() {
	local version=$1
	listening 5432 || pg_ctlcluster --skip-systemctl-redirect "$version" main start
	wait_for 30 listening 5432
}

# postgres_configure lets everybody on this machine in as anybody.
postgres_configure() {
	local version=$1 hba=/etc/postgresql/$1/main/pg_hba.conf
	as_postgres() { runuser -u postgres -- psql -qAt -d postgres -c "$1"; }
	if ! grep -q '^host all all 127.0.0.1/32 trust$' "$hba"; then
		sed -i '1i host all all 127.0.0.1/32 trust' "$hba"
		pg_ctlcluster --skip-systemctl-redirect "$version" main reload
	fi
	[[ $(as_postgres "SELECT 1 FROM pg_roles WHERE rolname = 'root'") == 1 ]] ||
		as_postgres 'CREATE ROLE root LOGIN SUPERUSER'
	[[ $(as_postgres "SELECT 1 FROM pg_database WHERE datname = 'test'") == 1 ]] ||
		as_postgres "CREATE DATABASE test OWNER root TEMPLATE template0 ENCODING 'UTF8'"
}

postgres() {
	if [[ -n ${USERSESSION_TEST_POSTGRES:-} ]]; then
		say "PostgreSQL: yours, from USERSESSION_TEST_POSTGRES"
		return
	fi
	if postgres_answers; then
		say "PostgreSQL: answers"
		return
	fi
	need_root "starting PostgreSQL" USERSESSION_TEST_POSTGRES
	local ours=$configure version
	if ! command -v pg_ctlcluster >/dev/null || [[ -z $(postgres_cluster) ]]; then
		listening 5432 && die "another PostgreSQL is on port 5432, and it does not let user root in"
		say "PostgreSQL: installing"
		install postgresql
		ours=1
	fi
	version=$(postgres_cluster)
	[[ -n $version ]] || die "there is no PostgreSQL cluster named main"
	say "PostgreSQL: starting version $version"
	postgres_start "$version" || die "PostgreSQL does not start: see its log"
	if [[ -n $ours ]] && ! postgres_answers; then
		postgres_configure "$version"
	fi
	wait_for 30 postgres_answers ||
		die "PostgreSQL runs, but user root cannot use the database test without a password (USERSESSION_CONFIGURE=1 changes that, by trusting everybody on this machine)"
	say "PostgreSQL: answers"
}

# --- MariaDB -----------------------------------------------------------------

mariadb_answers() {
	listening 3306 || return 1
	command -v mariadb >/dev/null || return 0
	mariadb --no-defaults --connect-timeout=3 -h 127.0.0.1 -u root test -e 'SELECT 1' >/dev/null 2>&1
}

mariadb_start() {
	listening 3306 && return
	if [[ ! -d /var/lib/mysql/mysql ]]; then
		mariadb-install-db --user=mysql --skip-test-db >/dev/null
	fi
	# The account is the server's: this works without an init system, too.
	mkdir -p /run/mysqld
	chown mysql /run/mysqld
	start-stop-daemon --start --oknodo --background --exec /usr/sbin/mariadbd -- --user=mysql
	wait_for 60 listening 3306
}

# mariadb_configure lets everybody on this machine in as root.
mariadb_configure() {
	mariadb --no-defaults --protocol=socket -u root <<'SQL'
CREATE DATABASE IF NOT EXISTS test CHARACTER SET utf8mb4;
ALTER USER root@localhost IDENTIFIED VIA unix_socket OR mysql_native_password USING PASSWORD('');
CREATE OR REPLACE USER root@'127.0.0.1' IDENTIFIED BY '';
GRANT ALL PRIVILEGES ON *.* TO root@'127.0.0.1' WITH GRANT OPTION;
SQL
}

mariadb_server() {
	if [[ -n ${USERSESSION_TEST_MYSQL:-} ]]; then
		say "MariaDB: yours, from USERSESSION_TEST_MYSQL"
		return
	fi
	if mariadb_answers; then
		say "MariaDB: answers"
		return
	fi
	need_root "starting MariaDB" USERSESSION_TEST_MYSQL
	local ours=$configure
	if [[ ! -x /usr/sbin/mariadbd ]]; then
		listening 3306 && die "another server is on port 3306, and it does not let user root in"
		say "MariaDB: installing"
		install mariadb-server
		ours=1
	fi
	say "MariaDB: starting"
	mariadb_start || die "MariaDB does not start: see its log"
	if [[ -n $ours ]] && ! mariadb_answers; then
		mariadb_configure
	fi
	wait_for 30 mariadb_answers ||
		die "MariaDB runs, but user root cannot use the database test without a password (USERSESSION_CONFIGURE=1 changes that, by letting everybody on this machine in)"
	say "MariaDB: answers"
}

postgres
mariadb_server
