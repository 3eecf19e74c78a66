package usersession

import (
	"context"
	"database/sql"
	"slices"
	"sync"
	"sync/atomic"

	"gorm.io/gorm"
)

// A preparedPool prepares each of the store's statements once; database/sql then prepares
// the statement on every connection that runs it.
//
// The pool replaces GORM's own. There, callers wait under the first preparer's context and
// share its error, and a waiting transaction holds the connection that the preparer may be
// waiting for. Here, no caller waits: concurrent first callers all prepare the statement,
// and the pool keeps one result. The pool needs no bound, because the number of the store's
// statements is fixed.
//
// If the server refuses to prepare more statements, the pool closes its own and prepares
// nothing any more.
type preparedPool struct {
	gorm.ConnPool
	dialect *dialect

	mu         sync.RWMutex
	statements map[string]*sql.Stmt
	refused    bool          // the server prepares no more statements
	closed     chan struct{} // closed once the statements are closed, after refused

	running atomic.Int64 // the number of callers that may use a statement
}

func newPreparedPool(pool gorm.ConnPool, d *dialect) *preparedPool {
	return &preparedPool{
		ConnPool: pool, dialect: d, statements: make(map[string]*sql.Stmt), closed: make(chan struct{}),
	}
}

// prepare returns the prepared statement, or nil if the server prepares no more statements.
func (p *preparedPool) prepare(ctx context.Context, query string) (*sql.Stmt, error) {
	stmt, refused := p.statement(query)
	if stmt != nil || refused {
		return stmt, nil
	}
	prepared, err := p.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	if stmt, refused = p.statements[query], p.refused; stmt == nil && !refused {
		p.statements[query] = prepared
		stmt, prepared = prepared, nil
	}
	p.mu.Unlock()
	if prepared != nil {
		return stmt, prepared.Close()
	}
	return stmt, nil
}

// statement returns the statement if it is prepared already, and whether the server prepares
// no more statements.
func (p *preparedPool) statement(query string) (stmt *sql.Stmt, refused bool) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.statements[query], p.refused
}

// A preparedTx runs a statement prepared if its pool has prepared it before, and otherwise
// unprepared. For a prepared statement, database/sql prepares it again on the transaction's
// connection if necessary.
type preparedTx struct {
	*sql.Tx
	pool *preparedPool
}

// ExecContext implements [gorm.ConnPool].
func (tx preparedTx) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if stmt, _ := tx.pool.statement(query); stmt != nil {
		return tx.StmtContext(ctx, stmt).ExecContext(ctx, args...)
	}
	return tx.Tx.ExecContext(ctx, query, args...)
}

// ExecContext implements [gorm.ConnPool].
func (p *preparedPool) ExecContext(ctx context.Context, query string, args ...any) (result sql.Result, err error) {
	done, err := p.use(ctx, query, func(stmt *sql.Stmt) (err error) {
		result, err = stmt.ExecContext(ctx, args...)
		return err
	})
	if !done {
		return p.ConnPool.ExecContext(ctx, query, args...)
	}
	return result, err
}

// QueryContext implements [gorm.ConnPool].
func (p *preparedPool) QueryContext(ctx context.Context, query string, args ...any) (rows *sql.Rows, err error) {
	done, err := p.use(ctx, query, func(stmt *sql.Stmt) (err error) {
		rows, err = stmt.QueryContext(ctx, args...) //nolint:rowserrcheck // the caller reads the rows
		return err
	})
	if !done {
		return p.ConnPool.QueryContext(ctx, query, args...)
	}
	return rows, err
}

// use calls f with the prepared statement. It reports false if the server prepares no more
// statements: then f has had no effect, and the caller runs the statement unprepared.
func (p *preparedPool) use(ctx context.Context, query string, f func(*sql.Stmt) error) (done bool, err error) {
	p.running.Add(1)
	stmt, err := p.prepare(ctx, query)
	if stmt != nil && err == nil {
		err = f(stmt)
	}
	refused := err != nil && slices.Contains(p.dialect.prepareRefused, errorCode(err))
	if refused {
		p.refuse()
	}
	if p.running.Add(-1) == 0 {
		p.closeRefused()
	}
	if !refused {
		return stmt != nil || err != nil, err
	}
	select { // the pool's own statements count against the server's limit: wait until they are closed
	case <-p.closed:
		return false, nil
	case <-ctx.Done():
		return true, ctx.Err()
	}
}

// refuse makes the pool prepare nothing any more. The last caller that uses a statement
// closes the statements.
func (p *preparedPool) refuse() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refused = true
}

// closeRefused closes the statements if the server prepares no more and no caller uses one.
func (p *preparedPool) closeRefused() {
	p.mu.RLock()
	refused := p.refused
	p.mu.RUnlock()
	if !refused {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.running.Load() > 0 {
		return
	}
	for query, stmt := range p.statements {
		_ = stmt.Close() // the connections remain usable
		delete(p.statements, query)
	}
	select {
	case <-p.closed:
	default:
		close(p.closed)
	}
}

// GetDBConn lets plugins find the *sql.DB.
func (p *preparedPool) GetDBConn() (*sql.DB, error) {
	switch pool := p.ConnPool.(type) {
	case *sql.DB:
		return pool, nil
	case gorm.GetDBConnector:
		return pool.GetDBConn()
	default:
		return nil, gorm.ErrInvalidDB
	}
}

// underlyingPool returns the pool or transaction that GORM's own prepared statements
// use. The store has a preparedPool in their place.
func underlyingPool(pool gorm.ConnPool) gorm.ConnPool {
	switch p := pool.(type) {
	case *gorm.PreparedStmtDB:
		return p.ConnPool
	case *gorm.PreparedStmtTX:
		return p.Tx
	default:
		return pool
	}
}

// usePrimary makes db use the database to which the dbresolver plugin sends the table's
// writes. The plugin itself resolves only the statements that GORM's callbacks run.
func usePrimary(db *gorm.DB) {
	if resolve := db.Callback().Update().Get("gorm:db_resolver"); resolve != nil {
		resolve(db)
		db.Statement.ConnPool = underlyingPool(db.Statement.ConnPool)
	}
}
