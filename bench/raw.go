package main

import (
	"context"
	"database/sql"
	"strconv"
	"strings"
	"time"

	"example.com/usersession/bff"
)

// A rawStore has the store's operations as hand-written SQL, prepared once, through
// database/sql. It has no validation, no protection against a case-insensitive collation
// and no retries, and leaves times to the driver.
type rawStore struct {
	pool      *sql.DB
	isolation sql.IsolationLevel

	get, create, update, updateIf, delete, list, deleteMany, page, displace *sql.Stmt
	replace                                                                 *sql.Stmt // PostgreSQL only: a replacement in one statement
}

func newRawStore(ctx context.Context, e *engine, pool *sql.DB) (*rawStore, error) {
	const (
		live    = " AND (expires IS NULL OR expires > ?)"
		columns = "KEY, subject_id, session_id, created, renewed, expires, version"
		update  = "UPDATE user_sessions SET subject_id = ?, session_id = ?, created = ?, renewed = ?, expires = ?, ticket = ?, version = version + 1 WHERE partition_key = ? AND KEY = ?" + live
	)
	s := &rawStore{pool: pool, isolation: e.isolation}
	queries := map[**sql.Stmt]string{
		&s.get:        "SELECT " + columns + ", ticket FROM user_sessions WHERE partition_key = ? AND KEY = ?" + live,
		&s.create:     "INSERT INTO user_sessions (partition_key, KEY, subject_id, session_id, created, renewed, expires, ticket, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1)",
		&s.update:     update,
		&s.updateIf:   update + " AND version = ?",
		&s.delete:     "DELETE FROM user_sessions WHERE partition_key = ? AND KEY = ?",
		&s.list:       "SELECT " + columns + ", ticket FROM user_sessions WHERE partition_key = ? AND subject_id = ?" + live + " ORDER BY id",
		&s.deleteMany: "DELETE FROM user_sessions WHERE partition_key = ? AND subject_id = ?",
		&s.page:       "SELECT " + columns + ", id FROM user_sessions WHERE partition_key = ? AND id > ?" + live + " ORDER BY id LIMIT ?",
		&s.displace:   "DELETE FROM user_sessions WHERE partition_key = ? AND session_id = ?",
	}
	if e.name == "postgres" {
		queries[&s.replace] = "WITH old AS (DELETE FROM user_sessions WHERE partition_key = ? AND KEY = ? RETURNING id)," +
			" rival AS (DELETE FROM user_sessions WHERE partition_key = ? AND session_id = ? AND KEY <> ? RETURNING id)" +
			" INSERT INTO user_sessions (partition_key, KEY, subject_id, session_id, created, renewed, expires, ticket, version)" +
			" SELECT ?, ?, ?, ?, ?, ?, ?, ?, 1 WHERE (SELECT count(*) FROM old) + (SELECT count(*) FROM rival) >= 0"
	}
	for stmt, query := range queries {
		var err error
		if *stmt, err = pool.PrepareContext(ctx, e.translate(query)); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// translate returns the query with the engine's placeholders, and with the engine's quotes
// around the column key, which is a reserved word.
func (e *engine) translate(query string) string {
	if e.name == "mysql" {
		query = strings.ReplaceAll(query, "KEY", "`key`")
	}
	query = strings.ReplaceAll(query, " KEY", ` "key"`)
	if e.name != "postgres" {
		return query
	}
	parts := strings.Split(query, "?")
	for i := 1; i < len(parts); i++ {
		parts[i] = "$" + strconv.Itoa(i) + parts[i]
	}
	return strings.Join(parts, "")
}

func (s *rawStore) GetUserSession(ctx context.Context, key bff.UserSessionKey) (bff.UserSession, error) {
	return s.scan(s.get.QueryRowContext(ctx, key.PartitionKey, key.Key, now()), key.PartitionKey)
}

func (s *rawStore) scan(row interface{ Scan(...any) error }, partitionKey string) (session bff.UserSession, err error) {
	session.PartitionKey = partitionKey
	var sessionID sql.NullString
	var expires sql.NullTime
	err = row.Scan(&session.Key, &session.SubjectID, &sessionID, &session.Created, &session.Renewed, &expires, &session.Version, &session.Ticket)
	session.SessionID, session.Expires = sessionID.String, expires.Time
	return session, err
}

func (s *rawStore) CreateUserSession(ctx context.Context, session bff.UserSession) error {
	return s.insert(ctx, s.create, session)
}

func (s *rawStore) insert(ctx context.Context, stmt *sql.Stmt, session bff.UserSession) error {
	_, err := stmt.ExecContext(ctx, session.PartitionKey, session.Key, session.SubjectID, session.SessionID,
		session.Created, session.Renewed, session.Expires, session.Ticket)
	return err
}

func (s *rawStore) UpdateUserSession(ctx context.Context, key bff.UserSessionKey, update bff.UserSessionUpdate) error {
	args := []any{
		update.SubjectID, update.SessionID, update.Created, update.Renewed, update.Expires, update.Ticket,
		key.PartitionKey, key.Key, now(),
	}
	stmt := s.update
	if update.IfVersion != 0 {
		stmt, args = s.updateIf, append(args, update.IfVersion)
	}
	result, err := stmt.ExecContext(ctx, args...)
	if err != nil {
		return err
	}
	if changed, err := result.RowsAffected(); err != nil || changed == 0 {
		return bff.ErrSessionNotFound
	}
	return nil
}

func (s *rawStore) DeleteUserSession(ctx context.Context, key bff.UserSessionKey) (int64, error) {
	result, err := s.delete.ExecContext(ctx, key.PartitionKey, key.Key)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

func (s *rawStore) GetUserSessions(ctx context.Context, partitionKey string, filter bff.UserSessionsFilter) (sessions []bff.UserSession, err error) {
	rows, err := s.list.QueryContext(ctx, partitionKey, filter.SubjectID, now())
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		session, err := s.scan(rows, partitionKey)
		if err != nil {
			return nil, err
		}
		sessions = append(sessions, session)
	}
	return sessions, rows.Err()
}

func (s *rawStore) DeleteUserSessions(ctx context.Context, partitionKey string, filter bff.UserSessionsFilter) (int64, error) {
	result, err := s.deleteMany.ExecContext(ctx, partitionKey, filter.SubjectID)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// ReplaceUserSession deletes the conflicting sessions and inserts the new one in one
// transaction: on PostgreSQL one statement, elsewhere three between BEGIN and COMMIT.
func (s *rawStore) ReplaceUserSession(ctx context.Context, session bff.UserSession) error {
	if s.replace != nil {
		_, err := s.replace.ExecContext(ctx, session.PartitionKey, session.Key, session.PartitionKey, session.SessionID, session.Key,
			session.PartitionKey, session.Key, session.SubjectID, session.SessionID, session.Created, session.Renewed, session.Expires, session.Ticket)
		return err
	}
	tx, err := s.pool.BeginTx(ctx, &sql.TxOptions{Isolation: s.isolation})
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.StmtContext(ctx, s.displace).ExecContext(ctx, session.PartitionKey, session.SessionID); err != nil {
		return err
	}
	if _, err := tx.StmtContext(ctx, s.delete).ExecContext(ctx, session.PartitionKey, session.Key); err != nil {
		return err
	}
	if err := s.insert(ctx, tx.StmtContext(ctx, s.create), session); err != nil {
		return err
	}
	return tx.Commit()
}

// firstPage reads the oldest sessions without their tickets.
func (s *rawStore) firstPage(ctx context.Context, partitionKey string, size int) (sessions []bff.UserSession, err error) {
	rows, err := s.page.QueryContext(ctx, partitionKey, 0, now(), size)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		session := bff.UserSession{PartitionKey: partitionKey}
		var sessionID sql.NullString
		var expires sql.NullTime
		var id int64
		if err := rows.Scan(&session.Key, &session.SubjectID, &sessionID, &session.Created, &session.Renewed, &expires, &session.Version, &id); err != nil {
			return nil, err
		}
		session.SessionID, session.Expires = sessionID.String, expires.Time
		sessions = append(sessions, session)
	}
	return sessions, rows.Err()
}

// now returns the time for a query. It is in UTC, because SQLite compares times as text.
func now() time.Time { return time.Now().UTC() }
