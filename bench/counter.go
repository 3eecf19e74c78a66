package main

import (
	"context"
	"database/sql/driver"
	"errors"
	"sync/atomic"
)

// A counter counts the calls of a driver that need a round trip to a server: statements,
// preparations, and the begin and end of transactions. It is not used while calls are timed.
type counter struct {
	driver.Connector
	calls atomic.Int64
}

func (c *counter) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &countedConn{conn, c}, nil
}

type countedConn struct {
	driver.Conn
	counter *counter
}

func (c *countedConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	conn, ok := c.Conn.(driver.ExecerContext)
	if !ok {
		return nil, driver.ErrSkip
	}
	result, err := conn.ExecContext(ctx, query, args)
	c.count(err)
	return result, err
}

func (c *countedConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	conn, ok := c.Conn.(driver.QueryerContext)
	if !ok {
		return nil, driver.ErrSkip
	}
	rows, err := conn.QueryContext(ctx, query, args)
	c.count(err)
	return rows, err
}

// count does not count a call that the driver declines, because database/sql then makes
// another call.
func (c *countedConn) count(err error) {
	if !errors.Is(err, driver.ErrSkip) {
		c.counter.calls.Add(1)
	}
}

func (c *countedConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	c.counter.calls.Add(1)
	conn, ok := c.Conn.(driver.ConnPrepareContext)
	if !ok {
		return nil, errors.New("the driver cannot prepare with a context")
	}
	stmt, err := conn.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	return &countedStmt{stmt, c.counter}, nil
}

func (c *countedConn) BeginTx(ctx context.Context, options driver.TxOptions) (driver.Tx, error) {
	c.counter.calls.Add(1)
	conn, ok := c.Conn.(driver.ConnBeginTx)
	if !ok {
		return nil, errors.New("the driver cannot begin with a context")
	}
	tx, err := conn.BeginTx(ctx, options)
	if err != nil {
		return nil, err
	}
	return countedTx{tx, c.counter}, nil
}

type countedStmt struct {
	driver.Stmt
	counter *counter
}

func (s *countedStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	s.counter.calls.Add(1)
	stmt, ok := s.Stmt.(driver.StmtExecContext)
	if !ok {
		return nil, errors.New("the driver cannot execute with a context")
	}
	return stmt.ExecContext(ctx, args)
}

func (s *countedStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	s.counter.calls.Add(1)
	stmt, ok := s.Stmt.(driver.StmtQueryContext)
	if !ok {
		return nil, errors.New("the driver cannot query with a context")
	}
	return stmt.QueryContext(ctx, args)
}

type countedTx struct {
	driver.Tx
	counter *counter
}

func (t countedTx) Commit() error {
	t.counter.calls.Add(1)
	return t.Tx.Commit()
}

func (t countedTx) Rollback() error {
	t.counter.calls.Add(1)
	return t.Tx.Rollback()
}
