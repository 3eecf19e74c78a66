package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"time"

	"example.com/usersession"
	"example.com/usersession/bff"
)

// hostCommand is the first argument of the processes that measureHosts starts.
const hostCommand = "scale-host"

// A hostResult is the result of one host.
type hostResult struct {
	calls, lost, failed int64
	worst               [2]time.Duration // the p99 of reads and of updates
}

// measureHosts runs hosts, each of them a process with a pool of its own, on one table.
func measureHosts(ctx context.Context, c config, s *scaled, out *report) error {
	if c.hosts == 0 {
		return nil
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	announce("%s: %d hosts", s.title, c.hosts)
	results := make([]hostResult, c.hosts)
	errs := make([]error, c.hosts)
	var running sync.WaitGroup
	for i := range results {
		running.Go(func() {
			command := exec.CommandContext(ctx, program, hostCommand, "-engines", s.name, "-database", s.database,
				"-table", strconv.Itoa(s.rows), "-seconds", strconv.Itoa(int(c.hostTime.Seconds())), "-ticket", strconv.Itoa(c.ticket))
			command.Stderr = os.Stderr
			command.Env = append(os.Environ(), "USERSESSION_TEST_POSTGRES="+c.postgres.DSN(), "USERSESSION_TEST_MYSQL="+c.mysql.DSN())
			text, err := command.Output()
			if err == nil {
				r := &results[i]
				_, err = fmt.Sscan(string(text), &r.calls, &r.lost, &r.failed, &r.worst[0], &r.worst[1])
			}
			errs[i] = err
		})
	}
	running.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	var sum hostResult
	for _, r := range results {
		sum.calls += r.calls
		sum.lost += r.lost
		sum.failed += r.failed
		for i := range sum.worst {
			sum.worst[i] = max(sum.worst[i], r.worst[i])
		}
	}
	out.printf("\n%d hosts (processes with 2 connections each) on %d sessions for %v; of 10 calls 8 are reads, 1 is an update by version after a read, and 1 a new session that is deleted: %.0f calls/s, %d updates refused because another host had written first, %d errors; p99 of the slowest host %s ms for a read, %s ms for an update.\n",
		c.hosts, s.rows, c.hostTime, float64(sum.calls)/c.hostTime.Seconds(), sum.lost, sum.failed, ms(sum.worst[0]), ms(sum.worst[1]))
	return nil
}

// runHost is the process of a host. It prints the result in one line.
func runHost(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet(hostCommand, flag.ContinueOnError)
	name := flags.String("engines", "", "")
	database := flags.String("database", "", "")
	table := flags.Int("table", 0, "")
	seconds := flags.Int("seconds", 1, "")
	ticket := flags.Int("ticket", 1, "")
	if err := flags.Parse(args); err != nil {
		return err
	}
	var c config
	if err := c.setSources("", ""); err != nil {
		return err
	}
	for _, e := range engines(c) {
		if e.name != *name {
			continue
		}
		connector, err := e.connect(*database)
		if err != nil {
			return err
		}
		db, closePool := e.openThrough(connector)
		defer closePool()
		pool, err := db.DB()
		if err != nil {
			return err
		}
		pool.SetMaxOpenConns(2)
		store, err := usersession.NewGormStore(db)
		if err != nil {
			return err
		}
		s := &scaled{engine: e, rows: *table, store: store, ticket: newTicket(*ticket), next: *table + os.Getpid()*1_000_000}
		r := s.host(ctx, time.Duration(*seconds)*time.Second)
		fmt.Println(r.calls, r.lost, r.failed, int64(r.worst[0]), int64(r.worst[1]))
		return nil
	}
	return errors.New("an unknown engine: " + *name)
}

// host does the requests of an application with two goroutines.
func (s *scaled) host(ctx context.Context, lasting time.Duration) (total hostResult) {
	var mu sync.Mutex
	var running sync.WaitGroup
	var times [2][]time.Duration
	until := time.Now().Add(lasting)
	for g := range 2 {
		running.Go(func() {
			var r hostResult
			var took [2][]time.Duration
			for i := 0; time.Now().Before(until) && ctx.Err() == nil; i++ {
				kind, err := s.hostCall(ctx, i, s.next+2*i+g, &took)
				switch {
				case errors.Is(err, bff.ErrSessionChanged):
					r.lost++
				case err != nil:
					if r.failed++; r.failed == 1 {
						warn("%s: %v", kind, err)
					}
				}
				r.calls++
			}
			mu.Lock()
			defer mu.Unlock()
			total.calls, total.lost, total.failed = total.calls+r.calls, total.lost+r.lost, total.failed+r.failed
			for i := range times {
				times[i] = append(times[i], took[i]...)
			}
		})
	}
	running.Wait()
	for i := range times {
		total.worst[i] = percentile(times[i], 99)
	}
	return total
}

func (s *scaled) hostCall(ctx context.Context, i, number int, took *[2][]time.Duration) (kind string, err error) {
	if i%10 == 0 {
		if err := s.store.CreateUserSession(ctx, s.session(number, time.Now())); err != nil {
			return "create", err
		}
		return "delete", errOf(s.store.DeleteUserSession(ctx, key(number)))
	}
	which := rand.IntN(s.rows)
	begin := time.Now()
	session, err := s.store.GetUserSession(ctx, key(which))
	took[0] = append(took[0], time.Since(begin))
	if err != nil || i%10 != 1 {
		return "read", err
	}
	begin = time.Now()
	err = s.store.UpdateUserSession(ctx, key(which), bff.UserSessionUpdate{
		SubjectID: session.SubjectID, SessionID: session.SessionID, Renewed: time.Now(), Expires: session.Expires,
		Ticket: session.Ticket, IfVersion: session.Version,
	})
	took[1] = append(took[1], time.Since(begin))
	return "update", err
}
