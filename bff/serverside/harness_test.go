package serverside

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/usersession/bff/ticket"
)

const issuer = "https://id.example"

// alice returns a ticket with a token in every field that could leak one.
func alice() ticket.Ticket {
	return ticket.Ticket{
		SubjectID: "alice", SessionID: "idp-session",
		Claims:      map[string]any{"name": "Alice"},
		AccessToken: "secret-access-token", RefreshToken: "secret-refresh-token", IDToken: "secret-id-token",
		Properties: map[string]string{"device": "Firefox"},
	}
}

func as(subjectID, sessionID string) ticket.Ticket {
	t := alice()
	t.SubjectID, t.SessionID = subjectID, sessionID
	return t
}

// A clock shows the time that the test sets.
type clock struct{ now atomic.Pointer[time.Time] }

func newClock() *clock {
	c := &clock{}
	c.now.Store(new(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)))
	return c
}

func (c *clock) Now() time.Time                 { return *c.now.Load() }
func (c *clock) pass(d time.Duration)           { c.now.Store(new(c.Now().Add(d))) }
func (c *clock) plus(d time.Duration) time.Time { return c.Now().Add(d) }

// A tally is a Metrics that adds up the counts.
type tally struct {
	mu      sync.Mutex
	started int
	ended   map[EndReason]int64
}

func (m *tally) SessionStarted(context.Context) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.started++
}

func (m *tally) SessionEnded(_ context.Context, reason EndReason, n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ended == nil {
		m.ended = map[EndReason]int64{}
	}
	m.ended[reason] += n
}

// A logBuffer holds the log output.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// A testBFF is a Sessions with a spied store, a clock, a counter and a log.
type testBFF struct {
	*Sessions
	t     testing.TB
	store *spy
	clock *clock
	tally *tally
	log   *logBuffer
}

var testKeys = ticket.InsecureRandomKeyRing()

// newTestBFF makes a testBFF; change may alter its configuration.
func newTestBFF(t testing.TB, change ...func(*Config)) *testBFF {
	t.Helper()
	b := &testBFF{t: t, clock: newClock(), tally: &tally{}, log: &logBuffer{}}
	b.store = newSpy(b.clock.Now)
	c := Config{
		Store: b.store, Protector: testKeys, Partition: "app", Issuer: issuer,
		IdleTimeout: time.Hour, AbsoluteLifetime: 8 * time.Hour, TokenTimeout: 5 * time.Second,
		Metrics: b.tally, Clock: b.clock.Now,
		Logger: slog.New(slog.NewJSONHandler(b.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, f := range change {
		f(&c)
	}
	var err error
	if b.Sessions, err = New(c); err != nil {
		t.Fatal(err)
	}
	return b
}

// A browser keeps the cookies that responses set.
type browser struct {
	*testBFF
	cookies map[string]string
}

func (b *testBFF) browser() *browser { return &browser{b, map[string]string{}} }

// request returns a request with the browser's cookies.
func (br *browser) request(target string) *http.Request {
	r := httptest.NewRequestWithContext(br.t.Context(), http.MethodGet, target, nil)
	for name, value := range br.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	return r
}

// do sends a request through the middleware to a handler.
func (br *browser) do(r *http.Request, handler http.HandlerFunc) *http.Response {
	br.t.Helper()
	w := httptest.NewRecorder()
	br.Middleware(handler).ServeHTTP(w, r)
	response := w.Result()
	for _, c := range response.Cookies() {
		if c.MaxAge < 0 {
			delete(br.cookies, c.Name)
		} else {
			br.cookies[c.Name] = c.Value
		}
	}
	return response
}

func (br *browser) visit(handler http.HandlerFunc) *http.Response {
	br.t.Helper()
	return br.do(br.request("/"), handler)
}

// signIn signs in and returns the response.
func (br *browser) signIn(tk ticket.Ticket) *http.Response {
	br.t.Helper()
	return br.visit(func(w http.ResponseWriter, r *http.Request) {
		if _, err := br.SignIn(w, r, tk); err != nil {
			br.t.Errorf("sign-in: %v", err)
		}
	})
}

// change updates the ticket of the browser's session.
func (br *browser) change(f func(*ticket.Ticket)) {
	br.t.Helper()
	br.visit(func(_ http.ResponseWriter, r *http.Request) {
		if err := br.Update(r.Context(), func(tk *ticket.Ticket) error { f(tk); return nil }); err != nil {
			br.t.Errorf("update: %v", err)
		}
	})
}

// user returns the subject id of the browser's session, or "".
func (br *browser) user() string {
	br.t.Helper()
	var subjectID string
	response := br.visit(func(_ http.ResponseWriter, r *http.Request) {
		session, _ := FromContext(r.Context())
		subjectID = session.SubjectID
	})
	if response.StatusCode != http.StatusOK {
		br.t.Errorf("status %d", response.StatusCode)
	}
	return subjectID
}

func (br *browser) want(subjectID string) {
	br.t.Helper()
	if got := br.user(); got != subjectID {
		br.t.Errorf("signed in as %q, want %q", got, subjectID)
	}
}

// settle waits for the background work that requests have left.
func (b *testBFF) settle() {
	b.t.Helper()
	if err := b.Shutdown(b.t.Context()); err != nil {
		b.t.Error(err)
	}
}

// wantEnded checks the count of ended sessions for a reason.
func (b *testBFF) wantEnded(reason EndReason, n int64) {
	b.t.Helper()
	b.tally.mu.Lock()
	defer b.tally.mu.Unlock()
	if got := b.tally.ended[reason]; got != n {
		b.t.Errorf("session.ended{%s} = %d, want %d", reason, got, n)
	}
}

// errOf drops the count of a delete, for a test that checks only its error.
func errOf(_ int64, err error) error { return err }
