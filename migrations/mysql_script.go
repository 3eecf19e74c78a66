package migrations

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// mysqlScriptLock is the name of the lock of a database's scripts, which the command up of the sample
// project also takes: at most 64 characters. MySQL 9.6 and later have no MD5.
const mysqlScriptLock = "CONCAT('usersession.', LEFT(SHA2(DATABASE(), 256), 40))"

// writeScript writes each statement as a text that is prepared and executed only if all
// statements before it have succeeded. MySQL commits after each DDL statement, so a version
// is recorded in a statement of its own, if the catalogue shows its changes.
func (d mysql) writeScript(s *script) {
	s.comment("A statement runs only if @usersession_go is 1: the database has the right version, and all statements before it have succeeded.")
	s.comment("Run it in a session of its own. The sentence of an error about sql_mode says why the script stops.")
	s.text("SET NAMES utf8mb4;",
		"SET @usersession_mode = @@SESSION.sql_mode, @usersession_safe = @@SESSION.sql_safe_updates, @usersession_commit = @@SESSION.autocommit, @usersession_wait = @@SESSION.lock_wait_timeout, @usersession_rows = @@SESSION.innodb_lock_wait_timeout, @usersession_concat = @@SESSION.group_concat_max_len;",
		"SET SESSION sql_mode = 'TRADITIONAL';", // without ANSI_QUOTES and NO_BACKSLASH_ESCAPES, which change the texts below
		"SET SESSION sql_safe_updates = 0, SESSION autocommit = 1;",
		fmt.Sprintf("SET SESSION lock_wait_timeout = %[1]d, SESSION innodb_lock_wait_timeout = %[1]d, SESSION group_concat_max_len = 65536;", lockSeconds), // the names of an index's columns
		fmt.Sprintf("SET @usersession_lock = GET_LOCK("+mysqlScriptLock+", %d);", lockSeconds))
	d.stopUnless(s, "@usersession_lock = 1", "another session migrates this database, or no database is selected")
	if s.createsVersions() {
		s.text("")
		s.statement("CREATE TABLE IF NOT EXISTS " + VersionTable + " (id bigint unsigned NOT NULL AUTO_INCREMENT, version_id bigint NOT NULL, is_applied boolean NOT NULL, tstamp datetime NULL DEFAULT CURRENT_TIMESTAMP, PRIMARY KEY (id))")
		s.statement("INSERT INTO " + VersionTable + " (version_id, is_applied) SELECT 0, true FROM (SELECT 1 AS one) AS once WHERE @usersession_lock = 1 AND NOT EXISTS (SELECT 1 FROM " + VersionTable + " WHERE version_id = 0)")
	}
	for _, step := range s.steps {
		s.title(step)
		d.guard(s, step)
		if oneDDL(step) {
			s.comment("If a session ended between the change and its record, only the record is missing.")
			s.text("SET @usersession_run = IF(@usersession_go = 1 AND NOT (" + d.madeBefore(step) + "), 1, 0);")
		} else {
			s.text("SET @usersession_run = @usersession_go;")
		}
		for _, statement := range step.statements {
			s.text("SET @usersession_sql = IF(@usersession_go = 1 AND @usersession_run = 1, "+escaped(statement)+", 'DO 0');",
				"PREPARE usersession_statement FROM @usersession_sql;",
				"EXECUTE usersession_statement;",
				"SET @usersession_go = IF(@@error_count = 0, @usersession_go, 0);")
		}
		d.record(s, step)
	}
	s.text("",
		"DO RELEASE_LOCK("+mysqlScriptLock+");",
		"SET SESSION lock_wait_timeout = @usersession_wait, SESSION innodb_lock_wait_timeout = @usersession_rows, SESSION group_concat_max_len = @usersession_concat;",
		"SET SESSION sql_safe_updates = @usersession_safe, SESSION autocommit = @usersession_commit;",
		"SET SESSION sql_mode = @usersession_mode;")
}

// made returns the condition that the catalogue shows the step's changes.
func (d mysql) made(step scriptStep) string {
	return strings.Join(append([]string{"true"}, conditions(d, step.changes)...), "\n    AND ")
}

// madeBefore returns the condition that the step's one change of a table was made before. The
// conditions do not see every change of columns, such as another default: if they also hold for
// the table before the step, the statement is executed, possibly for a second time.
func (d mysql) madeBefore(step scriptStep) string {
	condition := d.made(step)
	var back []tableChange
	for _, change := range step.changes {
		if change.old == nil || change.new == nil || len(change.added)+len(change.dropped)+len(change.createIndexes)+len(change.dropIndexes) > 0 {
			return condition
		}
		back = append(back, change.inverse())
	}
	return condition + "\n    AND NOT (" + strings.Join(conditions(d, back), "\n    AND ") + ")"
}

var (
	tableDDL = regexp.MustCompile(`(?i)^(CREATE|ALTER|DROP) TABLE `)
	setting  = regexp.MustCompile(`(?i)^SET (@|SESSION )`)
)

// oneDDL reports whether the step has one change of a table and nothing to do after it, so
// that the whole step has run if the catalogue shows the change.
func oneDDL(step scriptStep) bool {
	found := false
	for _, statement := range step.statements {
		if ddl := tableDDL.MatchString(statement); found && (ddl || !setting.MatchString(statement)) {
			return false
		} else if ddl {
			found = true
		}
	}
	return found && step.modelled && len(step.changes) > 0
}

// escaped returns a text as a literal for a sql_mode without NO_BACKSLASH_ESCAPES.
func escaped(text string) string { return literal(strings.ReplaceAll(text, `\`, `\\`)) }

// stopUnless writes a statement that fails unless the condition is true. MySQL has no statement
// for a conditional error with a text outside of a procedure. The error of an invalid
// sql_mode shows up to 200 characters of it.
func (mysql) stopUnless(s *script, condition, sentence string) {
	s.text("SET SESSION sql_mode = IF(" + condition + ", 'TRADITIONAL', " + literal("STOPPED: "+sentence) + ");")
}

// guard sets @usersession_go, and fails if the database has the wrong version.
func (d mysql) guard(s *script, step scriptStep) {
	s.text("SET @usersession_go = 0, @usersession_at = NULL, @usersession_applied = NULL;",
		fmt.Sprintf("SET @usersession_at = (SELECT MAX(version_id) FROM %[1]s WHERE is_applied), @usersession_applied = EXISTS (SELECT 1 FROM %[1]s WHERE version_id = %[2]d AND is_applied);", VersionTable, step.number))
	done := "@usersession_applied = 1"
	if step.back {
		done = "@usersession_applied = 0"
	}
	s.text(fmt.Sprintf("SET @usersession_skip = IF(%s, 1, 0);", done),
		fmt.Sprintf("SET @usersession_go = IF(@usersession_lock = 1 AND @usersession_skip = 0 AND @usersession_at = %d, 1, 0);", step.current()))
	d.stopUnless(s, "@usersession_go = 1 OR @usersession_skip = 1", step.refused())
}

// record records the version if the statements have succeeded and the catalogue shows what
// they have made.
func (d mysql) record(s *script, step scriptStep) {
	s.text("SET @usersession_go = IF(@usersession_go = 1 AND " + d.made(step) + ", 1, 0);")
	if step.back {
		s.text(fmt.Sprintf("DELETE FROM %s WHERE version_id = %d AND @usersession_go = 1 LIMIT 1000;", VersionTable, step.number))
	} else {
		s.text(fmt.Sprintf("INSERT INTO %s (version_id, is_applied) SELECT %d, true FROM (SELECT 1 AS one) AS once WHERE @usersession_go = 1;", VersionTable, step.number))
	}
	d.stopUnless(s, "@usersession_go = 1 OR @usersession_skip = 1", step.failed())
}

func (mysql) inCatalogue(view, table, condition string) string {
	schema, bare := splitName(table)
	in := "DATABASE()"
	if schema != "" {
		in = escaped(schema)
	}
	return "EXISTS (SELECT 1 FROM information_schema." + view + " WHERE table_schema = " + in + " AND table_name = " + escaped(bare) + condition + ")"
}

func (d mysql) hasTable(table string) string { return d.inCatalogue("tables", table, "") }

func (d mysql) hasColumn(table, column string) string {
	return d.inCatalogue("columns", table, " AND column_name = "+escaped(column))
}

func (d mysql) isTable(table *Table) string {
	all := []string{d.isIndex(table.Name, Index{Name: "PRIMARY", Unique: true, Columns: table.PrimaryKey})}
	for _, column := range table.Columns {
		all = append(all, d.isColumn(table.Name, column))
	}
	return strings.Join(all, "\n    AND ")
}

// isColumn compares the types that every server writes in the same way, except for the
// display width of an integer. Of the default it compares whether there is one.
func (d mysql) isColumn(table string, column Column) string {
	condition := " AND column_name = " + escaped(column.Name) + " AND is_nullable = " + map[bool]string{true: "'NO'", false: "'YES'"}[column.NotNull]
	base, args, rest := cutType(d.canonical(column.Type))
	_, _, known := d.rank(base + rest)
	known = known && !strings.EqualFold(column.Type, "json") // a longtext on MariaDB
	if known || slices.Contains([]string{"char", "datetime", "decimal", "double", "text", "blob"}, base) {
		pattern := strings.Replace(base+strings.TrimSuffix(args, "(0)")+rest, " unsigned", "% unsigned", 1)
		condition += " AND column_type LIKE " + escaped(pattern+"%")
	}
	if column.Collation != "" {
		condition += " AND collation_name = " + escaped(column.Collation)
	}
	switch {
	case column.Identity:
		condition += " AND extra LIKE '%auto_increment%'"
	case column.Default != "":
		condition += " AND COALESCE(column_default, 'NULL') <> 'NULL'" // MariaDB writes NULL for none
	case column.NotNull && base != "timestamp": // MariaDB can give it a default of its own
		condition += " AND column_default IS NULL"
	}
	return d.inCatalogue("columns", table, condition)
}

func (d mysql) hasIndex(table, index string) string {
	return d.inCatalogue("statistics", table, " AND index_name = "+escaped(index))
}

func (d mysql) isIndex(table string, index Index) string {
	nonUnique := map[bool]int{true: 0, false: 1}[index.Unique]
	return d.inCatalogue("statistics", table, fmt.Sprintf(" AND index_name = %s AND non_unique = %d\n        HAVING GROUP_CONCAT(column_name ORDER BY seq_in_index) = %s",
		escaped(index.Name), nonUnique, escaped(strings.Join(index.Columns, ","))))
}
