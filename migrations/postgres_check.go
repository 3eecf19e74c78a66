package migrations

import (
	"errors"
	"fmt"
	"strings"
)

func (d postgres) probes(table string) []probe {
	regclass := d.quote(table)
	_, bare := splitName(table)
	visible := []probe{}
	if bare == table {
		visible = append(visible, probe{query: `SELECT string_agg(n.nspname, ', ' ORDER BY array_position(current_schemas(false), n.nspname)), count(*), current_schema()
			FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
			WHERE c.relname = ? AND c.relkind IN ('r', 'p', 'v', 'f') AND n.nspname = ANY (current_schemas(false))`, args: []any{bare},
			find: func(c *checker, row []string) {
				switch row[1] {
				case "0":
				case "1":
					if row[0] != row[2] {
						c.harmless(table, fmt.Sprintf("the table is in the schema %s, but new tables go to the schema %s, the first of the search_path: a migration, or AutoMigrate, would make a second table, without the sessions", row[0], row[2]),
							"put the schema "+row[0]+" first in the search_path of migrations, or name it in the naming strategy or in WithTable")
					}
				default:
					c.add(table, fmt.Sprintf("the search_path finds the table in several schemas: %s. The store uses the first", row[0]),
						"name the schema in the naming strategy or in WithTable, or take the other schemas out of the search_path")
				}
			}})
	}
	return append(visible, []probe{
		{query: `SELECT i.relname FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
			WHERE x.indrelid = to_regclass(?) AND NOT x.indimmediate ORDER BY i.relname`, args: []any{regclass}, find: func(c *checker, row []string) {
			c.add(table+"."+row[0], "the constraint is deferrable: the server refuses the store's ON CONFLICT, and so every sign-in",
				"drop the constraint, and add it without DEFERRABLE")
		}},
		{query: "SELECT current_setting('transaction_read_only') = 'on' OR pg_is_in_recovery()", find: func(c *checker, row []string) {
			if isOn(row[0]) {
				c.add("connection", readOnlyProblem, "connect to the primary: with several hosts in the DSN, target_session_attrs=read-write finds it")
			}
		}},
		{query: "SELECT current_setting('server_encoding')", find: func(c *checker, row []string) {
			if row[0] != "UTF8" {
				c.add("database", fmt.Sprintf("the database's encoding is %s, which lacks characters that a subject id may have", row[0]), "use a database in UTF8")
			}
		}},
		{query: "SELECT current_setting('client_encoding')", find: func(c *checker, row []string) {
			if row[0] != "UTF8" && row[0] != "SQL_ASCII" {
				c.add("connection", fmt.Sprintf("client_encoding is %s, so that the server changes the characters of a subject id", row[0]), "set client_encoding=UTF8 in the DSN")
			}
		}},
		{query: `SELECT clock_timestamp(), '\x00'::bytea`, fails: func(c *checker, err error) {
			if _, ok := errors.AsType[interface {
				error
				SQLState() string
			}](err); !ok { // the driver's error
				c.add("connection", "the driver cannot read times and tickets with the connection's DateStyle and bytea_output in the DSN's default_query_exec_mode",
					"set datestyle=ISO and bytea_output=hex in the DSN")
			}
		}},
		{query: "SELECT 1 FROM pg_class WHERE oid = to_regclass(?) AND relpersistence = 'u'", args: []any{regclass}, find: func(c *checker, _ []string) {
			c.harmless(table, "the table is unlogged: a crash of the server empties it, so that all users are signed out, and a standby does not have its rows", "ALTER TABLE "+regclass+" SET LOGGED")
		}},
		{query: "SELECT rulename FROM pg_rewrite WHERE ev_class = to_regclass(?) AND ev_type <> '1' AND ev_enabled <> 'D' ORDER BY rulename", args: []any{regclass}, find: func(c *checker, row []string) {
			c.add(table, fmt.Sprintf("the table has the rule %s, with which the server refuses statements of the store", row[0]), "replace the rule by a trigger")
		}},
		{query: rowTriggers + ` AND p.prosrc ~* '\mreturn\s+null\M' ORDER BY t.tgname`, args: []any{regclass, regclass}, find: triggerKeepsRows(table)},
		// Of a DELETE, NEW is NULL.
		{query: rowTriggers + ` AND t.tgtype & 8 = 8 AND p.prosrc ~* '\mreturn\s+new\M' AND p.prosrc !~* '\mreturn\s+(?!new\M)' ORDER BY t.tgname`,
			args: []any{regclass, regclass}, find: triggerKeepsRows(table)},
		{query: "SELECT current_setting('default_transaction_isolation')", find: func(c *checker, row []string) { isolation(c, row[0]) }},
		{query: "SELECT row_security_active(to_regclass(?))", args: []any{regclass}, find: func(c *checker, row []string) {
			if isOn(row[0]) {
				c.add(table, "row level security hides rows from this account: the cleanup, or a user's sign-out everywhere, may miss some without an error",
					"use an account with BYPASSRLS, or a policy that shows all rows to it")
			}
		}},
		{query: `SELECT p FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS p
			WHERE NOT CASE p WHEN 'DELETE' THEN has_table_privilege(to_regclass(?), p) ELSE has_any_column_privilege(to_regclass(?), p) END`,
			args: []any{regclass, regclass}, find: func(c *checker, row []string) { c.lacksPrivilege(table, row[0]) }},
		// The sequence of GENERATED … AS IDENTITY needs no privilege.
		{query: `SELECT s FROM (SELECT ` + sequenceOfID + ` AS s) q WHERE NOT has_sequence_privilege(s, 'USAGE, UPDATE')
			AND NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass(?) AND attname = 'id' AND attidentity <> '')`,
			args: []any{regclass, regclass, regclass}, find: func(c *checker, row []string) {
				c.add(table+".id", "the account lacks USAGE on the sequence "+row[0]+": sign-ins fail", "GRANT USAGE ON SEQUENCE "+row[0]+" TO the account")
			}},
		{query: `SELECT conname, conrelid::regclass FROM pg_constraint
			WHERE contype = 'f' AND confrelid = to_regclass(?) AND conparentid = 0 AND (confdeltype IN ('a', 'r') OR EXISTS (
				SELECT FROM pg_attribute WHERE attrelid = conrelid AND attnum = ANY (conkey)
					AND (confdeltype = 'n' AND attnotnull OR confdeltype = 'd' AND (attnotnull OR atthasdef)))) ORDER BY conname`, args: []any{regclass}, find: foreignKeyKeepsRows(table)},
		{query: "SELECT s.seqtypid::regtype, s.seqmax, s.seqmax < 9223372036854775807 FROM pg_sequence s WHERE s.seqincrement > 0 AND s.seqrelid = " + sequenceOfID, args: []any{regclass, regclass}, find: func(c *checker, row []string) {
			switch {
			case row[0] != "bigint":
				c.harmless(table+".id", fmt.Sprintf("the sequence of the column is %s: sign-ins fail when it is used up", row[0]), "ALTER SEQUENCE … AS bigint")
			case isOn(row[2]):
				c.harmless(table+".id", fmt.Sprintf("the sequence of the column ends at %s: sign-ins fail when it is used up", row[1]), "ALTER SEQUENCE … NO MAXVALUE")
			}
		}},
		d.sequencePosition(table),
		d.collationVersions(table),
		d.databaseCollationVersion(table),
	}...)
}

// rowTriggers are the triggers of the table and its partitions that run before a row changes, and can keep it by returning NULL.
const rowTriggers = `SELECT DISTINCT t.tgname FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
	WHERE t.tgrelid IN (SELECT to_regclass(?) UNION SELECT relid FROM pg_partition_tree(to_regclass(?))) AND NOT t.tgisinternal AND t.tgtype & 3 = 3
		AND t.tgenabled IN ('A', CASE current_setting('session_replication_role') WHEN 'replica' THEN 'R' ELSE 'O' END)`

// indexedColumns are the columns of the table's indexes, with their collations.
const indexedColumns = `FROM pg_attribute a JOIN pg_collation c ON c.oid = a.attcollation
	WHERE a.attrelid = to_regclass(?) AND EXISTS (SELECT FROM pg_index i WHERE i.indrelid = a.attrelid AND a.attnum = ANY (i.indkey))`

const collationRemedy = "rebuild the indexes, REINDEX TABLE CONCURRENTLY %s, and then "

// collationVersions reports a column whose collation sorted otherwise when the indexes were
// built: after an upgrade of the operating system, or on a replica with another one.
func (d postgres) collationVersions(table string) probe {
	name := d.quote(table)
	return probe{query: "SELECT a.attname, c.collname, c.collversion, pg_collation_actual_version(c.oid) " + indexedColumns +
		" AND c.collversion <> pg_collation_actual_version(c.oid) ORDER BY a.attnum", args: []any{name}, find: func(c *checker, row []string) {
		c.add(table+"."+row[0], fmt.Sprintf("the collation %s changed from version %s to %s: an index on the column may miss rows and admit duplicates", row[1], row[2], row[3]),
			fmt.Sprintf(collationRemedy, name)+"ALTER COLLATION "+d.quote(row[1])+" REFRESH VERSION")
	}}
}

// databaseCollationVersion does the same for columns with the database's collation, whose
// version PostgreSQL records since version 15.
func (d postgres) databaseCollationVersion(table string) probe {
	name := d.quote(table)
	return probe{query: `SELECT d.datname, d.datcollversion, pg_database_collation_actual_version(d.oid) FROM pg_database d
		WHERE d.datname = current_database() AND d.datcollversion <> pg_database_collation_actual_version(d.oid)
			AND EXISTS (SELECT ` + indexedColumns + " AND c.collprovider = 'd')", args: []any{name}, find: func(c *checker, row []string) {
		c.add(table, fmt.Sprintf("the database's collation changed from version %s to %s: an index on a column with it may miss rows and admit duplicates", row[1], row[2]),
			fmt.Sprintf(collationRemedy, name)+"ALTER DATABASE "+d.quote(row[0])+" REFRESH COLLATION VERSION")
	}}
}

// sequenceOfID is the sequence of the default of the column id, or of its identity. The
// arguments are the table, twice.
const sequenceOfID = `COALESCE(
	(SELECT d.refobjid::regclass FROM pg_attrdef f
		JOIN pg_attribute a ON a.attrelid = f.adrelid AND a.attnum = f.adnum AND a.attname = 'id'
		JOIN pg_depend d ON d.classid = 'pg_attrdef'::regclass AND d.objid = f.oid AND d.refclassid = 'pg_class'::regclass
		JOIN pg_class s ON s.oid = d.refobjid AND s.relkind = 'S'
		WHERE f.adrelid = to_regclass(?) LIMIT 1),
	to_regclass(pg_get_serial_sequence(?, 'id')))`

// sequencePosition reports a sequence that is behind the rows, as after a restore.
func (d postgres) sequencePosition(table string) probe {
	name := d.quote(table)
	return probe{query: "SELECT " + sequenceOfID, args: []any{name, name}, next: func(row []string) probe {
		sequence := row[0] // quoted by the server
		// With an increment other than 1, other rows may be from other sequences.
		return probe{query: "SELECT EXISTS (SELECT FROM " + name + " WHERE id >= n.next AND (id - n.next) % n.step = 0)" +
			" FROM (SELECT s.last_value + s.is_called::int * q.seqincrement AS next, q.seqincrement AS step FROM " + sequence +
			" s, pg_sequence q WHERE q.seqrelid = ?::regclass AND q.seqincrement > 0) n", args: []any{sequence}, find: func(c *checker, row []string) {
			if isOn(row[0]) {
				c.add(table+".id", "the sequence of the column is behind the rows, as after a restore: sign-ins fail",
					fmt.Sprintf("SELECT setval('%s', max(id)) FROM %s", strings.ReplaceAll(sequence, "'", "''"), name))
			}
		}}
	}}
}
