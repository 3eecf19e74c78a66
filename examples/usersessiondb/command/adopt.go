package command

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pressly/goose/v3"

	"example.com/usersession/migrations"
)

// formerTable is goose's own name for its version table. Projects recorded their versions in
// it before they had a table of their own, and an application that uses goose itself still
// has its versions in it.
const formerTable = goose.DefaultTablename

// adopt copies the project's versions from goose_db_version into the version table, and changes
// nothing else. If the version table has versions, it does nothing.
func (r *runner) adopt(ctx context.Context, _ []string) error {
	return r.with(ctx, func(t *target) error {
		m, err := r.migrator(t)
		if err != nil {
			return err
		}
		m.session.adopting = true
		return m.locked(ctx, func(conn *sql.Conn) error { return m.session.adopt(ctx, conn) })
	})
}

func (s *session) adopt(ctx context.Context, conn *sql.Conn) error {
	if len(s.recorded) > 0 {
		s.runner.printf("%s already has versions: there is nothing to take over.", migrations.VersionTable)
		return nil
	}
	former, others, err := s.formerVersions(ctx)
	if err != nil {
		return err
	}
	err = inTransaction(ctx, conn, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, fmt.Sprintf("INSERT INTO %s (version_id, is_applied, tstamp) SELECT version_id, is_applied, tstamp FROM %s WHERE version_id IN (%s) AND %s ORDER BY id",
			migrations.VersionTable, formerTable, joined(former), s.currentRows()))
		return err
	})
	if err != nil {
		return fmt.Errorf("copy the versions: %w", err)
	}
	for _, version := range former {
		s.runner.printf("copied: %d", version)
	}
	s.runner.printf("%s is unchanged. The copied rows have no effect in it any more, but another goose that uses the table would miss their migrations. When no older copy of this project runs on the database, delete them:", formerTable)
	if others {
		s.runner.printf("  DELETE FROM %s WHERE version_id IN (%s);", formerTable, joined(former))
	} else {
		s.runner.printf("  DROP TABLE %s;  -- it has no other versions", formerTable)
	}
	return nil
}

// currentRows is a condition for the rows of goose_db_version that count: the last of each
// version, if it does not say that the version was reverted.
func (s *session) currentRows() string {
	applied := "is_applied"
	if s.target.dialect.Name == "sqlserver" {
		applied = "is_applied = 1"
	}
	return fmt.Sprintf("id IN (SELECT MAX(id) FROM %s GROUP BY version_id) AND %s", formerTable, applied)
}

// formerVersions returns the project's versions in goose_db_version, and whether it has others.
// An application that uses goose may have the same versions by chance: they count only if
// the database has a table of the project.
func (s *session) formerVersions(ctx context.Context) (former []int64, others bool, err error) {
	found, err := migrations.Inspect(ctx, s.target.gorm, formerTable)
	if err != nil {
		return nil, false, err
	}
	if table := found.Table(formerTable); table == nil || table.Column("version_id") == nil || table.Column("is_applied") == nil {
		return nil, false, nil // missing, or another tool's
	}
	var all []int64
	err = s.target.gorm.WithContext(ctx).Raw("SELECT version_id FROM " + formerTable + " WHERE version_id <> 0 AND " + s.currentRows() + " ORDER BY id").Scan(&all).Error
	if err != nil {
		return nil, false, fmt.Errorf("read %s: %w", formerTable, err)
	}
	for _, version := range all {
		if s.has(version) {
			former = append(former, version)
		} else {
			others = true
		}
	}
	if len(former) == 0 {
		return nil, others, nil
	}
	model, err := s.modelAt(slices.Max(former))
	if err != nil {
		return nil, others, err
	}
	live, err := s.inspect(ctx, model)
	if err != nil || len(live.Tables) == 0 && len(model.Tables) > 0 {
		return nil, others, err
	}
	return former, others, nil
}

// checkFormer is called if the version table has no versions. It returns an error if
// goose_db_version has versions of the project, or, for the command adopt, if it has none.
func (s *session) checkFormer(ctx context.Context) error {
	former, _, err := s.formerVersions(ctx)
	switch {
	case err != nil || len(former) > 0 == s.adopting:
		return err
	case s.adopting:
		return errors.New("there is nothing to take over: " + formerTable + " is missing, or it has no version of this project whose tables the database has")
	default:
		return errors.New("the versions of this project are in " + formerTable + ", and none is in " + migrations.VersionTable + ", the project's present table; run: adopt, which copies them")
	}
}

func joined(numbers []int64) string {
	return strings.Trim(strings.Join(strings.Fields(fmt.Sprint(numbers)), ", "), "[]")
}
