package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/usersession"
	"example.com/usersession/bff"
)

// A scaleOperation is measured on tables of different sizes. It is called once for each number.
type scaleOperation struct {
	name string
	// numbers returns the numbers of the calls of a block.
	numbers func(s *scaled, calls int) []int
	call    func(ctx context.Context, s *scaled, i int) error
	// after restores the table, without being timed.
	after func(s *scaled, ctx context.Context, numbers []int) error
}

// scaleTimes are the times of an operation on one table.
type scaleTimes struct {
	calls  []time.Duration // each call
	rounds []time.Duration // per call, the mean of each round
}

var scaleOperations = []scaleOperation{
	{name: "Get", numbers: (*scaled).random, call: func(ctx context.Context, s *scaled, i int) error {
		_, err := s.store.GetUserSession(ctx, key(i))
		return err
	}},
	{name: "Create", numbers: (*scaled).new, call: func(ctx context.Context, s *scaled, i int) error {
		return s.store.CreateUserSession(ctx, s.session(i, time.Now()))
	}, after: (*scaled).remove},
	{name: "Update", numbers: (*scaled).random, call: func(ctx context.Context, s *scaled, i int) error {
		row := s.session(i, time.Now())
		return s.store.UpdateUserSession(ctx, key(i), bff.UserSessionUpdate{
			SubjectID: row.SubjectID, SessionID: row.SessionID, Renewed: time.Now(), Expires: row.Expires, Ticket: row.Ticket,
		})
	}},
	{name: "list of a user", numbers: (*scaled).random, call: func(ctx context.Context, s *scaled, i int) error {
		found, err := s.store.GetUserSessions(ctx, partition, bff.UserSessionsFilter{SubjectID: s.user(i)})
		if err == nil && len(found) != ofUser {
			err = fmt.Errorf("%w: %d sessions", errWrongResult, len(found))
		}
		return err
	}},
	{name: "revoke by session id", numbers: (*scaled).random, call: func(ctx context.Context, s *scaled, i int) error {
		n, err := s.store.DeleteUserSessions(ctx, partition, bff.UserSessionsFilter{SessionID: sessionID(i)})
		if err == nil && n != 1 {
			err = fmt.Errorf("%w: %d sessions", errWrongResult, n)
		}
		return err
	}, after: (*scaled).restore},
	{name: cleanupRow, numbers: func(s *scaled, calls int) []int { return s.neighbours(cleanedRows(calls)) },
		after: (*scaled).restore},
}

// cleanupRow is the name of the operation that is a cleanup.
const cleanupRow = "cleanup, a row"

// cleanedRows is the number of rows that a cleanup deletes, in a round of so many calls.
func cleanedRows(calls int) int { return 20 * calls }

func (s *scaled) new(calls int) []int {
	numbers := make([]int, calls)
	for i := range numbers {
		numbers[i] = s.next + i
	}
	s.next += calls
	return numbers
}

func (s *scaled) restore(ctx context.Context, numbers []int) error {
	return s.insertNumbers(ctx, numbers, nil)
}

func (s *scaled) remove(ctx context.Context, numbers []int) error {
	for _, i := range numbers {
		if _, err := s.store.DeleteUserSession(ctx, key(i)); err != nil {
			return err
		}
	}
	return nil
}

// block runs a block of calls.
func (s *scaled) block(ctx context.Context, op scaleOperation, calls int) (took []time.Duration, err error) {
	numbers := op.numbers(s, calls)
	if s.settle != "" {
		if _, err := s.pool.ExecContext(ctx, s.settle); err != nil {
			return nil, err
		}
	}
	if op.call == nil {
		if err := s.expire(ctx, numbers); err != nil {
			return nil, err
		}
		begin := time.Now()
		deleted, err := s.store.(bff.UserSessionStoreCleanup).DeleteExpiredSessions(ctx)
		if err == nil && deleted != int64(len(numbers)) {
			err = fmt.Errorf("%w: %d rows of %d", errWrongResult, deleted, len(numbers))
		}
		if err != nil {
			return nil, err
		}
		took = []time.Duration{time.Since(begin) / time.Duration(len(numbers))}
	}
	for _, i := range numbers {
		if op.call == nil {
			break
		}
		begin := time.Now()
		if err := op.call(ctx, s, i); err != nil {
			return nil, err
		}
		took = append(took, time.Since(begin))
	}
	if op.after != nil {
		err = op.after(s, ctx, numbers)
	}
	return took, err
}

// measureScale measures the operations on tables of different sizes. Each table is in a database
// of its own, and the databases take turns.
func measureScale(ctx context.Context, c config, e *engine, out *report) error {
	var tables []*scaled
	for i, rows := range c.tables {
		own := *e
		if i > 0 { // the first database is there already
			if _, err := own.create(ctx); err != nil {
				return err
			}
			defer own.drop()
		}
		s, closePool, err := fillScaled(ctx, c, &own, rows)
		if err != nil {
			return err
		}
		defer closePool()
		tables = append(tables, s)
	}
	if err := printSizes(ctx, e, out, tables); err != nil {
		return err
	}
	operations := slices.DeleteFunc(slices.Clone(scaleOperations), func(op scaleOperation) bool { return !strings.Contains(op.name, c.only) })
	work := newMeter(e.title+": operations", len(operations)*(c.rounds+1)*len(tables))
	for _, op := range operations {
		for round := range c.rounds + 1 { // the first round warms up
			for i := range tables {
				s := tables[(i+round)%len(tables)]
				took, err := s.block(ctx, op, c.ops)
				if err != nil {
					return fmt.Errorf("%s, %d sessions: %w", op.name, s.rows, err)
				}
				work.Add(1)
				if round == 0 {
					s.took[op.name] = &scaleTimes{}
					continue
				}
				times := s.took[op.name]
				times.calls = append(times.calls, took...)
				times.rounds = append(times.rounds, mean(took))
			}
		}
	}
	printScale(c, out, operations, tables)
	if err := drawScale(c, operations, tables); err != nil {
		return err
	}
	return measureHosts(ctx, c, tables[len(tables)-1], out)
}

func fillScaled(ctx context.Context, c config, e *engine, rows int) (_ *scaled, closePool func(), err error) {
	db, end := e.open()
	defer func() {
		if err != nil {
			end()
		}
	}()
	pool, err := db.DB()
	if err != nil {
		return nil, nil, err
	}
	store, err := usersession.NewGormStore(db)
	if err != nil {
		return nil, nil, err
	}
	s := &scaled{engine: e, rows: rows, pool: pool, store: store, ticket: newTicket(c.ticket), next: rows, took: map[string]*scaleTimes{}}
	numbers := make([]int, rows)
	for i := range numbers {
		numbers[i] = i
	}
	if err := s.insertNumbers(ctx, numbers, newMeter(fmt.Sprintf("%s: filling", e.title), rows)); err != nil {
		return nil, nil, err
	}
	for _, statement := range e.tidy {
		if err := db.WithContext(ctx).Exec(statement).Error; err != nil {
			return nil, nil, err
		}
	}
	s.sizes, err = s.measureSizes(ctx)
	return s, end, err
}

func printScale(c config, out *report, operations []scaleOperation, tables []*scaled) {
	out.printf("\n%d rounds of %d calls on each table in turn, medians of the rounds; a cleanup deletes %d rows.\n\n| operation | %d sessions, µs | p99 µs |",
		c.rounds, c.ops, cleanedRows(c.ops), tables[0].rows)
	for _, s := range tables[1:] {
		out.printf(" %d ÷ %d | p99 µs |", s.rows, tables[0].rows)
	}
	out.printf("\n|---|---:|---:|%s\n", strings.Repeat("---:|---:|", len(tables)-1))
	p99 := func(times *scaleTimes) string {
		if len(times.calls) < 100 {
			return ""
		}
		return fmt.Sprintf("%.0f", micros(percentile(times.calls, 99)))
	}
	for _, op := range operations {
		first := tables[0].took[op.name]
		out.printf("| %s | %.1f | %s |", op.name, micros(median(first.rounds)), p99(first))
		for _, s := range tables[1:] {
			out.printf(" %.2f | %s |", s.slower(tables[0], op.name), p99(s.took[op.name]))
		}
		out.printf("\n")
	}
	for _, s := range tables {
		cleanup, ok := s.took[cleanupRow]
		if !ok {
			continue
		}
		row := median(cleanup.rounds)
		out.printf("\n%d sessions: the cleanup deletes %.0f rows/s.\n", s.rows, float64(time.Second)/float64(row))
	}
}

// slower returns the median, over the rounds, of the ratio of a table's time to another table's.
func (s *scaled) slower(than *scaled, operation string) float64 {
	var ratios []float64
	for round, took := range s.took[operation].rounds {
		ratios = append(ratios, float64(took)/float64(than.took[operation].rounds[round]))
	}
	return median(ratios)
}

func mean(took []time.Duration) time.Duration {
	var sum time.Duration
	for _, d := range took {
		sum += d
	}
	return sum / time.Duration(max(len(took), 1))
}

func micros(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }

// parseTables returns the numbers of sessions of the tables, the smallest first.
func parseTables(text string, ops int) (tables []int, err error) {
	for field := range strings.SplitSeq(text, ",") {
		rows, err := strconv.Atoi(strings.TrimSpace(field))
		if err != nil || rows < 3*cleanedRows(ops) || rows%ofUser != 0 {
			return nil, fmt.Errorf("-rows: %q is not a multiple of %d of at least %d", field, ofUser, 3*cleanedRows(ops))
		}
		tables = append(tables, rows)
	}
	slices.SortFunc(tables, cmp.Compare[int])
	if len(tables) == 0 {
		return nil, errors.New("-rows: no table")
	}
	return tables, nil
}
