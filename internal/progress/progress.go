// Package progress shows on a terminal how far long work of a command or a test is.
package progress

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// Interval is the time between two lines. Shorter work has none.
const Interval = 2 * time.Second

// Terminal returns the file if it is a terminal, and otherwise nil: a pipe or a log stays quiet.
func Terminal(file *os.File) io.Writer {
	if info, err := file.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return nil
	}
	return file
}

// A Meter writes lines with what is done, the rate, and the time left. It is safe for concurrent
// use.
type Meter struct {
	out   io.Writer
	what  string
	total int64

	mu          sync.Mutex
	begin, last time.Time
	done        int64
}

// New returns a Meter for work of a given size. It writes nothing if out is nil.
func New(out io.Writer, what string, total int64) *Meter {
	now := time.Now()
	return &Meter{out: out, what: what, total: total, begin: now, last: now}
}

// Add counts work that was done.
func (m *Meter) Add(n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.set(m.done + n)
}

// Set sets how much of the work is done.
func (m *Meter) Set(done int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.set(done)
}

func (m *Meter) set(done int64) {
	m.done = done
	now := time.Now()
	if m.out == nil || now.Sub(m.last) < Interval {
		return
	}
	m.last = now
	elapsed := now.Sub(m.begin)
	left := "?"
	if done > 0 {
		left = time.Duration(float64(elapsed) / float64(done) * float64(max(m.total-done, 0))).Round(time.Second).String()
	}
	_, _ = fmt.Fprintf(m.out, "%s: %d of %d, %.3g/s, %s left\n", m.what, done, m.total, float64(done)/elapsed.Seconds(), left)
}
