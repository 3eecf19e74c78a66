#!/usr/bin/env bash
# Runs the conformance suite and the races on a cluster of three nodes, with the store's
# connections spread over all of them.
#
#   scripts/cluster.sh galera                (MariaDB of Debian's trixie)
#   scripts/cluster.sh group-replication     (MySQL of Debian's sid, multi-primary)
#
# It needs Debian, root and debootstrap, see mysql.sh. RUN is another pattern for the tests.
set -euo pipefail
cd "$(dirname "$0")/.."
export GOWORK=off
. scripts/mysqld.sh

nodes=(node1 node2 node3)
declare -A sql_port group_port transfer_port state_port

# ports sets the ports of the nodes. free_port may print one port twice: then ports starts again.
ports() {
	local node all
	all=()
	for node in "${nodes[@]}"; do
		sql_port[$node]=$(free_port) group_port[$node]=$(free_port) transfer_port[$node]=$(free_port) state_port[$node]=$(free_port)
		all+=("${sql_port[$node]}" "${group_port[$node]}" "${transfer_port[$node]}" "${state_port[$node]}")
	done
	[[ -z $(printf '%s\n' "${all[@]}" | sort | uniq -d) ]] || ports
}

# members prints the nodes' addresses on the group's network.
members() { printf '127.0.0.1:%s\n' "${group_port[@]}" | paste -sd,; }

# until_true NODE QUERY waits until the query returns 1.
until_true() {
	local i
	for i in {1..60}; do
		[[ $(mysqld_sql "$1" -e "$2" 2>/dev/null) != 1 ]] || return 0
		sleep 0.2
	done
	tail -n 40 "$work/$1.log" >&2
	die "$0: $1 did not join the cluster"
}

galera_node() {
	local node=$1
	shift
	mysqld_start "$node" "${sql_port[$node]}" --wsrep-on=ON --wsrep-provider=/usr/lib/galera/libgalera_smm.so \
		--wsrep-cluster-name=usersession --wsrep-cluster-address="gcomm://$(members)" --wsrep-node-name="$node" \
		--wsrep-node-address="127.0.0.1:${group_port[$node]}" --wsrep-sst-method=rsync --wsrep-sst-receive-address="127.0.0.1:${state_port[$node]}" \
		--wsrep-provider-options="gmcast.listen_addr=tcp://127.0.0.1:${group_port[$node]};ist.recv_addr=127.0.0.1:${transfer_port[$node]};gcache.size=64M" \
		--binlog-format=ROW --innodb-autoinc-lock-mode=2 "$@"
}

galera() {
	local node
	mysqld_install mariadb
	ports
	mysqld_init node1
	galera_node node1 --wsrep-new-cluster
	mysqld_accounts node1
	for node in node2 node3; do
		mysqld_init "$node" # replaced by the data of another node
		galera_node "$node"
	done
	for node in "${nodes[@]}"; do
		until_true "$node" "SELECT COUNT(*) = 2 FROM information_schema.global_status
			WHERE variable_name = 'wsrep_cluster_size' AND variable_value = '3' OR variable_name = 'wsrep_ready' AND variable_value = 'ON'"
	done
	parameters='wsrep_sync_wait=3'
}

gr_node() {
	local node=$1
	mysqld_init "$node"
	mysqld_start "$node" "${sql_port[$node]}" --gtid-mode=ON --enforce-gtid-consistency=ON \
		--plugin-load-add=group_replication.so --loose-group-replication-group-name=6f5d2c1a-7a54-4c39-9d56-3a1b5f0c8e21 \
		--loose-group-replication-local-address="127.0.0.1:${group_port[$node]}" --loose-group-replication-group-seeds="$(members)" \
		--loose-group-replication-start-on-boot=OFF --loose-group-replication-recovery-get-public-key=ON --loose-group-replication-single-primary-mode=OFF \
		--loose-group-replication-enforce-update-everywhere-checks=ON --report-host=127.0.0.1
	mysqld_accounts "$node"
	mysqld_sql "$node" <<-'SQL'
		SET sql_log_bin = 0;
		CREATE USER replication@'%' IDENTIFIED BY 'replication';
		GRANT REPLICATION SLAVE, CONNECTION_ADMIN, BACKUP_ADMIN, GROUP_REPLICATION_STREAM ON *.* TO replication@'%';
		SET sql_log_bin = 1;
		CHANGE REPLICATION SOURCE TO SOURCE_USER = 'replication', SOURCE_PASSWORD = 'replication' FOR CHANNEL 'group_replication_recovery';
	SQL
}

group_replication() {
	local node
	mysqld_install mysql
	ports
	for node in "${nodes[@]}"; do
		gr_node "$node"
		if [[ $node == node1 ]]; then mysqld_sql "$node" -e 'SET GLOBAL group_replication_bootstrap_group = ON'; fi
		mysqld_sql "$node" -e 'START GROUP_REPLICATION'
		if [[ $node == node1 ]]; then mysqld_sql "$node" -e 'SET GLOBAL group_replication_bootstrap_group = OFF'; fi
	done
	for node in "${nodes[@]}"; do
		until_true "$node" "SELECT COUNT(*) = 3 FROM performance_schema.replication_group_members WHERE member_state = 'ONLINE'"
	done
	parameters="group_replication_consistency=%27BEFORE%27"
}

case ${1:-} in
galera) galera ;;
group-replication) group_replication ;;
*) die "usage: scripts/cluster.sh galera|group-replication" ;;
esac
version="$1 of $(mysqld_version node1), ${#nodes[@]} nodes"
addresses=$(printf '127.0.0.1:%s\n' "${sql_port[@]}" | paste -sd,)
echo "--- $version on $addresses"

export USERSESSION_TEST_MYSQL="root@nodes($addresses)/test?parseTime=true&$parameters" USERSESSION_REQUIRE=mysql
failed=
REQUIRE=1 go_test "$1" internal/dbtest -run "${RUN:-TestConformance|Race}"
echo
echo "$version: $([[ -z $failed ]] && echo passed || echo FAILED)"
[[ -z $failed ]]
