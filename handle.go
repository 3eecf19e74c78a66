package usersession

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"gorm.io/gorm"

	"example.com/usersession/bff"
	"example.com/usersession/internal/sqltime"
)

// use makes the store work through db.
func (s *GormStore) use(db *gorm.DB) {
	pool := unprepared(db.Statement.ConnPool)
	_, s.inTx = pool.(gorm.TxCommitter)
	s.plain = s.handle(db, pool)
	s.single = s.plain
}

// handle returns a handle of the store's own that carries what db carries, and works
// the same whatever the application's gorm.Config says.
func (s *GormStore) handle(db *gorm.DB, pool gorm.ConnPool) *gorm.DB {
	own := db.Session(&gorm.Session{
		Context: context.Background(), // makes Session copy the Statement; see db
		Logger:  discreetLogger{db.Logger, s.discreetErr},
	})
	own.TranslateError = false // it drops the error that has the code
	own.PrepareStmt = own.PrepareStmt && !s.unprepared
	own.ConnPool = pool
	own.Statement.ConnPool = pool
	own.Statement.Table = s.table // for plugins
	return own
}

// unprepared returns the pool or transaction below GORM's own prepared statements, in
// place of which the store has a preparedPool.
func unprepared(pool gorm.ConnPool) gorm.ConnPool {
	switch p := pool.(type) {
	case *gorm.PreparedStmtDB:
		return p.ConnPool
	case *gorm.PreparedStmtTX:
		return p.Tx
	default:
		return pool
	}
}

// resolvePrimary makes tx begin its transaction where dbresolver sends the table's
// writes. dbresolver itself looks at single statements only.
func resolvePrimary(tx *gorm.DB) {
	if resolve := tx.Callback().Update().Get("gorm:db_resolver"); resolve != nil {
		resolve(tx)
		tx.Statement.ConnPool = unprepared(tx.Statement.ConnPool)
	}
}

// raw returns one of the store's statements, ready to go through GORM's callbacks. Its
// placeholders are those of the dialect already: for GORM there is nothing to build.
func raw(ctx context.Context, db *gorm.DB, statement string, args []any) *gorm.DB {
	tx := db.Raw("")
	tx.Statement.Context = ctx
	tx.Statement.SQL.WriteString(statement)
	tx.Statement.Vars = args
	return tx
}

// exec returns how many rows a statement changed.
func exec(ctx context.Context, db *gorm.DB, statement string, args ...any) (int64, error) {
	tx := raw(ctx, db, statement, args)
	tx = tx.Callback().Raw().Execute(tx)
	return tx.RowsAffected, tx.Error
}

// execWhere does that for a statement with a condition, which may match nothing.
func (s *GormStore) execWhere(ctx context.Context, db *gorm.DB, statement string, args ...any) (int64, error) {
	changed, err := exec(ctx, db, statement, args...)
	if s.matchesNothing(err) {
		return 0, nil
	}
	return changed, err
}

// eachRow calls each for every row. It asks for rows even where there can be only one:
// GORM's Row panics if a statement can't be prepared.
func (s *GormStore) eachRow(ctx context.Context, db *gorm.DB, statement string, args []any, each func(*sql.Rows) error) error {
	rows, err := raw(ctx, db, statement, args).Rows()
	if s.matchesNothing(err) {
		return nil
	}
	if err != nil {
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

// matchesNothing reports whether a condition compares a column with what the column's
// character set does not have: no row has it.
func (s *GormStore) matchesNothing(err error) bool {
	return err != nil && slices.Contains(s.dialect.incomparable, errorCode(err))
}

// scanRow reads a row of the selected columns into session, whose partition key is
// known already, and the column after them into last.
func scanRow(rows *sql.Rows, session *bff.UserSession, last any) error {
	var (
		sessionID                 sql.NullString
		created, renewed, expires sqltime.Time
	)
	err := rows.Scan(&session.Key, &session.SubjectID, &sessionID, &created, &renewed, &expires, &session.Version, last)
	if err != nil {
		return err
	}
	session.SessionID = sessionID.String
	session.Created, session.Renewed, session.Expires = created.Time, renewed.Time, expires.Time
	return nil
}

func (s *GormStore) keyArgs(key bff.UserSessionKey) []any {
	return s.dialect.identities(key.PartitionKey, key.Key)
}

// filterArgs returns which statement a filter takes, and its arguments: none if there
// can be no such session.
func (s *GormStore) filterArgs(partitionKey string, filter bff.UserSessionsFilter) (shape int, args []any, err error) {
	if err := filter.Validate(); err != nil {
		return 0, nil, err
	}
	named := []string{partitionKey}
	switch {
	case filter.SessionID == "":
		shape, named = bySubject, append(named, filter.SubjectID)
	case filter.SubjectID == "":
		shape, named = bySession, append(named, filter.SessionID)
	default:
		shape, named = byBoth, append(named, filter.SubjectID, filter.SessionID)
	}
	for _, value := range named[1:] {
		if !storable(partitionKey, value) {
			return shape, nil, nil
		}
	}
	return shape, s.dialect.identities(named...), nil
}

// storable reports whether a row can have this partition key and this identity.
func storable(partitionKey, identity string) bool {
	return bff.UserSessionKey{PartitionKey: partitionKey, Key: identity}.Validate() == nil
}

func (s *GormStore) now() any { return s.instant(s.clock()) }

func (s *GormStore) instant(t time.Time) any { return sqltime.Bind(s.dialect.name, t) }

func (s *GormStore) isDuplicate(err error) bool {
	if err == nil {
		return false
	}
	if translator, ok := s.plain.Dialector.(gorm.ErrorTranslator); ok && errors.Is(translator.Translate(err), gorm.ErrDuplicatedKey) {
		return true
	}
	// GORM's translator for SQLite doesn't know the pure-Go drivers.
	return s.dialect.isDuplicate(err)
}

// isRetryable reports whether it is the store that deals with the error by trying again.
func (s *GormStore) isRetryable(err error) bool {
	return !s.inTx && s.dialect.isRetryable(err)
}
