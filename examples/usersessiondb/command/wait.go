package command

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// patience is the time after which acquire says that it waits.
const patience = 2 * time.Second

// acquire waits for the lock that keeps other hosts out, and says so if it takes long.
func (s *session) acquire(ctx context.Context, conn *sql.Conn) error {
	told := make(chan struct{})
	timer := time.AfterFunc(patience, func() {
		defer close(told)
		s.runner.printf("waiting for another host that is migrating, for up to %s%s", maxWait, s.lockHolder(ctx))
	})
	err := s.lock.SessionLock(ctx, conn)
	if !timer.Stop() {
		<-told
	}
	if err != nil {
		return fmt.Errorf("wait for another host that is migrating: %w%s", err, s.lockHolder(context.WithoutCancel(ctx)))
	}
	return nil
}

// lockHolder describes the holder of the lock, if the database tells.
func (s *session) lockHolder(ctx context.Context) string {
	var query, format string
	switch s.target.dialect.Name {
	case "postgres":
		query = `SELECT CONCAT_WS(', ', 'process ' || a.pid, NULLIF(a.application_name, ''), a.usename, host(a.client_addr))
			FROM pg_locks l JOIN pg_stat_activity a USING (pid)
			WHERE l.locktype = 'advisory' AND l.granted AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
				AND l.classid::bigint << 32 | l.objid::bigint = ` + fmt.Sprint(int64(lockID))
		format = "; the lock belongs to %s"
	case "mysql":
		// A host that has vanished keeps its connection's lock until the server ends the connection.
		query = "SELECT CONCAT_WS('; ', (SELECT CONCAT(locked_by, ' until ', lease_expires_at, ', unless that process renews it, which it does every few seconds while it runs') FROM " + lockTable +
			" WHERE locked AND locked_by IS NOT NULL LIMIT 1), CONCAT('connection ', IS_USED_LOCK(" + scriptLock + "), ', which migrates or runs a script; if its host has vanished, KILL ends it'))"
		format = "; the lock belongs to %s"
	default:
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var holder string
	if err := s.target.pool.QueryRowContext(ctx, query).Scan(&holder); err != nil || holder == "" {
		return ""
	}
	return fmt.Sprintf(format, holder)
}
