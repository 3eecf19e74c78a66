package migrations

func (sqlite) probes(table string) []probe {
	return []probe{
		{query: "SELECT query_only FROM pragma_query_only", find: func(c *checker, row []string) {
			if isOn(row[0]) {
				c.add("connection", readOnlyProblem+": PRAGMA query_only is set", "remove the pragma from the DSN")
			}
		}},
		{query: "SELECT timeout FROM pragma_busy_timeout", find: func(c *checker, row []string) {
			if row[0] == "0" {
				c.harmless("connection", "there is no busy_timeout: the store retries a locked database for about two seconds, and your own statements not at all",
					"set a busy_timeout of a few seconds in the DSN")
			}
		}},
		{query: `SELECT f.id, m.name FROM pragma_foreign_keys k, sqlite_master m, pragma_foreign_key_list(m.name) f
			WHERE k.foreign_keys = 1 AND m.type = 'table' AND f."table" = ? AND f.on_delete IN ('NO ACTION', 'RESTRICT') ORDER BY m.name`, args: []any{table}, find: keptBy(table)},
	}
}
