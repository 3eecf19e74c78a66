package command

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/pressly/goose/v3"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"example.com/usersession/examples/usersessiondb/dsn"
	"example.com/usersession/migrations"
)

// A target is the open database that a command works on.
type target struct {
	dialect Dialect
	dsn     string
	gorm    *gorm.DB
	pool    *sql.DB
}

// target returns the dialect and the database that the flags name. The database is the zero
// Source if the flags name only a dialect, and the team's default DSN is for another one.
func (r *runner) target() (Dialect, dsn.Source, error) {
	var source dsn.Source
	if text := cmp.Or(r.flags.dsn, r.team.DSN); text != "" {
		var err error
		if source, err = dsn.Parse(text); err != nil {
			return Dialect{}, dsn.Source{}, err
		}
	}
	name := cmp.Or(r.flags.dialect, source.Dialect)
	if name == "" && len(r.team.Dialects) == 1 {
		name = r.team.Dialects[0].Name
	}
	if name == "" {
		return Dialect{}, dsn.Source{}, errors.New("name a database with -dsn, or a dialect with -dialect")
	}
	if name != source.Dialect {
		if r.flags.dsn != "" {
			return Dialect{}, dsn.Source{}, fmt.Errorf("-dialect is %s, but -dsn is a DSN of %s", name, source.Dialect)
		}
		source = dsn.Source{}
	}
	dialect, err := r.team.dialect(name)
	return dialect, source, err
}

// open opens the database that the flags name. The caller closes its pool.
func (r *runner) open() (*target, error) {
	dialect, source, err := r.target()
	if err != nil {
		return nil, err
	}
	if source.Dialect == "" {
		return nil, fmt.Errorf("there is no default database for %s; name one with -dsn", dialect.Name)
	}
	return r.openAt(dialect, source)
}

func (r *runner) openAt(dialect Dialect, source dsn.Source) (*target, error) {
	r.sources = append(r.sources, source)
	// Connections wait for a locked database. goose deletes its records without a key.
	name := source.WithPragmas("busy_timeout(10000)").WithVariable("sql_safe_updates", "0").DSN()
	config := r.team.Config()
	config.Logger = logger.Discard // errors are returned
	db, err := gorm.Open(dialect.Open(name), config)
	// SQLite ignores busy_timeout while another process switches a new file to
	// journal_mode=WAL.
	for deadline := time.Now().Add(openTimeout); isBusy(err) && time.Now().Before(deadline); {
		time.Sleep(20 * time.Millisecond)
		db, err = gorm.Open(dialect.Open(name), config)
	}
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	pool, err := db.DB()
	if err != nil {
		return nil, err
	}
	return &target{dialect: dialect, dsn: name, gorm: db, pool: pool}, nil
}

// openTimeout limits the wait for other processes that open a new SQLite file.
const openTimeout = 10 * time.Second

var gooseDialects = map[string]goose.Dialect{
	"sqlite":    goose.DialectSQLite3,
	"postgres":  goose.DialectPostgres,
	"mysql":     goose.DialectMySQL,
	"sqlserver": goose.DialectMSSQL,
}

// isApplied reports whether one of the versions is recorded, in the version table or in the one
// that the project used before. It creates neither.
func isApplied(ctx context.Context, t *target, versions []int64) (bool, error) {
	db := t.gorm.WithContext(ctx)
	for _, table := range []string{migrations.VersionTable, formerTable} {
		found, err := migrations.Inspect(ctx, t.gorm, table)
		if err != nil {
			return false, err
		}
		if live := found.Table(table); live == nil || live.Column("version_id") == nil {
			continue // missing, or another tool's
		}
		var count int64
		if err := db.Table(table).Where("version_id IN ?", versions).Count(&count).Error; err != nil || count > 0 {
			return count > 0, err
		}
	}
	return false, nil
}
