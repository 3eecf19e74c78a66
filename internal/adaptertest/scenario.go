package adaptertest

import (
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"example.com/usersession/bff"
	"example.com/usersession/bff/backchannel"
	"example.com/usersession/bff/ticket"
)

const (
	partition = "app"
	issuer    = "https://id.example"
)

// A world is one run of the scenario: a store, an application, browsers.
type world struct {
	t       *testing.T
	store   *failing
	app     Application
	server  *httptest.Server
	logout  http.Handler
	held    chan struct{} // a handler has loaded its session and waits
	release chan struct{}
}

func newWorld(t *testing.T, library Library, store bff.UserSessionStore) *world {
	t.Helper()
	every, ok := store.(full)
	if !ok {
		t.Fatalf("%T lacks a capability", store)
	}
	w := &world{t: t, store: &failing{full: every}, held: make(chan struct{}), release: make(chan struct{})}
	w.app = library(t, Config{
		Store: w.store, Protector: ticket.InsecureRandomKeyRing(), Partition: partition, Issuer: issuer,
	}, w.handle)
	// A TLS server: the browser sends cookies with the attribute Secure.
	w.server = httptest.NewTLSServer(w.app)
	t.Cleanup(w.server.Close)
	var err error
	w.logout, err = backchannel.New(backchannel.Config{
		Sessions: backchannel.ForStore(store, partition, issuer), Verifier: unverified{},
		Replay: backchannel.StoreReplayMemory{Store: store},
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// handle is the application.
func (w *world) handle(r Request, s Session) (string, error) {
	text, save, err := "", true, error(nil)
	switch r.Path {
	case "/get":
		text, save = s.Get(r.Query.Get("name")), false
	case "/set":
		s.Set(r.Query.Get("name"), r.Query.Get("value"))
	case "/flash":
		s.AddFlash(r.Query.Get("text"))
	case "/flashes":
		text = strings.Join(s.Flashes(), ",")
	case "/rotate":
		err = s.Rotate()
	case "/signin":
		if err = s.Rotate(); err == nil {
			s.Set(Subject, r.Query.Get("sub"))
			s.Set(SID, r.Query.Get("sid"))
		}
	case "/signout":
		err, save = s.End(), false
	case "/drop": // a sign-out without a new session
		s.Remove(Subject)
		s.Remove(SID)
	case "/held/set":
		w.wait()
		s.Set("late", "yes")
	case "/held/rotate":
		w.wait()
		if err = s.Rotate(); err == nil {
			s.Set("late", "yes")
		}
	case "/rotate/held":
		if err = s.Rotate(); err == nil {
			s.Set("late", "yes")
			w.wait()
		}
	case "/held/signout":
		w.wait()
		err, save = s.End(), false
	default:
		err = fmt.Errorf("no handler for %s", r.Path)
	}
	if err == nil && save {
		err = s.Save()
	}
	return text, err
}

// wait holds a handler until the test releases it.
func (w *world) wait() {
	w.held <- struct{}{}
	<-w.release
}

// A browser keeps cookies.
type browser struct {
	w      *world
	client *http.Client
}

func (w *world) newBrowser() *browser {
	w.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return &browser{w, &http.Client{Transport: w.server.Client().Transport, Jar: jar}}
}

// do sends a request. The arguments are names and values of the query.
func (b *browser) do(path string, args ...string) (status int, text string) {
	b.w.t.Helper()
	query := url.Values{}
	for i := 0; i < len(args); i += 2 {
		query.Set(args[i], args[i+1])
	}
	r, err := http.NewRequestWithContext(b.w.t.Context(), http.MethodGet, b.w.server.URL+path+"?"+query.Encode(), nil)
	if err != nil {
		b.w.t.Error(err)
		return 0, ""
	}
	response, err := b.client.Do(r)
	if err != nil {
		b.w.t.Error(err)
		return 0, ""
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		b.w.t.Error(err)
	}
	return response.StatusCode, string(body)
}

// ok sends a request that must succeed, and returns its text.
func (b *browser) ok(path string, args ...string) string {
	b.w.t.Helper()
	status, text := b.do(path, args...)
	if status != http.StatusOK {
		b.w.t.Fatalf("%s %v: status %d: %s", path, args, status, text)
	}
	return text
}

// refused sends a request that must fail with an error of the server.
func (b *browser) refused(path string, args ...string) {
	b.w.t.Helper()
	if status, text := b.do(path, args...); status < 500 {
		b.w.t.Errorf("%s %v: status %d: %s, want an error", path, args, status, text)
	}
}

// has checks a value of the session.
func (b *browser) has(name, value string) {
	b.w.t.Helper()
	if got := b.ok("/get", "name", name); got != value {
		b.w.t.Errorf("the session has %s = %q, want %q", name, got, value)
	}
}

func (b *browser) signIn(sub, sid string) { b.w.t.Helper(); b.ok("/signin", "sub", sub, "sid", sid) }

func (b *browser) signedIn(sub string) { b.w.t.Helper(); b.has(Subject, sub) }

func (b *browser) signedOut() { b.w.t.Helper(); b.has(Subject, "") }

// cookie returns the value of the session cookie, or "".
func (b *browser) cookie() string {
	address, err := url.Parse(b.w.server.URL)
	if err != nil {
		b.w.t.Fatal(err)
	}
	for _, cookie := range b.client.Jar.Cookies(address) {
		if cookie.Name == CookieName {
			return cookie.Value
		}
	}
	return ""
}

// setCookie replaces the session cookie.
func (b *browser) setCookie(value string) {
	address, err := url.Parse(b.w.server.URL)
	if err != nil {
		b.w.t.Fatal(err)
	}
	b.client.Jar.SetCookies(address, []*http.Cookie{{Name: CookieName, Value: value, Path: "/", Secure: true}})
}

// rows returns the live sessions of the application, without their tickets.
func (w *world) rows() []bff.UserSession {
	w.t.Helper()
	var rows []bff.UserSession
	for row, err := range w.store.UserSessions(w.t.Context(), bff.UserSessionsQuery{PartitionKey: partition}) {
		if err != nil {
			w.t.Fatal(err)
		}
		rows = append(rows, row)
	}
	return rows
}

// oneRow returns the only live session of the application.
func (w *world) oneRow() bff.UserSession {
	w.t.Helper()
	rows := w.rows()
	if len(rows) != 1 {
		w.t.Fatalf("%d rows, want 1: %+v", len(rows), rows)
	}
	return rows[0]
}

// noRowOf fails if the user has a row.
func (w *world) noRowOf(sub string) {
	w.t.Helper()
	for _, row := range w.rows() {
		if row.SubjectID == sub {
			w.t.Errorf("%s has a row: it has come back", sub)
		}
	}
}

// end ends the sessions of a user from outside.
func (w *world) end(sub string, want int64) {
	w.t.Helper()
	if n, err := w.app.EndSessions(w.t.Context(), sub); err != nil || n != want {
		w.t.Fatalf("EndSessions(%s) = %d, %v; want %d", sub, n, err, want)
	}
}

// whileHeld sends a request with the browser, and calls f when its handler has loaded its
// session and waits.
func (w *world) whileHeld(b *browser, path string, f func()) (status int) {
	w.t.Helper()
	done := make(chan int)
	go func() {
		status, _ := b.do(path)
		done <- status
	}()
	<-w.held
	f()
	w.release <- struct{}{}
	return <-done
}
