package usersession

import (
	"context"
	"database/sql"
	"slices"

	"gorm.io/gorm"
)

// transaction runs body in a transaction of its own. In a transaction of the application
// it runs body under a savepoint instead. If body returns an error, its statements are
// rolled back.
//
// Nothing in the transaction is prepared: preparing can need a second connection while
// the transaction holds the only one.
func (c *conn) transaction(ctx context.Context, body func(tx *conn) error) error {
	db := c.direct.WithContext(ctx)
	if c.inTx {
		return c.savepoint(db, body)
	}
	usePrimary(db)
	if !c.server.refusesIsolation.Load() {
		err := inTransaction(db, c, body, c.dialect.isolation)
		if err == nil || !slices.Contains(c.dialect.refusesIsolation, errorCode(err)) {
			return err
		}
		c.server.refusesIsolation.Store(true)
	}
	return inTransaction(db, c, body, sql.LevelDefault)
}

func inTransaction(db *gorm.DB, c *conn, body func(tx *conn) error, isolation sql.IsolationLevel) error {
	return db.Transaction(func(tx *gorm.DB) error { return body(c.in(tx)) }, &sql.TxOptions{Isolation: isolation})
}

// in returns the conn that runs its statements in tx, one of the store's transactions.
func (c *conn) in(tx *gorm.DB) *conn {
	return &conn{dialect: c.dialect, server: c.server, prepared: tx, direct: tx}
}

func (c *conn) savepoint(tx *gorm.DB, body func(tx *conn) error) error {
	if err := tx.Exec(c.dialect.savepoint).Error; err != nil {
		return err
	}
	if err := body(c.in(tx)); err != nil {
		// If the rollback fails too, the application's transaction is lost.
		if tx.Exec(c.dialect.rollbackTo).Error == nil {
			_ = c.release(tx)
		}
		return err
	}
	return c.release(tx)
}

func (c *conn) release(tx *gorm.DB) error {
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

// usePrimary makes db begin its transaction on the database to which the dbresolver
// plugin sends the table's writes. The plugin itself resolves only single statements.
func usePrimary(db *gorm.DB) {
	if resolve := db.Callback().Update().Get("gorm:db_resolver"); resolve != nil {
		resolve(db)
		db.Statement.ConnPool = underlyingPool(db.Statement.ConnPool)
	}
}
