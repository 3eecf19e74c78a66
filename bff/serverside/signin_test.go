package serverside

import (
	"errors"
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

// Renewals and a revocation run concurrently, without synchronization.
type plain struct{ bff.UserSessionStore }

func TestSignIn_StoreWithoutReplacer(t *testing.T) {
	b := newTestBFF(t)
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

func TestMaxSessionsPerUser_ConcurrentSignIns(t *testing.T) {
	for range 20 {
		b := newTestBFF(t, func(c *Config) { c.MaxSessionsPerUser = 1 })
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

// The clocks of hosts differ, so the store decides the order of sign-ins: a new session is not
// the oldest because the clock of its host is slow.
func TestMaxSessionsPerUser_DifferentClocks(t *testing.T) {
	b := newTestBFF(t, func(c *Config) { c.MaxSessionsPerUser = 1 })
	behind := newTestBFF(t, func(c *Config) {
		c.MaxSessionsPerUser, c.Store = 1, b.store
		c.Clock = func() time.Time { return b.clock.plus(-5 * time.Second) }
	})
	first, second := b.browser(), behind.browser()
	first.signIn(as("alice", "s1"))
	b.clock.pass(2 * time.Second)
	second.signIn(as("alice", "s2"))
	first.want("")
	second.want("alice")
}

// A sign-in does not end its own session: the later sign-ins do.
func TestMaxSessionsPerUser_KeepsNewSession(t *testing.T) {
	b := newTestBFF(t, func(c *Config) { c.MaxSessionsPerUser = 1 })
	other := b.browser()
	other.signIn(as("alice", "s1"))
	overtaken := b.browser()
	b.store.on("list", func() {
		later := bff.UserSession{PartitionKey: "app", Key: "later", SubjectID: "alice", SessionID: "s3", Created: b.clock.Now(), Renewed: b.clock.Now()}
		if err := b.store.InMemoryStore.CreateUserSession(t.Context(), later); err != nil {
			t.Error(err)
		}
	})
	overtaken.signIn(as("alice", "s2"))
	other.want("")
	overtaken.want("alice")
	b.wantEnded(EndMaximum, 1)
}

func TestSignIn_WithoutSessionIDGetsLocalOne(t *testing.T) {
	b := newTestBFF(t)
	one, two := b.browser(), b.browser()
	one.signIn(as("alice", ""))
	two.signIn(as("alice", ""))
	rows := b.store.rows(t, "alice")
	if len(rows) != 2 {
		t.Fatalf("%d sessions: a session without a session id has replaced another", len(rows))
	}
	local := regexp.MustCompile(`^local-[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	for _, row := range rows {
		if !local.MatchString(row.SessionID) {
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

// TestSignIn_Ticket: what the new session's ticket and the returned session have.
func TestSignIn_Ticket(t *testing.T) {
	b := newTestBFF(t)
	given := b.clock.plus(-time.Minute)
	for name, test := range map[string]struct {
		change   func(*ticket.Ticket)
		obtained time.Time
	}{
		"access token":                           {func(*ticket.Ticket) {}, b.clock.Now()},
		"time of the access token":               {func(tk *ticket.Ticket) { tk.AccessTokenObtained = given }, given},
		"no access token":                        {func(tk *ticket.Ticket) { tk.AccessToken = "" }, time.Time{}},
		"claim of a refresh, of another session": {func(tk *ticket.Ticket) { tk.SetRefreshClaim("claim") }, b.clock.Now()},
	} {
		t.Run(name, func(t *testing.T) {
			tk := alice()
			test.change(&tk)
			br := b.browser()
			br.visit(func(w http.ResponseWriter, r *http.Request) {
				if session, err := b.SignIn(w, r, tk); !session.Current || err != nil {
					t.Errorf("the session is the request's: %t, %v", session.Current, err)
				}
			})
			got := br.stored(t).ticket
			if !got.AccessTokenObtained.Equal(test.obtained) || got.RefreshClaim() != "" {
				t.Errorf("the access token was obtained at %v, want %v; the claim is %q", got.AccessTokenObtained, test.obtained, got.RefreshClaim())
			}
		})
	}
}

// OpenID Connect permits a sub of 255 ASCII characters, which no row can keep as it is.
func TestSignIn_LongSubject(t *testing.T) {
	b := newTestBFF(t)
	long, other := strings.Repeat("x", 255), strings.Repeat("x", 254)+"y"
	laptop, phone, others := b.browser(), b.browser(), b.browser()
	laptop.signIn(as(long, "s1"))
	phone.signIn(as(long, "s2"))
	others.signIn(as(other, "s3"))
	laptop.want(long)
	others.want(other)
	sessions, err := b.UserSessions(t.Context(), long)
	if err != nil || len(sessions) != 2 || sessions[0].SubjectID != long {
		t.Errorf("%d sessions, %v", len(sessions), err)
	}
	if n, err := b.RevokeSessions(t.Context(), bff.UserSessionsFilter{SubjectID: long, SessionID: "s1"}); n != 1 || err != nil {
		t.Errorf("revoked %d, %v", n, err)
	}
	laptop.want("")
	if n, err := b.BackchannelLogout(t.Context(), bff.UserSessionsFilter{SubjectID: long}); n != 1 || err != nil {
		t.Errorf("logged out %d, %v", n, err)
	}
	phone.want("")
	others.want(other)
	tk := as(bff.SubjectIDOf(long), "s4") // another user must not get the first one's sessions
	others.visit(func(w http.ResponseWriter, r *http.Request) {
		if _, err := b.SignIn(w, r, tk); err == nil {
			t.Error("a reserved subject id is accepted")
		}
	})
}

// A logout token for a long sub also ends a sign-in that is under way.
func TestRecordLogout_LongSubject(t *testing.T) {
	b := newTestBFF(t)
	tk := as(strings.Repeat("x", 255), "s1")
	tk.IDTokenIssuedAt = b.clock.Now()
	filter := bff.UserSessionsFilter{SubjectID: tk.SubjectID}
	if err := b.RecordLogout(t.Context(), filter, b.clock.Now(), b.clock.plus(time.Minute)); err != nil {
		t.Fatal(err)
	}
	b.browser().visit(func(w http.ResponseWriter, r *http.Request) {
		if _, err := b.SignIn(w, r, tk); !errors.Is(err, ErrLoggedOut) {
			t.Errorf("%v", err)
		}
	})
}
