package migrations

import "strings"

func (d sqlite) probes(table string) []probe {
	return []probe{
		{query: "SELECT query_only FROM pragma_query_only", find: func(c *checker, row []string) {
			if isOn(row[0]) {
				c.add("connection", readOnlyProblem+": PRAGMA query_only is set", "remove the pragma from the DSN")
			}
		}},
		// The statement deletes nothing, but a file that is opened with mode=ro or
		// immutable=1 refuses it. SQLite's texts are in no other language.
		{query: "DELETE FROM " + d.quote(table) + " WHERE 0", fails: func(c *checker, err error) {
			if strings.Contains(err.Error(), "readonly database") && !c.reported("connection", readOnlyProblem) {
				c.add("connection", readOnlyProblem+": the file, or the DSN, does not allow it", "remove mode=ro and immutable=1 from the DSN, and give the account the right to write the file and its folder")
			}
		}},
		{query: "SELECT journal_mode FROM pragma_journal_mode", find: func(c *checker, row []string) {
			if strings.EqualFold(row[0], "off") {
				c.add("connection", "journal_mode is OFF, so that a transaction cannot be rolled back, and a crash destroys the file", "set journal_mode=WAL in the DSN")
			}
		}},
		{query: "SELECT locking_mode FROM pragma_locking_mode", find: func(c *checker, row []string) {
			if strings.EqualFold(row[0], "exclusive") {
				c.harmless("connection", "locking_mode is EXCLUSIVE, so that one connection keeps the file locked: others of the pool, and other programs, fail", "remove the pragma from the DSN")
			}
		}},
		// It has an effect with cache=shared only.
		{query: "SELECT read_uncommitted FROM pragma_read_uncommitted", find: func(c *checker, row []string) {
			if isOn(row[0]) {
				c.add("connection", "the isolation level is READ UNCOMMITTED with cache=shared, so that the store reads changes which are rolled back later, such as the end of a session",
					"remove the pragma read_uncommitted from the DSN")
			}
		}},
		{query: "SELECT timeout FROM pragma_busy_timeout", find: func(c *checker, row []string) {
			if row[0] == "0" {
				c.harmless("connection", "there is no busy_timeout: the store retries a locked database for about two seconds, and your own statements not at all",
					"set a busy_timeout of a few seconds in the DSN")
			}
		}},
		{query: `SELECT f.id, m.name FROM pragma_foreign_keys k, sqlite_master m, pragma_foreign_key_list(m.name) f
			JOIN pragma_table_info(m.name) t ON t.name = f."from" COLLATE NOCASE
			WHERE k.foreign_keys = 1 AND m.type = 'table' AND f."table" = ? COLLATE NOCASE
				AND (f.on_delete IN ('NO ACTION', 'RESTRICT') OR f.on_delete = 'SET NULL' AND t."notnull" = 1
					OR f.on_delete = 'SET DEFAULT' AND (t."notnull" = 1 OR t.dflt_value IS NOT NULL)) ORDER BY m.name`, args: []any{table}, find: foreignKeyKeepsRows(table)},
		{query: `SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ? COLLATE NOCASE
			AND replace(replace(replace(replace(sql, ' ', ''), char(9), ''), char(10), ''), char(13), '') LIKE '%RAISE(IGNORE)%' ORDER BY name`, args: []any{table}, find: triggerKeepsRows(table)},
	}
}
