package serverside

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"example.com/usersession/bff"
	"example.com/usersession/bff/ticket"
)

func TestSlidingAsInASPNETCore(t *testing.T) {
	b := newBench(t)
	br := b.browser()
	br.signIn(alice())
	signedIn := b.clock.Now()
	for _, step := range []struct {
		pass    time.Duration
		renewed time.Duration // since sign-in
	}{
		{0, 0},
		{30 * time.Minute, 0}, // exactly half is left: not less
		{time.Microsecond, 30*time.Minute + time.Microsecond}, // less than half
		{time.Microsecond, 30*time.Minute + time.Microsecond},
		{29 * time.Minute, 30*time.Minute + time.Microsecond},
		{2 * time.Minute, 61*time.Minute + 2*time.Microsecond},
	} {
		b.clock.pass(step.pass)
		b.store.reset()
		br.want("alice")
		row := b.store.rows(t, "alice")[0]
		if want := signedIn.Add(step.renewed); !row.Renewed.Equal(want) || !row.Expires.Equal(want.Add(time.Hour)) {
			t.Errorf("%v after the sign-in: renewed %v after it, expires %v after it", b.clock.Now().Sub(signedIn),
				row.Renewed.Sub(signedIn), row.Expires.Sub(signedIn))
		}
		if b.store.count("get") != 1 {
			t.Errorf("%d reads in one request", b.store.count("get"))
		}
	}
	// At most one write in half a window, however many requests there are.
	b.store.reset()
	for range 120 {
		b.clock.pass(time.Minute)
		br.want("alice")
	}
	if n := b.store.count("update"); n != 4 && n != 3 {
		t.Errorf("%d writes in two hours", n)
	}
	// Close to the absolute end nothing is written that changes nothing.
	for b.clock.Now().Before(signedIn.Add(7*time.Hour + 30*time.Minute)) {
		b.clock.pass(time.Minute)
		br.want("alice")
	}
	b.store.reset()
	for range 29 {
		b.clock.pass(time.Minute)
		br.want("alice")
	}
	if n := b.store.count("update"); n > 1 {
		t.Errorf("%d writes in the last half hour", n)
	}
}

func TestSlideFalseReadsWithoutSliding(t *testing.T) {
	b := newBench(t)
	br := b.browser()
	br.signIn(alice())
	b.clock.pass(50 * time.Minute)
	user := func(target string, middleware bool) map[string]any {
		r := br.request(target)
		w := httptest.NewRecorder()
		h := b.UserHandler()
		if middleware {
			h = b.Middleware(h)
		}
		h.ServeHTTP(w, r)
		var claims map[string]any
		if err := json.Unmarshal(w.Body.Bytes(), &claims); err != nil || w.Code != http.StatusOK {
			t.Fatalf("%s: status %d, %v", target, w.Code, err)
		}
		return claims
	}
	for _, middleware := range []bool{true, false} {
		claims := user("/bff/user?slide=false", middleware)
		if claims["bff:session_expires_in"] != float64(600) || claims["sub"] != "alice" || claims["sid"] != "idp-session" || claims["name"] != "Alice" {
			t.Errorf("%v", claims)
		}
	}
	if b.store.count("update") != 0 {
		t.Error("?slide=false renews")
	}
	// Elsewhere the parameter is the application's own.
	if claims := user("/other?slide=false", true); claims["bff:session_expires_in"] != float64(3600) {
		t.Errorf("another path: %v", claims)
	}
	b.clock.pass(50 * time.Minute)
	if claims := user("/bff/user", false); claims["bff:session_expires_in"] != float64(3600) {
		t.Errorf("without the parameter: %v", claims)
	}
	w := httptest.NewRecorder()
	b.UserHandler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/bff/user", nil))
	if w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", w.Code)
	}
	response := b.browser().visit(b.UserHandler().ServeHTTP)
	if response.StatusCode != http.StatusUnauthorized {
		t.Errorf("signed out: %d", response.StatusCode)
	}
}

// Renewals and a revocation at the same time, with nothing to order them.
func TestRaceOfRenewalAndRevocation(t *testing.T) {
	for range 50 {
		b := newBench(t)
		br := b.browser()
		br.signIn(alice())
		b.clock.pass(45 * time.Minute)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				r := br.request("/")
				b.Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).ServeHTTP(httptest.NewRecorder(), r)
			})
			wg.Go(func() {
				r := br.request("/")
				b.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					err := b.Update(r.Context(), func(tk *ticket.Ticket) error { tk.AccessToken = "new"; return nil })
					if err != nil && !errors.Is(err, ErrNoSession) {
						t.Error(err)
					}
				})).ServeHTTP(httptest.NewRecorder(), r)
			})
		}
		wg.Go(func() {
			if n, err := b.RevokeSessions(t.Context(), bff.UserSessionsFilter{SubjectID: "alice"}); n != 1 || err != nil {
				t.Errorf("%d, %v", n, err)
			}
		})
		wg.Wait()
		if len(b.store.rows(t, "alice")) != 0 {
			t.Fatal("the session is back")
		}
		br.want("")
	}
}

func TestARenewalNeverOverwritesAnUpdate(t *testing.T) {
	b := newBench(t)
	br := b.browser()
	br.signIn(alice())
	b.clock.pass(45 * time.Minute)
	key := b.store.rows(t, "alice")[0].Key
	b.store.on("update", func() {
		l, err := b.load(t.Context(), key)
		if err != nil || l == nil {
			t.Fatal(err)
		}
		if _, err := b.update(t.Context(), l, func(tk *ticket.Ticket) error { tk.AccessToken = "new"; return nil }); err != nil {
			t.Error(err)
		}
	})
	br.want("alice")
	br.visit(func(_ http.ResponseWriter, r *http.Request) {
		if tk, _ := b.Ticket(r.Context()); tk.AccessToken != "new" {
			t.Error("the renewal has written the old ticket back")
		}
	})
	if row := b.store.rows(t, "alice")[0]; !row.Renewed.Equal(b.clock.Now()) {
		t.Error("it was not renewed after all")
	}
}

func TestARenewalSealsUnderThePrimaryKey(t *testing.T) {
	oldKey, err := ticket.NewKey([]byte("abcdefghijklmnopqrstuvwxyz012345"))
	if err != nil {
		t.Fatal(err)
	}
	newKey, err := ticket.NewKey([]byte("0123456789abcdefghijklmnopqrstuv"))
	if err != nil {
		t.Fatal(err)
	}
	before, _ := ticket.NewKeyRing(oldKey)
	both, _ := ticket.NewKeyRing(newKey, oldKey)
	after, _ := ticket.NewKeyRing(newKey)
	b := newBench(t, func(c *Config) { c.Protector = before })
	br := b.browser()
	br.signIn(alice())
	b.cfg.Protector = both // deployed
	b.clock.pass(45 * time.Minute)
	br.want("alice")
	b.cfg.Protector = after
	br.want("alice")
}

func TestDatabaseDownFailsClosed(t *testing.T) {
	b := newBench(t)
	br := b.browser()
	br.signIn(alice())
	row := b.store.rows(t, "alice")[0]
	b.clock.pass(45 * time.Minute)
	b.store.breakDown(allOperations...)
	called := false
	response := br.visit(func(http.ResponseWriter, *http.Request) { called = true })
	if response.StatusCode != http.StatusServiceUnavailable || called {
		t.Errorf("status %d, handler called: %t", response.StatusCode, called)
	}
	if text := body(t, response); text != "Service Unavailable\n" {
		t.Errorf("the body says %q", text)
	}
	if len(response.Cookies()) != 0 {
		t.Errorf("the cookie is touched: %v", response.Cookies())
	}
	// Who has no cookie is not concerned.
	b.browser().want("")
	// Nor may a sign-out pretend.
	b.store.breakDown("delete", "delete all", "create", "replace")
	response = br.visit(func(w http.ResponseWriter, r *http.Request) {
		if err := b.SignOut(w, r); !errors.Is(err, errDown) {
			t.Errorf("SignOut: %v", err)
		}
		if _, ok := FromContext(r.Context()); !ok {
			t.Error("after a sign-out that failed the request is signed out")
		}
		if _, err := b.SignIn(w, r, as("bob", "")); !errors.Is(err, errDown) {
			t.Errorf("SignIn: %v", err)
		}
	})
	if len(response.Cookies()) != 0 {
		t.Errorf("the cookie is touched: %v", response.Cookies())
	}
	if _, err := b.RevokeSessions(t.Context(), bff.UserSessionsFilter{SubjectID: "alice"}); !errors.Is(err, errDown) {
		t.Errorf("RevokeSessions: %v", err)
	}
	b.store.breakDown()
	br.want("alice")
	if rows := b.store.rows(t, "alice"); len(rows) != 1 || rows[0].Key != row.Key {
		t.Error("a session was deleted")
	}
	// A renewal that cannot be written costs nothing but itself.
	b.clock.pass(45 * time.Minute)
	b.store.breakDown("update")
	br.want("alice")
}

func TestACancelledRequestDeletesNothing(t *testing.T) {
	b := newBench(t)
	br := b.browser()
	br.signIn(alice())
	b.clock.pass(45 * time.Minute)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w := httptest.NewRecorder()
	b.Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the handler is called") })).
		ServeHTTP(w, br.request("/").WithContext(ctx))
	if w.Code != http.StatusServiceUnavailable || len(w.Result().Cookies()) != 0 {
		t.Errorf("status %d", w.Code)
	}
	if strings.Contains(b.log.String(), `"level":"ERROR"`) {
		t.Errorf("it is logged as an error: %s", b.log.String())
	}
	// Cancelled while the handler runs.
	ctx, cancel = context.WithCancel(t.Context())
	br.do(br.request("/").WithContext(ctx), func(w http.ResponseWriter, r *http.Request) {
		cancel()
		if err := b.SignOut(w, r); !errors.Is(err, context.Canceled) {
			t.Errorf("SignOut: %v", err)
		}
		if _, err := b.SignIn(w, r, as("alice", "other")); !errors.Is(err, context.Canceled) {
			t.Errorf("SignIn: %v", err)
		}
		if _, err := b.RevokeOtherSessions(r.Context()); !errors.Is(err, context.Canceled) {
			t.Errorf("RevokeOtherSessions: %v", err)
		}
		if err := b.Update(r.Context(), func(*ticket.Ticket) error { return nil }); !errors.Is(err, context.Canceled) {
			t.Errorf("Update: %v", err)
		}
	})
	br.want("alice")
	if len(b.store.rows(t, "alice")) != 1 {
		t.Error("a session came or went")
	}
}

func TestASignInThatFailsLeavesNothing(t *testing.T) {
	for _, operation := range []string{"replace", "delete", "list"} {
		t.Run(operation, func(t *testing.T) {
			b := newBench(t, func(c *Config) { c.MaxSessionsPerUser = 5 })
			br := b.browser()
			br.signIn(as("alice", "s1"))
			old := br.cookies[DefaultCookieName]
			b.store.breakDown(operation)
			// Deleting the old session fails; deleting what was added works again.
			b.store.on("delete", func() { b.store.on("delete", func() { b.store.breakDown() }) })
			response := br.visit(func(w http.ResponseWriter, r *http.Request) {
				if _, err := b.SignIn(w, r, as("alice", "s2")); !errors.Is(err, errDown) {
					t.Errorf("%v", err)
				}
			})
			b.store.breakDown()
			if len(response.Cookies()) != 0 || br.cookies[DefaultCookieName] != old {
				t.Error("a cookie was sent")
			}
			for _, row := range b.store.rows(t, "alice") {
				if row.SessionID == "s2" {
					t.Error("the new session is there")
				}
			}
		})
	}
}

type plain struct{ bff.UserSessionStore }

func TestStoresThatCannotReplace(t *testing.T) {
	b := newBench(t)
	b.cfg.Store = plain{b.store}
	one, two := b.browser(), b.browser()
	one.signIn(as("alice", "s1"))
	two.signIn(as("bob", "s1")) // the same session id, another subject
	one.want("")
	two.want("bob")
	b.store.breakDown("delete all")
	b.browser().visit(func(w http.ResponseWriter, r *http.Request) {
		if _, err := b.SignIn(w, r, as("carol", "s1")); !errors.Is(err, errDown) {
			t.Errorf("%v", err)
		}
	})
	two.want("bob")
}

func TestMaximumHoldsForSignInsAtTheSameTime(t *testing.T) {
	for range 20 {
		b := newBench(t, func(c *Config) { c.MaxSessionsPerUser = 1 })
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				_, err := b.SignIn(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil), as("alice", ""))
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if n := len(b.store.rows(t, "alice")); n != 1 {
			t.Fatalf("%d sessions", n)
		}
	}
}

func TestWithoutASessionIDThereIsAUUID(t *testing.T) {
	b := newBench(t)
	one, two := b.browser(), b.browser()
	one.signIn(as("alice", ""))
	two.signIn(as("alice", ""))
	rows := b.store.rows(t, "alice")
	if len(rows) != 2 {
		t.Fatalf("%d sessions: one without a session id has replaced another", len(rows))
	}
	uuid := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	for _, row := range rows {
		if !uuid.MatchString(row.SessionID) {
			t.Errorf("%q", row.SessionID)
		}
	}
	two.visit(func(_ http.ResponseWriter, r *http.Request) {
		session, _ := FromContext(r.Context())
		if n, err := b.RevokeSessions(r.Context(), bff.UserSessionsFilter{SubjectID: "alice", SessionID: session.SessionID}); n != 1 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
	})
	one.want("alice")
	two.want("")
}

func TestUpdate(t *testing.T) {
	b := newBench(t)
	br := b.browser()
	br.signIn(alice())
	before := b.store.rows(t, "alice")[0]
	b.clock.pass(time.Minute)
	br.visit(func(_ http.ResponseWriter, r *http.Request) {
		err := b.Update(r.Context(), func(tk *ticket.Ticket) error {
			tk.SubjectID, tk.SessionID, tk.Issuer, tk.Issued = "mallory", "x", "y", time.Time{}
			tk.Expires = tk.Expires.Add(time.Hour)
			tk.Properties["device"] = "Chromium"
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		session, _ := FromContext(r.Context())
		if session.Properties["device"] != "Chromium" || session.SubjectID != "alice" {
			t.Errorf("the request still sees %+v", session)
		}
		refusal := errors.New("no")
		if err := b.Update(r.Context(), func(tk *ticket.Ticket) error { tk.Properties["device"] = "lost"; return refusal }); !errors.Is(err, refusal) {
			t.Errorf("%v", err)
		}
	})
	after := b.store.rows(t, "alice")[0]
	if !after.Expires.Equal(before.Expires) || !after.Renewed.Equal(before.Renewed) || after.Version != 2 {
		t.Errorf("an update changes the row's times, or wrote %d times", after.Version-1)
	}
	br.visit(func(_ http.ResponseWriter, r *http.Request) {
		tk, _ := b.Ticket(r.Context())
		if tk.Properties["device"] != "Chromium" || tk.SubjectID != "alice" || tk.Issuer != issuer || !tk.Issued.Equal(before.Created) ||
			!tk.Expires.Equal(before.Created.Add(8*time.Hour)) {
			t.Error("an update changes what it must not, or not what it should")
		}
	})
	if err := b.Update(t.Context(), nil); !errors.Is(err, ErrNoSession) {
		t.Errorf("signed out: %v", err)
	}
}

func TestParallelUpdatesAreAllKept(t *testing.T) {
	b := newBench(t)
	br := b.browser()
	br.signIn(alice())
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			b.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				if err := b.Update(r.Context(), func(tk *ticket.Ticket) error { tk.Properties[fmt.Sprint(i)] = "x"; return nil }); err != nil {
					t.Error(err)
				}
			})).ServeHTTP(httptest.NewRecorder(), br.request("/"))
		})
	}
	wg.Wait()
	br.visit(func(_ http.ResponseWriter, r *http.Request) {
		if session, _ := FromContext(r.Context()); len(session.Properties) != 17 {
			t.Errorf("%d properties", len(session.Properties))
		}
	})
}

func TestWhatIsHandedOutIsTheCallers(t *testing.T) {
	b := newBench(t)
	br := b.browser()
	br.signIn(alice())
	br.visit(func(_ http.ResponseWriter, r *http.Request) {
		a, _ := FromContext(r.Context())
		a.Claims["name"], a.Properties["device"] = "Mallory", "stolen"
		tk, _ := b.Ticket(r.Context())
		tk.Claims["name"] = "Mallory"
		if again, _ := FromContext(r.Context()); again.Claims["name"] != "Alice" || again.Properties["device"] != "Firefox" {
			t.Error("changing a copy changes the session")
		}
	})
}

func TestNestedMiddlewaresKeepApart(t *testing.T) {
	one, two := newBench(t), newBench(t, func(c *Config) { c.CookieName = "__Host-two" })
	br := one.browser()
	br.signIn(alice())
	one.Middleware(two.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if _, ok := FromContext(r.Context()); ok {
			t.Error("the inner one has no session")
		}
		if _, ok := two.Ticket(r.Context()); ok {
			t.Error("the inner one has a ticket")
		}
	}))).ServeHTTP(httptest.NewRecorder(), br.request("/"))
	if _, ok := FromContext(t.Context()); ok {
		t.Error("a session without a middleware")
	}
}

func TestCountersAndEvents(t *testing.T) {
	b := newBench(t)
	br := b.browser()
	br.signIn(as("alice", "s1"))
	br.visit(func(w http.ResponseWriter, r *http.Request) { _ = b.SignOut(w, r) })
	br.visit(func(w http.ResponseWriter, r *http.Request) {
		if err := b.SignOut(w, r); err != nil { // already signed out
			t.Error(err)
		}
	})
	b.browser().signIn(as("alice", "s2"))
	if _, err := b.BackchannelLogout(t.Context(), bff.UserSessionsFilter{SessionID: "s2"}); err != nil {
		t.Error(err)
	}
	if _, err := b.BackchannelLogout(t.Context(), bff.UserSessionsFilter{SessionID: "s2"}); err != nil {
		t.Error(err)
	}
	b.wantEnded(EndSignOut, 1)
	b.wantEnded(EndBackchannel, 1)
	if b.tally.started != 2 {
		t.Errorf("session.started = %d", b.tally.started)
	}
	for _, want := range []string{"user session started", "sign_out", "backchannel_logout", `"subject_id":"alice"`} {
		if !strings.Contains(b.log.String(), want) {
			t.Errorf("the log has no %q", want)
		}
	}
}

func TestCleanup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, func(c *Config) {
			c.Store, c.Clock = bff.NewInMemoryStore(), time.Now
			c.EnableSessionCleanup, c.SessionCleanupInterval = true, time.Minute
		})
		b.browser().signIn(as("alice", ""))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- b.Run(ctx) }()
		time.Sleep(59 * time.Minute)
		synctest.Wait()
		b.wantEnded(EndExpired, 0)
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		b.wantEnded(EndExpired, 1)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	if err := newBench(t).Run(t.Context()); err != nil {
		t.Errorf("without cleanup: %v", err)
	}
}

func TestNewSaysWhatIsWrong(t *testing.T) {
	log := &logBuffer{}
	logger := slog.New(slog.NewTextHandler(log, nil))
	s, err := New(Config{Protector: testKeys, Logger: logger, EnableSessionCleanup: true})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(log.String(), "in memory") != 1 {
		t.Errorf("a nil store: %s", log.String())
	}
	br := (&bench{Sessions: s, t: t}).browser()
	br.signIn(alice())
	br.want("alice")
	if strings.Count(log.String(), "in memory") != 1 {
		t.Error("it is said more than once")
	}
	for want, change := range map[string]func(*Config){
		"Protector is nil":       func(c *Config) { c.Protector = nil },
		"IdleTimeout":            func(c *Config) { c.IdleTimeout = -1 },
		"AbsoluteLifetime":       func(c *Config) { c.AbsoluteLifetime = -1 },
		"MaxSessionsPerUser":     func(c *Config) { c.MaxSessionsPerUser = -1 },
		"Partition":              func(c *Config) { c.Partition = "\x00" },
		"SessionCleanupInterval": func(c *Config) { c.SessionCleanupInterval = -1 },
		"Cleanup": func(c *Config) {
			c.EnableSessionCleanup, c.Store = true, plain{bff.NewInMemoryStore()}
		},
	} {
		c := Config{Protector: testKeys, Store: bff.NewInMemoryStore()}
		change(&c)
		if _, err := New(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

type down struct{}

func (down) Encrypt(_, _ []byte) ([]byte, error) { return nil, ticket.ErrUnavailable }
func (down) Decrypt(_, _ []byte) ([]byte, error) { return nil, ticket.ErrUnavailable }

func TestAProtectorThatIsDownIsNoEndOfASession(t *testing.T) {
	b := newBench(t)
	br := b.browser()
	br.signIn(alice())
	b.cfg.Protector = down{}
	if response := br.visit(func(http.ResponseWriter, *http.Request) {}); response.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("status %d", response.StatusCode)
	}
	b.cfg.Protector = testKeys
	br.want("alice")
}
