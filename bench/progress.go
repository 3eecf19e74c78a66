package main

import (
	"fmt"
	"os"

	"example.com/usersession/internal/progress"
)

// newMeter returns a meter of work that can take long. It writes to standard error, if that is a
// terminal.
func newMeter(what string, total int) *progress.Meter {
	return progress.New(progress.Terminal(os.Stderr), what, int64(total))
}

// announce prints a line to standard error, if that is a terminal.
func announce(format string, args ...any) {
	if out := progress.Terminal(os.Stderr); out != nil {
		_, _ = fmt.Fprintf(out, format+"\n", args...)
	}
}

// warn prints a line to standard error.
func warn(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
}
