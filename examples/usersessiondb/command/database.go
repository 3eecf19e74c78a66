package command

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/pressly/goose/v3"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
)

// A target is the open database that a command works on.
type target struct {
	dialect Dialect
	dsn     string
	gorm    *gorm.DB
	pool    *sql.DB
}

// target returns the dialect and the DSN that the flags name. The DSN is "" if the flags
// name only a dialect, and the team's default DSN is for another one.
func (r *runner) target() (Dialect, string, error) {
	dsn := r.flags.dsn
	name := r.flags.dialect
	if dsn == "" && (name == "" || name == dialectOf(r.team.DSN)) {
		dsn = r.team.DSN
	}
	if name == "" {
		name = dialectOf(dsn)
	}
	dialect, err := r.team.dialect(name)
	return dialect, dsn, err
}

// dialectOf returns the dialect of a DSN by the form of the DSN.
func dialectOf(dsn string) string {
	switch {
	case strings.HasPrefix(dsn, "postgres://"), strings.HasPrefix(dsn, "postgresql://"), strings.Contains(dsn, "host="):
		return "postgres"
	case strings.HasPrefix(dsn, "sqlserver://"):
		return "sqlserver"
	case strings.Contains(dsn, "@tcp("), strings.Contains(dsn, "@unix("):
		return "mysql"
	default:
		return "sqlite"
	}
}

// open opens the database that the flags name. The caller closes its pool.
func (r *runner) open() (*target, error) {
	dialect, dsn, err := r.target()
	if err != nil {
		return nil, err
	}
	if dsn == "" {
		return nil, fmt.Errorf("there is no default database for %s; name one with -dsn", dialect.Name)
	}
	return r.openAt(dialect, dsn)
}

func (r *runner) openAt(dialect Dialect, dsn string) (*target, error) {
	switch dialect.Name {
	case "mysql":
		dsn = withParameter(dsn, "parseTime", "parseTime=true") // goose scans times
	case "sqlite":
		if !strings.HasPrefix(dsn, "file:") {
			dsn = "file:" + dsn
		}
		// Connections wait for a locked database, and a transaction takes the write lock
		// at its start, since one that takes it later can fail without waiting.
		dsn = withParameter(dsn, "busy_timeout", "_pragma=busy_timeout(10000)")
		dsn = withParameter(dsn, "_txlock", "_txlock=immediate")
	}
	config := r.team.Config()
	config.Logger = logger.Discard // errors are returned
	db, err := gorm.Open(dialect.Open(dsn), config)
	// SQLite ignores busy_timeout while another process switches a new file to
	// journal_mode=WAL.
	for deadline := time.Now().Add(openTimeout); isBusy(err) && time.Now().Before(deadline); {
		time.Sleep(20 * time.Millisecond)
		db, err = gorm.Open(dialect.Open(dsn), config)
	}
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	pool, err := db.DB()
	if err != nil {
		return nil, err
	}
	return &target{dialect: dialect, dsn: dsn, gorm: db, pool: pool}, nil
}

// openTimeout limits the wait for other processes that open a new SQLite file.
const openTimeout = 10 * time.Second

// withParameter adds a parameter to a DSN that does not contain the name.
func withParameter(dsn, name, parameter string) string {
	if strings.Contains(dsn, name) {
		return dsn
	}
	if strings.Contains(dsn, "?") {
		return dsn + "&" + parameter
	}
	return dsn + "?" + parameter
}

// versionTable is the table in which goose records the applied versions.
const versionTable = goose.DefaultTablename

var gooseDialects = map[string]goose.Dialect{
	"sqlite":    goose.DialectSQLite3,
	"postgres":  goose.DialectPostgres,
	"mysql":     goose.DialectMySQL,
	"sqlserver": goose.DialectMSSQL,
}

// provider returns goose's provider for the database and its migrations.
func (r *runner) provider(t *target) (*goose.Provider, error) {
	locker, err := lockerOf(t)
	if err != nil {
		return nil, err
	}
	folder := filepath.Join(r.team.Dir, t.dialect.Name)
	provider, err := goose.NewProvider(gooseDialects[t.dialect.Name], t.pool, os.DirFS(folder),
		goose.WithTableName(versionTable), goose.WithDisableGlobalRegistry(true), locker)
	if err != nil {
		return nil, fmt.Errorf("read the migrations in %s: %w", folder, err)
	}
	return provider, nil
}

// isApplied reports whether goose has recorded one of the versions. It does not create the
// version table.
func isApplied(ctx context.Context, t *target, versions []int64) (bool, error) {
	if !t.gorm.WithContext(ctx).Migrator().HasTable(versionTable) {
		return false, nil
	}
	var count int64
	err := t.gorm.WithContext(ctx).Table(versionTable).Where("version_id IN ?", versions).Count(&count).Error
	return count > 0, err
}
