package main

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"gorm.io/gorm"
)

// A step is one way to read a session. Each step of the list does a little more than the one
// before, from the value of a token to the store's Get.
type step struct {
	name string
	read func(ctx context.Context, i int) error
}

// measureSteps shows where the time of a Get goes, beside scs's own stores for the database.
func measureSteps(ctx context.Context, c config, e *engine, out *report) error {
	c.scatter = timeout
	db, closePool := e.open()
	defer closePool()
	if err := insert(ctx, db, 0, sessions, false, c); err != nil {
		return err
	}
	others := slices.DeleteFunc(slices.Clone(peers), func(p peer) bool { return p.engine != e.name || p.table == nil })
	return others[0].with(ctx, c, e, db, func(theirs opened) error {
		if err := fillKeeper(ctx, scsKeeper{theirs.scs, newTicket(c.ticket)}); err != nil {
			return err
		}
		for _, statement := range e.tidy {
			if err := db.WithContext(ctx).Exec(statement).Error; err != nil {
				return err
			}
		}
		var steps []step
		for _, p := range others { // on one table
			other, err := p.open(ctx, c, e, db)
			if err != nil {
				return err
			}
			defer other.close()
			steps = append(steps, step{p.name, scsKeeper{other.scs, nil}.find})
		}
		ours, err := stepsOf(ctx, e, db)
		if err != nil {
			return err
		}
		return compareSteps(ctx, c, append(steps, ours...), out)
	})
}

func stepsOf(ctx context.Context, e *engine, db *gorm.DB) ([]step, error) {
	both, err := newComparer(ctx, config{}, e, db)
	if err != nil {
		return nil, err
	}
	pool, err := db.DB()
	if err != nil {
		return nil, err
	}
	const where = " FROM user_sessions WHERE partition_key = ? AND KEY = ?"
	bytesOf := func(query string, withTime bool) (func(context.Context, int) error, error) {
		statement, err := pool.PrepareContext(ctx, e.translate(query))
		return func(ctx context.Context, i int) error {
			args := []any{partition, key(i).Key}
			if withTime {
				args = append(args, now())
			}
			var ticket sql.RawBytes
			return firstRow(ctx, statement, args, &ticket)
		}, err
	}
	ticket, err1 := bytesOf("SELECT ticket"+where, false)
	live, err2 := bytesOf("SELECT ticket"+where+" AND (expires IS NULL OR expires > ?)", true)
	return []step{
		{"by hand: the ticket of a key in a partition", ticket},
		{"… unless it has expired", live},
		{"… with subject, session id, times and version", func(ctx context.Context, i int) error {
			_, err := both.raw.GetUserSession(ctx, key(i))
			return err
		}},
		{"the store's Get", func(ctx context.Context, i int) error {
			_, err := both.store.GetUserSession(ctx, key(i))
			return err
		}},
	}, errors.Join(err1, err2)
}

// firstRow reads the first row into a value that need not be copied.
func firstRow(ctx context.Context, statement *sql.Stmt, args []any, into *sql.RawBytes) (err error) {
	rows, err := statement.QueryContext(ctx, args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	if !rows.Next() {
		return errors.Join(errWrongResult, rows.Err())
	}
	return rows.Scan(into)
}

// compareSteps runs blocks of all steps in turn. The ratios are those of blocks of one round.
func compareSteps(ctx context.Context, c config, steps []step, out *report) error {
	took, ratios := make([][]time.Duration, len(steps)), make([][]float64, len(steps))
	for round := range c.rounds + 1 {
		block := make([]time.Duration, len(steps))
		for turn := range steps {
			which := (turn + round) % len(steps)
			begin := time.Now()
			for i := range c.ops {
				if err := steps[which].read(ctx, i*7919%sessions); err != nil {
					return err
				}
			}
			block[which] = time.Since(begin) / time.Duration(c.ops)
		}
		if round == 0 {
			continue // a warm-up
		}
		for i := range steps {
			took[i] = append(took[i], block[i])
			ratios[i] = append(ratios[i], float64(block[i])/float64(block[len(block)-1]))
		}
	}
	out.printf("\n%d sessions, tickets of %d bytes, %d rounds of %d calls in turn, medians.\n\n| one read | µs | ÷ the store's Get |\n|---|---:|---:|\n", sessions, c.ticket, c.rounds, c.ops)
	for i, s := range steps {
		out.printf("| %s | %.1f | %.2f |\n", s.name, float64(median(took[i]).Nanoseconds())/1000, median(ratios[i]))
	}
	return nil
}
