package dbtest_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"

	"example.com/usersession"
	"example.com/usersession/internal/dbtest"
)

// cleanerRole is the role of a cleaner process. Its job is the engine, the batch size and the
// DSN, separated by spaces.
const cleanerRole = "cleaner"

// clean is the main function of a cleaner process. It reports that it is ready, waits for
// the first byte on its standard input, and cleans up repeatedly until standard input ends.
// It reports on standard output, with the store's log of each batch.
func clean(job string) error {
	parts := strings.SplitN(job, " ", 3)
	batch, err := strconv.Atoi(parts[1])
	if err != nil {
		return err
	}
	db, err := openIn(parts[0], parts[2])
	if err != nil {
		return err
	}
	report := slog.New(slog.NewJSONHandler(os.Stdout, &slog.HandlerOptions{Level: slog.LevelDebug}))
	store, err := usersession.NewGormStore(db, usersession.WithLogger(report), usersession.WithCleanupBatchSize(batch))
	if err != nil {
		return err
	}
	// With one connection, the audit table identifies the process by its connection id.
	pool, err := db.DB()
	if err != nil {
		return err
	}
	pool.SetMaxOpenConns(1)
	connection := "SELECT CONNECTION_ID()"
	if db.Name() == dbtest.PostgreSQL.Name {
		connection = "SELECT pg_backend_pid()"
	}
	var id int64
	if err := db.Raw(connection).Scan(&id).Error; err != nil {
		return err
	}
	report.Info("ready", "connection", id)
	if _, err := os.Stdin.Read(make([]byte, 1)); err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = io.Copy(io.Discard, os.Stdin)
	}()
	for {
		select {
		case <-ended:
			return nil
		default:
		}
		if _, err := store.DeleteExpiredSessions(context.Background()); err != nil {
			return err
		}
	}
}

// A cleanerProcess is a cleaner process as the test sees it.
type cleanerProcess struct {
	command *exec.Cmd
	stdin   io.WriteCloser
	ready   chan struct{}
	stderr  strings.Builder
	read    sync.WaitGroup
	killed  bool

	connection int64 // the id of its database connection
	deleted    int64 // the number of deleted rows that it has reported
	retries    int   // the number of retries that it has reported
}

// startCleaner starts a cleaner process. The process is killed as soon as kill returns true
// for the number of batches that it has reported; kill may be nil.
func startCleaner(t *testing.T, d *drill, kill func(batches int) bool) *cleanerProcess {
	t.Helper()
	job := fmt.Sprintf("%s %d %s", d.engine, d.size.batch, d.dsn)
	c := &cleanerProcess{command: roleCommand(t.Context(), t, cleanerRole, job), ready: make(chan struct{})}
	c.command.Stderr = &c.stderr
	var err error
	c.stdin, err = c.command.StdinPipe()
	must(t, err)
	stdout, err := c.command.StdoutPipe()
	must(t, err)
	must(t, c.command.Start())
	c.read.Go(func() { c.follow(stdout, kill) })
	return c
}

// begin makes the process begin to clean up.
func (c *cleanerProcess) begin(t *testing.T) {
	t.Helper()
	_, err := c.stdin.Write([]byte{'\n'})
	must(t, err)
}

// follow reads the reports of the process and adds up the deleted rows.
func (c *cleanerProcess) follow(stdout io.Reader, kill func(batches int) bool) {
	batches := 0
	isReady := sync.OnceFunc(func() { close(c.ready) })
	defer isReady() // the test must not wait for a process that has failed
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		var line struct {
			Msg                 string
			Connection, Deleted int64
		}
		if json.Unmarshal(lines.Bytes(), &line) != nil {
			continue
		}
		if line.Connection != 0 {
			c.connection = line.Connection
			isReady()
		}
		if line.Msg == "usersession: trying again" {
			c.retries++
		}
		if line.Deleted == 0 {
			continue
		}
		c.deleted += line.Deleted
		batches++
		if kill != nil && !c.killed && kill(batches) {
			c.killed = true
			_ = c.command.Process.Kill()
		}
	}
}

// stop ends the process and returns the number of deleted rows that it reported.
func (c *cleanerProcess) stop(t *testing.T) int64 {
	t.Helper()
	_ = c.stdin.Close()
	c.read.Wait()
	if err := c.command.Wait(); err != nil && !c.killed {
		t.Errorf("a cleaner process failed: %v\n%s", err, &c.stderr)
	}
	return c.deleted
}
