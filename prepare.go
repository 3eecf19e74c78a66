package usersession

import (
	"context"
	"database/sql"
	"sync"

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
type preparedPool struct {
	gorm.ConnPool

	mu         sync.RWMutex
	statements map[string]*sql.Stmt
}

func newPreparedPool(pool gorm.ConnPool) *preparedPool {
	return &preparedPool{ConnPool: pool, statements: make(map[string]*sql.Stmt)}
}

func (p *preparedPool) prepare(ctx context.Context, query string) (*sql.Stmt, error) {
	p.mu.RLock()
	stmt := p.statements[query]
	p.mu.RUnlock()
	if stmt != nil {
		return stmt, nil
	}
	prepared, err := p.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	if stmt = p.statements[query]; stmt == nil {
		p.statements[query] = prepared
	}
	p.mu.Unlock()
	if stmt != nil {
		return stmt, prepared.Close()
	}
	return prepared, nil
}

func (p *preparedPool) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	stmt, err := p.prepare(ctx, query)
	if err != nil {
		return nil, err
	}
	return stmt.ExecContext(ctx, args...)
}

func (p *preparedPool) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	stmt, err := p.prepare(ctx, query)
	if err != nil {
		return nil, err
	}
	return stmt.QueryContext(ctx, args...)
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
