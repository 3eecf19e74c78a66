package main

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"example.com/usersession/bff"
	"example.com/usersession/internal/progress"
	"example.com/usersession/internal/sqltime"
)

// ofUser is the number of sessions of each user.
const ofUser = 8

// A scaled is a database with a table of a given size.
type scaled struct {
	*engine
	rows   int
	pool   *sql.DB
	store  bff.UserSessionStore
	ticket []byte
	next   int // the number of the next new session
	sizes  sizes
	took   map[string]*scaleTimes // by operation
}

// session returns session number i. The sessions of a user are far apart in the table, as if
// each had been created on another day.
func (s *scaled) session(i int, now time.Time) bff.UserSession {
	age := span / time.Duration(s.rows) * time.Duration(i%s.rows)
	created := now.Add(-age)
	return bff.UserSession{
		PartitionKey: partition, Key: key(i).Key,
		SubjectID: s.user(i), SessionID: sessionID(i),
		Created: created, Renewed: created, Expires: now.Add(timeout + age),
		Ticket: s.ticket, Version: 1,
	}
}

func (s *scaled) user(i int) string {
	return fmt.Sprintf("subject-%08d", i%(s.rows/ofUser))
}

// insertNumbers adds the sessions with the numbers, with multi-row statements. work may be
// nil.
func (s *scaled) insertNumbers(ctx context.Context, numbers []int, work *progress.Meter) error {
	const rowsOfStatement, rowsOfTx = 250, 10_000
	const columns = 9
	statement := func(rows int) string {
		values := strings.TrimSuffix(strings.Repeat("(?, ?, ?, ?, ?, ?, ?, ?, ?), ", rows), ", ")
		return s.translate("INSERT INTO user_sessions (partition_key, KEY, subject_id, session_id, created, renewed, expires, ticket, version) VALUES " + values)
	}
	full, err := s.pool.PrepareContext(ctx, statement(rowsOfStatement))
	if err != nil {
		return err
	}
	defer func() { _ = full.Close() }()
	now := time.Now()
	for len(numbers) > 0 {
		tx, err := s.pool.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		for begin := len(numbers); len(numbers) > 0 && begin-len(numbers) < rowsOfTx; {
			n := min(rowsOfStatement, len(numbers))
			args := make([]any, 0, n*columns)
			for _, i := range numbers[:n] {
				row := s.session(i, now)
				bind := func(t time.Time) any { return sqltime.Bind(s.name, t) }
				args = append(args, row.PartitionKey, row.Key, row.SubjectID, row.SessionID,
					bind(row.Created), bind(row.Renewed), bind(row.Expires), row.Ticket, row.Version)
			}
			if n == rowsOfStatement {
				_, err = tx.StmtContext(ctx, full).ExecContext(ctx, args...)
			} else {
				_, err = tx.ExecContext(ctx, statement(n), args...)
			}
			if err != nil {
				_ = tx.Rollback()
				return err
			}
			numbers = numbers[n:]
			if work != nil {
				work.Add(int64(n))
			}
		}
		if err := tx.Commit(); err != nil {
			return err
		}
	}
	return nil
}

// expire lets the sessions with the numbers expire, without the store.
func (s *scaled) expire(ctx context.Context, numbers []int) error {
	for len(numbers) > 0 {
		n := min(250, len(numbers))
		args := []any{sqltime.Bind(s.name, time.Now().Add(-time.Minute)), partition}
		for _, i := range numbers[:n] {
			args = append(args, key(i).Key)
		}
		marks := strings.TrimSuffix(strings.Repeat("?, ", n), ", ")
		if _, err := s.pool.ExecContext(ctx, s.translate("UPDATE user_sessions SET expires = ? WHERE partition_key = ? AND KEY IN ("+marks+")"), args...); err != nil {
			return err
		}
		numbers = numbers[n:]
	}
	return nil
}

// random returns n different numbers of sessions, anywhere in the table.
func (s *scaled) random(n int) []int {
	seen := map[int]bool{}
	numbers := make([]int, 0, n)
	for len(numbers) < n {
		if i := rand.IntN(s.rows); !seen[i] {
			seen[i] = true
			numbers = append(numbers, i)
		}
	}
	return numbers
}

// neighbours returns n numbers, every second one of a part of the table: the sessions that a
// cleanup deletes were last used at about the same time.
func (s *scaled) neighbours(n int) []int {
	first := rand.IntN(max(s.rows-2*n, 1))
	numbers := make([]int, n)
	for i := range numbers {
		numbers[i] = (first + 2*i) % s.rows
	}
	return numbers
}
