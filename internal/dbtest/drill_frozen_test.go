//go:build unix

package dbtest_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"example.com/usersession"
	"example.com/usersession/bff/serverside"
	"example.com/usersession/entities"
	"example.com/usersession/internal/dbtest"
)

// replacerRole is the role of a process that replaces sessions. Its job is the engine and the
// DSN, separated by a space.
const replacerRole = "replacer"

func init() { roles[replacerRole] = replaceSessions } // only where a process can be stopped

// frozenUsers is the number of users whose sessions the processes replace.
const frozenUsers = 6

// replaceSessions is the main function of a process that replaces the users' sessions, all
// of them at the same time, until its standard input ends. It reports on standard output
// when it has begun.
func replaceSessions(job string) error {
	engine, dsn, _ := strings.Cut(job, " ")
	db, err := openIn(engine, dsn)
	if err != nil {
		return err
	}
	store, err := usersession.NewGormStore(db)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	var (
		workers sync.WaitGroup
		errs    = make(chan error, frozenUsers)
	)
	for user := range frozenUsers {
		workers.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				session := testSession(fmt.Sprintf("replacer-%d-%d", user, n), frozenSession(user))
				session.Expires = time.Now().Add(time.Hour)
				if err := store.ReplaceUserSession(context.WithoutCancel(ctx), session); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	fmt.Println("replacing")
	_, _ = io.Copy(io.Discard, os.Stdin)
	stop()
	workers.Wait()
	close(errs)
	var all []error
	for err := range errs {
		all = append(all, err)
	}
	return errors.Join(all...)
}

func frozenSession(user int) string { return fmt.Sprintf("sid-%d", user) }

// TestDrill_FrozenHost stops a process in the middle of its replacements, as a host that
// freezes, while this host signs in the same users. On PostgreSQL no sign-in waits. On
// MariaDB the frozen host can hold locks: a sign-in then waits for StoreTimeout and fails.
// When the process goes on, everything works again, and each session id has one row.
func TestDrill_FrozenHost(t *testing.T) {
	rounds := 4
	if fullDrill() {
		rounds = 20
	}
	dbtest.On(t, []*dbtest.Engine{dbtest.PostgreSQL, dbtest.MySQL}, func(t *testing.T, d *dbtest.Database) {
		const storeTimeout = 3 * time.Second // a busy machine signs in within it
		db := d.Open(t, dbtest.Setup{})
		d.Migrate(t, db)
		h := newHost(t, db, func(c *serverside.Config) { c.StoreTimeout = storeTimeout })
		process := startReplacer(t, d)
		waited := 0
		meter := drillMeter("freezes", int64(rounds))
		for round := range rounds {
			meter.Set(int64(round))
			time.Sleep(rand.N(100 * time.Millisecond))
			process.freeze(t)
			signIns, failed := signInAll(h, 2)
			for status, took := range signIns {
				if took > storeTimeout+deadlineSlack {
					t.Errorf("round %d: a sign-in took %v and ended with status %d", round, took, status)
				}
			}
			if failed > 0 && d.Engine == dbtest.PostgreSQL {
				t.Errorf("round %d: %d sign-ins failed while another host was frozen", round, failed)
			}
			if failed > 0 {
				waited++
			}
			process.signal(t, syscall.SIGCONT)
			if _, failed := signInAll(h, 1); failed > 0 {
				t.Errorf("round %d: %d sign-ins failed after the other host went on", round, failed)
			}
		}
		process.stop(t)
		if d.Engine == dbtest.MySQL && waited == 0 && rounds == 20 {
			t.Error("the process was never stopped between BEGIN and COMMIT: the drill has tested nothing")
		}
		t.Logf("in %d of %d rounds, sign-ins failed after %v", waited, rounds, storeTimeout)
		var perSession []int64
		must(t, db.Model(&entities.UserSession{}).Select("count(*)").Group("session_id").Scan(&perSession).Error)
		if len(perSession) != frozenUsers {
			t.Errorf("%d session ids have rows, want %d", len(perSession), frozenUsers)
		}
		for _, n := range perSession {
			if n != 1 {
				t.Errorf("a session id has %d rows", n)
			}
		}
	})
}

// signInAll signs in every user, all at the same time, so many times one after the other. It
// returns the longest duration for each status, and the number of sign-ins that failed.
func signInAll(h *host, times int) (longest map[int]time.Duration, failed int) {
	longest = make(map[int]time.Duration)
	var (
		mu  sync.Mutex
		all sync.WaitGroup
	)
	for user := range frozenUsers {
		all.Go(func() {
			for range times {
				begin := time.Now()
				status := h.signIn(fmt.Sprintf("user-%d", user), frozenSession(user)).StatusCode
				took := time.Since(begin)
				mu.Lock()
				longest[status] = max(longest[status], took)
				if status != http.StatusOK {
					failed++
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	return longest, failed
}

// A replacerProcess is a process that replaces sessions, as the test sees it.
type replacerProcess struct {
	command *exec.Cmd
	stdin   io.Closer
	stderr  strings.Builder
}

// startReplacer starts a process that replaces sessions, and returns when it has begun.
func startReplacer(t *testing.T, d *dbtest.Database) *replacerProcess {
	t.Helper()
	dsn, err := d.DSN(nil)
	must(t, err)
	p := &replacerProcess{command: roleCommand(t.Context(), t, replacerRole, d.Engine.Name+" "+dsn)}
	p.command.Stderr = &p.stderr
	p.stdin, err = p.command.StdinPipe()
	must(t, err)
	stdout, err := p.command.StdoutPipe()
	must(t, err)
	must(t, p.command.Start())
	if !bufio.NewScanner(stdout).Scan() {
		_ = p.command.Wait()
		t.Fatalf("the process failed: %s", &p.stderr)
	}
	return p
}

func (p *replacerProcess) signal(t *testing.T, signal os.Signal) {
	t.Helper()
	must(t, p.command.Process.Signal(signal))
}

// freeze stops the process and returns when it stands.
func (p *replacerProcess) freeze(t *testing.T) {
	t.Helper()
	p.signal(t, syscall.SIGSTOP)
	var status syscall.WaitStatus
	for {
		_, err := syscall.Wait4(p.command.Process.Pid, &status, syscall.WUNTRACED, nil)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		must(t, err)
		if !status.Stopped() {
			t.Fatalf("the process ended: %s", &p.stderr)
		}
		return
	}
}

// stop ends the process. It fails the test if one of the replacements failed.
func (p *replacerProcess) stop(t *testing.T) {
	t.Helper()
	_ = p.stdin.Close()
	if err := p.command.Wait(); err != nil {
		t.Errorf("the process failed: %v\n%s", err, &p.stderr)
	}
}
