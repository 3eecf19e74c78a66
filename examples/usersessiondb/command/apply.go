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
	provider, err := r.provider(t)
	if err != nil {
		return err
	}
	applied := 0
	for {
		// One at a time, so that each migration begins with the connection's settings.
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

// explain adds a hint to the error of a migration whose changes the database may already
// have. On MySQL, and on SQLite if a table is rebuilt, the version is committed after the
// migration, so a process can end between the two.
func explain(err error, dialect string) error {
	if dialect == "mysql" || dialect == "sqlite" || strings.Contains(err.Error(), "already") {
		return fmt.Errorf("%w\nIf the database already has the changes of this migration (they were made in another way, or a process ended before it recorded the version), run: baseline VERSION, which compares the database before it records the version", err)
	}
	return err
}

func (r *runner) down(ctx context.Context, _ []string) error {
	return r.with(ctx, func(t *target) error {
		provider, err := r.provider(t)
		if err != nil {
			return err
		}
		if err := r.refuseDestructive(ctx, provider, t.dialect.Name); err != nil {
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
		r.printf("reverted %s", result.Source.Path)
		return nil
	})
}

// refuseDestructive refuses to revert a migration that destroys data: whose Down does, or whose
// Up did, so that its Down restores no values.
func (r *runner) refuseDestructive(ctx context.Context, provider *goose.Provider, dialect string) error {
	if r.flags.allowDestructive {
		return nil
	}
	current, err := provider.GetDBVersion(ctx)
	if err != nil || current == 0 {
		return err
	}
	destroyed, err := r.project().Destroys(dialect, current)
	if err != nil || len(destroyed) == 0 {
		return err
	}
	return fmt.Errorf("nothing is reverted: version %d has statements that destroy data; revert it with -allow-destructive if you want that:\n  - %s", current, strings.Join(destroyed, "\n  - "))
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
				return errors.New("the database has applied it; revert it first (down), or add another migration. -even-if-applied removes the files nevertheless: that database can then not be reverted, and the next add generates the same change again")
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
