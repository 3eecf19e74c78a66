package dbtest

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// A Recorder records the calls of a driver. It sits below database/sql, so that it misses
// nothing that the application, GORM or database/sql does. It is safe for concurrent use.
type Recorder struct {
	// Before is called before a call of the driver of kind exec or commit. It may be nil.
	Before func(Event)

	mu     sync.Mutex
	events []Event
}

// An Event is one call of the driver. Kind is exec, query, prepare, begin, commit or
// rollback. A statement that begins or ends a transaction has the kind of the call that it
// stands for.
type Event struct {
	Kind string
	SQL  string
	Args []driver.NamedValue
	Err  error
	// Options are the options of a begin.
	Options driver.TxOptions
}

func (e Event) String() string {
	if e.SQL == "" {
		return e.Kind
	}
	return e.Kind + ": " + e.SQL
}

func (r *Recorder) before(event Event) {
	if r.Before != nil {
		r.Before(event)
	}
}

func (r *Recorder) record(event Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, event)
}

// Take returns the events since the last call of Take.
func (r *Recorder) Take() []Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	events := r.events
	r.events = nil
	return events
}

// Wrap returns a connector whose connections record their calls.
func (r *Recorder) Wrap(connector driver.Connector) driver.Connector {
	return recordedConnector{connector, r}
}

type recordedConnector struct {
	driver.Connector
	recorder *Recorder
}

func (c recordedConnector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &recordedConn{Conn: conn, recorder: c.recorder}, nil
}

// A recordedConn implements every optional interface of a driver's connection. If the
// driver's connection lacks an interface, a recordedConn behaves as database/sql does
// without it.
type recordedConn struct {
	driver.Conn
	recorder *Recorder
	options  driver.TxOptions // of the next START TRANSACTION
}

// recordCall records a call. It does not record a call that the driver declines with
// ErrSkip, because database/sql then makes another call.
func (c *recordedConn) recordCall(kind, query string, args []driver.NamedValue, err error) {
	if err == driver.ErrSkip { //nolint:errorlint // database/sql compares like this
		return
	}
	event := Event{Kind: kind, SQL: query, Args: slices.Clone(args), Err: err}
	switch query {
	case "SET TRANSACTION ISOLATION LEVEL READ COMMITTED":
		c.options.Isolation = driver.IsolationLevel(sql.LevelReadCommitted)
		return
	case "START TRANSACTION":
		event = Event{Kind: "begin", Options: c.options, Err: err}
		c.options = driver.TxOptions{}
	case "COMMIT", "ROLLBACK":
		event = Event{Kind: strings.ToLower(query), Err: err}
	}
	c.recorder.record(event)
}

func (c *recordedConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	conn, ok := c.Conn.(driver.ExecerContext)
	if !ok {
		return nil, driver.ErrSkip
	}
	c.recorder.before(Event{Kind: "exec", SQL: query, Args: args})
	result, err := conn.ExecContext(ctx, query, args)
	c.recordCall("exec", query, args, err)
	return result, err
}

func (c *recordedConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	conn, ok := c.Conn.(driver.QueryerContext)
	if !ok {
		return nil, driver.ErrSkip
	}
	rows, err := conn.QueryContext(ctx, query, args)
	c.recordCall("query", query, args, err)
	return rows, err
}

func (c *recordedConn) PrepareContext(ctx context.Context, query string) (stmt driver.Stmt, err error) {
	if conn, ok := c.Conn.(driver.ConnPrepareContext); ok {
		stmt, err = conn.PrepareContext(ctx, query)
	} else {
		stmt, err = c.Prepare(query)
	}
	c.recordCall("prepare", query, nil, err)
	if err != nil {
		return nil, err
	}
	return &recordedStmt{stmt, c, query}, nil
}

func (c *recordedConn) BeginTx(ctx context.Context, options driver.TxOptions) (driver.Tx, error) {
	conn, ok := c.Conn.(driver.ConnBeginTx)
	if !ok {
		return nil, fmt.Errorf("dbtest: %T cannot begin a transaction with options", c.Conn)
	}
	tx, err := conn.BeginTx(ctx, options)
	c.recorder.record(Event{Kind: "begin", Options: options, Err: err})
	if err != nil {
		return nil, err
	}
	return recordedTx{tx, c.recorder}, nil
}

func (c *recordedConn) Ping(ctx context.Context) error {
	if conn, ok := c.Conn.(driver.Pinger); ok {
		return conn.Ping(ctx)
	}
	return nil
}

func (c *recordedConn) ResetSession(ctx context.Context) error {
	if conn, ok := c.Conn.(driver.SessionResetter); ok {
		return conn.ResetSession(ctx)
	}
	return nil
}

func (c *recordedConn) IsValid() bool {
	conn, ok := c.Conn.(driver.Validator)
	return !ok || conn.IsValid()
}

func (c *recordedConn) CheckNamedValue(value *driver.NamedValue) error {
	if conn, ok := c.Conn.(driver.NamedValueChecker); ok {
		return conn.CheckNamedValue(value)
	}
	return driver.ErrSkip
}

type recordedTx struct {
	driver.Tx
	recorder *Recorder
}

func (t recordedTx) Commit() error {
	t.recorder.before(Event{Kind: "commit"})
	err := t.Tx.Commit()
	t.recorder.record(Event{Kind: "commit", Err: err})
	return err
}

func (t recordedTx) Rollback() error {
	err := t.Tx.Rollback()
	t.recorder.record(Event{Kind: "rollback", Err: err})
	return err
}

type recordedStmt struct {
	driver.Stmt
	conn  *recordedConn
	query string
}

func (s *recordedStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	stmt, ok := s.Stmt.(driver.StmtExecContext)
	if !ok {
		return nil, fmt.Errorf("dbtest: %T takes no context", s.Stmt)
	}
	s.conn.recorder.before(Event{Kind: "exec", SQL: s.query, Args: args})
	result, err := stmt.ExecContext(ctx, args)
	s.conn.recordCall("exec", s.query, args, err)
	return result, err
}

func (s *recordedStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	stmt, ok := s.Stmt.(driver.StmtQueryContext)
	if !ok {
		return nil, fmt.Errorf("dbtest: %T takes no context", s.Stmt)
	}
	rows, err := stmt.QueryContext(ctx, args)
	s.conn.recordCall("query", s.query, args, err)
	return rows, err
}

func (s *recordedStmt) CheckNamedValue(value *driver.NamedValue) error {
	if stmt, ok := s.Stmt.(driver.NamedValueChecker); ok {
		return stmt.CheckNamedValue(value)
	}
	return s.conn.CheckNamedValue(value)
}
