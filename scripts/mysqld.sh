# Functions for scripts that test on servers of MariaDB and MySQL from Debian, see
# chroot.sh. The servers listen on 127.0.0.1, and root needs no password. Their data are in
# a temporary directory, which the exit of the script removes together with the servers.
#
#   . scripts/mysqld.sh
#   mysqld_install mariadb|mysql
. scripts/chroot.sh

work=    # the temporary directory, seen from outside the chroot
inside=  # the same directory, seen from inside
servers=() # process ids

mysqld_stop() {
	((${#servers[@]})) || return 0
	kill "${servers[@]}" 2>/dev/null || true
	for _ in {1..150}; do # a node of a cluster may wait for the others for ever
		kill -0 "${servers[@]}" 2>/dev/null || break
		sleep 0.2
	done
	kill -9 "${servers[@]}" 2>/dev/null || true
	wait "${servers[@]}" 2>/dev/null || true
	servers=()
}

# mysqld_install FLAVOUR installs the server, and sets root, flavour, work and inside.
mysqld_install() {
	flavour=$1
	case $flavour in
	mariadb) debian_chroot trixie mariadb-server galera-4 rsync ;;
	mysql) debian_chroot sid mysql-server ;;
	*) die "$0: $flavour is not mariadb or mysql" ;;
	esac
	work=$(mktemp -d "$root/tmp/usersession.XXXXXX")
	inside=${work#"$root"}
	trap 'mysqld_stop; rm -rf "$work"' EXIT
	chroot "$root" chown mysql "$inside"
}

# mysqld_version NAME prints the version of the server with the name.
mysqld_version() { echo "$flavour $(mysqld_sql "$1" -e 'SELECT version()')"; }

# taken PORT reports whether a server listens on the port.
taken() { (: </dev/tcp/127.0.0.1/"$1") 2>/dev/null; }

# free_port prints a port on which no server listens.
free_port() {
	local port
	for port in $(shuf -i 20000-30000 -n 20); do
		taken "$port" || { echo "$port" && return; }
	done
}

# mysqld_init NAME makes the data directory of the server with the name.
mysqld_init() {
	local command=(mysqld --no-defaults --initialize-insecure --user=mysql --datadir="$inside/$1")
	if [[ $flavour == mariadb ]]; then
		command=(mariadb-install-db --no-defaults --user=mysql --datadir="$inside/$1" --skip-test-db --auth-root-authentication-method=normal)
	fi
	chroot "$root" "${command[@]}" >"$work/$1.init.log" 2>&1 ||
		{ cat "$work/$1.init.log" >&2 && die "$0: the data directory could not be made"; }
}

# mysqld_start NAME PORT [OPTION…] starts the server with the name.
mysqld_start() {
	local name=$1 port=$2 pid
	shift 2
	# The data need not survive a crash. The binary log is on, because it forbids some
	# statements. The server's id is also the first id that a member of Group Replication
	# gives to a row; above 7, the members give the same ids and diverge.
	local options=(--user=mysql --datadir="$inside/$name" --socket="$inside/$name.sock" --pid-file="$inside/$name.pid"
		--bind-address=127.0.0.1 --port="$port" --max-connections=500 --server-id="$((${#servers[@]} + 1))" --log-bin="$name-bin"
		--innodb-flush-log-at-trx-commit=0 --innodb-doublewrite=0 --sync-binlog=0)
	[[ $flavour == mariadb ]] || options+=(--mysqlx=OFF)
	# The scripts with which nodes copy data need /proc. The mount ends with the server.
	unshare --mount sh -c 'mount -t proc proc "$1/proc" && exec chroot "$@"' sh \
		"$root" mysqld --no-defaults "${options[@]}" "$@" >"$work/$name.log" 2>&1 &
	pid=$!
	servers+=("$pid")
	for _ in {1..600}; do
		kill -0 "$pid" 2>/dev/null || break
		if mysqld_sql "$name" -e 'SELECT 1' >/dev/null 2>&1; then return; fi
		sleep 0.2
	done
	tail -n 40 "$work/$name.log" >&2
	die "$0: the server did not start"
}

# mysqld_sql NAME [OPTION…] runs a client of the server with the name as root.
mysqld_sql() {
	local name=$1
	shift
	chroot "$root" "$flavour" --no-defaults -u root -S "$inside/$name.sock" -NB "$@"
}

# mysqld_accounts NAME admits root on TCP and makes the database of the tests. The binary log
# does not contain these statements.
mysqld_accounts() {
	mysqld_sql "$1" <<-'SQL'
		SET sql_log_bin = 0;
		CREATE USER IF NOT EXISTS root@'127.0.0.1' IDENTIFIED BY '';
		GRANT ALL ON *.* TO root@'127.0.0.1' WITH GRANT OPTION;
		CREATE DATABASE IF NOT EXISTS test;
		SET sql_log_bin = 1;
	SQL
}

# go_test NAME DIRECTORY FLAG… runs the tests of a module on the engine mysql and sets
# failed if they fail. On success it shows the top-level tests and the skips, on failure the
# whole log. With REQUIRE set it also fails if none of the engine's tests ran.
go_test() {
	local name=$1 dir=$2 log=$work/test.log others='^(postgres|sqlite|sqlserver)$'
	shift 2
	echo "--- $name: $dir: go test $*"
	if (cd "$dir" && "${GO:-go}" test -count=1 -v -timeout 60m -skip "/$others|//$others" "$@" ./...) >"$log" 2>&1; then
		grep -E '^(--- |ok |[[:space:]]*--- SKIP)' "$log" || true
		[[ -z ${REQUIRE:-} ]] || scripts/require.sh "$log" mysql || failed=1
	else
		cat "$log"
		failed=1
	fi
}
