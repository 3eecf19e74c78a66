#!/usr/bin/env bash
# Starts the databases of the tests on a Debian or Ubuntu machine:
#
#   PostgreSQL  127.0.0.1:5432, user root without a password, database test
#   MariaDB     127.0.0.1:3306, user root without a password, database test
#
# The script uses a server that already accepts these connections. It installs, configures and
# starts a missing server, which needs root. It starts an installed server with other accounts,
# but changes the accounts only with USERSESSION_CONFIGURE=1, which says that the machine is
# used only for these tests. It also installs the command line clients psql, sqlite3 and
# mariadb, if it runs as root. With USERSESSION_TEST_POSTGRES or USERSESSION_TEST_MYSQL the
# tests use a database of your own, and the script does not touch that server.
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
	[[ $(id -u) == 0 ]] || die "$1 needs root; or set $2 to the DSN of a database of your own"
}

# install PACKAGE… installs Debian packages.
install() {
	command -v apt-get >/dev/null || die "apt-get not found: start the servers yourself (see compose.yaml)"
	export DEBIAN_FRONTEND=noninteractive
	if [[ -z $updated ]]; then
		apt-get update -q
		updated=1
	fi
	apt-get install -qy --no-install-recommends "$@"
}

# clients installs the clients with which the tests apply SQL scripts.
clients() {
	local missing=()
	command -v psql >/dev/null || missing+=(postgresql-client)
	command -v sqlite3 >/dev/null || missing+=(sqlite3)
	command -v mariadb mysql >/dev/null || missing+=(mariadb-client)
	((${#missing[@]})) || return 0
	if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then
		say "the tests of SQL scripts need the clients of these packages: ${missing[*]}"
		return
	fi
	install "${missing[@]}"
}

# --- PostgreSQL --------------------------------------------------------------

postgres_answers() {
	listening 5432 || return 1
	command -v psql >/dev/null || return 0 # cannot check the account without psql; the tests will
	PGCONNECT_TIMEOUT=3 psql -wqAt -h 127.0.0.1 -U root -d test -c 'SELECT 1' >/dev/null 2>&1
}

postgres_cluster() { pg_lsclusters -h | awk '$2 == "main" {print $1; exit}'; }

postgres_start() {
	local version=$1
	listening 5432 || pg_ctlcluster --skip-systemctl-redirect "$version" main start
	wait_for 30 listening 5432
}

# postgres_configure lets every user of this machine connect as any role.
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
		say "PostgreSQL: the tests use the server of USERSESSION_TEST_POSTGRES"
		return
	fi
	if postgres_answers; then
		say "PostgreSQL: answers"
		return
	fi
	need_root "starting PostgreSQL" USERSESSION_TEST_POSTGRES
	local configurable=$configure version
	if ! command -v pg_ctlcluster >/dev/null || [[ -z $(postgres_cluster) ]]; then
		listening 5432 && die "another PostgreSQL listens on port 5432 and refuses user root"
		say "PostgreSQL: installing"
		install postgresql
		configurable=1
	fi
	version=$(postgres_cluster)
	[[ -n $version ]] || die "there is no PostgreSQL cluster named main"
	say "PostgreSQL: starting version $version"
	postgres_start "$version" || die "PostgreSQL does not start: see its log"
	if [[ -n $configurable ]] && ! postgres_answers; then
		postgres_configure "$version"
	fi
	wait_for 30 postgres_answers ||
		die "PostgreSQL runs, but user root cannot use the database test without a password (USERSESSION_CONFIGURE=1 changes that: it trusts every user of this machine)"
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
	# Started as user mysql, without an init system.
	mkdir -p /run/mysqld
	chown mysql /run/mysqld
	start-stop-daemon --start --oknodo --background --exec /usr/sbin/mariadbd -- --user=mysql
	wait_for 60 listening 3306
}

# mariadb_configure lets every user of this machine connect as root.
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
		say "MariaDB: the tests use the server of USERSESSION_TEST_MYSQL"
		return
	fi
	if mariadb_answers; then
		say "MariaDB: answers"
		return
	fi
	need_root "starting MariaDB" USERSESSION_TEST_MYSQL
	local configurable=$configure
	if [[ ! -x /usr/sbin/mariadbd ]]; then
		listening 3306 && die "another server listens on port 3306 and refuses user root"
		say "MariaDB: installing"
		install mariadb-server
		configurable=1
	fi
	say "MariaDB: starting"
	mariadb_start || die "MariaDB does not start: see its log"
	if [[ -n $configurable ]] && ! mariadb_answers; then
		mariadb_configure
	fi
	wait_for 30 mariadb_answers ||
		die "MariaDB runs, but user root cannot use the database test without a password (USERSESSION_CONFIGURE=1 changes that: it lets every user of this machine connect as root)"
	say "MariaDB: answers"
}

clients
postgres
mariadb_server
