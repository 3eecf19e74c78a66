package serverside

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"example.com/usersession/bff"
	"example.com/usersession/bff/internal/logoutnote"
	"example.com/usersession/bff/ticket"
)

// noteTime is how long the tests keep the record of a logout.
const noteTime = 10 * time.Minute

// signInNow calls SignIn as a callback does that came without the middleware.
func (b *testBFF) signInNow(tk ticket.Ticket) error {
	r := httptest.NewRequestWithContext(b.t.Context(), http.MethodGet, "/bff/callback", nil)
	w := httptest.NewRecorder()
	_, err := b.SignIn(w, r, tk)
	if cookies := w.Result().Cookies(); err != nil && len(cookies) > 0 {
		b.t.Errorf("a sign-in that failed has set %d cookies", len(cookies))
	}
	return err
}

func TestSignIn_LogoutUnderWay(t *testing.T) {
	both := bff.UserSessionsFilter{SubjectID: "alice", SessionID: "s1"}
	for name, test := range map[string]struct {
		logout      bff.UserSessionsFilter
		subject, id string        // of the sign-in
		newer       time.Duration // by which the ID token is newer than the logout token
		ended       bool
	}{
		"sub":                              {bff.UserSessionsFilter{SubjectID: "alice"}, "alice", "s1", -time.Second, true},
		"sub, sign-in without sid":         {bff.UserSessionsFilter{SubjectID: "alice"}, "alice", "", -time.Second, true},
		"sid":                              {bff.UserSessionsFilter{SessionID: "s1"}, "alice", "s1", -time.Second, true},
		"sub and sid":                      {both, "alice", "s1", -time.Second, true},
		"sub and sid, sign-in without sid": {both, "alice", "", -time.Second, true},
		"same second":                      {both, "alice", "s1", 900 * time.Millisecond, true},
		"same time":                        {both, "alice", "s1", 0, true},
		"newer ID token":                   {both, "alice", "s1", time.Second, false},
		"newer ID token without sid":       {both, "alice", "", time.Second, false},
		"another sid":                      {both, "alice", "s2", -time.Second, false},
		"another sid, token with sid":      {bff.UserSessionsFilter{SessionID: "s1"}, "alice", "s2", -time.Second, false},
		"another user":                     {both, "bob", "s1", -time.Second, false},
		"another user without sid":         {both, "bob", "", -time.Second, false},
		"another case":                     {bff.UserSessionsFilter{SubjectID: "ALICE"}, "alice", "s1", -time.Second, false},
	} {
		t.Run(name, func(t *testing.T) {
			b := newTestBFF(t)
			loggedOut := b.clock.Now()
			if err := b.RecordLogout(t.Context(), test.logout, loggedOut, loggedOut.Add(noteTime)); err != nil {
				t.Fatal(err)
			}
			b.clock.pass(2 * time.Second)
			tk := as(test.subject, test.id)
			tk.IDTokenIssuedAt = loggedOut.Add(test.newer)
			err := b.signInNow(tk)
			b.settle()
			if rows := b.store.rows(t, test.subject); errors.Is(err, ErrLoggedOut) != test.ended || err != nil != test.ended || len(rows) == 0 != test.ended {
				t.Errorf("signing in: %v, %d sessions", err, len(rows))
			}
		})
	}
}

// The time of issue is also in the ID token that the application keeps in the ticket. Without
// it, SignIn cannot compare the sign-in with the logout.
func TestSignIn_TimeOfIDToken(t *testing.T) {
	b := newTestBFF(t)
	loggedOut := b.clock.Now()
	if err := b.RecordLogout(t.Context(), bff.UserSessionsFilter{SubjectID: "alice"}, loggedOut, loggedOut.Add(noteTime)); err != nil {
		t.Fatal(err)
	}
	idToken := func(payload string) string {
		return "header." + base64.RawURLEncoding.EncodeToString([]byte(payload)) + ".signature"
	}
	before, after := loggedOut.Unix()-1, loggedOut.Unix()+1
	for _, test := range []struct {
		idToken  string
		issuedAt time.Time
		ended    bool
	}{
		{idToken(fmt.Sprintf(`{"iat":%d}`, before)), time.Time{}, true},
		{idToken(fmt.Sprintf(`{"iat":%d.75}`, before)), time.Time{}, true},
		{idToken(fmt.Sprintf(`{"iat":%d}`, after)), time.Time{}, false},
		{idToken(fmt.Sprintf(`{"iat":%d}`, before)), time.Unix(after, 0), false}, // the field counts
		{idToken(fmt.Sprintf(`{"iat":%d}`, after)), time.Unix(before, 0), true},
		{idToken(`{}`), time.Time{}, false},
		{idToken(`{"iat":"yesterday"}`), time.Time{}, false},
		{idToken(`{"iat":-1}`), time.Time{}, false},
		{idToken(`{"iat":1e300}`), time.Time{}, false},
		{idToken(`[`), time.Time{}, false},
		{"header.!!!.signature", time.Time{}, false},
		{"a.b.c.d.e", time.Time{}, false}, // encrypted
		{"opaque", time.Time{}, false},
		{"", time.Time{}, false},
	} {
		tk := as("alice", "")
		tk.IDToken, tk.IDTokenIssuedAt = test.idToken, test.issuedAt
		if err := b.signInNow(tk); errors.Is(err, ErrLoggedOut) != test.ended || err != nil != test.ended {
			t.Errorf("ID token %q, issued at %v: %v", test.idToken, test.issuedAt, err)
		}
	}
}

func TestRecordLogout_Lasts(t *testing.T) {
	b := newTestBFF(t)
	loggedOut := b.clock.Now()
	tk := as("alice", "s1")
	tk.IDTokenIssuedAt = loggedOut.Add(-time.Second)
	record := func(issuedAt time.Time) {
		t.Helper()
		if err := b.RecordLogout(t.Context(), bff.UserSessionsFilter{SubjectID: "alice"}, issuedAt, issuedAt.Add(noteTime)); err != nil {
			t.Fatal(err)
		}
	}
	record(loggedOut)
	record(loggedOut.Add(-5 * time.Second)) // a late delivery: the later logout counts
	b.clock.pass(noteTime - time.Second)
	if err := b.signInNow(tk); !errors.Is(err, ErrLoggedOut) {
		t.Errorf("before the record's end: %v", err)
	}
	b.clock.pass(2 * time.Second)
	if err := b.signInNow(tk); err != nil {
		t.Errorf("after the record's end: %v", err)
	}
}

func TestSignIn_EndedByLogoutRevokesItsToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &provider{}
		b := newTestBFF(t, func(c *Config) { c.Revoker = p })
		loggedOut := b.clock.Now()
		if err := b.RecordLogout(t.Context(), bff.UserSessionsFilter{SubjectID: "alice"}, loggedOut, loggedOut.Add(noteTime)); err != nil {
			t.Fatal(err)
		}
		tk := as("alice", "s1")
		tk.IDTokenIssuedAt = loggedOut
		if err := b.signInNow(tk); !errors.Is(err, ErrLoggedOut) {
			t.Errorf("signing in: %v", err)
		}
		b.settle()
		p.want(t, tk.RefreshToken)
		if strings.Contains(b.log.String(), "secret") {
			t.Error("the log has a token")
		}
	})
}

// The notes of one issuer and partition do not end the sign-ins of another.
func TestRecordLogout_OtherSessions(t *testing.T) {
	b := newTestBFF(t)
	for name, change := range map[string]func(*Config){
		"partition": func(c *Config) { c.Partition = "other" },
		"issuer":    func(c *Config) { c.Issuer = "https://other.example" },
	} {
		other := newTestBFF(t, change, func(c *Config) { c.Store = b.store })
		loggedOut := b.clock.Now()
		if err := other.RecordLogout(t.Context(), bff.UserSessionsFilter{SubjectID: "alice"}, loggedOut, loggedOut.Add(noteTime)); err != nil {
			t.Fatal(err)
		}
		tk := as("alice", "s1")
		tk.IDTokenIssuedAt = loggedOut.Add(-time.Second)
		if err := b.signInNow(tk); err != nil {
			t.Errorf("after the logout from another %s: %v", name, err)
		}
	}
	if _, err := New(Config{Protector: testKeys, Store: b.store, Partition: logoutnote.Partition}); err == nil {
		t.Error("New has accepted the partition of the notes")
	}
	if err := b.RecordLogout(t.Context(), bff.UserSessionsFilter{}, b.clock.Now(), b.clock.Now()); !errors.Is(err, bff.ErrInvalidFilter) {
		t.Errorf("recording the logout of an empty filter: %v", err)
	}
}

// The handler of package backchannel records a logout before it ends the sessions. The session of
// the sign-in ends, whichever step of the sign-in comes directly after the logout.
func TestSignIn_LogoutBeforeEachStep(t *testing.T) {
	logout := bff.UserSessionsFilter{SubjectID: "alice", SessionID: "s1"}
	for _, operation := range []string{"replace", "get", "list"} {
		for _, sessionID := range []string{"s1", ""} {
			b := newTestBFF(t, func(c *Config) { c.MaxSessionsPerUser = 3 })
			tk := as("alice", sessionID)
			tk.IDTokenIssuedAt = b.clock.Now()
			loggedOut := false
			b.store.on(operation, func() {
				loggedOut = true
				if err := b.RecordLogout(t.Context(), logout, tk.IDTokenIssuedAt, b.clock.plus(noteTime)); err != nil {
					t.Error(err)
				}
				if _, err := b.BackchannelLogout(t.Context(), logout); err != nil {
					t.Error(err)
				}
			})
			_ = b.signInNow(tk)
			b.settle()
			if rows := b.store.rows(t, "alice"); len(rows) != 0 || !loggedOut {
				t.Errorf("%s, session id %q: the session has survived the logout", operation, sessionID)
			}
		}
	}
}

func TestSignIn_RaceWithLogout(t *testing.T) {
	for round := range 300 {
		b := newTestBFF(t)
		loggedOut := b.clock.Now()
		logout := bff.UserSessionsFilter{SubjectID: "alice", SessionID: "s1"}
		tk := as("alice", []string{"s1", ""}[round%2])
		tk.IDTokenIssuedAt = loggedOut
		var wg sync.WaitGroup
		wg.Go(func() { _ = b.signInNow(tk) })
		wg.Go(func() {
			if err := b.RecordLogout(t.Context(), logout, loggedOut, loggedOut.Add(noteTime)); err != nil {
				t.Error(err)
			}
			if _, err := b.BackchannelLogout(t.Context(), logout); err != nil {
				t.Error(err)
			}
		})
		wg.Wait()
		b.settle()
		if rows := b.store.rows(t, "alice"); len(rows) != 0 {
			t.Fatalf("round %d: the session has survived the logout", round)
		}
	}
}

func TestBackchannelLogout_SessionsWithoutProviderID(t *testing.T) {
	for _, revoker := range []TokenRevoker{nil, &provider{}} {
		b := newTestBFF(t, func(c *Config) { c.Revoker = revoker })
		named, other, local, bob := b.browser(), b.browser(), b.browser(), b.browser()
		named.signIn(as("alice", "s1"))
		other.signIn(as("alice", "s2"))
		local.signIn(as("alice", ""))
		bob.signIn(as("bob", ""))
		if n, err := b.BackchannelLogout(t.Context(), bff.UserSessionsFilter{SubjectID: "alice", SessionID: "s1"}); n != 2 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		named.want("")
		local.want("")
		other.want("alice")
		bob.want("bob")
		b.wantEnded(EndBackchannel, 2)

		local.signIn(as("alice", ""))
		if n, err := b.RevokeSessions(t.Context(), bff.UserSessionsFilter{SubjectID: "alice", SessionID: "s2"}); n != 1 || err != nil {
			t.Errorf("RevokeSessions: %d, %v", n, err) // it has no provider's token: it ends what the filter names
		}
		local.want("alice")
	}
}
