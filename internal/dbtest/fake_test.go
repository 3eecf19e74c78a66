package dbtest_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"regexp"
	"strings"
	"sync/atomic"
	"time"
)

// A fakeDriver accepts every statement and answers like an empty database, except where
// its fields say otherwise. A Recorder records the statements.
type fakeDriver struct {
	// refuse are the errors of the next INSERTs and UPDATEs; a nil means that the
	// statement succeeds. An INSERT with DO NOTHING does not fail but counts no row.
	refuse []error
	// refuseCommit are the errors of the next COMMITs.
	refuseCommit []error
	// unchanged means that the next UPDATE changes no row.
	unchanged bool
	// refusePrepare is the error of the preparations after the first maxPrepared.
	refusePrepare error
	maxPrepared   int64
	prepared      atomic.Int64
	open          atomic.Int64 // prepared and not closed
	// refuseReadCommitted is the error of DELETEs in a transaction that is READ COMMITTED.
	refuseReadCommitted error
	nextReadCommitted   bool // of the next transaction
	readCommitted       bool
	// refuseForceIndex returns the error of a DELETE with FORCE INDEX.
	refuseForceIndex func() error
	// refuseReadPast is the error of SQL Server's form of the cleanup.
	refuseReadPast error
	// implicitTransactions means that SQL Server's IMPLICIT_TRANSACTIONS is ON.
	implicitTransactions bool
	// rollsBackOnTimeout is MySQL's innodb_rollback_on_timeout.
	rollsBackOnTimeout bool
	// group is the name of the group of MySQL's Group Replication.
	group string
	// triggerReturnsRows means that a trigger of SQL Server returns rows of its own.
	triggerReturnsRows bool
	// rows are the numbers of rows that the next SELECTs return.
	rows []int
}

func (d *fakeDriver) Connect(context.Context) (driver.Conn, error) { return fakeConn{d}, nil }
func (d *fakeDriver) Driver() driver.Driver                        { return nil }

type fakeConn struct{ *fakeDriver }

func (c fakeConn) Close() error              { return nil }
func (c fakeConn) Begin() (driver.Tx, error) { return fakeTx(c), nil }
func (c fakeConn) BeginTx(_ context.Context, options driver.TxOptions) (driver.Tx, error) {
	c.readCommitted = sql.IsolationLevel(options.Isolation) == sql.LevelReadCommitted
	return fakeTx(c), nil
}
func (c fakeConn) Prepare(query string) (driver.Stmt, error) { return fakeStmt{c, query}, nil }
func (c fakeConn) PrepareContext(_ context.Context, q string) (driver.Stmt, error) {
	if c.prepared.Add(1) > c.maxPrepared && c.refusePrepare != nil {
		return nil, c.refusePrepare
	}
	c.open.Add(1)
	return fakeStmt{c, q}, nil
}

// unwrap returns the statement in a text for SQL Server that runs it in sp_executesql.
func unwrap(query string) string {
	_, inner, wrapped := strings.Cut(query, "EXEC sp_executesql N'")
	if !wrapped {
		return query
	}
	inner, _, _ = strings.Cut(inner, "', N'@p1 ")
	return strings.TrimPrefix(strings.ReplaceAll(inner, "''", "'"), "SET NOCOUNT ON; ")
}

var (
	isWrite = regexp.MustCompile(`^(INSERT|UPDATE|WITH (target|evicted) )`)
	isFrom  = regexp.MustCompile(`^SELECT (.*?) FROM`)
)

func (c fakeConn) ExecContext(_ context.Context, query string, _ []driver.NamedValue) (driver.Result, error) {
	affected := int64(1)
	if _, ids, found := strings.Cut(query, " AND `id` IN ("); found {
		affected = int64(strings.Count(ids, ",") + 1)
	}
	switch query {
	case "SET TRANSACTION ISOLATION LEVEL READ COMMITTED":
		c.nextReadCommitted = true
	case "START TRANSACTION":
		c.readCommitted, c.nextReadCommitted = c.nextReadCommitted, false
	}
	if c.readCommitted && strings.HasPrefix(query, "DELETE") && c.refuseReadCommitted != nil {
		return nil, c.refuseReadCommitted
	}
	if query == "COMMIT" {
		return fakeResult(0), fakeTx(c).Commit()
	}
	if strings.Contains(query, "FORCE INDEX") && c.refuseForceIndex != nil {
		return nil, c.refuseForceIndex()
	}
	if isWrite.MatchString(query) {
		var refused error
		if len(c.refuse) > 0 {
			refused, c.fakeDriver.refuse = c.refuse[0], c.refuse[1:]
		}
		switch {
		case refused != nil && strings.HasSuffix(query, "DO NOTHING"):
			affected = 0
		case refused != nil:
			return nil, refused
		case c.unchanged:
			affected, c.fakeDriver.unchanged = 0, false
		}
	}
	return fakeResult(affected), nil
}

func (c fakeConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	query = unwrap(query)
	if c.refuseReadPast != nil && strings.Contains(query, "READPAST") {
		return nil, c.refuseReadPast
	}
	answer := &fakeRows{columns: []string{"answer"}, left: 1, row: []driver.Value{"test"}}
	if strings.HasSuffix(query, "@@ROWCOUNT AS bigint) AS usersession_rows") {
		result, err := c.ExecContext(ctx, query, args)
		if err != nil {
			return nil, err
		}
		changed, _ := result.RowsAffected()
		answer.columns, answer.row = []string{"usersession_rows"}, []driver.Value{changed}
		return c.afterTrigger(answer), nil
	}
	if c.implicitTransactions && strings.Contains(query, "@@OPTIONS & 2") {
		answer.row = []driver.Value{"ON"}
		return answer, nil
	}
	if strings.HasPrefix(query, "SELECT CAST(@@autocommit") {
		answer.columns = []string{"autocommit", "completion_type", "client", "connection", "results", "limit", "sql_mode"}
		answer.row = []driver.Value{int64(1), "NO_CHAIN", "utf8mb4", "utf8mb4", "utf8mb4", "18446744073709551615", "STRICT_TRANS_TABLES"}
		return answer, nil
	}
	if query == "SELECT @@innodb_rollback_on_timeout" {
		answer.row = []driver.Value{c.rollsBackOnTimeout}
		return answer, nil
	}
	if strings.HasPrefix(query, "SHOW VARIABLES") {
		answer.columns, answer.row = []string{"Variable_name", "Value"}, []driver.Value{"group_replication_group_name", c.group}
		return answer, nil
	}
	if columns := isFrom.FindStringSubmatch(query); columns != nil && strings.Contains(query, "user_sessions") && strings.Contains(query, "version") {
		answer.columns, answer.left = strings.Split(columns[1], ", "), 0
		answer.row = []driver.Value{"key", "subject", nil, time.Time{}, time.Time{}, nil, int64(1), int64(1)}[:len(answer.columns)]
		if len(c.rows) > 0 {
			answer.left, c.fakeDriver.rows = c.rows[0], c.rows[1:]
		}
		if len(answer.columns) == 1 {
			answer.left, answer.row = 1, []driver.Value{int64(7)} // the query for the row's version
		}
	} else if strings.Contains(query, "picked") { // a batch of the cleanup
		answer.columns, answer.row = []string{"usersession_rows", "gone", "last"}, []driver.Value{int64(2), int64(2), time.Time{}}
		answer = c.afterTrigger(answer)
	} else if strings.Contains(query, "user_sessions") && strings.Contains(query, "ORDER BY") {
		answer.columns, answer.row, answer.left = []string{"id", "expires"}, []driver.Value{int64(7), time.Time{}}, 2
		if strings.Contains(query, "+`expires`") { // SQLite's batch was the last
			answer.left = 0
		}
	} else if strings.Contains(strings.ToLower(query), "count(*)") {
		answer.row = []driver.Value{int64(0)} // AutoMigrate finds no table, column or index
	} else if strings.Contains(strings.ToLower(query), "version") {
		answer.row = []driver.Value{"3.50.0"}
	}
	return answer, nil
}

// afterTrigger returns the rows of a trigger, if there is one, and then those of the statement.
func (c fakeConn) afterTrigger(answer *fakeRows) *fakeRows {
	if !c.triggerReturnsRows {
		return answer
	}
	return &fakeRows{columns: []string{"a"}, left: 2, row: []driver.Value{int64(77)}, next: &fakeRows{
		columns: []string{"b", "c", "d"}, left: 1, row: []driver.Value{"x", nil, int64(78)}, next: answer,
	}}
}

type fakeStmt struct {
	conn  fakeConn
	query string
}

func (s fakeStmt) Close() error                               { s.conn.open.Add(-1); return nil }
func (s fakeStmt) NumInput() int                              { return -1 }
func (s fakeStmt) Exec([]driver.Value) (driver.Result, error) { return nil, errNoContext }
func (s fakeStmt) Query([]driver.Value) (driver.Rows, error)  { return nil, errNoContext }

func (s fakeStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	return s.conn.ExecContext(ctx, s.query, args)
}

func (s fakeStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return s.conn.QueryContext(ctx, s.query, args)
}

var errNoContext = errors.New("fake: called without a context")

type fakeTx struct{ *fakeDriver }

func (tx fakeTx) Commit() error {
	if len(tx.refuseCommit) == 0 {
		return nil
	}
	refused := tx.refuseCommit[0]
	tx.fakeDriver.refuseCommit = tx.refuseCommit[1:]
	return refused
}

func (fakeTx) Rollback() error { return nil }

type fakeResult int64

func (r fakeResult) LastInsertId() (int64, error) { return 0, nil }
func (r fakeResult) RowsAffected() (int64, error) { return int64(r), nil }

type fakeRows struct {
	columns []string
	row     []driver.Value
	left    int
	next    *fakeRows
}

func (r *fakeRows) Columns() []string { return r.columns }
func (r *fakeRows) Close() error      { return nil }

func (r *fakeRows) HasNextResultSet() bool { return r.left == 0 && r.next != nil }

// NextResultSet, as go-mssqldb's, finds the next result set only at the end of this one.
func (r *fakeRows) NextResultSet() error {
	if !r.HasNextResultSet() {
		return io.EOF
	}
	*r = *r.next
	return nil
}

func (r *fakeRows) Next(dest []driver.Value) error {
	if r.left == 0 {
		return io.EOF
	}
	r.left--
	copy(dest, r.row)
	return nil
}
