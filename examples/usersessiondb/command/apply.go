package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pressly/goose/v3"

	"example.com/usersession/migrations"
)

func (r *runner) up(ctx context.Context, _ []string) error {
	return r.with(ctx, func(t *target) error { return r.upOn(ctx, t) })
}

func (r *runner) upOn(ctx context.Context, t *target) error {
	m, err := r.migrator(t)
	if err != nil {
		return err
	}
	all, err := m.Status(ctx)
	if err != nil {
		return err
	}
	// HasPending refuses a pending migration below an applied one.
	if _, err := m.HasPending(ctx); err != nil {
		return m.explainMissing(err)
	}
	if err := m.checkLast(ctx); err != nil {
		return err
	}
	applied := 0
	for _, migration := range all {
		if migration.State == goose.StateApplied {
			continue
		}
		// One at a time, so that each migration begins with the connection's settings.
		done, err := m.apply(ctx, step{version: migration.Source.Version, up: true})
		if err != nil {
			return err
		}
		if done {
			r.printf("applied %s", migration.Source.Path)
			applied++
		}
	}
	if applied == 0 {
		r.printf("Nothing is pending.")
	}
	return nil
}

// apply applies a migration, or reverts it. It returns false if there is nothing to do: another
// host was first, or the schema had the changes and only the record was missing.
func (m *migrator) apply(ctx context.Context, next step) (bool, error) {
	m.session.next = next
	defer func() { m.session.next = step{} }()
	nothing := func(err error) bool {
		return errors.Is(err, goose.ErrAlreadyApplied) || errors.Is(err, goose.ErrNotApplied)
	}
	_, err := m.ApplyVersion(ctx, next.version, next.up)
	if err != nil && !nothing(err) && ctx.Err() == nil {
		// The server may have completed the statement of a host that was killed.
		if lacks, failed := m.session.lacksRecord(ctx, next); failed == nil && lacks {
			_, err = m.ApplyVersion(ctx, next.version, next.up)
		}
	}
	if err != nil && !nothing(err) {
		return false, m.session.explain(ctx, err, next)
	}
	return err == nil, nil
}

func (r *runner) down(ctx context.Context, _ []string) error {
	return r.with(ctx, func(t *target) error {
		m, err := r.migrator(t)
		if err != nil {
			return err
		}
		if _, err := m.Status(ctx); err != nil { // reads the recorded versions with the lock
			return err
		}
		if len(m.session.recorded) == 0 {
			r.printf("Nothing is applied.")
			return nil
		}
		last := step{version: m.session.recorded[0]}
		if !m.session.has(last.version) {
			return unknownVersion(last.version)
		}
		// A step that only lacks its record destroys nothing any more.
		lacks, err := m.session.lacksRecord(ctx, last)
		if err == nil && !lacks {
			err = r.refuseDestructive(t.dialect.Name, last.version)
		}
		if err != nil {
			return err
		}
		done, err := m.apply(ctx, last)
		if done {
			r.printf("reverted %s", m.session.name(last.version))
		}
		return err
	})
}

// refuseDestructive refuses to revert a migration whose Down destroys data, or whose Up did: its
// Down does not restore the values.
func (r *runner) refuseDestructive(dialect string, version int64) error {
	if r.flags.allowDestructive {
		return nil
	}
	destroyed, err := r.project().Destroys(dialect, version)
	if err != nil || len(destroyed) == 0 {
		return err
	}
	return fmt.Errorf("nothing is reverted: version %d has statements that destroy data; revert it with -allow-destructive if you want that:\n  - %s", version, strings.Join(destroyed, "\n  - "))
}

func (r *runner) status(ctx context.Context, _ []string) error {
	return r.with(ctx, func(t *target) error {
		m, err := r.migrator(t)
		if err != nil {
			return err
		}
		all, err := m.Status(ctx)
		if err != nil {
			return err
		}
		for _, migration := range all {
			when := "pending"
			if migration.State == goose.StateApplied {
				when = migration.AppliedAt.UTC().Format(time.DateTime) + " UTC"
			}
			r.printf("%-24s %s", when, filepath.Base(migration.Source.Path))
		}
		return nil
	})
}

// remove deletes the files of the last add, of every dialect. It first checks that the database
// of -dsn, or the team's default one, has not applied them. It cannot know about other databases.
func (r *runner) remove(ctx context.Context, _ []string) error {
	dialect, source, err := r.target()
	if err != nil {
		return err
	}
	project := r.project()
	versions, err := project.LastAdded(dialect.Name)
	if err != nil {
		return err
	}
	switch {
	case r.flags.evenIfApplied:
	case source.Dialect == "" || source.File != "" && !fileExists(source.File):
		r.printf("There is no database to look at; name one with -dsn, if the migration may be applied to it.")
	default:
		err := r.with(ctx, func(t *target) error {
			applied, err := isApplied(ctx, t, versions)
			if applied {
				return errors.New("the database has applied the migration; revert it first (down), or add another migration. -even-if-applied removes the files nevertheless: it can then not be reverted there, and the next add generates the same change again")
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	touched, err := project.Remove()
	for _, path := range touched {
		r.printf("%s", path)
	}
	return err
}

func fileExists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

func (r *runner) doctor(ctx context.Context, _ []string) error {
	return r.with(ctx, func(t *target) error {
		findings, err := migrations.Check(ctx, t.gorm, append(slices.Clone(r.team.Models), migrations.CheckDSN(t.dsn))...)
		if err != nil {
			return err
		}
		return r.report(findings, "The database is fit for the store.")
	})
}

// report prints the findings. It returns ErrDrift if one of them is not harmless, and prints
// the text fine otherwise.
func (r *runner) report(findings []migrations.Finding, fine string) error {
	bad := false
	for _, finding := range findings {
		level := "PROBLEM"
		if finding.Harmless {
			level = "note"
		} else {
			bad = true
		}
		r.printf("%s: %s", level, finding)
	}
	if bad {
		return ErrDrift
	}
	r.printf("%s", fine)
	return nil
}

// with runs a command on the database that the flags name, and closes the database.
func (r *runner) with(_ context.Context, run func(*target) error) error {
	t, err := r.open()
	if err != nil {
		return err
	}
	return errors.Join(run(t), t.pool.Close())
}
