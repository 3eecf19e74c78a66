// Command hot measures the operations that requests wait for, of the library that it was built
// with. "bench against" builds it with two versions of the library and gives commands to both
// programs in turn. So it uses only what both versions have: it must compile with the older one.
//
// It prints the names of the operations in one line, separated by tabs. It then reads lines of
// an operation's name, a tab and a number of calls, and answers each with a line of the time in
// nanoseconds, the allocations and the allocated bytes, all of them for one call.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
)

// An operation is called with the numbers 0, 1, 2 and so on, once each.
type operation struct {
	name string
	call func(i int) error
	// before prepares the calls from..to-1. Its time does not count.
	before func(from, to int) error
	// parallel operations are called by 8 goroutines.
	parallel bool

	next int
}

func main() {
	dialect := flag.String("dialect", "", "postgres, mysql or sqlite: measure the store; without it, tickets and requests")
	dsn := flag.String("dsn", "", "the database")
	name := flag.String("database", "", "the database, or PostgreSQL's schema, in which the table is created")
	flag.Parse()
	if err := run(context.Background(), *dialect, *dsn, *name); err != nil {
		fmt.Fprintln(os.Stderr, "hot:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, dialect, dsn, name string) error {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	operations, err := inMemory(ctx)
	if dialect != "" {
		operations, err = ofStore(ctx, dialect, dsn, name)
	}
	if err != nil {
		return err
	}
	names := make([]string, len(operations))
	byName := map[string]*operation{}
	for i, o := range operations {
		names[i], byName[o.name] = o.name, o
	}
	fmt.Println(strings.Join(names, "\t"))
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		name, number, _ := strings.Cut(in.Text(), "\t")
		n, err := strconv.Atoi(number)
		if err != nil || byName[name] == nil {
			return errors.New("not a command: " + in.Text())
		}
		answer, err := byName[name].measure(n)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		fmt.Println(answer)
	}
	return in.Err()
}

func (o *operation) measure(n int) (string, error) {
	from := o.next
	o.next += n
	if o.before != nil {
		if err := o.before(from, o.next); err != nil {
			return "", err
		}
	}
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	begin := time.Now()
	if err := o.calls(from, o.next); err != nil {
		return "", err
	}
	elapsed := time.Since(begin)
	runtime.ReadMemStats(&after)
	calls := uint64(n)
	return fmt.Sprint(elapsed.Nanoseconds()/int64(n), " ", (after.Mallocs-before.Mallocs)/calls, " ", (after.TotalAlloc-before.TotalAlloc)/calls), nil
}

// goroutines is the number of goroutines of parallel operations.
const goroutines = 8

func (o *operation) calls(from, to int) error {
	run := func(from, to int) error {
		for i := from; i < to; i++ {
			if err := o.call(i); err != nil {
				return err
			}
		}
		return nil
	}
	if !o.parallel {
		return run(from, to)
	}
	var group sync.WaitGroup
	errs := make([]error, goroutines)
	for g := range goroutines {
		group.Go(func() { errs[g] = run(from+(to-from)*g/goroutines, from+(to-from)*(g+1)/goroutines) })
	}
	group.Wait()
	return errors.Join(errs...)
}
