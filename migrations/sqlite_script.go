package migrations

import (
	"fmt"
	"slices"
	"strings"
)

// writeScript writes each migration as one transaction. sqlite3 stops at the first error
// (.bail). For a client that goes on, the statement before COMMIT rolls back a transaction
// that has not made its changes.
func (d sqlite) writeScript(s *script) {
	s.comment("Each version is one transaction: it makes all changes of the version and records it, or does nothing.")
	s.text(".bail on", fmt.Sprintf(".timeout %d000", lockSeconds))
	// Another client than sqlite3 refuses the two lines above together with this statement.
	s.statement("DROP TABLE IF EXISTS temp.usersession_done")
	s.statement("PRAGMA ignore_check_constraints = OFF") // a .sqliterc can have turned it on
	// BEGIN and not BEGIN IMMEDIATE below: a BEGIN that fails on a locked database would
	// leave the statements after it without a transaction.
	if s.createsVersions() {
		s.text("")
		s.statement("CREATE TABLE IF NOT EXISTS " + VersionTable + " (id INTEGER PRIMARY KEY AUTOINCREMENT, version_id INTEGER NOT NULL, is_applied INTEGER NOT NULL, tstamp TIMESTAMP DEFAULT (datetime('now')))")
		s.statement("INSERT INTO " + VersionTable + " (version_id, is_applied) SELECT 0, 1 WHERE NOT EXISTS (SELECT 1 FROM " + VersionTable + " WHERE version_id = 0)")
	}
	for _, step := range s.steps {
		s.title(step)
		before, body, after, ok := ownTransaction(step)
		if !ok {
			d.withoutTransaction(s, step)
			continue
		}
		for _, statement := range before {
			s.statement(statement)
		}
		s.statement("BEGIN")
		d.guard(s, step)
		for _, statement := range body {
			s.statement(statement)
		}
		d.check(s, step)
		s.statement("COMMIT")
		for _, statement := range after {
			s.statement(statement)
		}
	}
}

// ownTransaction splits the statements of a file with NO TRANSACTION at its own BEGIN and
// COMMIT. It returns the statements of another file as the body. If a file with NO
// TRANSACTION has no transaction, or does more outside of it than set pragmas, ok is false.
func ownTransaction(step scriptStep) (before, body, after []string, ok bool) {
	if !step.file.noTransaction {
		return nil, step.statements, nil, true
	}
	is := func(word string) func(string) bool {
		return func(s string) bool { return strings.HasPrefix(strings.ToUpper(s)+" ", word+" ") }
	}
	begin, end := slices.IndexFunc(step.statements, is("BEGIN")), slices.IndexFunc(step.statements, is("COMMIT"))
	if begin < 0 || end < begin {
		return nil, nil, nil, false
	}
	before, body, after = step.statements[:begin], step.statements[begin+1:end], step.statements[end+1:]
	ok = !slices.ContainsFunc(slices.Concat(before, after), func(s string) bool { return !is("PRAGMA")(s) })
	return before, body, after, ok
}

// guard changes the record of the version, which locks the database, and fails if the
// database had the wrong version. The constraints' names are the errors' texts.
func (d sqlite) guard(s *script, step scriptStep) {
	s.statement("DROP TABLE IF EXISTS temp.usersession_step")
	s.statement("CREATE TEMP TABLE usersession_step (\n" +
		"    once integer NOT NULL CONSTRAINT `" + step.done() + "; for the other versions write a script without it` CHECK (once = 1),\n" +
		"    follows integer NOT NULL CONSTRAINT `" + step.refused() + "` CHECK (follows = 1),\n" +
		"    made integer\n)")
	s.statement("DROP TABLE IF EXISTS temp.usersession_done")
	s.statement("CREATE TEMP TABLE usersession_done (made integer NOT NULL CONSTRAINT `" + step.failed() + "` CHECK (made = 1))")
	once := fmt.Sprintf("(SELECT count(*) = 1 FROM %s WHERE version_id = %d AND is_applied)", VersionTable, step.number)
	if step.back {
		// The count of the DELETE, and not of the table, which has lost the row.
		s.statement(fmt.Sprintf("DELETE FROM %s WHERE version_id = %d", VersionTable, step.number))
		once = "changes() > 0"
	} else {
		s.statement(fmt.Sprintf("INSERT INTO %s (version_id, is_applied) VALUES (%d, 1)", VersionTable, step.number))
	}
	s.statement(fmt.Sprintf("INSERT INTO temp.usersession_step (once, follows)\n    SELECT %s, (SELECT max(version_id) IS %d FROM %s WHERE is_applied AND version_id <> %d)",
		once, step.before, VersionTable, step.number))
}

// check rolls back a transaction whose guard has failed, or whose changes are missing.
func (d sqlite) check(s *script, step scriptStep) {
	made := append([]string{"true"}, conditions(d, step.changes)...)
	for _, change := range step.changes {
		if !change.rebuilds() {
			continue
		}
		made = append(made, "EXISTS (SELECT 1 FROM temp."+d.quote(copyTable(change.new))+")", "NOT "+d.hasTable(oldTable(change.new)))
		for _, index := range change.new.Indexes {
			made = append(made, d.isIndex(change.new.Name, index))
		}
	}
	// The second statement does not depend on anything that the migration can have missed.
	s.statement("UPDATE temp.usersession_step SET made = " + strings.Join(made, "\n    AND "))
	s.statement("INSERT OR ROLLBACK INTO temp.usersession_done (made) VALUES (COALESCE((SELECT made FROM temp.usersession_step), 0))")
}

// withoutTransaction writes a file of the team's whose statements the script cannot check. The
// user of the script has to record the version: the script says how.
func (d sqlite) withoutTransaction(s *script, step scriptStep) {
	s.comment("The statements run without a transaction, and the script does not record the version.")
	s.statement("BEGIN")
	d.guard(s, step)
	s.statement("ROLLBACK")
	for _, statement := range step.statements {
		s.statement(statement)
	}
	record := fmt.Sprintf("INSERT INTO %s (version_id, is_applied) VALUES (%d, 1)", VersionTable, step.number)
	if step.back {
		record = fmt.Sprintf("DELETE FROM %s WHERE version_id = %d", VersionTable, step.number)
	}
	s.statement("CREATE TEMP TABLE usersession_by_hand (made integer CONSTRAINT `version " + fmt.Sprint(step.number) +
		" has run without a transaction; run: " + record + "; and write a script for the versions after it` CHECK (made = 1))")
	s.statement("INSERT INTO temp.usersession_by_hand (made) VALUES (0)")
}

func (sqlite) hasTable(table string) string {
	_, bare := splitName(table)
	return "EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = " + literal(bare) + ")"
}

func (d sqlite) isTable(table *Table) string {
	all := []string{d.hasTable(table.Name)}
	for _, column := range table.Columns {
		all = append(all, d.isColumn(table.Name, column))
	}
	return strings.Join(all, "\n    AND ")
}

func (sqlite) hasColumn(table, column string) string {
	_, bare := splitName(table)
	return "EXISTS (SELECT 1 FROM pragma_table_info(" + literal(bare) + ") WHERE name = " + literal(column) + ")"
}

func (d sqlite) isColumn(table string, column Column) string {
	if column.Identity {
		return d.hasColumn(table, column.Name) // SQLite does not report it as NOT NULL
	}
	_, bare := splitName(table)
	notNull := 0
	if column.NotNull {
		notNull = 1
	}
	return fmt.Sprintf("EXISTS (SELECT 1 FROM pragma_table_info(%s) WHERE name = %s AND lower(type) = %s AND `notnull` = %d)",
		literal(bare), literal(column.Name), literal(strings.ToLower(column.Type)), notNull)
}

func (sqlite) hasIndex(table, index string) string {
	_, bare := splitName(table)
	return "EXISTS (SELECT 1 FROM pragma_index_list(" + literal(bare) + ") WHERE name = " + literal(index) + ")"
}

func (sqlite) isIndex(table string, index Index) string {
	_, bare := splitName(table)
	unique, partial := 0, 0
	if index.Unique {
		unique = 1
	}
	if index.Where != "" {
		partial = 1
	}
	return fmt.Sprintf("EXISTS (SELECT 1 FROM pragma_index_list(%s) WHERE name = %s AND `unique` = %d AND partial = %d AND (SELECT group_concat(name) FROM pragma_index_info(%[2]s)) = %[5]s)",
		literal(bare), literal(index.Name), unique, partial, literal(strings.Join(index.Columns, ",")))
}
