package main

import (
	"fmt"
	"os"
	"sync"
	"time"
)

// onTerminal reports whether standard error is a terminal, where progress is shown.
var onTerminal = sync.OnceValue(func() bool {
	info, err := os.Stderr.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
})

// progress prints a line to standard error, if that is a terminal.
func progress(format string, args ...any) {
	if onTerminal() {
		warn(format, args...)
	}
}

// warn prints a line to standard error.
func warn(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
}

// A meter shows the progress of long work in one line of a terminal: what is done, the rate,
// and the time left.
type meter struct {
	what        string
	total, done int
	begin, last time.Time
}

func newMeter(what string, total int) *meter {
	return &meter{what: what, total: total, begin: time.Now()}
}

// add counts work that was done.
func (m *meter) add(n int) {
	m.done += n
	now := time.Now()
	if !onTerminal() || now.Sub(m.last) < time.Second/4 && m.done < m.total {
		return
	}
	m.last = now
	elapsed := now.Sub(m.begin)
	left := time.Duration(float64(elapsed) / float64(m.done) * float64(m.total-m.done))
	end := ""
	if m.done >= m.total {
		end = "\n"
	}
	fmt.Fprintf(os.Stderr, "\r\033[K%s: %d of %d, %.0f/s, %v left%s", m.what, m.done, m.total,
		float64(m.done)/elapsed.Seconds(), left.Round(time.Second), end)
}
