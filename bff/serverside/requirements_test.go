package serverside

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"example.com/usersession/bff"
	"example.com/usersession/bff/ticket"
)

// Each of these tests has the number of a requirement in SECURITY.md.

func TestRequirement01_CookieID_RandomAndNotChosenByClient(t *testing.T) {
	b := newTestBFF(t)
	seen := map[string]bool{}
	var ones, zeros [32]byte
	for range 100 {
		br := b.browser()
		br.signIn(alice())
		id, err := base64.RawURLEncoding.DecodeString(br.cookies[DefaultCookieName])
		if err != nil || len(id) != 32 || seen[string(id)] {
			t.Fatalf("id of %d bytes, seen before: %t, %v", len(id), seen[string(id)], err)
		}
		seen[string(id)] = true
		for i, octet := range id {
			ones[i] |= octet
			zeros[i] |= ^octet
		}
	}
	for i := range ones { // every bit was 1 and was 0 in 100 ids
		if ones[i] != 0xff || zeros[i] != 0xff {
			t.Errorf("octet %d of the ids is not random", i)
		}
	}
	// Session fixation: after a sign-in the browser never has the id that it sent before.
	planted := base64.RawURLEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32))
	victim, attacker := b.browser(), b.browser()
	victim.cookies[DefaultCookieName], attacker.cookies[DefaultCookieName] = planted, planted
	victim.signIn(as("victim", "s"))
	if victim.cookies[DefaultCookieName] == planted {
		t.Error("the server has adopted an id that it did not issue")
	}
	victim.want("victim")
	attacker.want("")
	// A value that cannot be an id is not looked up.
	for _, value := range []string{"", "x", planted + "A", planted[:42], strings.Repeat("*", 43), planted[:42] + "d", strings.Repeat("A", 5000)} {
		b.store.reset()
		br := b.browser()
		br.cookies[DefaultCookieName] = value
		br.want("")
		if b.store.count("get") != 0 {
			t.Errorf("the store was asked for %.50q", value)
		}
	}
	two := b.browser()
	r := two.request("/")
	r.AddCookie(&http.Cookie{Name: DefaultCookieName, Value: victim.cookies[DefaultCookieName]})
	r.AddCookie(&http.Cookie{Name: DefaultCookieName, Value: planted})
	two.do(r, func(_ http.ResponseWriter, r *http.Request) {
		if _, ok := FromContext(r.Context()); ok {
			t.Error("a request with two session cookies is signed in")
		}
	})
}

func TestRequirement02_SignIn_NewIDAndOldSessionEnds(t *testing.T) {
	b := newTestBFF(t)
	br := b.browser()
	br.signIn(as("alice", "s1"))
	old := *br
	old.cookies = map[string]string{DefaultCookieName: br.cookies[DefaultCookieName]}
	br.signIn(as("alice", "s2"))
	if br.cookies[DefaultCookieName] == old.cookies[DefaultCookieName] {
		t.Error("the id stays the same at the second sign-in")
	}
	old.want("")
	br.want("alice")
	if rows := b.store.rows(t, "alice"); len(rows) != 1 {
		t.Errorf("%d rows", len(rows))
	}
	b.wantEnded(EndReplaced, 1)
	if log := b.log.String(); !strings.Contains(log, `"reason":"replaced","count":1,"subject_id":"alice"`) {
		t.Errorf("the log: %s", log)
	}
	// Another user signs in, with the session id of the old session.
	br.signIn(as("bob", "s2"))
	br.want("bob")
	if rows := b.store.rows(t, "alice"); len(rows) != 0 {
		t.Error("the old session is still there")
	}
	// Two sign-ins within one request, and a sign-in without the middleware.
	response := br.visit(func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "other", Value: "1"})
		_, _ = b.SignIn(w, r, as("carol", "s3"))
		_, _ = b.SignIn(w, r, as("carol", "s4"))
	})
	if n := len(response.Cookies()); n != 2 {
		t.Errorf("%d cookies from a response that sets one of its own and signs in twice", n)
	}
	if rows := b.store.rows(t, "carol"); len(rows) != 1 || rows[0].SessionID != "s4" {
		t.Errorf("%d rows after two sign-ins in one request", len(rows))
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	r.AddCookie(&http.Cookie{Name: DefaultCookieName, Value: br.cookies[DefaultCookieName]})
	_, _ = b.SignIn(httptest.NewRecorder(), r, as("dave", "s5"))
	if rows := b.store.rows(t, "carol"); len(rows) != 0 {
		t.Error("without the middleware the old session stays")
	}
}

func TestRequirement03_Store_HasOnlyHashOfID(t *testing.T) {
	b := newTestBFF(t)
	br := b.browser()
	br.signIn(alice())
	cookie := br.cookies[DefaultCookieName]
	id, _ := base64.RawURLEncoding.DecodeString(cookie)
	sum := sha256.Sum256(id)
	row := b.store.rows(t, "alice")[0]
	if row.Key != hex.EncodeToString(sum[:]) {
		t.Error("the key is not the SHA-256 of the id")
	}
	for _, field := range []string{row.PartitionKey, row.Key, row.SubjectID, row.SessionID, string(row.Ticket)} {
		if strings.Contains(field, cookie) || strings.Contains(field, string(id)) {
			t.Error("the row contains the id")
		}
	}
	// The contents of a row cannot be used as a cookie.
	for _, value := range []string{row.Key, base64.RawURLEncoding.EncodeToString(sum[:])} {
		thief := b.browser()
		thief.cookies[DefaultCookieName] = value
		thief.want("")
	}
}

func TestRequirement04_Load_ChecksIdleAndAbsoluteTimeout(t *testing.T) {
	t.Run("idle, exactly", func(t *testing.T) {
		b := newTestBFF(t)
		br := b.browser()
		br.signIn(alice())
		b.clock.pass(time.Hour - time.Microsecond)
		if s, err := b.load(t.Context(), b.store.rows(t, "alice")[0].Key); s == nil || err != nil {
			t.Errorf("the session ends too early: %v", err)
		}
		b.clock.pass(time.Microsecond)
		br.want("") // no cleanup has run
	})
	t.Run("absolute, for a busy session", func(t *testing.T) {
		b := newTestBFF(t)
		br := b.browser()
		br.signIn(alice())
		end := b.clock.plus(8 * time.Hour)
		for b.clock.plus(10 * time.Minute).Before(end) {
			b.clock.pass(10 * time.Minute)
			br.want("alice")
			if row := b.store.rows(t, "alice")[0]; row.Expires.After(end) {
				t.Fatalf("the expiry %v is after the absolute end %v", row.Expires, end)
			}
		}
		b.clock.pass(10*time.Minute - time.Microsecond)
		br.want("alice")
		b.clock.pass(time.Microsecond)
		br.want("")
	})
	t.Run("absolute, with a later end in the caller's ticket", func(t *testing.T) {
		b := newTestBFF(t)
		tk := alice()
		tk.Expires = b.clock.plus(100 * time.Hour)
		b.browser().visit(func(w http.ResponseWriter, r *http.Request) {
			session, err := b.SignIn(w, r, tk)
			if want := b.clock.plus(8 * time.Hour); err != nil || !session.EndsAt.Equal(want) {
				t.Errorf("the session ends at %v, want %v: %v", session.EndsAt, want, err)
			}
		})
	})
	t.Run("absolute, with a later expiry in the row", func(t *testing.T) {
		b := newTestBFF(t)
		br := b.browser()
		br.signIn(alice())
		row := b.store.rows(t, "alice")[0]
		for _, expires := range []time.Time{b.clock.plus(100 * time.Hour), {}} {
			u := (&openedSession{row: row}).toUpdate()
			u.Expires, u.IfVersion = expires, 0
			if err := b.store.UpdateUserSession(t.Context(), (&openedSession{row: row}).key(), u); err != nil {
				t.Fatal(err)
			}
			now := b.clock.Now()
			b.clock.pass(8 * time.Hour)
			br.want("")
			b.clock.now.Store(&now)
		}
	})
}

func TestRequirement05_EndedSession_StaysEnded(t *testing.T) {
	for name, end := range map[string]func(*testBFF, bff.UserSession) error{
		"sign-out elsewhere": func(b *testBFF, row bff.UserSession) error {
			return errOf(b.store.DeleteUserSession(b.t.Context(), (&openedSession{row: row}).key()))
		},
		"revocation": func(b *testBFF, row bff.UserSession) error {
			_, err := b.RevokeSessions(b.t.Context(), bff.UserSessionsFilter{SubjectID: row.SubjectID})
			return err
		},
		"back-channel logout": func(b *testBFF, row bff.UserSession) error {
			_, err := b.BackchannelLogout(b.t.Context(), bff.UserSessionsFilter{SessionID: row.SessionID})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newTestBFF(t)
			br := b.browser()
			br.signIn(alice())
			row := b.store.rows(t, "alice")[0]
			b.clock.pass(40 * time.Minute) // a renewal is due
			b.store.on("update", func() {
				if err := end(b, row); err != nil {
					t.Error(err)
				}
			})
			br.want("") // the renewal finds no row, so that this request is signed out
			if b.store.count("update") != 1 {
				t.Error("no renewal was running")
			}
			br.want("")
			if len(b.store.rows(t, "alice")) != 0 {
				t.Error("the renewal has brought the session back")
			}
		})
	}
}

func TestRequirement06_UserSessions_ListedAndRevoked(t *testing.T) {
	b := newTestBFF(t)
	laptop, phone, other := b.browser(), b.browser(), b.browser()
	laptop.signIn(as("alice", "s1"))
	b.clock.pass(time.Second)
	phone.signIn(as("alice", "s2"))
	other.signIn(as("bob", "s3"))
	third := b.browser()
	b.clock.pass(time.Second)
	third.signIn(as("alice", "s4"))

	phone.visit(func(_ http.ResponseWriter, r *http.Request) {
		sessions, err := b.UserSessions(r.Context(), "alice")
		if err != nil || len(sessions) != 3 {
			t.Fatalf("%d sessions, %v", len(sessions), err)
		}
		for i, sid := range []string{"s1", "s2", "s4"} {
			s := sessions[i]
			if s.SessionID != sid || s.Current != (sid == "s2") || s.Properties["device"] != "Firefox" || s.Created.IsZero() {
				t.Errorf("session %d: %+v", i, s)
			}
		}
	})
	n, err := b.RevokeSessions(t.Context(), bff.UserSessionsFilter{SubjectID: "bob", SessionID: "s4"})
	if n != 0 || err != nil {
		t.Errorf("bob revokes alice's session: %d, %v", n, err)
	}
	if n, err = b.RevokeSessions(t.Context(), bff.UserSessionsFilter{SessionID: "s4"}); n != 1 || err != nil {
		t.Errorf("by session id: %d, %v", n, err)
	}
	third.want("")
	phone.visit(func(_ http.ResponseWriter, r *http.Request) {
		if n, err := b.RevokeOtherSessions(r.Context()); n != 1 || err != nil {
			t.Errorf("all but the current: %d, %v", n, err)
		}
	})
	laptop.want("")
	phone.want("alice")
	other.want("bob")
	phone.visit(func(_ http.ResponseWriter, r *http.Request) {
		if n, err := b.RevokeSessions(r.Context(), bff.UserSessionsFilter{SubjectID: "alice"}); n != 1 || err != nil {
			t.Errorf("all of a user: %d, %v", n, err)
		}
		if _, ok := FromContext(r.Context()); ok {
			t.Error("the request still has the session that it revoked")
		}
	})
	phone.want("")
	other.want("bob")
	for _, f := range []bff.UserSessionsFilter{{}, {SubjectID: " "}} {
		if _, err := b.RevokeSessions(t.Context(), f); !errors.Is(err, bff.ErrInvalidFilter) {
			t.Errorf("an empty filter: %v", err)
		}
	}
	if _, err := b.RevokeOtherSessions(t.Context()); !errors.Is(err, ErrNoSession) {
		t.Errorf("all but the current, signed out: %v", err)
	}
	b.wantEnded(EndRevoked, 3)
}

func TestRequirement07_MaxSessionsPerUser(t *testing.T) {
	b := newTestBFF(t, func(c *Config) { c.MaxSessionsPerUser = 2 })
	var browsers []*browser
	for range 4 {
		br := b.browser()
		br.signIn(as("alice", ""))
		browsers = append(browsers, br)
		b.clock.pass(time.Minute)
	}
	b.browser().signIn(as("bob", ""))
	for i, br := range browsers {
		if want := map[bool]string{true: "alice"}[i >= 2]; br.user() != want {
			t.Errorf("session %d: %q", i, br.user())
		}
	}
	b.wantEnded(EndMaximum, 2)
	// A browser that signs in again does not end the session of another browser.
	browsers[3].signIn(as("alice", ""))
	browsers[2].want("alice")
	// SECURITY.md documents the default timeouts.
	if DefaultIdleTimeout != 30*time.Minute || DefaultAbsoluteLifetime != 12*time.Hour {
		t.Error("SECURITY.md has other timeouts")
	}
}

func TestRequirement08_User_IsIssuerAndSubject(t *testing.T) {
	b := newTestBFF(t)
	foreign := as("alice", "s1")
	b.browser().visit(func(w http.ResponseWriter, r *http.Request) {
		for _, foreign.Issuer = range []string{"https://other.example", strings.ToUpper(issuer), issuer + "/"} {
			if _, err := b.SignIn(w, r, foreign); err == nil || len(w.Header()["Set-Cookie"]) != 0 {
				t.Errorf("a ticket of the issuer %s signs in: %v", foreign.Issuer, err)
			}
		}
		if _, err := b.SignIn(w, r, ticket.Ticket{}); err == nil {
			t.Error("a ticket without a subject signs in")
		}
	})
	// Sessions of another issuer, by mistake in the same partition, and another partition.
	br := b.browser()
	br.signIn(as("alice", "s1"))
	sibling := func(change func(*Config)) *testBFF {
		return newTestBFF(t, func(c *Config) { c.Store, c.Clock = b.store, b.clock.Now; change(c) })
	}
	for _, other := range []string{"https://other.example", strings.ToUpper(issuer), issuer + "/"} {
		(&browser{sibling(func(c *Config) { c.Issuer = other }), br.cookies}).want("")
	}
	apart := sibling(func(c *Config) { c.Partition = "another app" })
	(&browser{apart, br.cookies}).want("")
	if n, err := apart.BackchannelLogout(t.Context(), bff.UserSessionsFilter{SessionID: "s1"}); n != 0 || err != nil {
		t.Errorf("a session id reaches into another partition: %d, %v", n, err)
	}
	if _, found, err := apart.SubjectOfSession(t.Context(), "s1"); found || err != nil {
		t.Errorf("a session id is found in another partition: %v", err)
	}
	br.want("alice")
}
