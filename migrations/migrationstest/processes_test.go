package migrationstest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"example.com/usersession/examples/usersessiondb/command"
	"example.com/usersession/internal/dbtest"
)

// childVariable names the folder of the migrations for the test binary as a child process,
// which runs the command line instead of the tests.
const childVariable = "USERSESSIONDB_CHILD_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childVariable); dir != "" {
		os.Exit(child(dir))
	}
	os.Exit(m.Run())
}

// child reports that it is ready, waits until its standard input is closed, and runs the
// command line.
func child(dir string) int {
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin)
	project := team(dir, steps[len(steps)-1].models...)
	if before, err := strconv.ParseInt(os.Getenv(killVariable), 10, 64); err == nil {
		project = killing(project, before)
	}
	if err := command.Run(context.Background(), project, os.Args[1:], os.Stdout); err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

// hosts is the number of processes.
const hosts = 4

// TestUp_FourProcesses runs up in four processes at the same time on one empty database: all
// succeed, and each migration is applied once.
func TestUp_FourProcesses(t *testing.T) {
	dir := t.TempDir()
	addAll(t, dir)
	dbtest.On(t, engines, func(t *testing.T, d *dbtest.Database) {
		versions := strings.Count(strings.Join(migrationsOf(t, dir, d.Engine.Name), ""), ".sql")
		for round := range 3 {
			outputs := race(t, dir, "up", dsnOf(t, d))
			all := strings.Join(outputs, "\n")
			if applied := strings.Count(all, "applied "); applied != versions {
				t.Fatalf("round %d: %d migrations were applied, want %d:\n%s", round, applied, versions, all)
			}
			db := d.Open(t, dbtest.Setup{})
			var recorded []int64
			if err := db.Raw("SELECT version_id FROM usersession_schema_version WHERE version_id > 0").Scan(&recorded).Error; err != nil || len(recorded) != versions {
				t.Fatalf("round %d: the versions %v are recorded (%v), want %d", round, recorded, err, versions)
			}
			last := team(dir, steps[len(steps)-1].models...)
			for range versions {
				mustRun(t, last, "down", "-allow-destructive", dsnOf(t, d))
			}
			// In the next round up has to create the version table again.
			if err := db.Migrator().DropTable("usersession_schema_version"); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func migrationsOf(t *testing.T, dir, dialect string) (names []string) {
	t.Helper()
	for name := range filesIn(t, dir) {
		if strings.HasPrefix(name, dialect+"/") && strings.HasSuffix(name, ".sql") {
			names = append(names, name)
		}
	}
	return names
}

// race starts the processes, lets all of them run the command at the same time, and returns
// their outputs. All must succeed.
func race(t *testing.T, dir string, args ...string) (outputs []string) {
	t.Helper()
	type host struct {
		cmd *exec.Cmd
		out *bytes.Buffer
		in  io.WriteCloser
	}
	var all []host
	for range hosts {
		cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
		cmd.Env = append(os.Environ(), childVariable+"="+dir)
		out := new(bytes.Buffer)
		ready := make(chan struct{})
		both := &announced{to: out, ready: ready} // with one writer for both, exec uses one goroutine
		cmd.Stdout, cmd.Stderr = both, both
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		select {
		case <-ready:
		case <-t.Context().Done():
			t.Fatal("a host did not start")
		}
		all = append(all, host{cmd, out, in})
	}
	for _, h := range all {
		_ = h.in.Close()
	}
	for _, h := range all {
		if err := h.cmd.Wait(); err != nil {
			t.Errorf("a host failed: %v\n%s", err, h.out)
		}
		outputs = append(outputs, h.out.String())
	}
	return outputs
}

// announced is a writer that closes a channel at its first output.
type announced struct {
	to    io.Writer
	ready chan struct{}
	done  bool
}

func (a *announced) Write(p []byte) (int, error) {
	if !a.done {
		a.done = true
		close(a.ready)
	}
	return a.to.Write(p)
}
