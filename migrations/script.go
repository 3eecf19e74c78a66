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

// lockSeconds limits the wait of a script's statements for a lock. A statement that waits
// for a table makes every later statement on the table wait.
const lockSeconds = 10

// Script returns the SQL that leads a database from one version to another, to be applied
// with the database's own client: psql, sqlite3, mariadb, mysql or sqlcmd. Version 0 is the
// empty database. If from is greater than to, the script runs the Downs. It keeps the
// [VersionTable] up to date, so that goose knows the applied versions.
//
// The script needs no flags of the client. A version is recorded only if its statements
// have succeeded, and is refused if the version before it is not recorded, also if the
// client goes on after an error. A version that is applied is skipped; on SQLite, and on
// PostgreSQL in a file with NO TRANSACTION, it stops the script with an error.
//
// A version that the folder does not have is an [ErrNoMigration]. A folder whose files
// contradict each other, or a migration of the range that is not yet completed by hand, is
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
	s := &script{from: from}
	if err := s.plan(f, to); err != nil {
		return "", err
	}
	s.comment("From version %d to %d on %s.", from, to, f.dialect.name())
	f.dialect.writeScript(s)
	return s.b.String(), nil
}

// A script is the text of a script and its steps.
type script struct {
	b     strings.Builder
	from  int64
	steps []scriptStep
}

// A scriptStep applies or reverts one migration.
type scriptStep struct {
	number     int64
	before     int64 // the version before it, 0 if it is the first
	back       bool  // the step runs Down
	file       migrationFile
	statements []string
	modelled   bool          // the migration has a model
	changes    []tableChange // the difference between its model and the previous model
}

// plan reads the migrations of the script.
func (s *script) plan(f *folder, to int64) error {
	before, model := int64(0), Model{Dialect: f.dialect.name()}
	for _, v := range f.versions {
		step := scriptStep{number: v.number, before: before, back: s.from > to, modelled: v.model != nil}
		if v.model != nil {
			old, current := model, *v.model
			if step.back {
				old, current = current, old
			}
			step.changes, _ = diff(f.dialect, old, current, nil)
			model = *v.model
		}
		before = v.number
		if v.number <= min(s.from, to) || v.number > max(s.from, to) {
			continue
		}
		var err error
		if step.file, err = f.readFinished(v); err != nil {
			return err
		}
		step.statements = step.section().statements
		s.steps = append(s.steps, step)
	}
	if s.from > to {
		slices.Reverse(s.steps)
	}
	return nil
}

// createsVersions reports whether the script creates the version table if it is missing.
func (s *script) createsVersions() bool { return s.from == 0 && len(s.steps) > 0 }

// section is the part of the migration's file that the step runs.
func (step scriptStep) section() section {
	if step.back {
		return step.file.down
	}
	return step.file.up
}

// current is the version that the database must have before the step.
func (step scriptStep) current() int64 {
	if step.back {
		return step.number
	}
	return step.before
}

// done is the sentence of a step that is skipped.
func (step scriptStep) done() string {
	if step.back {
		return fmt.Sprintf("version %d is not applied", step.number)
	}
	return fmt.Sprintf("version %d is already applied", step.number)
}

// refused is the beginning of the sentence of a step for which the database has the wrong
// version.
func (step scriptStep) refused() string {
	if step.back {
		return fmt.Sprintf("version %d is not reverted: the last version of the database must be %d", step.number, step.current())
	}
	return fmt.Sprintf("version %d is not applied: the last version of the database must be %d", step.number, step.current())
}

// failed is the sentence of a step that has not made its changes.
func (step scriptStep) failed() string {
	return fmt.Sprintf("the record of version %d is unchanged: its statements failed or did not make its changes", step.number)
}

func (s *script) comment(format string, args ...any) { s.line("-- "+format, args...) }

func (s *script) line(format string, args ...any) { fmt.Fprintf(&s.b, format+"\n", args...) }

// text writes the lines as they are.
func (s *script) text(lines ...string) {
	for _, line := range lines {
		s.b.WriteString(line + "\n")
	}
}

// statement writes a statement. A semicolon after a comment would belong to the comment.
func (s *script) statement(text string) {
	if last := text[strings.LastIndexByte(text, '\n')+1:]; strings.Contains(last, "--") {
		text += "\n"
	}
	s.text(text + ";")
}

// title writes the name of a step's migration, and what it destroys.
func (s *script) title(step scriptStep) {
	s.text("", "-- "+step.file.name)
	for _, comment := range step.section().comments {
		if strings.HasPrefix(comment, destructiveMark) {
			s.text("-- " + comment)
		}
	}
}
