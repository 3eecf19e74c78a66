package main

import (
	"fmt"
	"io"
)

// A report is what a run prints. It keeps the first error, so that not every line has
// to be asked for its own.
type report struct {
	out io.Writer
	err error
}

func (r *report) printf(format string, args ...any) {
	if r.err == nil {
		_, r.err = fmt.Fprintf(r.out, format, args...)
	}
}
