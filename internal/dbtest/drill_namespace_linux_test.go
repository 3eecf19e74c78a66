package dbtest_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"example.com/usersession/entities"
	"example.com/usersession/internal/dbtest"
)

// TestDrill_BlackHoleInKernel is TestDrill_BlackHoleEntryPoints without a proxy: the servers
// run in a network namespace in which the kernel drops all arriving packets.
//
// A pool with a maximum opens connections outside of requests, one after the other and without
// a deadline. The DSN bounds them: otherwise such a connection waits for TCP's next attempt, and
// TCP waits longer after each attempt.
func TestDrill_BlackHoleInKernel(t *testing.T) {
	if !fullDrill() {
		t.Skip("runs with USERSESSION_DRILL=full (make drill)")
	}
	for _, own := range []struct {
		name   string
		server func(*testing.T) *ownServer
		dsn    func(*ownServer) string
		bound  string
	}{
		{"postgres", ownPostgres, (*ownServer).postgresDSN, "&connect_timeout=1"},
		{"mariadb", ownMariaDB, (*ownServer).mariaDBDSN, "&timeout=1s&readTimeout=5s&writeTimeout=5s"},
	} {
		t.Run(own.name, func(t *testing.T) {
			ns := newNamespace(t)
			server := own.server(t)
			server.host, server.enter = ns.address, ns.enter
			if server.engine == dbtest.PostgreSQL {
				ns.admit(t, filepath.Join(server.data(), "pg_hba.conf"))
			}
			dsn := own.dsn(server) + own.bound
			server.up(t, dsn)
			for _, maxOpen := range []int{0, holeIdle} {
				db, err := openIn(server.engine.Name, dsn)
				must(t, err)
				pool := dbtest.Pool(t, db)
				pool.SetMaxOpenConns(maxOpen)
				pool.SetMaxIdleConns(holeIdle)
				must(t, db.AutoMigrate(&entities.UserSession{}))
				h := holeHost(t, db, true, nil)
				for _, e := range entryPoints {
					t.Run(fmt.Sprintf("%s, at most %d connections", e.name, maxOpen), func(t *testing.T) {
						testHole(t, pool, ns, h, e, 8)
					})
				}
				must(t, pool.Close())
			}
		})
	}
}

// A namespace is a network namespace with a link to the test's own.
type namespace struct {
	t                     *testing.T
	name, device, address string
}

// newNamespace returns a namespace and removes it when the test ends. It skips the test where
// that is not possible.
func newNamespace(t *testing.T) *namespace {
	t.Helper()
	program(t, "nsenter")
	n := os.Getpid() % 4096
	ns := &namespace{
		t: t, name: fmt.Sprintf("usersession_test_%d", n), device: fmt.Sprintf("ust%db", n),
		address: fmt.Sprintf("10.213.%d.%d", n/64, n%64*4+2),
	}
	outer, near := fmt.Sprintf("ust%da", n), fmt.Sprintf("10.213.%d.%d", n/64, n%64*4+1)
	t.Cleanup(func() { _ = exec.Command("ip", "netns", "del", ns.name).Run() }) // removes the link, too
	for _, args := range [][]string{
		{"netns", "add", ns.name},
		{"link", "add", outer, "type", "veth", "peer", "name", ns.device, "netns", ns.name},
		{"addr", "add", near + "/30", "dev", outer},
		{"link", "set", outer, "up"},
		{"-n", ns.name, "addr", "add", ns.address + "/30", "dev", ns.device},
		{"-n", ns.name, "link", "set", ns.device, "up"},
		{"-n", ns.name, "link", "set", "lo", "up"},
		// The rule of setHole must come before the rule for local addresses.
		{"-n", ns.name, "rule", "add", "pref", "10", "from", "all", "lookup", "local"},
		{"-n", ns.name, "rule", "del", "pref", "0"},
	} {
		if output, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
			t.Skipf("there is no network namespace: ip %v: %v %s", args, err, output)
		}
	}
	return ns
}

// setHole makes the kernel drop the packets that arrive in the namespace, without an answer.
func (ns *namespace) setHole(hole bool) {
	args := []string{"-n", ns.name, "rule", "del", "pref", "1"}
	if hole {
		args = []string{"-n", ns.name, "rule", "add", "pref", "1", "iif", ns.device, "blackhole"}
	}
	if output, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		ns.t.Errorf("ip %v: %v %s", args, err, output)
	}
}

// recovery is longer than the timeout of a new connection in the DSN: database/sql gives the
// error of a connection that it opened outside of requests to a request that waits.
func (*namespace) recovery() time.Duration { return hangBound }

// enter makes a server start in the namespace.
func (ns *namespace) enter(s *ownServer, start *exec.Cmd) *exec.Cmd {
	args := []string{"--net=/var/run/netns/" + ns.name}
	if s.account != nil {
		args = append(args, fmt.Sprintf("--setuid=%d", s.account.Uid), fmt.Sprintf("--setgid=%d", s.account.Gid))
	}
	entered := s.command("nsenter", append(args, start.Args...)...)
	entered.SysProcAttr.Credential = nil // nsenter needs root, and changes the account
	return entered
}

// admit makes PostgreSQL trust the addresses of the link.
func (ns *namespace) admit(t *testing.T, hba string) {
	t.Helper()
	file, err := os.OpenFile(hba, os.O_APPEND|os.O_WRONLY, 0)
	must(t, err)
	_, err = file.WriteString("host all all samenet trust\n")
	must(t, err)
	must(t, file.Close())
}
