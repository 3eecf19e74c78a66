package command

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pressly/goose/v3"

	"example.com/usersession/migrations"
)

// explain adds to the error of a step which of its changes the database has, and how to go on.
func (s *session) explain(ctx context.Context, err error, next step) error {
	var partial *goose.PartialError
	if !errors.As(err, &partial) {
		return err // no statement of the migration was executed
	}
	ctx = context.WithoutCancel(ctx)
	file, failed := s.file(next)
	if failed != nil {
		return errors.Join(err, failed)
	}
	progress, failed := s.progress(ctx, next)
	if failed != nil {
		return errors.Join(err, failed)
	}
	var advice []string
	refused := isLockTimeout(err, s.target.dialect.Name)
	if refused {
		advice = s.lockAdvice()
	}
	leftovers, failed := s.leftovers(ctx, next)
	if failed != nil {
		return errors.Join(err, failed)
	}
	switch {
	case len(leftovers) > 0:
		advice = append(advice, leftovers...)
	case s.target.dialect.Name != "mysql" && !file.noTransaction && (refused || progress.undone):
		advice = append(advice, "Nothing was changed: the migration was rolled back.")
	case progress.undone:
		advice = append(advice, "The schema was not changed.")
	case progress.done && next.up:
		advice = append(advice, fmt.Sprintf("The database already has the schema after this migration: it was made in another way, or a process ended before it recorded the version. If so, run: baseline %d, which compares again and records the version.", next.version))
	default:
		later, failed := s.laterVersions(ctx, next, progress)
		switch {
		case failed != nil:
			return errors.Join(err, failed)
		case len(later) == 1:
			advice = append(advice, fmt.Sprintf("The database has the schema of version %d: it was made in another way, or its records were lost. If so, run: baseline %[1]d, which compares again and records the versions.", later[0]))
		case len(later) > 1:
			advice = append(advice, "The database has the schema of the versions "+joined(later)+sameSchema+".")
		default:
			advice = append(advice, partAdvice(next, progress)...)
		}
	}
	return fmt.Errorf("%w\n%s", err, strings.Join(advice, "\n"))
}

// explainMissing adds the remedy to goose's error about pending migrations below the last version.
func (m *migrator) explainMissing(err error) error {
	s := m.session
	if !slices.ContainsFunc(s.sources, func(source *goose.Source) bool {
		return len(s.recorded) > 0 && source.Version < s.recorded[0] && !slices.Contains(s.recorded, source.Version)
	}) {
		return err
	}
	if !s.has(s.recorded[0]) {
		return fmt.Errorf("%w\n%w", err, unknownVersion(s.recorded[0]))
	}
	return fmt.Errorf("%w\nThe missing migration was added later, as by a merge of two branches. Give its files a higher version if no database has applied it; otherwise execute its statements by hand, and run: baseline %d, which compares and records the version", err, s.recorded[0])
}

func unknownVersion(version int64) error {
	return fmt.Errorf("the last version of the database, %d, is not one of this project's: use the newer copy of the project that has applied it; two projects need a schema or a database each", version)
}

// laterVersions returns the versions after the step whose schema the database has. Its
// differences from the step are then changes of these versions, not the rest of an interruption.
func (s *session) laterVersions(ctx context.Context, next step, progress progress) ([]int64, error) {
	if !next.up || len(progress.missing) == 0 {
		return nil, nil
	}
	versions, err := s.runner.versionsOf(ctx, s.target)
	return slices.DeleteFunc(versions, func(version int64) bool { return version <= next.version }), err
}

// lockAdvice says what holds a lock that was refused.
func (s *session) lockAdvice() []string {
	advice := []string{fmt.Sprintf("The statement waited %s for a lock (-lock-timeout).", s.runner.flags.lockTimeout)}
	if len(s.holders) > 0 {
		advice = append(advice, "The lock was held by:")
		for _, holder := range s.holders {
			advice = append(advice, "  "+holder)
		}
	} else {
		advice = append(advice, "The database does not tell what holds it: look for a transaction, a backup or a long query on the table.")
	}
	advice = append(advice, "Run the command again when it has ended. A longer -lock-timeout waits longer.")
	if s.target.dialect.Name != "sqlite" {
		advice = append(advice, "While a migration waits for a table, new statements on the table wait behind it.")
	}
	return advice
}

// partAdvice says how to go on with a database that has neither the schema before the step nor
// the one after it.
func partAdvice(next step, progress progress) (advice []string) {
	last := fmt.Sprintf("baseline %d, which compares again and records the version.", next.version)
	if !next.up {
		last = "down, which then only removes the record."
	}
	if len(progress.missing) == 0 { // a file of the team's, which the models do not describe
		return []string{"If a part of this migration's statements was executed before, execute the others by hand, and run: " + last}
	}
	advice = append(advice, "The database has neither the schema before this migration nor the one after it. To have the latter, it needs these changes:")
	for _, finding := range progress.missing {
		advice = append(advice, "  "+finding.Where+": "+finding.Problem)
	}
	return append(advice, "Make them by hand, with the migration's own statements where it has them, and run: "+last)
}

// leftovers returns advice on the tables and indexes that an interrupted migration has left.
func (s *session) leftovers(ctx context.Context, next step) ([]string, error) {
	switch s.target.dialect.Name {
	case "sqlite":
		return s.rebuildAdvice(ctx, next)
	case "postgres":
		return s.invalidIndexAdvice(ctx, next)
	default:
		return nil, nil
	}
}

// rebuildAdvice is about the table that a rebuild on SQLite leaves if a client executed it
// without its transaction.
func (s *session) rebuildAdvice(ctx context.Context, next step) (advice []string, err error) {
	model, err := s.modelAt(next.version)
	if err != nil {
		return nil, err
	}
	for _, table := range model.Tables {
		// Former versions of the generator built the new table under the name _new_TABLE.
		before, build := "_old_"+table.Name, "_new_"+table.Name
		left, err := migrations.Inspect(ctx, s.target.gorm, before, build, table.Name)
		if err != nil {
			return nil, err
		}
		there := left.Table(table.Name) != nil
		switch {
		case left.Table(before) != nil && !there:
			advice = append(advice, fmt.Sprintf("A rebuild was interrupted: all rows are in %[1]s, and %[2]s is missing. Run: ALTER TABLE `%[1]s` RENAME TO `%[2]s`; and then this command again.", before, table.Name))
		case left.Table(before) != nil:
			advice = append(advice, fmt.Sprintf("A rebuild was interrupted: %[1]s has the rows from before it, and %[2]s those that were copied or added since. Copy those that only %[2]s has into %[1]s, if there are any, and run: DROP TABLE `%[2]s`; ALTER TABLE `%[1]s` RENAME TO `%[2]s`; and then this command again.", before, table.Name))
		case left.Table(build) != nil && there:
			advice = append(advice, fmt.Sprintf("The table %[1]s is the rest of a rebuild that was interrupted, and %[2]s still has all rows. Check that, and run: DROP TABLE `%[1]s`; and then this command again.", build, table.Name))
		case left.Table(build) != nil:
			advice = append(advice, fmt.Sprintf("A rebuild was interrupted: all rows are in %[1]s, and %[2]s is missing. Run: ALTER TABLE `%[1]s` RENAME TO `%[2]s`; and then: baseline %[3]d, which lists the indexes that are missing.", build, table.Name, next.version))
		}
	}
	return advice, nil
}

// invalidIndexAdvice is about indexes that an interrupted CREATE INDEX CONCURRENTLY leaves.
func (s *session) invalidIndexAdvice(ctx context.Context, next step) (advice []string, err error) {
	model, err := s.modelAt(next.version)
	if err != nil {
		return nil, err
	}
	for _, table := range model.Tables {
		var names []string
		err := s.target.gorm.WithContext(ctx).Raw("SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = to_regclass(?) AND NOT indisvalid",
			`"`+strings.ReplaceAll(table.Name, ".", `"."`)+`"`).Scan(&names).Error
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			advice = append(advice, fmt.Sprintf("The index %[1]s is invalid: its creation was interrupted, or still runs. Run: DROP INDEX CONCURRENTLY %[1]s; and then this command again.", name))
		}
	}
	return advice, nil
}
