package usersession

import (
	"context"
	"database/sql"
	"errors"
	"slices"

	"gorm.io/gorm"
)

// A conn runs statements through GORM's callbacks: on the application's database, in a
// transaction of the application, or in one of the store's own.
type conn struct {
	dialect *dialect
	server  *server

	prepared *gorm.DB // runs single statements, prepared where the dialect gains by it
	direct   *gorm.DB // runs the store's own transactions, where nothing is prepared

	// inTx means that prepared and direct are a transaction of the application: the store
	// cannot retry the transaction, and a conflict must leave it usable.
	inTx bool
}

// newConn returns a conn on db. It leaves db unchanged.
func newConn(db *gorm.DB, d *dialect, learned *server, c config) *conn {
	connected := &conn{dialect: d, server: learned}
	pool := underlyingPool(db.Statement.ConnPool)
	_, connected.inTx = pool.(gorm.TxCommitter)
	connected.direct = connected.handle(db, c, pool)
	connected.prepared = connected.direct
	return connected
}

// prepare makes the conn prepare its single statements.
func (c *conn) prepare(db *gorm.DB, config config) {
	c.prepared = c.handle(db, config, newPreparedPool(c.direct.Statement.ConnPool, c.dialect))
}

// handle returns a *gorm.DB of the store's own. It has the plugins, the naming strategy
// and the clauses of db, and behaves the same under every gorm.Config.
func (c *conn) handle(db *gorm.DB, config config, pool gorm.ConnPool) *gorm.DB {
	own := db.Session(&gorm.Session{
		Context: context.Background(), // makes Session copy the Statement
		Logger:  discreetLogger{db.Logger, c.loggedErr},
	})
	own.TranslateError = false // a translated error has lost its code
	own.PrepareStmt = own.PrepareStmt && !config.disablePrepare
	own.ConnPool = pool
	own.Statement.ConnPool = pool
	own.Statement.Table = config.table // for plugins
	return own
}

// statement returns a statement that is ready for GORM's callbacks. Its text has the
// placeholders of the dialect already, so that GORM has nothing to build.
func (c *conn) statement(ctx context.Context, text string, args []any) *gorm.DB {
	db := c.prepared.Raw("")
	db.Statement.Context = ctx
	db.Statement.SQL.WriteString(text)
	db.Statement.Vars = args
	return db
}

// exec runs a statement and returns the number of rows that it changed.
func (c *conn) exec(ctx context.Context, text string, args ...any) (changed int64, err error) {
	if c.dialect.countsItself {
		err := c.report(ctx, text, args, &changed)
		return changed, err
	}
	if err := c.checkValues(ctx, args); err != nil {
		return 0, err
	}
	db := c.statement(ctx, text, args)
	db = db.Callback().Raw().Execute(db)
	return db.RowsAffected, db.Error
}

// execWhere runs a statement that has a condition and returns the number of rows that it
// changed: 0 if no row can match the arguments, see matchesNothing.
func (c *conn) execWhere(ctx context.Context, text string, args ...any) (int64, error) {
	changed, err := c.exec(ctx, text, args...)
	if c.matchesNothing(err) {
		return 0, nil
	}
	return changed, err
}

// query runs a query. It returns no rows if no row can match the arguments, see matchesNothing.
// It asks GORM for rows even if the query returns at most one: GORM's Row panics if the database
// cannot prepare a statement.
func (c *conn) query(ctx context.Context, text string, args []any) (*sql.Rows, error) {
	if err := c.checkValues(ctx, args); err != nil {
		return nil, err
	}
	rows, err := c.statement(ctx, text, args).Rows()
	if err == nil {
		return rows, nil
	}
	if c.matchesNothing(err) {
		err = nil
	}
	return nil, err
}

// eachRow runs a query and calls each for every row.
func (c *conn) eachRow(ctx context.Context, text string, args []any, each func(*sql.Rows) error) error {
	rows, err := c.query(ctx, text, args)
	if rows == nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := each(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// report runs a statement that returns its result as a row, and scans the row. With
// countsItself, triggers may return rows of their own first: report skips them.
func (c *conn) report(ctx context.Context, text string, args []any, into ...any) error {
	rows, err := c.query(ctx, text, args)
	if rows == nil {
		return err
	}
	defer rows.Close()
	for {
		columns, err := rows.Columns()
		if err != nil {
			return err
		}
		ours := !c.dialect.countsItself || len(columns) == len(into) && columns[0] == reportColumn
		for rows.Next() {
			if !ours {
				continue // the driver finds the next result set only after these rows
			}
			if err := rows.Scan(into...); err != nil {
				return err
			}
		}
		if !rows.NextResultSet() {
			return rows.Err()
		}
	}
}

// matchesNothing reports whether the error means that a condition compares a column with
// a value that the column's character set lacks: no row can have that value.
func (c *conn) matchesNothing(err error) bool {
	return err != nil && slices.Contains(c.dialect.incomparable, errorCode(err))
}

// isDuplicate reports whether the error means that a unique index refused a row. It is false if
// isIDTaken recognises a conflict of the primary key.
func (c *conn) isDuplicate(err error) bool {
	if err == nil || isIDTaken(err) {
		return false
	}
	if translator, ok := c.direct.Dialector.(gorm.ErrorTranslator); ok && errors.Is(translator.Translate(err), gorm.ErrDuplicatedKey) {
		return true
	}
	// GORM's translator for SQLite does not know the pure-Go drivers.
	return c.dialect.isDuplicate(err)
}

// isRetryable reports whether the store may retry the operation after the error.
func (c *conn) isRetryable(err error) bool {
	return !c.inTx && c.dialect.isRetryable(err)
}

// isDead reports whether the error means that the connection was dead. It is false in a
// transaction of the application, which is lost together with its connection.
func (c *conn) isDead(err error) bool {
	return !c.inTx && (isBroken(err) || slices.Contains(c.dialect.deadConn, errorCode(err)))
}

// loggedErr returns the error that GORM's logger may print in place of err. It is nil if
// the store handles err: by a retry, or by returning an error of package bff.
func (c *conn) loggedErr(err error) error {
	if err == nil || c.isDuplicate(err) || c.isRetryable(err) {
		return nil
	}
	return &databaseError{text: "usersession: " + describe(err), cause: err}
}
