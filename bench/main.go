// Command bench measures the store. It compares the cleanup with the two usual ways to write
// one, and the operations with hand-written SQL and with other session stores.
//
//	go run ./bench cleanup
//	go run ./bench operations
//	go run ./bench get
//	go run ./bench peers
//	go run ./bench readcache
//	go run ./bench scale
//	go run ./bench revive
//	go run ./bench against REF
//
// The compared alternatives take turns in one run, so that other load on the machine slows
// down all of them alike. The results are Markdown tables on standard output; progress goes
// to standard error. The README says how to read the tables.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"example.com/usersession/examples/usersessiondb/dsn"
)

// A config has the values of the flags.
type config struct {
	engines  string
	postgres dsn.Source
	mysql    dsn.Source

	rounds int
	ticket int // bytes

	rows     int           // expired sessions in each round of the cleanup
	scatter  time.Duration // the maximum time for which a session is in use
	batch    int           // batch size of the store's cleanup; 0: its default
	pause    time.Duration // pause of the store's cleanup; negative: its default
	box      time.Duration // the time limit of a round, except of the one DELETE
	baseline time.Duration // how long the foreground runs alone before each round

	ops  int    // calls in a block of the operations
	only string // part of the names of the selected operations or stores

	charts string // the directory of the pictures; "": none

	tables   []int // the sizes of the tables, in sessions
	hosts    int   // processes on the largest table; 0: none
	hostTime time.Duration
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, w io.Writer) error {
	const usage = "usage: bench cleanup|operations|get|peers|readcache|scale|revive|against REF [flags]; -h after a command lists its flags"
	if len(args) == 0 {
		return errors.New(usage)
	}
	if args[0] == hostCommand {
		return runHost(ctx, args[1:])
	}
	var ref string
	if args[0] == "against" && len(args) > 1 && !strings.HasPrefix(args[1], "-") {
		ref, args = args[1], slices.Delete(slices.Clone(args), 1, 2)
	}
	var c config
	flags := flag.NewFlagSet("bench "+args[0], flag.ContinueOnError)
	flags.StringVar(&c.engines, "engines", "postgres,mysql,sqlite", "the databases")
	// The values of the variables are not the flags' defaults, which -h prints.
	postgres := flags.String("postgres", "", "DSN of PostgreSQL (default: USERSESSION_TEST_POSTGRES, or "+localPostgres+")")
	mysql := flags.String("mysql", "", "DSN of MariaDB, MySQL or TiDB (default: USERSESSION_TEST_MYSQL, or "+localMySQL+")")
	size := 1024
	if args[0] == "scale" {
		size = 300
	}
	flags.IntVar(&c.ticket, "ticket", size, "size of a ticket in bytes")
	flags.StringVar(&c.charts, "charts", "", "write pictures of the results into this directory: cleanup, readcache and scale")
	var tables string

	var measure func(context.Context, config, *engine, *report) error
	switch args[0] {
	case "cleanup":
		measure = measureCleanup
		flags.IntVar(&c.rounds, "rounds", 3, "number of rounds; the tables show the median")
		flags.IntVar(&c.rows, "rows", 30_000, "expired sessions in each round, and the number of live sessions beside them")
		flags.DurationVar(&c.scatter, "scatter", 24*time.Hour, "the maximum time for which a session is in use; all sessions are created within a week, so a larger value moves the order of expiry away from the order of creation")
		flags.IntVar(&c.batch, "batch", 0, "batch size of DeleteExpiredSessions (0: its default)")
		flags.DurationVar(&c.pause, "pause", -1, "pause of DeleteExpiredSessions between batches (negative: its default)")
		flags.DurationVar(&c.box, "box", 4*time.Second, "time limit of a cleaner in each round, except of the one DELETE")
		flags.DurationVar(&c.baseline, "baseline", time.Second, "how long the foreground runs alone before each round")
	case "operations", "peers", "against":
		measure = measureOperations
		if args[0] == "peers" {
			measure = measurePeers
		}
		flags.IntVar(&c.rounds, "rounds", 40, "number of rounds; the tables show the median")
		flags.IntVar(&c.ops, "ops", 48, "calls of each operation in each round")
		flags.StringVar(&c.only, "only", "", "measure only operations, or stores, whose name contains this")
	case "get":
		measure = measureSteps
		flags.IntVar(&c.rounds, "rounds", 100, "number of rounds; the tables show the median")
		flags.IntVar(&c.ops, "ops", 100, "reads of each kind in each round")
	case "readcache":
		measure = measureReadCache
		flags.IntVar(&c.rounds, "rounds", 20, "number of rounds; the tables show the median")
		flags.IntVar(&c.ops, "ops", 400, "calls of the plain store in each round")
	case "scale":
		measure = measureScale
		flags.IntVar(&c.rounds, "rounds", 20, "number of rounds; the tables show the median")
		flags.IntVar(&c.ops, "ops", 50, "calls of each operation in each round")
		flags.StringVar(&c.only, "only", "", "measure only operations whose name contains this")
		flags.StringVar(&tables, "rows", "10000,100000,1000000", "the sizes of the tables in sessions, separated by commas")
		flags.IntVar(&c.hosts, "hosts", 4, "number of processes that use the largest table at once, as hosts do; 0: none")
		flags.DurationVar(&c.hostTime, "hosts-time", 10*time.Second, "how long the hosts run, in whole seconds")
	case "revive":
		measure = measureRevive
		c.rounds, c.ops = 1, 8
	default:
		return errors.New(usage)
	}
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	if err := c.setSources(*postgres, *mysql); err != nil {
		return err
	}
	if tables != "" {
		var err error
		if c.tables, err = parseTables(tables, c.ops); err != nil {
			return err
		}
	}
	if c.rounds < 1 || c.ticket < 1 || args[0] == "cleanup" && c.rows < 1000 || args[0] != "cleanup" && c.ops < 8 {
		return errors.New("too few rounds, rows or calls, or an empty ticket: raise the flag")
	}
	out := &report{out: w}
	if (args[0] == "against") != (ref != "") {
		return errors.New(usage)
	}
	out.printf("%s %s/%s, %d CPUs\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	if ref != "" {
		return runAgainst(ctx, c, ref, out)
	}
	for _, e := range engines(c) {
		if err := on(ctx, c, e, out, measure); err != nil {
			return fmt.Errorf("%s: %w", e.name, err)
		}
	}
	return out.err
}

// on measures on a new database and drops it. If the database cannot be reached, it reports
// this and returns nil, so that the other databases are measured.
func on(ctx context.Context, c config, e *engine, out *report, measure func(context.Context, config, *engine, *report) error) error {
	if !strings.Contains(","+c.engines+",", ","+e.name+",") {
		return nil
	}
	version, err := e.create(ctx)
	if err != nil {
		out.printf("\n## %s: not run\n\n%v\n", e.title, c.postgres.Redact(c.mysql.Redact(err)))
		return nil
	}
	defer e.drop()
	if strings.Contains(version, "TiDB") {
		e.title = "TiDB"
	}
	out.printf("\n## %s %s\n", e.title, version)
	return measure(ctx, c, e, out)
}

const (
	localPostgres = "postgres://root@127.0.0.1:5432/test?sslmode=disable"
	localMySQL    = "root@tcp(127.0.0.1:3306)/test?parseTime=true"
)

// setSources sets the databases. For an empty DSN it uses the DSN of the environment, or the
// default.
func (c *config) setSources(postgres, mysql string) (err error) {
	if c.postgres, err = source("postgres", cmp.Or(postgres, os.Getenv("USERSESSION_TEST_POSTGRES"), localPostgres)); err != nil {
		return err
	}
	c.mysql, err = source("mysql", cmp.Or(mysql, os.Getenv("USERSESSION_TEST_MYSQL"), localMySQL))
	return err
}

// source parses a DSN of the dialect.
func source(dialect, text string) (dsn.Source, error) {
	parsed, err := dsn.Parse(text)
	if err == nil && parsed.Dialect != dialect {
		err = fmt.Errorf("the DSN is one of %s", parsed.Dialect)
	}
	if err != nil {
		return dsn.Source{}, fmt.Errorf("-%s: %w", dialect, err)
	}
	return parsed, nil
}
