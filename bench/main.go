// Command bench measures the store: its cleanup against the two ways in which such a
// cleanup is usually written, and its operations against SQL written by hand and against
// other session stores.
//
//	go run ./bench cleanup
//	go run ./bench operations
//	go run ./bench peers
//
// What is compared is measured in one run, taking turns, so that a busy machine slows
// all of it alike. The results are Markdown tables on standard output; what it is
// doing meanwhile goes to standard error. Its README says how to read them.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"time"
)

// A config is what the flags say.
type config struct {
	engines  string
	postgres string
	mysql    string

	rounds int
	ticket int // bytes

	rows     int           // expired ones, for each round of the cleanup
	scatter  time.Duration // how long a session is used at most
	batch    int           // of the store's cleanup; 0: its default
	pause    time.Duration // of the store's cleanup; negative: its default
	box      time.Duration // how long a round may take, other than of the one DELETE
	baseline time.Duration // how long the foreground runs alone before each round

	ops  int // in a block of the operations
	only string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, w io.Writer) error {
	const usage = "usage: bench cleanup|operations|peers [flags]; -h after any lists its flags"
	if len(args) == 0 {
		return errors.New(usage)
	}
	var c config
	flags := flag.NewFlagSet("bench "+args[0], flag.ContinueOnError)
	flags.StringVar(&c.engines, "engines", "postgres,mysql,sqlite", "which databases")
	flags.StringVar(&c.postgres, "postgres", env("USERSESSION_TEST_POSTGRES", "postgres://root@127.0.0.1:5432/test?sslmode=disable"), "DSN of PostgreSQL")
	flags.StringVar(&c.mysql, "mysql", env("USERSESSION_TEST_MYSQL", "root@tcp(127.0.0.1:3306)/test?parseTime=true"), "DSN of MariaDB or MySQL")
	flags.IntVar(&c.ticket, "ticket", 1024, "bytes of a ticket")

	var measure func(context.Context, config, *engine, *report) error
	switch args[0] {
	case "cleanup":
		measure = measureCleanup
		flags.IntVar(&c.rounds, "rounds", 3, "rounds, of which the tables show the median")
		flags.IntVar(&c.rows, "rows", 30_000, "expired sessions in each round, beside as many live ones")
		flags.DurationVar(&c.scatter, "scatter", 24*time.Hour, "the longest use of a session, out of a week of them: how far the order of expiry is from that of the table")
		flags.IntVar(&c.batch, "batch", 0, "batch size of DeleteExpiredSessions (0: its default)")
		flags.DurationVar(&c.pause, "pause", -1, "pause of DeleteExpiredSessions between batches (negative: its default)")
		flags.DurationVar(&c.box, "box", 4*time.Second, "how long a cleaner may run in each round, other than the one DELETE")
		flags.DurationVar(&c.baseline, "baseline", time.Second, "how long the foreground runs alone before each round")
	case "operations", "peers":
		measure = measureOperations
		if args[0] == "peers" {
			measure = measurePeers
		}
		flags.IntVar(&c.rounds, "rounds", 40, "rounds, of which the tables show the median")
		flags.IntVar(&c.ops, "ops", 48, "calls of each operation in each round")
		flags.StringVar(&c.only, "only", "", "only operations, or stores, whose name contains this")
	default:
		return errors.New(usage)
	}
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	if c.rounds < 1 || c.ticket < 1 || args[0] == "cleanup" && c.rows < 1000 || args[0] != "cleanup" && c.ops < 8 {
		return errors.New("too little to measure")
	}
	out := &report{out: w}
	out.printf("%s %s/%s, %d CPUs\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	for _, e := range engines(c) {
		if err := on(ctx, c, e, out, measure); err != nil {
			return fmt.Errorf("%s: %w", e.name, err)
		}
	}
	return out.err
}

// on measures on a database of its own, and drops it. A database that can't be reached
// is reported, and no reason to give up the others.
func on(ctx context.Context, c config, e *engine, out *report, measure func(context.Context, config, *engine, *report) error) error {
	if !strings.Contains(","+c.engines+",", ","+e.name+",") {
		return nil
	}
	version, err := e.create(ctx)
	if err != nil {
		out.printf("\n## %s: not run\n\n%v\n", e.title, err)
		return nil
	}
	defer e.drop()
	out.printf("\n## %s %s\n", e.title, version)
	return measure(ctx, c, e, out)
}

func env(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

// progress tells whoever waits what is going on.
func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
}
