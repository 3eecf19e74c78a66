package command

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"

	"example.com/usersession/migrations"
)

// progress says which part of a step the schema of the database shows.
type progress struct {
	// done: the schema is the one after the step, and not the one before it.
	done bool
	// undone: the schema is the one before the step, and not the one after it.
	undone bool
	// missing are the differences from the schema after the step.
	missing []migrations.Finding
}

func (s *session) progress(ctx context.Context, next step) (progress, error) {
	after, err := s.modelAt(next.version)
	if err != nil {
		return progress{}, err
	}
	before, err := s.modelAt(s.versionBefore(next.version))
	if err != nil {
		return progress{}, err
	}
	if !next.up {
		before, after = after, before
	}
	live, err := s.inspect(ctx, before, after)
	if err != nil {
		return progress{}, err
	}
	isBefore, isAfter := len(differences(before, live)) == 0, len(differences(after, live)) == 0
	return progress{done: isAfter && !isBefore, undone: isBefore && !isAfter, missing: differences(after, live)}, nil
}

// differences is [migrations.Compare], with a finding also for each table that want lacks.
func differences(want, live migrations.Model) []migrations.Finding {
	findings := migrations.Compare(want, live)
	for _, table := range live.Tables {
		if want.Table(table.Name) == nil {
			findings = append(findings, migrations.Finding{Where: table.Name, Problem: "the table is still there", Remedy: "drop it, if nothing else uses it"})
		}
	}
	return findings
}

// modelAt returns the model after the version, without tables if no migration up to it has a
// model.
func (s *session) modelAt(version int64) (migrations.Model, error) {
	model, err := s.runner.project().ModelAt(s.target.dialect.Name, version)
	if errors.Is(err, migrations.ErrNoMigration) {
		return migrations.Model{Dialect: s.target.dialect.Name}, nil
	}
	return model, err
}

func (s *session) versionBefore(version int64) (before int64) {
	for _, source := range s.sources {
		if source.Version < version {
			before = max(before, source.Version)
		}
	}
	return before
}

// inspect reads the tables of the models from the database.
func (s *session) inspect(ctx context.Context, models ...migrations.Model) (migrations.Model, error) {
	var names []string
	for _, model := range models {
		for _, table := range model.Tables {
			if !slices.Contains(names, table.Name) {
				names = append(names, table.Name)
			}
		}
	}
	if len(names) == 0 { // Inspect would read all tables
		return migrations.Model{Dialect: s.target.dialect.Name}, nil
	}
	return migrations.Inspect(ctx, s.target.gorm, names...)
}

// finish completes the next step if a process was killed between the step's last statement
// and its record. goose then finds nothing left to do.
func (s *session) finish(ctx context.Context, conn *sql.Conn) error {
	if slices.Contains(s.recorded, s.next.version) == s.next.up {
		return nil
	}
	lacks, err := s.lacksRecord(ctx, s.next)
	if err != nil || !lacks {
		return err
	}
	if s.next.up {
		s.runner.printf("recorded %s: the database already has its changes", s.name(s.next.version))
		return s.versions.Insert(ctx, conn, database.InsertRequest{Version: s.next.version})
	}
	s.runner.printf("removed the record of %s: the database no longer has its changes", s.name(s.next.version))
	return s.versions.Delete(ctx, conn, s.next.version)
}

// lacksRecord reports whether all statements of a step were executed and only its record is
// missing. That can happen on MySQL, which cannot roll back DDL, and to a file that does not run
// in goose's transaction. If no version is recorded, it reports false: the tables may be from
// AutoMigrate, and the command baseline records them.
func (s *session) lacksRecord(ctx context.Context, of step) (bool, error) {
	if len(s.recorded) == 0 {
		return false, nil
	}
	file, err := s.file(of)
	if err != nil || !file.showsEnd(s.target.dialect.Name) {
		return false, err
	}
	progress, err := s.progress(ctx, of)
	return progress.done, err
}

// checkLast returns an error if the database lacks the changes of the last recorded version: a
// process was killed between the last statement of down and the removal of the record. It checks
// again with the lock, since another host may be at that point.
func (m *migrator) checkLast(ctx context.Context) error {
	if m.session.checkLast(ctx) == nil {
		return nil
	}
	return m.locked(ctx, func(*sql.Conn) error { return m.session.checkLast(ctx) })
}

func (s *session) checkLast(ctx context.Context) error {
	if len(s.recorded) == 0 {
		return nil
	}
	last := step{version: s.recorded[0]}
	lacks, err := s.lacksRecord(ctx, last)
	if err != nil || !lacks {
		return err
	}
	return fmt.Errorf("%s is recorded, but the database has the schema before it, as after a down that ended before it removed the record; run: down, which removes only the record, and then: up", s.name(last.version))
}

// has reports whether the folder has the version.
func (s *session) has(version int64) bool {
	return slices.ContainsFunc(s.sources, func(source *goose.Source) bool { return source.Version == version })
}

// name returns the name of a version's file.
func (s *session) name(version int64) string {
	for _, source := range s.sources {
		if source.Version == version {
			return source.Path
		}
	}
	return fmt.Sprint(version)
}
