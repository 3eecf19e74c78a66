package migrations

import (
	"fmt"
	"slices"
	"strings"
)

// A scriptForm is how a script is written for a dialect's command line client.
type scriptForm struct {
	settings      []string // at the beginning
	versionTable  string
	applied       string // true
	begin, commit string // around a migration; "" where DDL can't be rolled back
	separator     string // after each statement
}

// Script returns the SQL that leads a database from one version to another, for somebody
// who applies it with the database's own client; 0 is the empty database. If from is
// greater than to, it goes back. The script keeps goose's table of versions, so that a
// runner knows what has been applied.
func (p *Project) Script(dialectName string, from, to int64) (string, error) {
	d, err := dialectOf(dialectName)
	if err != nil {
		return "", err
	}
	f, err := openFolder(p.Dir, d)
	if err != nil {
		return "", err
	}
	if err := f.verify(); err != nil {
		return "", err
	}
	for _, number := range []int64{from, to} {
		if number != 0 && !slices.ContainsFunc(f.versions, func(v version) bool { return v.number == number }) {
			return "", fmt.Errorf("%w: %s has none of version %d", ErrNoMigration, f.dir, number)
		}
	}
	s := &script{scriptForm: d.script()}
	s.comment("From version %d to %d on %s.", from, to, d.name())
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

// LastVersion returns the number of a dialect's last migration, 0 if there is none.
func (p *Project) LastVersion(dialectName string) (int64, error) {
	d, err := dialectOf(dialectName)
	if err != nil {
		return 0, err
	}
	f, err := openFolder(p.Dir, d)
	if err != nil {
		return 0, err
	}
	return f.lastNumber(), nil
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

func (s *script) forward(f *folder, from, to int64) error {
	if from == 0 {
		s.statement(s.versionTable)
		s.statement(fmt.Sprintf("INSERT INTO goose_db_version (version_id, is_applied) SELECT 0, %s FROM (SELECT 1 AS one) AS once WHERE NOT EXISTS (SELECT 1 FROM goose_db_version)", s.applied))
	}
	for _, v := range f.versions {
		if v.number <= from || v.number > to {
			continue
		}
		file, err := f.read(v)
		if err != nil {
			return err
		}
		if file.unfinished() {
			return fmt.Errorf("%w: %s waits to be written by hand", ErrInconsistent, v.base)
		}
		s.migration(file, file.up.statements, fmt.Sprintf("INSERT INTO goose_db_version (version_id, is_applied) VALUES (%d, %s)", v.number, s.applied))
	}
	return nil
}

func (s *script) back(f *folder, from, to int64) error {
	for _, v := range slices.Backward(f.versions) {
		if v.number > from || v.number <= to {
			continue
		}
		file, err := f.read(v)
		if err != nil {
			return err
		}
		if file.unfinished() {
			return fmt.Errorf("%w: %s waits to be written by hand", ErrInconsistent, v.base)
		}
		s.migration(file, file.down.statements, fmt.Sprintf("DELETE FROM goose_db_version WHERE version_id = %d", v.number))
	}
	return nil
}

// migration writes one migration and the record of it, in one transaction if it can.
func (s *script) migration(file migrationFile, statements []string, record string) {
	s.b.WriteByte('\n')
	s.comment("%s", file.name)
	transaction := s.begin != "" && !file.noTransaction
	if transaction {
		s.statement(s.begin)
	}
	if last := len(statements) - 1; file.noTransaction && last >= 0 && statements[last] == "COMMIT" {
		// Into the file's own transaction.
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
