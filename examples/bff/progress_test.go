package main

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestProgress_Lines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		counted := 0
		p := progress{what: "cleanup", out: &out, count: func(done int64) int64 { counted++; return done + 700 }}
		for run := range 2 {
			for done := int64(100); done <= 500; done += 100 {
				p.report(done)
				time.Sleep(time.Second)
			}
			if counted != run+1 {
				t.Errorf("run %d: counted %d times", run, counted)
			}
		}
		want := strings.Repeat("cleanup: 300 of 1000, 150/s, 5s left\ncleanup: 500 of 1000, 125/s, 4s left\n", 2)
		if out.String() != want {
			t.Errorf("got %q, want %q", out.String(), want)
		}
	})
}

// TestProgress_NoTerminal: the output of tests is no terminal.
func TestProgress_NoTerminal(t *testing.T) {
	p := progress{out: terminal()}
	for range 3 {
		p.report(1) // would count, which it cannot
	}
	if !p.last.IsZero() {
		t.Skip("standard error is a terminal")
	}
}
