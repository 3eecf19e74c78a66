package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/pressly/goose/v3"

	"example.com/usersession/migrations"
)

func (r *runner) up(ctx context.Context, _ []string) error {
	return r.with(ctx, func(t *target) error { return r.upOn(ctx, t) })
}

func (r *runner) upOn(ctx context.Context, t *target) error {
	provider, err := r.provider(t)
	if err != nil {
		return err
	}
	applied := 0
	for {
		// One after the other, so that each begins with the connection's own settings.
		result, err := provider.UpByOne(ctx)
		if errors.Is(err, goose.ErrNoNextVersion) {
			break
		}
		if err != nil {
			return explain(err, t.dialect.Name)
		}
		r.printf("applied %s", result.Source.Path)
		applied++
	}
	if applied == 0 {
		r.printf("Nothing is pending.")
	}
	return nil
}

// explain adds what to do after a failure. MySQL, and SQLite where it builds a table anew,
// record a version in a transaction of its own, before which the process may have ended.
func explain(err error, dialect string) error {
	if dialect == "mysql" || dialect == "sqlite" || strings.Contains(err.Error(), "already") {
		return fmt.Errorf("%w\nIf the database already has what this migration makes (it was made in another way, or a process ended before it could record the version), adopt it with: baseline VERSION, which compares first", err)
	}
	return err
}

func (r *runner) down(ctx context.Context, _ []string) error {
	return r.with(ctx, func(t *target) error {
		provider, err := r.provider(t)
		if err != nil {
			return err
		}
		result, err := provider.Down(ctx)
		if errors.Is(err, goose.ErrNoNextVersion) {
			r.printf("Nothing is applied.")
			return nil
		}
		if err != nil {
			return err
		}
		r.printf("took back %s", result.Source.Path)
		return nil
	})
}

func (r *runner) status(ctx context.Context, _ []string) error {
	return r.with(ctx, func(t *target) error {
		provider, err := r.provider(t)
		if err != nil {
			return err
		}
		all, err := provider.Status(ctx)
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

// remove asks a database that can be reached; without one, it trusts the team.
func (r *runner) remove(ctx context.Context, _ []string) error {
	dialect, dsn, err := r.target()
	if err != nil {
		return err
	}
	project := r.project()
	versions, err := project.LastAdded(dialect.Name)
	if err != nil {
		return err
	}
	if r.flags.dsn != "" || dialect.Name == "sqlite" && fileExists(dsn) {
		err := r.with(ctx, func(t *target) error {
			applied, err := isApplied(ctx, t, versions)
			if applied {
				return errors.New("it is applied: take it back first (down), or add another migration")
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

func fileExists(dsn string) bool {
	path, _, _ := strings.Cut(strings.TrimPrefix(dsn, "file:"), "?")
	_, err := os.Stat(path)
	return err == nil
}

func (r *runner) doctor(ctx context.Context, _ []string) error {
	return r.with(ctx, func(t *target) error {
		findings, err := migrations.Check(ctx, t.gorm)
		if err != nil {
			return err
		}
		return r.report(findings, "The database is fit for the store.")
	})
}

// report prints findings, and fails if there are any that are not harmless.
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

// with opens the database for a command, and closes it after.
func (r *runner) with(_ context.Context, run func(*target) error) error {
	t, err := r.open()
	if err != nil {
		return err
	}
	return errors.Join(run(t), t.pool.Close())
}
