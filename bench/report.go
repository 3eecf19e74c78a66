package main

import (
	"fmt"
	"io"
)

// A report prints the results. It keeps the first error of printing, so that the callers
// need not check every line.
type report struct {
	out io.Writer
	err error
}

func (r *report) printf(format string, args ...any) {
	if r.err == nil {
		_, r.err = fmt.Fprintf(r.out, format, args...)
	}
}
