package command

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"example.com/usersession/migrations"
)

// A migrator is goose's provider and the session that its calls run in. First call a method of
// the provider that takes the lock: the others would create the version table while other hosts
// do the same.
type migrator struct {
	*goose.Provider
	session *session
}

// migrator returns the migrator for the database and its migrations.
func (r *runner) migrator(t *target) (*migrator, error) {
	if err := r.checkSchema(t); err != nil {
		return nil, err
	}
	locker, err := lockerOf(t)
	if err != nil {
		return nil, err
	}
	store, err := versionsOf(t)
	if err != nil {
		return nil, err
	}
	s := &session{runner: r, target: t, lock: locker, versions: store}
	folder := filepath.Join(r.team.Dir, t.dialect.Name)
	provider, err := goose.NewProvider(gooseDialects[t.dialect.Name], t.pool, os.DirFS(folder),
		goose.WithTableName(migrations.VersionTable), goose.WithDisableGlobalRegistry(true), goose.WithSessionLocker(s))
	if err != nil {
		return nil, fmt.Errorf("read the migrations in %s: %w", folder, err)
	}
	s.sources = provider.ListSources()
	return &migrator{provider, s}, nil
}

// locked runs a function on a connection that holds the lock.
func (m *migrator) locked(ctx context.Context, run func(*sql.Conn) error) (err error) {
	conn, err := m.session.target.pool.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if err := m.session.SessionLock(ctx, conn); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.session.SessionUnlock(context.WithoutCancel(ctx), conn)) }()
	return run(conn)
}

// A step is one migration in one direction. The zero step is none.
type step struct {
	version int64
	up      bool
}

// A session is the connection on which goose holds the lock and applies a migration. goose
// calls SessionLock before it reads the version table, and SessionUnlock at the end.
type session struct {
	runner   *runner
	target   *target
	lock     lock.SessionLocker
	versions versions
	sources  []*goose.Source

	next     step    // the step that goose takes when it has the lock
	recorded []int64 // the versions in the version table when the lock was taken, the highest first
	adopting bool    // whether the versions of goose_db_version are taken over with the lock
	restore  func(context.Context) error
	watch    *watch
	holders  []string // the connections for which a statement of the last step was seen to wait
}

// SessionLock waits for the lock, limits the waits for other locks, and repairs what a process
// that was killed has left: the version table, and the record of the next step.
func (s *session) SessionLock(ctx context.Context, conn *sql.Conn) error {
	if err := s.acquire(ctx, conn); err != nil {
		return err
	}
	err := s.prepare(ctx, conn)
	if isLockTimeout(err, s.target.dialect.Name) {
		err = fmt.Errorf("%w\n%s", err, strings.Join(s.lockAdvice(), "\n"))
	}
	if err != nil {
		err = errors.Join(err, s.SessionUnlock(context.WithoutCancel(ctx), conn))
	}
	return err
}

func (s *session) prepare(ctx context.Context, conn *sql.Conn) error {
	limit := s.runner.flags.lockTimeout
	unlimited, err := s.buildsConcurrently()
	if err != nil {
		return err
	}
	if unlimited {
		limit = 0
	}
	if s.restore, err = limitLocks(ctx, conn, s.target.dialect.Name, limit); err != nil {
		return err
	}
	rows, exists, err := s.versions.list(ctx, conn, s)
	if err != nil {
		return err
	}
	s.recorded = slices.DeleteFunc(slices.Clone(rows), func(version int64) bool { return version == 0 })
	slices.SortFunc(s.recorded, func(a, b int64) int { return cmp.Compare(b, a) })
	if len(s.recorded) == 0 {
		if err := s.checkFormer(ctx); err != nil {
			return err
		}
	}
	if err := s.versions.ready(ctx, conn, rows, exists, s); err != nil {
		return err
	}
	if s.next == (step{}) {
		return nil
	}
	if err := s.finish(ctx, conn); err != nil {
		return err
	}
	s.watch, err = startWatch(ctx, s.target, conn, limit)
	return err
}

// SessionUnlock ends what SessionLock began. A migration with its own transaction that fails
// leaves the transaction open, in which PostgreSQL would refuse to restore the settings.
func (s *session) SessionUnlock(ctx context.Context, conn *sql.Conn) error {
	s.holders = s.watch.stop()
	s.watch = nil
	rollback := "ROLLBACK"
	if s.target.dialect.Name == "sqlserver" {
		rollback = "IF @@TRANCOUNT > 0 ROLLBACK"
	}
	_, _ = conn.ExecContext(ctx, rollback) // SQLite refuses it if there is no transaction
	var err error
	if s.restore != nil {
		err = s.restore(ctx)
		s.restore = nil
	}
	return errors.Join(err, s.lock.SessionUnlock(ctx, conn))
}
