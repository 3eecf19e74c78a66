//go:build unix

package dbtest_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"example.com/usersession/internal/dbtest"
)

// An ownServer is a database server in a temporary directory, which a test may kill and
// restart.
type ownServer struct {
	engine  *dbtest.Engine
	dir     string // its data directory is data
	host    string // its IP address
	port    int
	account *syscall.Credential // nil: the account of the test
	start   func(s *ownServer) *exec.Cmd
	enter   func(s *ownServer, start *exec.Cmd) *exec.Cmd // changes the command that starts it; may be nil
	quit    os.Signal                                     // ends the server as an administrator does

	process *exec.Cmd
	log     *os.File
}

// serverBound is the time within which a server must start or stop.
const serverBound = time.Minute

// program returns the path of a server's program. It skips the test if there is none.
func program(t *testing.T, name string) string {
	t.Helper()
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin/" + name, "/usr/sbin/" + name, "/usr/local/sbin/" + name} {
		if paths, _ := filepath.Glob(pattern); len(paths) > 0 {
			return paths[len(paths)-1]
		}
	}
	t.Skipf("%s is not installed", name)
	return ""
}

// newOwnServer returns a server that is not set up yet. It removes the server and its
// directory when the test ends.
func newOwnServer(t *testing.T, e *dbtest.Engine, start func(s *ownServer) *exec.Cmd) *ownServer {
	t.Helper()
	dir, err := os.MkdirTemp("", "usersession_test_") //nolint:usetesting // only its owner can enter t.TempDir; the server may have another account
	must(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	must(t, listener.Close())
	s := &ownServer{engine: e, dir: dir, host: "127.0.0.1", port: listener.Addr().(*net.TCPAddr).Port, start: start}
	t.Cleanup(func() {
		s.stop(t, syscall.SIGKILL)
		_ = os.RemoveAll(dir)
	})
	if os.Getuid() == 0 { // the servers refuse to run as root
		s.account = unprivileged(t)
		must(t, os.Chown(dir, int(s.account.Uid), int(s.account.Gid)))
	}
	return s
}

// unprivileged returns an account other than root's.
func unprivileged(t *testing.T) *syscall.Credential {
	t.Helper()
	for _, name := range []string{"postgres", "mysql", "nobody"} {
		account, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(account.Uid, 10, 32)
		must(t, err)
		gid, err := strconv.ParseUint(account.Gid, 10, 32)
		must(t, err)
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	t.Skip("the servers refuse to run as root, and there is no account postgres, mysql or nobody")
	return nil
}

// command returns a command that runs under the server's account in its directory.
func (s *ownServer) command(name string, args ...string) *exec.Cmd {
	command := exec.Command(name, args...)
	command.Dir = s.dir
	command.SysProcAttr = &syscall.SysProcAttr{Credential: s.account, Setpgid: true}
	return command
}

// run runs a command and ends the test if it fails.
func (s *ownServer) run(t *testing.T, name string, args ...string) {
	t.Helper()
	if output, err := s.command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", filepath.Base(name), err, output)
	}
}

func (s *ownServer) data() string    { return filepath.Join(s.dir, "data") }
func (s *ownServer) address() string { return fmt.Sprintf("%s:%d", s.host, s.port) }

// up starts the server and waits until it answers on its DSN.
func (s *ownServer) up(t *testing.T, dsn string) {
	t.Helper()
	var err error
	if s.log, err = os.Create(filepath.Join(s.dir, "log")); err != nil {
		t.Fatal(err)
	}
	s.process = s.start(s)
	if s.enter != nil {
		s.process = s.enter(s, s.process)
	}
	s.process.Stdout, s.process.Stderr = s.log, s.log
	must(t, s.process.Start())
	for end := time.Now().Add(serverBound); ; time.Sleep(20 * time.Millisecond) {
		if err = answers(s.engine, dsn); err == nil {
			return
		}
		if time.Now().After(end) {
			text, _ := os.ReadFile(s.log.Name())
			t.Fatalf("the server does not start: %v\n%s", err, text)
		}
	}
}

// answers connects to a server and returns nil if it answers.
func answers(e *dbtest.Engine, dsn string) error {
	db, err := openIn(e.Name, dsn)
	if err != nil {
		return err
	}
	var pool *sql.DB
	if pool, err = db.DB(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), serverBound)
	defer cancel()
	return errors.Join(pool.PingContext(ctx), pool.Close())
}

// stop ends the server with a signal and waits for its end.
func (s *ownServer) stop(t *testing.T, signal os.Signal) {
	t.Helper()
	if s.process == nil {
		return
	}
	if signal == syscall.SIGKILL { // the whole group, as a power failure does
		_ = syscall.Kill(-s.process.Process.Pid, syscall.SIGKILL)
	} else {
		must(t, s.process.Process.Signal(signal))
	}
	_ = s.process.Wait()
	s.process = nil
	_ = s.log.Close()
}

// ownPostgres returns a PostgreSQL server that has been initialized and not started.
func ownPostgres(t *testing.T) *ownServer {
	t.Helper()
	initdb, postgres := program(t, "initdb"), program(t, "postgres")
	s := newOwnServer(t, dbtest.PostgreSQL, func(s *ownServer) *exec.Cmd { return s.postgresCommand(postgres) })
	s.quit = syscall.SIGINT // "fast": ends the connections
	s.run(t, initdb, "-D", s.data(), "-U", "root", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C")
	return s
}

// postgresCommand returns the command that runs PostgreSQL.
func (s *ownServer) postgresCommand(postgres string) *exec.Cmd {
	return s.command(postgres, "-D", s.data(), "-p", strconv.Itoa(s.port), "-c", "listen_addresses="+s.host,
		"-c", "unix_socket_directories="+s.dir, "-c", "fsync=off", "-c", "max_connections=300")
}

func (s *ownServer) postgresDSN() string {
	return fmt.Sprintf("postgres://root@%s/postgres?sslmode=disable", s.address())
}

// ownMariaDB returns a MariaDB server that has been initialized and not started.
func ownMariaDB(t *testing.T) *ownServer {
	t.Helper()
	install, mariadbd := program(t, "mariadb-install-db"), program(t, "mariadbd")
	s := newOwnServer(t, dbtest.MySQL, func(s *ownServer) *exec.Cmd {
		return s.command(mariadbd, "--no-defaults", "--datadir="+s.data(), "--port="+strconv.Itoa(s.port), "--bind-address="+s.host, "--skip-name-resolve",
			"--socket="+filepath.Join(s.dir, "socket"), "--pid-file="+filepath.Join(s.dir, "pid"), "--skip-grant-tables", "--skip-networking=0",
			"--innodb-flush-log-at-trx-commit=2", "--max-connections=300")
	})
	s.quit = syscall.SIGTERM
	s.run(t, install, "--no-defaults", "--datadir="+s.data(), "--auth-root-authentication-method=normal", "--skip-test-db")
	return s
}

func (s *ownServer) mariaDBDSN() string {
	return fmt.Sprintf("root@tcp(%s)/mysql?parseTime=true", s.address())
}
