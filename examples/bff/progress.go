package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"gorm.io/gorm"

	"example.com/usersession/entities"
)

// reportEvery is the time between two lines of a progress. Shorter work prints no line.
const reportEvery = 2 * time.Second

// A progress shows on a terminal how far long work in the background is: the work done, the rate,
// and the time left.
type progress struct {
	what string
	out  io.Writer // nil: no terminal
	// count returns the size of all of the work. It is called once, before the first line, with
	// the work done so far.
	count func(done int64) int64

	mu            sync.Mutex
	begin, last   time.Time
	total, before int64 // before is the number that was reported last
}

// terminal returns standard error if it is a terminal, and otherwise nil.
func terminal() io.Writer {
	if info, err := os.Stderr.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return nil
	}
	return os.Stderr
}

// report is called with the work done so far. A smaller number than before begins another run.
func (p *progress) report(done int64) {
	if p.out == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if p.begin.IsZero() || done < p.before {
		p.begin, p.last, p.total = now, now, 0
	}
	p.before = done
	if now.Sub(p.last) < reportEvery {
		return
	}
	p.last = now
	if p.total == 0 {
		p.total = p.count(done)
	}
	rate := float64(done) / now.Sub(p.begin).Seconds()
	left := time.Duration(float64(max(p.total-done, 0)) / rate * float64(time.Second))
	_, _ = fmt.Fprintf(p.out, "%s: %d of %d, %.0f/s, %v left\n", p.what, done, p.total, rate, left.Round(time.Second))
}

// live returns a count of the live sessions, all of which [ticket.Reseal] visits.
func live(db *gorm.DB) func(int64) int64 {
	return func(int64) int64 { return sessionsIn(db, "expires IS NULL OR expires > ?") }
}

// expired returns a count of the sessions of a cleanup: the deleted ones and the ones left.
func expired(db *gorm.DB) func(int64) int64 {
	return func(deleted int64) int64 { return deleted + sessionsIn(db, "expires <= ?") }
}

// sessionsIn counts sessions of all partitions. It returns 0 if the query fails.
func sessionsIn(db *gorm.DB, condition string) (n int64) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	now := entities.Timestamp{Time: time.Now()}
	if err := db.WithContext(ctx).Model(&entities.UserSession{}).Where(condition, now).Count(&n).Error; err != nil {
		return 0
	}
	return n
}
