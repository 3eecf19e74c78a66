package migrations

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

func (d mysql) probes(table string) []probe {
	args := catalogName(table)
	return []probe{
		{query: `SHOW SESSION VARIABLES WHERE variable_name IN ('autocommit', 'completion_type', 'character_set_client', 'character_set_connection',
			'character_set_results', 'unique_checks', 'sql_mode', 'transaction_isolation', 'tx_isolation', 'read_only', 'super_read_only', 'innodb_read_only', 'transaction_read_only', 'tx_read_only')`, find: mysqlVariable},
		{query: "SELECT @@binlog_format WHERE @@log_bin = 1", find: func(c *checker, row []string) {
			if row[0] == "STATEMENT" {
				c.harmless("server", "binlog_format is STATEMENT, under which the server refuses READ COMMITTED: the store uses the server's isolation level and meets more deadlocks",
					"set binlog_format to ROW, the default")
			}
		}},
		{query: `SELECT engine FROM information_schema.tables
			WHERE table_schema = COALESCE(?, DATABASE()) AND table_name = ?`, args: args, find: func(c *checker, row []string) {
			if row[0] != "" && row[0] != "InnoDB" {
				c.add(table, fmt.Sprintf("the table's engine is %s, which has no transactions: a replacement is not atomic", row[0]), "ALTER TABLE … ENGINE=InnoDB")
			}
		}},
		{query: `SELECT constraint_name, table_name FROM information_schema.referential_constraints
			WHERE unique_constraint_schema = COALESCE(?, DATABASE()) AND referenced_table_name = ?
				AND delete_rule NOT IN ('CASCADE', 'SET NULL') ORDER BY constraint_name`, args: args, find: foreignKeyKeepsRows(table)},
		{query: "SHOW CREATE TABLE " + d.quote(table), find: func(c *checker, row []string) { c.tidbIDs(table+".id", row[1]) }},
		{query: `SELECT options FROM information_schema.schemata_extensions WHERE schema_name = COALESCE(?, DATABASE())`, args: args[:1], find: func(c *checker, row []string) {
			if strings.Contains(row[0], "READ ONLY=1") && !c.reported("connection", readOnlyProblem) {
				c.add("connection", readOnlyProblem+": the database is READ ONLY", "ALTER SCHEMA … READ ONLY = 0")
			}
		}},
		// EXPLAIN needs the privileges of the statement, and changes nothing.
		d.privilege(table, "INSERT", "INSERT INTO %s (version) VALUES (1)"),
		d.privilege(table, "UPDATE", "UPDATE %s SET version = 1 WHERE 0"),
		d.privilege(table, "DELETE", "DELETE FROM %s WHERE 0"),
	}
}

// privilege reports a privilege without which the server refuses to explain the statement.
func (d mysql) privilege(table, name, statement string) probe {
	return probe{query: "EXPLAIN " + fmt.Sprintf(statement, d.quote(table)), fails: func(c *checker, err error) {
		if number := reflect.Indirect(reflect.ValueOf(err)); number.Kind() == reflect.Struct {
			number = number.FieldByName("Number") // of go-sql-driver/mysql
			if number.IsValid() && number.CanUint() && slices.Contains([]uint64{tableAccessDenied, columnAccessDenied}, number.Uint()) {
				c.lacksPrivilege(table, name)
			}
		}
	}}
}

const (
	tableAccessDenied  = 1142
	columnAccessDenied = 1143
)

// tidbIDs reports ids that are not in the order of creation, according to the DDL that TiDB shows.
// Other servers do not write the comments by which tidbIDs recognizes it.
func (c *checker) tidbIDs(where, ddl string) {
	const remedy = "create the table with AUTO_INCREMENT and AUTO_ID_CACHE 1, which TiDB cannot set later; NONCLUSTERED with SHARD_ROW_ID_BITS spreads its rows"
	switch {
	case !strings.Contains(ddl, "/*T![clustered_index] "):
	case strings.Contains(ddl, "/*T![auto_rand] "):
		// The store can add rows.
		c.findings = slices.DeleteFunc(c.findings, func(f Finding) bool { return f.Where == where && f.Problem == notIncremented })
		c.add(where, "AUTO_RANDOM ids are not in the order of creation: lists and pages have a random order, and MaxSessionsPerUser ends any of the sessions", remedy)
	case !strings.Contains(ddl, "/*T![auto_id_cache] AUTO_ID_CACHE=1 */"):
		c.harmless(where, "every TiDB server takes many ids in advance, so that the ids of several servers are not in the order of creation, on which lists, pages and MaxSessionsPerUser rest", remedy)
	}
}

// mysqlReadable reports settings under which the catalogue cannot be read.
var mysqlReadable = probe{query: "SELECT CAST(@@sql_select_limit AS CHAR), @@character_set_results", find: func(c *checker, row []string) {
	const remedy = "remove it from the DSN or from the server's configuration"
	if strings.Contains(row[1], "\x00") {
		c.add("connection", "character_set_results is "+strings.ReplaceAll(row[1], "\x00", "")+", in which numbers cannot be read", remedy)
	}
	if limit, err := strconv.ParseUint(strings.ReplaceAll(row[0], "\x00", ""), 10, 64); err == nil && limit < 1<<31 {
		c.add("connection", "sql_select_limit is "+row[0]+": lists of sessions, and this check, would be incomplete", remedy)
	}
}}

// mysqlVariable reports a variable of the session that does not fit. The row has its name and
// its value.
func mysqlVariable(c *checker, row []string) {
	name, value := strings.ToLower(row[0]), strings.ToUpper(row[1])
	const remedy = "remove it from the DSN or from the server's configuration"
	switch name {
	case "autocommit":
		if !isOn(value) {
			c.add("connection", "autocommit is off, so that writes are lost when the connection closes", remedy)
		}
	case "completion_type":
		switch value {
		case "CHAIN", "1":
			c.add("connection", "completion_type is CHAIN, so that writes are lost when the connection closes", remedy)
		case "RELEASE", "2":
			c.harmless("connection", "completion_type is RELEASE, so that the connection closes after every transaction", remedy)
		}
	case "character_set_client", "character_set_connection", "character_set_results":
		problem := fmt.Sprintf("%s is %s, which lacks characters that a subject id may have", name, strings.ToLower(value))
		switch {
		case value == "UTF8MB4" || value == "BINARY" || value == "":
		case name == "character_set_results": // the store reads bytes
			c.harmless("connection", problem, "set charset=utf8mb4 in the DSN")
		default:
			c.add("connection", problem, "set charset=utf8mb4 in the DSN")
		}
	case "unique_checks":
		if !isOn(value) {
			c.add("connection", "unique_checks is off: the server may accept two sessions with one key, or one session id", remedy)
		}
	case "sql_mode":
		if strings.Contains(value, "EMPTY_STRING_IS_NULL") { // MariaDB
			c.add("connection", "sql_mode has EMPTY_STRING_IS_NULL, which turns an empty partition key, subject id or ticket into NULL", remedy)
		}
		if !strings.Contains(value, "STRICT_") {
			c.harmless("connection", "sql_mode is not strict, so that the server shortens values of your own columns that do not fit", "add STRICT_TRANS_TABLES, the default")
		}
	case "transaction_isolation", "tx_isolation":
		isolation(c, value)
	default: // the read-only variables; innodb_read_only may be NO_LOCK and the like
		if isOn(value) && !c.reported("connection", readOnlyProblem) {
			c.add("connection", readOnlyProblem+": "+name+" is set", "connect to the primary")
		}
	}
}
