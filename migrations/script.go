package migrations

import (
	"fmt"
	"slices"
	"strings"
)

// VersionTable is the table in which the applied versions are recorded, in goose's layout. It
// has a name of its own, so that an application which applies its own migrations with goose
// in the same database is not affected.
const VersionTable = "usersession_schema_version"

// A scriptForm is the form of a script for the dialect's command line client.
type scriptForm struct {
	settings       []string // statements at the beginning
	createVersions string   // the statement that creates the version table if it is missing
	applied        string   // the literal for true in the version table
	begin, commit  string   // statements around a migration; "" if DDL cannot be rolled back
	separator      string   // a line after each statement
}

// Script returns the SQL that leads a database from one version to another, to be applied
// with the database's own client. Version 0 is the empty database. If from is greater
// than to, the script runs the Downs. It keeps goose's version table up to date, so that
// goose knows what has been applied.
//
// A version that the folder does not have is an [ErrNoMigration]. A folder whose files do
// not belong together, or a migration of the range that is not yet completed by hand, is
// an [ErrInconsistent].
func (p *Project) Script(dialectName string, from, to int64) (string, error) {
	f, err := openFolder(p.Dir, dialectName)
	if err != nil {
		return "", err
	}
	if err := f.verify(); err != nil {
		return "", err
	}
	for _, number := range []int64{from, to} {
		if number != 0 && !f.has(number) {
			return "", f.noVersion(number)
		}
	}
	s := &script{scriptForm: f.dialect.script()}
	s.comment("From version %d to %d on %s.", from, to, f.dialect.name())
	if s.separator != "" {
		s.comment("Run it with sqlcmd -b -I, which stops at the first error.")
	}
	for _, setting := range s.settings {
		s.statement(setting)
	}
	if from <= to {
		err = s.forward(f, from, to)
	} else {
		err = s.back(f, from, to)
	}
	return s.b.String(), err
}

type script struct {
	scriptForm
	b strings.Builder
}

func (s *script) comment(format string, args ...any) { fmt.Fprintf(&s.b, "-- "+format+"\n", args...) }

func (s *script) statement(text string) {
	fmt.Fprintf(&s.b, "%s;\n", text)
	if s.separator != "" {
		fmt.Fprintf(&s.b, "%s\n", s.separator)
	}
}

// forward writes the Ups of the versions after from, up to and including to.
func (s *script) forward(f *folder, from, to int64) error {
	if from == 0 {
		s.createVersionTable()
	}
	for _, v := range f.versions {
		if v.number <= from || v.number > to {
			continue
		}
		file, err := f.readFinished(v)
		if err != nil {
			return err
		}
		s.migration(file, file.up.statements, s.recordVersion(v.number))
	}
	return nil
}

// back writes the Downs from the version from, down to but without to.
func (s *script) back(f *folder, from, to int64) error {
	for _, v := range slices.Backward(f.versions) {
		if v.number > from || v.number <= to {
			continue
		}
		file, err := f.readFinished(v)
		if err != nil {
			return err
		}
		s.migration(file, file.down.statements, s.removeVersion(v.number))
	}
	return nil
}

// createVersionTable creates the version table if it is missing, with the row for version
// 0 that goose expects.
func (s *script) createVersionTable() {
	s.statement(s.createVersions)
	s.statement(fmt.Sprintf("INSERT INTO %[1]s (version_id, is_applied) SELECT 0, %[2]s FROM (SELECT 1 AS one) AS once WHERE NOT EXISTS (SELECT 1 FROM %[1]s)", VersionTable, s.applied))
}

func (s *script) recordVersion(number int64) string {
	return fmt.Sprintf("INSERT INTO %s (version_id, is_applied) VALUES (%d, %s)", VersionTable, number, s.applied)
}

func (s *script) removeVersion(number int64) string {
	return fmt.Sprintf("DELETE FROM %s WHERE version_id = %d", VersionTable, number)
}

// migration writes a migration's statements and the statement that records it. They run
// in one transaction unless the dialect cannot roll back DDL, or the file forbids a
// transaction and does not contain its own.
func (s *script) migration(file migrationFile, statements []string, record string) {
	s.b.WriteByte('\n')
	s.comment("%s", file.name)
	transaction := s.begin != "" && !file.noTransaction
	if transaction {
		s.statement(s.begin)
	}
	if last := len(statements) - 1; file.noTransaction && last >= 0 && statements[last] == "COMMIT" {
		// The statement goes into the file's own transaction, before its COMMIT.
		statements = slices.Insert(slices.Clone(statements), last, record)
		record = ""
	}
	for _, statement := range statements {
		s.statement(statement)
	}
	if record != "" {
		s.statement(record)
	}
	if transaction {
		s.statement(s.commit)
	}
}
