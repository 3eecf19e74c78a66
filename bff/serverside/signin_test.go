package serverside

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/usersession/bff"
	"example.com/usersession/bff/ticket"
)

// Renewals and a revocation at the same time, with nothing to order them.
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
	br.visit(func(w http.ResponseWriter, r *http.Request) {
		mine := alice()
		_, err := b.SignIn(w, r, mine)
		mine.Claims["name"], mine.Properties["device"] = "Mallory", "stolen"
		if session, _ := FromContext(r.Context()); err != nil || session.Claims["name"] != "Alice" || session.Properties["device"] != "Firefox" {
			t.Errorf("changing the ticket after the sign-in changes the session, or %v", err)
		}
	})
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
