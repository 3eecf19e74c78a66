package usersession

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"slices"

	"gorm.io/gorm"
)

// transaction runs body in a transaction of its own. In a transaction of the application
// it runs body under a savepoint instead. If body returns an error, its statements are
// rolled back, except where losesSavepoints is true: there body runs as a part of the
// application's transaction.
//
// The transaction prepares no statement on the pool: the preparation can need a second
// connection while the transaction holds the only one. A *sql.Tx uses the statements that
// prepareFor has prepared.
func (c *conn) transaction(ctx context.Context, body func(tx *conn) error) error {
	db := c.direct.WithContext(ctx)
	if c.inTx {
		if c.losesSavepoints(ctx) {
			return body(c.bodyConn(db))
		}
		return c.underSavepoint(db, body)
	}
	usePrimary(db)
	if !c.server.refusesIsolation.Load() {
		err := c.transactionAt(ctx, db, c.dialect.isolation, body)
		if err == nil || !slices.Contains(c.dialect.isolationRefused, errorCode(err)) {
			return err
		}
		c.server.refusesIsolation.Store(true)
		db = c.direct.WithContext(ctx)
		usePrimary(db)
	}
	return c.transactionAt(ctx, db, sql.LevelDefault, body)
}

// transactionAt runs body in a transaction with the isolation level, which is the dialect's
// or the server's default.
func (c *conn) transactionAt(ctx context.Context, db *gorm.DB, isolation sql.IsolationLevel, body func(tx *conn) error) error {
	if pool, ok := db.Statement.ConnPool.(*sql.DB); ok && c.dialect.begin != nil {
		begin := c.dialect.begin
		if isolation == sql.LevelDefault {
			begin = begin[len(begin)-1:]
		}
		return c.transactionByStatements(ctx, db, pool, begin, body)
	}
	pool := c.poolOf(db)
	return db.Transaction(func(tx *gorm.DB) error {
		in := c.bodyConn(tx)
		if begun, ok := tx.Statement.ConnPool.(*sql.Tx); ok && pool != nil {
			in.prepared = tx.Session(&gorm.Session{Context: ctx}) // makes Session copy the Statement
			in.prepared.Statement.ConnPool = preparedTx{begun, pool}
		}
		return body(in)
	}, &sql.TxOptions{Isolation: isolation})
}

// poolOf returns the store's prepared statements if they are on the database of db.
func (c *conn) poolOf(db *gorm.DB) *preparedPool {
	pool, ok := c.prepared.Statement.ConnPool.(*preparedPool)
	if !ok {
		return nil
	}
	if own, ok := pool.ConnPool.(*sql.DB); !ok || db.Statement.ConnPool != gorm.ConnPool(own) {
		return nil // the dbresolver plugin has chosen another database
	}
	return pool
}

// prepareFor prepares the statements of a transaction before it begins, because a preparedTx runs
// statements that its pool has not prepared unprepared. It does nothing if the transaction will not
// be a preparedTx.
func (c *conn) prepareFor(ctx context.Context, statements ...string) error {
	if c.inTx || c.dialect.begin != nil {
		return nil
	}
	db := c.direct.WithContext(ctx)
	usePrimary(db)
	pool := c.poolOf(db)
	if pool == nil {
		return nil
	}
	for _, statement := range statements {
		if _, err := pool.prepare(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// A sessionTx is a transaction whose BEGIN and COMMIT are statements on a connection of its
// own. go-sql-driver/mysql sends the COMMIT and the ROLLBACK of a *sql.Tx without a deadline,
// and would wait for an answer for as long as the network loses the packets. The methods Commit
// and Rollback make GORM's plugins treat a sessionTx as a transaction.
type sessionTx struct {
	*sql.Conn
	ctx context.Context
	// suffix follows COMMIT and ROLLBACK.
	suffix string
}

func (tx sessionTx) Commit() error { return tx.end("COMMIT" + tx.suffix) }

func (tx sessionTx) Rollback() error { return tx.end("ROLLBACK" + tx.suffix) }

func (tx sessionTx) end(statement string) error {
	_, err := tx.ExecContext(tx.ctx, statement)
	return err
}

// transactionByStatements runs body in a transaction that the statements begin.
func (c *conn) transactionByStatements(ctx context.Context, db *gorm.DB, pool *sql.DB, begin []string, body func(tx *conn) error) error {
	tx, err := c.beginSession(ctx, pool, begin)
	if err != nil {
		return err
	}
	ended := false
	defer func() { tx.giveBack(ended) }()
	db.Statement.ConnPool = tx
	if err = body(c.bodyConn(db)); err == nil {
		err = tx.Commit()
	}
	ended = err == nil || tx.Rollback() == nil
	return err
}

// maxDeadConns is the number of dead connections that a read or the begin of a transaction may
// meet: after a restart of the database all idle connections of the pool are dead.
const maxDeadConns = 100

// beginSession begins a transaction on a connection of the pool. As database/sql does, it
// takes another connection if a connection turns out to be dead.
func (c *conn) beginSession(ctx context.Context, pool *sql.DB, begin []string) (sessionTx, error) {
	for attempt := 1; ; attempt++ {
		session, err := pool.Conn(ctx)
		if err != nil {
			return sessionTx{}, err
		}
		tx := sessionTx{session, ctx, ""}
		if found := c.server.settings.Load(); found != nil && found.commitCloses {
			tx.suffix = " NO RELEASE"
		}
		for _, statement := range begin {
			if _, err = tx.ExecContext(ctx, statement); err != nil {
				break
			}
		}
		if err == nil {
			return tx, nil
		}
		tx.giveBack(false)
		if attempt == maxDeadConns || !errors.Is(err, driver.ErrBadConn) {
			return sessionTx{}, err
		}
	}
}

// giveBack returns the connection to the pool. If the transaction may still be open, it closes
// the connection, which ends the transaction.
func (tx sessionTx) giveBack(ended bool) {
	if !ended {
		_ = tx.Raw(func(any) error { return driver.ErrBadConn })
	}
	_ = tx.Close()
}

// bodyConn returns the conn for the body of a transaction or savepoint: it runs its statements in tx
// and sets no savepoints of its own.
func (c *conn) bodyConn(tx *gorm.DB) *conn {
	return &conn{dialect: c.dialect, server: c.server, prepared: tx, direct: tx}
}

// underSavepoint runs body under a savepoint of the application's transaction tx. If body
// returns an error, it rolls back to the savepoint.
func (c *conn) underSavepoint(tx *gorm.DB, body func(tx *conn) error) error {
	if err := tx.Exec(c.dialect.savepoint).Error; err != nil {
		return err
	}
	if err := body(c.bodyConn(tx)); err != nil {
		// If the rollback fails too, the application's transaction is lost.
		if tx.Exec(c.dialect.rollbackTo).Error == nil {
			_ = c.releaseSavepoint(tx)
		}
		return err
	}
	return c.releaseSavepoint(tx)
}

func (c *conn) releaseSavepoint(tx *gorm.DB) error {
	if c.dialect.release == "" {
		return nil
	}
	return tx.Exec(c.dialect.release).Error
}

// withSavepoint runs one statement that may fail because of a unique index. In a
// transaction of the application, a savepoint keeps the transaction usable on the
// databases where an error aborts it.
func (c *conn) withSavepoint(ctx context.Context, statement func(c *conn) error) error {
	if c.needsSavepoint() {
		return c.transaction(ctx, statement)
	}
	return statement(c)
}

// needsSavepoint reports whether an error of a statement would make a transaction of the
// application unusable.
func (c *conn) needsSavepoint() bool { return c.inTx && c.dialect.errorsAbort }
