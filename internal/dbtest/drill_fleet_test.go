package dbtest_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"example.com/usersession/bff/serverside"
	"example.com/usersession/bff/ticket"
	"example.com/usersession/internal/dbtest"
)

// A fleet is host processes on one database, with one provider and shared keys.
type fleet struct {
	db       *gorm.DB
	provider *drillProvider
	hosts    []*hostProcess
	client   *http.Client
	ahead    time.Duration // how far the clocks of the hosts are ahead
}

// A hostProcess is a host process as the test sees it.
type hostProcess struct {
	name, url string
	command   *exec.Cmd
	stdin     io.WriteCloser
	stdout    io.Reader
	stderr    bytes.Buffer
	killed    bool
}

// hangBound is the time after which a request or the end of a process counts as hanging.
const hangBound = 2 * time.Minute

// newFleet starts the hosts. The timeouts are those of serverside.Config.
func newFleet(t *testing.T, d *dbtest.Database, hosts int, tokenTimeout, storeTimeout time.Duration) *fleet {
	t.Helper()
	f := &fleet{
		db: d.Open(t, dbtest.Setup{MaxOpen: 2}), provider: newDrillProvider(t),
		client: &http.Client{Timeout: hangBound, Transport: &http.Transport{MaxIdleConnsPerHost: 32}},
	}
	t.Cleanup(f.client.CloseIdleConnections)
	d.Migrate(t, f.db)
	dsn, err := d.DSN(nil)
	must(t, err)
	secret := make([]byte, ticket.KeySize)
	_, _ = rand.Read(secret)
	keys := filepath.Join(t.TempDir(), "keys")
	must(t, os.WriteFile(keys, []byte(base64.StdEncoding.EncodeToString(secret)), 0o600))
	job, err := json.Marshal(hostJob{
		Engine: d.Engine.Name, DSN: dsn, Keys: keys, Provider: f.provider.url, TokenTimeout: tokenTimeout, StoreTimeout: storeTimeout,
	})
	must(t, err)
	t.Cleanup(func() { f.stop(t) })
	for i := range hosts {
		f.hosts = append(f.hosts, startHost(t, fmt.Sprint("host ", i), string(job)))
	}
	for _, h := range f.hosts {
		line, err := bufio.NewReader(h.stdout).ReadString('\n')
		if err != nil {
			t.Fatalf("%s did not start: %v", h.name, err)
		}
		h.url = strings.TrimSpace(line)
	}
	return f
}

// startHost starts a host process. It writes its URL to standard output.
func startHost(t *testing.T, name, job string) *hostProcess {
	t.Helper()
	h := &hostProcess{name: name, command: roleCommand(context.WithoutCancel(t.Context()), t, hostRole, job)}
	h.command.Stderr = &h.stderr
	var err error
	h.stdin, err = h.command.StdinPipe()
	must(t, err)
	h.stdout, err = h.command.StdoutPipe()
	must(t, err)
	must(t, h.command.Start())
	return h
}

// stop ends the hosts and shows their logs if the test has failed.
func (f *fleet) stop(t *testing.T) {
	for _, h := range f.hosts { // all at once: the end of a process with the race detector takes a second
		_ = h.stdin.Close()
	}
	for _, h := range f.hosts {
		killer := time.AfterFunc(hangBound, func() { _ = h.command.Process.Kill() })
		if err := h.command.Wait(); err != nil && !h.killed {
			t.Errorf("%s: %v", h.name, err)
		}
		killer.Stop()
	}
	for _, h := range f.hosts {
		if t.Failed() && h.stderr.Len() > 0 {
			t.Logf("%s logged:\n%s", h.name, tail(h.stderr.String()))
		}
	}
}

// tail returns the last lines of a log.
func tail(log string) string {
	lines := strings.SplitAfter(log, "\n")
	return strings.Join(lines[max(0, len(lines)-20):], "")
}

// kill ends the process with SIGKILL.
func (h *hostProcess) kill(t *testing.T) {
	t.Helper()
	h.killed = true
	must(t, h.command.Process.Kill())
}

// post sends a request that must succeed, and returns the response's cookies.
func (f *fleet) post(t *testing.T, address string, body []byte) []*http.Cookie {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, bytes.NewReader(body))
	must(t, err)
	response, err := f.client.Do(request)
	must(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	must(t, err)
	if response.StatusCode != http.StatusOK {
		t.Fatalf("%s: status %d: %s", address, response.StatusCode, text)
	}
	return response.Cookies()
}

// A drillUser is a signed-in browser.
type drillUser struct {
	cookie *http.Cookie
	grant  *grant
}

// signIn signs a user in on the first host.
func (f *fleet) signIn(t *testing.T) drillUser {
	t.Helper()
	g, tokens := f.provider.signIn()
	body, err := json.Marshal(tokens)
	must(t, err)
	for _, cookie := range f.post(t, f.hosts[0].url+"/signin", body) {
		if cookie.Name == serverside.DefaultCookieName {
			return drillUser{cookie: cookie, grant: g}
		}
	}
	t.Fatal("the sign-in set no session cookie")
	return drillUser{}
}

// pass lets time pass on the clocks of all hosts, after their background work is done.
func (f *fleet) pass(t *testing.T, d time.Duration) {
	t.Helper()
	f.ahead += d
	for _, step := range []string{"/settle", "/clock?" + url.Values{"ahead": {f.ahead.String()}}.Encode()} {
		for _, h := range f.hosts {
			if !h.killed {
				f.post(t, h.url+step, nil)
			}
		}
	}
}

// A drillAnswer is the answer to a request for the access token.
type drillAnswer struct {
	status int
	body   string
	err    error
	took   time.Duration
}

// token requests the access token from a host.
func (f *fleet) token(ctx context.Context, h *hostProcess, user drillUser) (a drillAnswer) {
	begin := time.Now()
	defer func() { a.took = time.Since(begin) }()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, h.url+"/token", http.NoBody)
	if err != nil {
		return drillAnswer{err: err}
	}
	request.AddCookie(&http.Cookie{Name: user.cookie.Name, Value: user.cookie.Value})
	response, err := f.client.Do(request)
	if err != nil {
		return drillAnswer{err: err}
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return drillAnswer{status: response.StatusCode, body: strings.TrimSpace(string(text)), err: err}
}
