package relyingparty_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"example.com/usersession/bff"
	"example.com/usersession/bff/relyingparty"
	"example.com/usersession/bff/serverside"
	"example.com/usersession/bff/ticket"
)

var keysForTests = ticket.InsecureRandomKeyRing()

const baseURL = "https://app.example"

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

// A brokenStore fails from the operation with that number on.
type brokenStore struct {
	*bff.InMemoryStore
	left atomic.Int64
}

func newBrokenStore() *brokenStore {
	s := &brokenStore{InMemoryStore: bff.NewInMemoryStore()}
	s.mend()
	return s
}

func (s *brokenStore) mend() { s.left.Store(1 << 30) }

var errStore = errors.New("the database is away")

func (s *brokenStore) down() bool { return s.left.Add(-1) < 0 }

func (s *brokenStore) GetUserSession(ctx context.Context, key bff.UserSessionKey) (bff.UserSession, error) {
	if s.down() {
		return bff.UserSession{}, errStore
	}
	return s.InMemoryStore.GetUserSession(ctx, key)
}

func (s *brokenStore) CreateUserSession(ctx context.Context, session bff.UserSession) error {
	if s.down() {
		return errStore
	}
	return s.InMemoryStore.CreateUserSession(ctx, session)
}

func (s *brokenStore) ReplaceUserSession(ctx context.Context, session bff.UserSession) error {
	if s.down() {
		return errStore
	}
	return s.InMemoryStore.ReplaceUserSession(ctx, session)
}

func (s *brokenStore) GetUserSessions(ctx context.Context, partitionKey string, filter bff.UserSessionsFilter) ([]bff.UserSession, error) {
	if s.down() {
		return nil, errStore
	}
	return s.InMemoryStore.GetUserSessions(ctx, partitionKey, filter)
}

func (s *brokenStore) UserSessions(ctx context.Context, query bff.UserSessionsQuery) iter.Seq2[bff.UserSession, error] {
	if s.down() {
		return func(yield func(bff.UserSession, error) bool) { yield(bff.UserSession{}, errStore) }
	}
	return s.InMemoryStore.UserSessions(ctx, query)
}

func (s *brokenStore) DeleteUserSessions(ctx context.Context, partitionKey string, filter bff.UserSessionsFilter) (int64, error) {
	if s.down() {
		return 0, errStore
	}
	return s.InMemoryStore.DeleteUserSessions(ctx, partitionKey, filter)
}

func (s *brokenStore) DeleteUserSessionVersion(ctx context.Context, key bff.UserSessionKey, version int64) (int64, error) {
	if s.down() {
		return 0, errStore
	}
	return s.InMemoryStore.DeleteUserSessionVersion(ctx, key, version)
}

func (s *brokenStore) DeleteUserSession(ctx context.Context, key bff.UserSessionKey) (int64, error) {
	if s.down() {
		return 0, errStore
	}
	return s.InMemoryStore.DeleteUserSession(ctx, key)
}

// An app is a BFF with its provider and its store.
type app struct {
	http.Handler
	t        *testing.T
	op       *fakeOP
	rp       *relyingparty.RelyingParty
	sessions *serverside.Sessions
	store    bff.UserSessionStore
	log      *logBuffer
}

// A setup is what a test changes of an app.
type setup struct {
	rp       relyingparty.Config
	sessions serverside.Config
}

// newApp returns a BFF of the provider. Its log must contain no token of the provider.
func newApp(t *testing.T, op *fakeOP, change ...func(*setup)) *app {
	t.Helper()
	a := &app{t: t, op: op, log: &logBuffer{}}
	log := slog.New(slog.NewTextHandler(a.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	keys := ticket.InsecureRandomKeyRing()
	c := setup{
		relyingparty.Config{
			Issuer: op.issuer, ClientID: fakeClient, ClientSecret: fakeSecret, BaseURL: baseURL, Protector: keys, Logger: log,
		},
		serverside.Config{Store: bff.NewInMemoryStore(), Protector: keys, Issuer: op.issuer, Logger: log},
	}
	for _, f := range change {
		f(&c)
	}
	rp, err := relyingparty.New(c.rp)
	if err != nil {
		t.Fatal(err)
	}
	c.sessions.Refresher, c.sessions.Revoker = rp, rp
	sessions, err := serverside.New(c.sessions)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	if err := rp.Register(mux, sessions); err != nil {
		t.Fatal(err)
	}
	a.Handler, a.rp, a.sessions, a.store = sessions.Middleware(mux), rp, sessions, sessions.Config().Store
	t.Cleanup(func() {
		if err := sessions.Shutdown(t.Context()); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
		op.mu.Lock()
		defer op.mu.Unlock()
		for _, secret := range append(op.issued, fakeSecret) {
			if len(secret) > 8 && strings.Contains(a.log.String(), secret) {
				t.Errorf("the log contains a token or the client's secret:\n%s", a.log)
			}
		}
	})
	return a
}

// A browser keeps the cookies of one app.
type browser struct {
	*app
	cookies map[string]string
}

func (a *app) browser() *browser { return &browser{a, map[string]string{}} }

func (b *browser) clone() *browser { return &browser{b.app, maps.Clone(b.cookies)} }

// An answer is a response with its body.
type answer struct {
	*http.Response
	body string
}

func (a answer) location() string { return a.Header.Get("Location") }

func (b *browser) send(r *http.Request) answer {
	b.t.Helper()
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	w := httptest.NewRecorder()
	b.ServeHTTP(w, r)
	response := w.Result()
	for _, c := range response.Cookies() {
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		} else {
			b.cookies[c.Name] = c.Value
		}
	}
	body, _ := io.ReadAll(response.Body)
	return answer{response, string(body)}
}

func (b *browser) request(method, target string, body io.Reader) *http.Request {
	return httptest.NewRequestWithContext(b.t.Context(), method, baseURL+target, body)
}

// get navigates to a path or an absolute address of the app.
func (b *browser) get(target string, header ...string) answer {
	b.t.Helper()
	r := b.request(http.MethodGet, strings.TrimPrefix(target, baseURL), nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return b.send(r)
}

// script sends a request of a page's script.
func (b *browser) script(method, target, body string) answer {
	b.t.Helper()
	r := b.request(method, target, strings.NewReader(body))
	r.Header.Set("X-CSRF", "1")
	return b.send(r)
}

// atProvider follows a redirect to the provider and returns the address of the callback.
func (b *browser) atProvider(login answer) string {
	b.t.Helper()
	if login.StatusCode != http.StatusSeeOther {
		b.t.Fatalf("the login answered with %d: %s", login.StatusCode, login.body)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Get(login.location())
	if err != nil {
		b.t.Fatal(err)
	}
	_ = response.Body.Close()
	return response.Header.Get("Location")
}

// signIn signs in and returns the answer of the callback.
func (b *browser) signIn(query ...string) answer {
	b.t.Helper()
	return b.get(b.atProvider(b.get("/bff/login" + strings.Join(query, ""))))
}

// wantSignedIn checks which user is signed in, "" for none, and returns the user's claims.
func (b *browser) wantSignedIn(subject string) map[string]any {
	b.t.Helper()
	a := b.script(http.MethodGet, "/bff/user", "")
	if subject == "" {
		if a.StatusCode != http.StatusUnauthorized {
			b.t.Errorf("signed in, want signed out: %d %s", a.StatusCode, a.body)
		}
		return nil
	}
	if h := a.Header; h.Get("Cache-Control") != "no-store" || h.Get("Content-Type") != "application/json" || h.Get("X-Content-Type-Options") != "nosniff" {
		b.t.Errorf("the user endpoint has the header %v", h)
	}
	d := json.NewDecoder(strings.NewReader(a.body))
	d.UseNumber()
	var claims map[string]any
	if err := d.Decode(&claims); err != nil || claims["sub"] != subject {
		b.t.Fatalf("the user endpoint: %d %q, want %q\n%s", a.StatusCode, a.body, subject, b.log)
	}
	return claims
}

// wantFailure checks a page of a failure, which must quote nothing.
func (b *browser) wantFailure(a answer, status int, title string) {
	b.t.Helper()
	if a.StatusCode != status || !strings.Contains(a.body, title) {
		b.t.Errorf("status %d, want %d %q: %s\n%s", a.StatusCode, status, title, a.body, b.log)
	}
	if cache := a.Header.Get("Cache-Control"); cache != "no-store" {
		b.t.Errorf("Cache-Control: %q", cache)
	}
	if again := a.Header.Get("Retry-After"); (again != "") != (status == http.StatusServiceUnavailable) {
		b.t.Errorf("status %d has Retry-After: %q", status, again)
	}
}

// wantPage checks the header of a page: it is not cached, loads nothing, and only frame may frame
// it.
func (b *browser) wantPage(a answer, frame string) {
	b.t.Helper()
	h := a.Header
	policy := h.Get("Content-Security-Policy")
	if h.Get("Cache-Control") != "no-store" || h.Get("Content-Type") != "text/html; charset=utf-8" || h.Get("X-Content-Type-Options") != "nosniff" ||
		!strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "frame-ancestors "+frame) {
		b.t.Errorf("the page has the header %v", h)
	}
}

// attempts returns the number of sign-ins whose cookie the browser has.
func (b *browser) attempts() (n int) {
	for name := range b.cookies {
		if strings.Contains(name, "signin") {
			n++
		}
	}
	return n
}

// ticketOf returns the ticket of the browser's session.
func (b *browser) ticketOf() ticket.Ticket {
	b.t.Helper()
	var t ticket.Ticket
	r := b.request(http.MethodGet, "/", nil)
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	b.sessions.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t, _ = b.sessions.Ticket(r.Context())
	})).ServeHTTP(httptest.NewRecorder(), r)
	return t
}

func queryOf(t *testing.T, address string) url.Values {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query()
}
