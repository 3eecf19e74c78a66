package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"example.com/usersession"
	"example.com/usersession/bff"
	"example.com/usersession/bff/ticket"
	"example.com/usersession/entities"
)

// patience is the timeout of every wait. It is long for busy machines: most waits take
// less than a second.
const patience = 60 * time.Second

// build compiles the program once and returns its path.
var build = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "usersession-bff")
	if err != nil {
		return "", err
	}
	binary := filepath.Join(dir, "bff")
	command := exec.Command("go", "build", "-o", binary, ".")
	command.Dir = ".."
	if out, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return binary, nil
})

// The program and its inner provider have a host name each, and are two sites to a browser.
const appHost, providerHost = "localhost", "127.0.0.1"

// A program is a process of examples/bff. Its folder and ports stay the same after a restart.
type program struct {
	t              *testing.T
	dir            string
	base, provider string
	args           []string
	command        *exec.Cmd
	output         *output
}

// output collects a process's output. It is safe for concurrent use.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// newProgram starts the program with a SQLite file of its own.
func newProgram(t *testing.T, args ...string) *program {
	t.Helper()
	dir := t.TempDir()
	app, provider := freePort(t), freePort(t)
	p := &program{
		t: t, dir: dir,
		base: "http://" + appHost + ":" + app, provider: "http://" + providerHost + ":" + provider,
		args: append([]string{
			"-addr", appHost + ":" + app, "-provider-addr", providerHost + ":" + provider, "-dsn", filepath.Join(dir, "bff.db"),
		}, args...),
	}
	p.start()
	t.Cleanup(func() {
		p.stop()
		if t.Failed() {
			t.Logf("output of the program:\n%s", p.output)
		}
	})
	return p
}

func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
}

func (p *program) start() {
	p.t.Helper()
	binary, err := build()
	if err != nil {
		p.t.Fatal(err)
	}
	p.output = &output{}
	p.command = exec.Command(binary, p.args...)
	p.command.Stdout, p.command.Stderr = p.output, p.output
	if err := p.command.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.eventually("the program to listen", func() bool {
		response, err := http.Get(p.base + "/")
		if err != nil {
			return false
		}
		response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
}

// stop ends the program as Ctrl-C does.
func (p *program) stop() {
	if p.command == nil {
		return
	}
	_ = p.command.Process.Signal(os.Interrupt)
	done := make(chan error, 1)
	go func() { done <- p.command.Wait() }()
	select {
	case err := <-done:
		if err != nil {
			p.t.Errorf("the program ended with an error: %v", err)
		}
	case <-time.After(patience):
		_ = p.command.Process.Kill()
		p.t.Error("the program did not end")
	}
	p.command = nil
}

// eventually waits until ok returns true.
func (p *program) eventually(what string, ok func() bool) {
	p.t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if ok() {
			return
		}
	}
	p.t.Fatalf("timed out waiting for %s; output of the program:\n%s", what, p.output)
}

// keys returns the name of the file with the ticket keys, which is next to the database.
func (p *program) keys() string { return filepath.Join(p.dir, "bff.keys") }

// sessions reads the live sessions from the table, with their tickets.
func (p *program) sessions() []bff.UserSession {
	p.t.Helper()
	db := p.database()
	store, err := usersession.NewGormStore(db)
	if err != nil {
		p.t.Fatal(err)
	}
	var sessions []bff.UserSession
	for _, row := range p.rows(db) {
		session, err := store.GetUserSession(context.Background(), bff.UserSessionKey{
			PartitionKey: string(row.PartitionKey), Key: string(row.Key),
		})
		if err == nil {
			sessions = append(sessions, session)
		}
	}
	return sessions
}

// rows returns all rows of user sessions, live or expired. The replay memory's rows have
// other partitions.
func (p *program) rows(db *gorm.DB) []entities.UserSession {
	p.t.Helper()
	var rows []entities.UserSession
	if err := db.Where("partition_key LIKE ?", "bff-example-%").Find(&rows).Error; err != nil {
		p.t.Fatal(err)
	}
	return rows
}

func (p *program) database() *gorm.DB {
	p.t.Helper()
	db, err := gorm.Open(sqlite.New(sqlite.Config{
		DriverName: "sqlite", DSN: "file:" + filepath.Join(p.dir, "bff.db") + "?_pragma=busy_timeout(5000)",
	}), &gorm.Config{})
	if err != nil {
		p.t.Fatal(err)
	}
	if pool, err := db.DB(); err == nil {
		p.t.Cleanup(func() { pool.Close() })
	}
	return db
}

// tickets opens the tickets of the live sessions with the program's keys.
func (p *program) tickets() []ticket.Ticket {
	p.t.Helper()
	ring, err := ticket.KeyRingFromFile(p.keys())
	if err != nil {
		p.t.Fatal(err)
	}
	var tickets []ticket.Ticket
	for _, session := range p.sessions() {
		opened, err := ticket.Open(ring, ticket.BindingOf(session), session.Ticket)
		if err != nil {
			p.t.Fatal(err)
		}
		tickets = append(tickets, opened)
	}
	return tickets
}

var sidOnPage = regexp.MustCompile(`name="sid" value="([^"]+)"`)

// endAtProvider ends all sign-ins at the inner provider, without a browser. It returns the
// provider's page, which shows the responses to the logout tokens.
func (p *program) endAtProvider() string {
	p.t.Helper()
	page := p.get(p.provider + "/")
	for _, match := range sidOnPage.FindAllStringSubmatch(page, -1) {
		response, err := http.PostForm(p.provider+"/end", url.Values{"sid": {match[1]}})
		if err != nil {
			p.t.Fatal(err)
		}
		response.Body.Close()
	}
	return p.get(p.provider + "/")
}

func (p *program) get(address string) string {
	p.t.Helper()
	response, err := http.Get(address)
	if err != nil {
		p.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return string(body)
}

// required reports whether USERSESSION_REQUIRE contains the name.
func required(name string) bool {
	for one := range strings.SplitSeq(os.Getenv("USERSESSION_REQUIRE"), ",") {
		if strings.TrimSpace(one) == name {
			return true
		}
	}
	return false
}
