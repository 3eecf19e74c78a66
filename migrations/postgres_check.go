package migrations

import (
	"fmt"
	"strings"
)

func (d postgres) probes(table string) []probe {
	regclass := d.quote(table)
	_, bare := splitName(table)
	visible := []probe{}
	if bare == table {
		visible = append(visible, probe{query: `SELECT string_agg(n.nspname, ', ' ORDER BY array_position(current_schemas(false), n.nspname)), count(*)
			FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
			WHERE c.relname = ? AND c.relkind IN ('r', 'p', 'v', 'f') AND n.nspname = ANY (current_schemas(false))`, args: []any{bare},
			find: func(c *checker, row []string) {
				if row[1] != "0" && row[1] != "1" {
					c.add(table, fmt.Sprintf("the search_path finds the table in several schemas: %s. The store uses the first", row[0]),
						"name the schema in the naming strategy or in WithTable, or take the other schemas out of the search_path")
				}
			}})
	}
	return append(visible, []probe{
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
		{query: "SELECT current_setting('default_transaction_isolation')", find: func(c *checker, row []string) { isolation(c, row[0]) }},
		{query: "SELECT row_security_active(to_regclass(?))", args: []any{regclass}, find: func(c *checker, row []string) {
			if isOn(row[0]) {
				c.add(table, "row level security hides rows from this account: the cleanup, or a user's sign-out everywhere, may miss some without an error",
					"use an account with BYPASSRLS, or a policy that shows all rows to it")
			}
		}},
		{query: `SELECT conname, conrelid::regclass FROM pg_constraint
			WHERE contype = 'f' AND confrelid = to_regclass(?) AND confdeltype IN ('a', 'r') AND conparentid = 0 ORDER BY conname`, args: []any{regclass}, find: keptBy(table)},
		{query: `SELECT s.seqtypid::regtype FROM pg_sequence s WHERE s.seqrelid = to_regclass(pg_get_serial_sequence(?, 'id'))`, args: []any{regclass}, find: func(c *checker, row []string) {
			if row[0] != "bigint" {
				c.harmless(table+".id", fmt.Sprintf("the sequence of the column is %s: sign-ins fail when it is used up", row[0]), "ALTER SEQUENCE … AS bigint")
			}
		}},
		d.sequencePosition(table),
	}...)
}

// sequencePosition reports a sequence that is behind the rows, as after a restore.
func (d postgres) sequencePosition(table string) probe {
	name := d.quote(table)
	return probe{query: "SELECT pg_get_serial_sequence(?, 'id')", args: []any{name}, next: func(row []string) probe {
		sequence := row[0] // quoted by the server
		return probe{query: "SELECT last_value + is_called::int <= (SELECT max(id) FROM " + name + ") FROM " + sequence, find: func(c *checker, row []string) {
			if isOn(row[0]) {
				c.add(table+".id", "the sequence of the column is behind the rows, as after a restore: sign-ins fail",
					fmt.Sprintf("SELECT setval('%s', max(id)) FROM %s", strings.ReplaceAll(sequence, "'", "''"), name))
			}
		}}
	}}
}
