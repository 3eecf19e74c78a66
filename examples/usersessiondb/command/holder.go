package command

import (
	"context"
	"database/sql"
	"time"
)

// A watch asks on another connection, while a migration runs, which connections its statements
// wait for: after a lock was refused, no database tells.
type watch struct {
	cancel context.CancelFunc
	done   chan struct{}
	seen   []string
}

// startWatch watches the connection. It returns nil if there is nothing to learn.
func startWatch(ctx context.Context, t *target, conn *sql.Conn, limit time.Duration) (*watch, error) {
	queries, ok := holderQueries[t.dialect.Name]
	if !ok || limit == 0 {
		return nil, nil
	}
	var id int64
	if err := conn.QueryRowContext(ctx, queries.id).Scan(&id); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	w := &watch{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(w.done)
		ticker := time.NewTicker(min(max(limit/5, 20*time.Millisecond), time.Second))
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			if holders := queries.ask(ctx, t.pool, id); len(holders) > 0 {
				w.seen = holders
			}
		}
	}()
	return w, nil
}

// stop ends the watch and returns the holders that it saw last.
func (w *watch) stop() []string {
	if w == nil {
		return nil
	}
	w.cancel()
	<-w.done
	return w.seen
}

type holderQuery struct {
	id string // the number of the connection
	// holders have a text for each connection that the connection waits for. A query may
	// fail for lack of a privilege, or because the server has no such table. The first one
	// with a row counts.
	holders []string
}

// ask returns nil if the connection does not wait, or the database does not tell.
func (q holderQuery) ask(ctx context.Context, pool *sql.DB, id int64) (holders []string) {
	for _, query := range q.holders {
		rows, err := pool.QueryContext(ctx, query, id)
		if err != nil {
			continue
		}
		for rows.Next() {
			var holder sql.NullString
			if rows.Scan(&holder) == nil && holder.Valid {
				holders = append(holders, holder.String)
			}
		}
		if rows.Err() == nil && rows.Close() == nil && len(holders) > 0 {
			return holders
		}
	}
	return nil
}

// The texts have no statement of another connection: its values may be confidential.
var holderQueries = map[string]holderQuery{
	"postgres": {
		id: "SELECT pg_backend_pid()",
		holders: []string{
			`SELECT CASE WHEN p.pid = 0 THEN 'a prepared transaction (see pg_prepared_xacts)' ELSE
				CONCAT_WS(', ', 'process ' || p.pid, NULLIF(a.application_name, ''), a.usename, host(a.client_addr), NULLIF(a.backend_type, 'client backend'), a.state,
					'last statement begun ' || date_trunc('second', a.query_start), 'transaction begun ' || date_trunc('second', a.xact_start)) END
			FROM (SELECT DISTINCT unnest(pg_blocking_pids($1::int)) AS pid) p LEFT JOIN pg_stat_activity a USING (pid)`,
		},
	},
	"mysql": {
		id: "SELECT CONNECTION_ID()",
		holders: []string{
			// MySQL: the locks of tables, and then those of rows.
			`SELECT DISTINCT ` + mysqlConnection + ` FROM sys.schema_table_lock_waits w JOIN information_schema.processlist p ON p.id = w.blocking_pid
				LEFT JOIN information_schema.innodb_trx t ON t.trx_mysql_thread_id = p.id
				WHERE w.waiting_pid = ? AND w.blocking_pid <> w.waiting_pid`,
			`SELECT DISTINCT ` + mysqlConnection + ` FROM sys.innodb_lock_waits w JOIN information_schema.processlist p ON p.id = w.blocking_pid
				LEFT JOIN information_schema.innodb_trx t ON t.trx_mysql_thread_id = p.id
				WHERE w.waiting_pid = ?`,
			// MariaDB does not tell which connection holds the lock of a table, but only one
			// with a transaction or a running statement can.
			`SELECT CONCAT(` + mysqlConnection + `, ' (possibly)') FROM ` + mysqlOthers + `
				LEFT JOIN information_schema.innodb_trx t ON t.trx_mysql_thread_id = p.id
				WHERE me.id = ? AND me.state LIKE 'Waiting for%' AND (t.trx_id IS NOT NULL OR p.command <> 'Sleep')`,
			// Without the privilege PROCESS only the user's own connections are visible, and no
			// transactions.
			`SELECT CONCAT('connection ', p.id, ', ', p.user, '@', p.host, ', ', p.command, ' for ', p.time, ' s (possibly)') FROM ` + mysqlOthers + `
				WHERE me.id = ? AND me.state LIKE 'Waiting for%'`,
		},
	},
	"sqlserver": {
		id: "SELECT CAST(@@SPID AS bigint)",
		holders: []string{
			`SELECT CONCAT('session ', s.session_id, ', ', s.program_name, ', ', s.login_name, ', ', s.host_name, ', ', s.status, ', last statement begun ', CONVERT(varchar(19), s.last_request_start_time, 120))
			FROM sys.dm_exec_requests r JOIN sys.dm_exec_sessions s ON s.session_id = r.blocking_session_id WHERE r.session_id = @p1`,
		},
	},
}

const (
	mysqlConnection = `CONCAT('connection ', p.id, ', ', p.user, '@', p.host, ', ', p.command, ' for ', p.time, ' s', COALESCE(CONCAT(', transaction begun ', t.trx_started), ''))`
	// mysqlOthers are the connection me and the others that use the same database.
	mysqlOthers = `information_schema.processlist me JOIN information_schema.processlist p ON p.id NOT IN (me.id, CONNECTION_ID()) AND p.db = me.db`
)
