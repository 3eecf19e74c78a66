package serverside

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/usersession/bff"
	"example.com/usersession/bff/ticket"
)

func TestUpdate_Ticket(t *testing.T) {
	b := newTestBFF(t)
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
			t.Error("the update has changed a fixed field, or has not changed another")
		}
	})
	if err := b.Update(t.Context(), nil); !errors.Is(err, ErrNoSession) {
		t.Errorf("signed out: %v", err)
	}
}

// TestUpdate_TimesOfTokens: the time at which an access token was obtained changes with the token,
// and the time of issue of the ID token that signed the user in does not change.
func TestUpdate_TimesOfTokens(t *testing.T) {
	signedIn := newClock().Now()
	given := signedIn.Add(-time.Minute)
	for name, test := range map[string]struct {
		change   func(*ticket.Ticket)
		obtained time.Time
	}{
		"another property":               {func(tk *ticket.Ticket) { tk.Properties["device"] = "Chromium" }, signedIn},
		"another access token":           {func(tk *ticket.Ticket) { tk.AccessToken = "other" }, signedIn.Add(time.Hour / 4)},
		"another access token with time": {func(tk *ticket.Ticket) { tk.AccessToken, tk.AccessTokenObtained = "other", given }, given},
		"another time":                   {func(tk *ticket.Ticket) { tk.AccessTokenObtained = given }, given},
		"another ID token":               {func(tk *ticket.Ticket) { tk.IDToken, tk.IDTokenIssuedAt = "other", given }, signedIn},
	} {
		t.Run(name, func(t *testing.T) {
			b := newTestBFF(t)
			br := b.browser()
			tk := alice()
			tk.IDTokenIssuedAt = signedIn.Add(-time.Second)
			br.signIn(tk)
			b.clock.pass(time.Hour / 4)
			br.change(test.change)
			got := br.stored(t).ticket
			if !got.AccessTokenObtained.Equal(test.obtained) {
				t.Errorf("the access token was obtained at %v, want %v", got.AccessTokenObtained, test.obtained)
			}
			if !got.IDTokenIssuedAt.Equal(tk.IDTokenIssuedAt) {
				t.Errorf("the ID token was issued at %v, want %v", got.IDTokenIssuedAt, tk.IDTokenIssuedAt)
			}
		})
	}
}

// TestUpdate_Fails: after an error nothing is written, and an update never brings a session back.
func TestUpdate_Fails(t *testing.T) {
	rename := func(tk *ticket.Ticket) { tk.Properties["device"] = "renamed" }
	// conflict makes another host write the session before the update, and then runs then.
	conflict := func(b *testBFF, then func()) {
		b.store.on("update", func() { b.rewrite(func(*bff.UserSessionUpdate) {}); then() })
	}
	for name, test := range map[string]struct {
		prepare func(b *testBFF)
		change  func(*ticket.Ticket)
		want    error // nil: any
	}{
		"a claim that JSON cannot have": {func(*testBFF) {}, func(tk *ticket.Ticket) { tk.Claims["c"] = make(chan int) }, nil},
		"the database fails":            {func(b *testBFF) { b.store.breakDown("update") }, rename, errDown},
		"the database fails after a conflict": {func(b *testBFF) {
			conflict(b, func() { b.store.breakDown("get") })
		}, rename, errDown},
		"the session ends": {func(b *testBFF) { b.store.on("update", b.removeAll("alice")) }, rename, ErrNoSession},
		"the session ends after a conflict": {func(b *testBFF) {
			conflict(b, func() { b.store.on("get", b.removeAll("alice")) })
		}, rename, ErrNoSession},
		"conflicts without an end": {func(b *testBFF) {
			var again func()
			again = func() { conflict(b, again) }
			again()
		}, rename, bff.ErrSessionChanged},
	} {
		t.Run(name, func(t *testing.T) {
			b, gone := newTestBFF(t), errors.Is(test.want, ErrNoSession)
			br := b.browser()
			br.signIn(alice())
			br.visit(func(_ http.ResponseWriter, r *http.Request) {
				test.prepare(b)
				err := b.Update(r.Context(), func(tk *ticket.Ticket) error { test.change(tk); return nil })
				if err == nil || test.want != nil && !errors.Is(err, test.want) || !gone && !strings.HasPrefix(err.Error(), "serverside: updating the session: ") {
					t.Errorf("%v, want %v", err, test.want)
				}
				session, ok := FromContext(r.Context())
				if ok == gone || ok && session.Properties["device"] != "Firefox" {
					t.Errorf("the request's session is %+v, %t", session, ok)
				}
			})
			b.store.breakDown()
			b.store.on("update", nil)
			if gone {
				br.want("")
			} else if got := br.stored(t).ticket.Properties["device"]; got != "Firefox" {
				t.Errorf("the store has %q", got)
			}
		})
	}
}

// A changed idle timeout takes effect at the next renewal and not at an update, so that it
// does not sign out an active user.
func TestUpdate_ChangedIdleTimeoutKeepsExpiry(t *testing.T) {
	for _, idle := range []time.Duration{time.Hour, 16 * time.Hour} {
		b := newTestBFF(t, func(c *Config) { c.IdleTimeout, c.AbsoluteLifetime = 8*time.Hour, 24*time.Hour })
		br := b.browser()
		br.signIn(alice())
		for range 6 {
			b.clock.pass(30 * time.Minute)
			br.want("alice")
		}
		before := b.store.rows(t, "alice")[0]
		b.cfg.IdleTimeout = idle // as after a deployment
		update := func(change func(*ticket.Ticket)) {
			br.visit(func(_ http.ResponseWriter, r *http.Request) {
				if err := b.Update(r.Context(), func(tk *ticket.Ticket) error { change(tk); return nil }); err != nil {
					t.Error(err)
				}
			})
			br.want("alice")
		}
		update(func(tk *ticket.Ticket) { tk.Properties["device"] = "Chromium" })
		if after := b.store.rows(t, "alice")[0]; !after.Expires.Equal(before.Expires) {
			t.Errorf("idle timeout %v: an update moves the end by %v", idle, after.Expires.Sub(before.Expires))
		}
		// A new refresh token makes the session end earlier only if the token itself expires
		// earlier, and later only up to the idle timeout after the renewal.
		update(func(tk *ticket.Ticket) { tk.RefreshTokenExpires = b.clock.plus(20 * time.Hour) })
		want := max(8*time.Hour, idle)
		if got := b.store.rows(t, "alice")[0].Expires.Sub(before.Renewed); got != want {
			t.Errorf("idle timeout %v: with a new refresh token the session ends %v after its renewal", idle, got)
		}
		update(func(tk *ticket.Ticket) { tk.RefreshTokenExpires = b.clock.plus(time.Hour) })
		if got := b.store.rows(t, "alice")[0].Expires; !got.Equal(b.clock.plus(time.Hour)) {
			t.Errorf("idle timeout %v: the session outlives its refresh token by %v", idle, got.Sub(b.clock.plus(time.Hour)))
		}
	}
}

func TestUpdate_ConcurrentUpdatesAllKept(t *testing.T) {
	b := newTestBFF(t)
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

func TestSession_CallerOwnsReturnedValues(t *testing.T) {
	b := newTestBFF(t)
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

func TestNestedMiddlewares_SessionsAreSeparate(t *testing.T) {
	one, two := newTestBFF(t), newTestBFF(t, func(c *Config) { c.CookieName = "__Host-two" })
	br := one.browser()
	br.signIn(alice())
	one.Middleware(two.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if _, ok := FromContext(r.Context()); ok {
			t.Error("the inner middleware has no session")
		}
		if _, ok := two.Ticket(r.Context()); ok {
			t.Error("the inner Sessions has a ticket")
		}
		if tk, _ := one.Ticket(r.Context()); tk.SubjectID != "alice" {
			t.Error("the outer Sessions has lost its session")
		}
		if token, err := one.AccessToken(r.Context()); token == "" || err != nil {
			t.Errorf("access token of the outer Sessions: %v", err)
		}
		if _, err := one.RevokeOtherSessions(r.Context()); err != nil {
			t.Errorf("other sessions of the outer Sessions: %v", err)
		}
	}))).ServeHTTP(httptest.NewRecorder(), br.request("/"))
	if _, ok := FromContext(t.Context()); ok {
		t.Error("a session without a middleware")
	}
}

// Both Sessions sign in and out in one request, independently.
func TestNestedMiddlewares_SignInAndOut(t *testing.T) {
	one, two := newTestBFF(t), newTestBFF(t, func(c *Config) { c.CookieName = "__Host-two" })
	one.Middleware(two.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, each := range []*testBFF{one, two} {
			if _, err := each.SignIn(w, r, alice()); err != nil {
				t.Error(err)
			}
		}
		if err := two.SignOut(w, r); err != nil {
			t.Error(err)
		}
		if _, ok := FromContext(r.Context()); ok {
			t.Error("the inner Sessions is still signed in")
		}
		if _, ok := one.Ticket(r.Context()); !ok {
			t.Error("the sign-out of the inner Sessions ended the outer session")
		}
		if err := one.SignOut(w, r); err != nil {
			t.Error(err)
		}
		if _, ok := one.Ticket(r.Context()); ok || len(one.store.rows(t, "alice")) != 0 {
			t.Error("the outer Sessions is still signed in")
		}
	}))).ServeHTTP(httptest.NewRecorder(), one.browser().request("/"))
}

func TestMetricsAndLog_StartAndEnd(t *testing.T) {
	b := newTestBFF(t)
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
