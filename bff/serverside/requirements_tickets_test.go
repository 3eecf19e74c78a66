package serverside

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/usersession/bff"
	"example.com/usersession/bff/ticket"
)

func TestRequirement09_Load_TicketDoesNotOpen(t *testing.T) {
	b := newTestBFF(t)
	other := newTestBFF(t)
	br, elsewhere := b.browser(), other.browser()
	br.signIn(as("alice", "s1"))
	elsewhere.signIn(as("alice", "s1"))
	good := b.store.rows(t, "alice")[0]
	plain := bytes.Contains(good.Ticket, []byte("secret")) || bytes.Contains(good.Ticket, []byte("Alice"))
	if plain {
		t.Error("the ticket is not encrypted")
	}
	flipped := bytes.Clone(good.Ticket)
	flipped[len(flipped)/2] ^= 1
	unknown, err := ticket.Seal(ticket.InsecureRandomKeyRing(), ticket.BindingOf(good), as("alice", "s1"))
	if err != nil {
		t.Fatal(err)
	}
	for name, sealed := range map[string][]byte{
		"tampered": flipped, "truncated": good.Ticket[:20], "empty": nil, "unknown key": unknown,
		"of another row": other.store.rows(t, "alice")[0].Ticket, "not a ticket": []byte(`{"sub":"alice"}`),
	} {
		t.Run(name, func(t *testing.T) {
			u := (&openedSession{row: good}).toUpdate()
			u.Ticket, u.IfVersion = sealed, 0
			if err := b.store.UpdateUserSession(t.Context(), (&openedSession{row: good}).key(), u); err != nil {
				t.Fatal(err)
			}
			response := br.visit(func(w http.ResponseWriter, r *http.Request) {
				if _, ok := FromContext(r.Context()); ok {
					t.Error("the ticket is used as a session")
				}
				_, _ = io.WriteString(w, "welcome")
			})
			if response.StatusCode != http.StatusOK || body(t, response) != "welcome" || len(response.Cookies()) != 0 {
				t.Errorf("status %d, cookies %v", response.StatusCode, response.Cookies())
			}
			if len(b.store.rows(t, "alice")) != 1 {
				t.Error("the row was deleted: another host may have the key")
			}
		})
	}
	if !strings.Contains(b.log.String(), "cannot be used") {
		t.Error("the log does not mention the session")
	}
	// The session can still be listed and revoked, and a sign-out removes it.
	if sessions, err := b.UserSessions(t.Context(), "alice"); err != nil || len(sessions) != 1 || sessions[0].SessionID != "s1" {
		t.Errorf("listing: %v, %v", sessions, err)
	}
	br.visit(func(w http.ResponseWriter, r *http.Request) {
		if err := b.SignOut(w, r); err != nil {
			t.Error(err)
		}
	})
	if len(b.store.rows(t, "alice")) != 0 {
		t.Error("the row remains after the sign-out")
	}
}

// A faulty store returns another row than the requested one.
type confused struct {
	*spy
	answer bff.UserSession
}

func (c confused) GetUserSession(context.Context, bff.UserSessionKey) (bff.UserSession, error) {
	return c.answer, nil
}

func TestRequirement09_Load_StoreReturnsAnotherRow(t *testing.T) {
	b := newTestBFF(t)
	b.browser().signIn(as("alice", "s1"))
	mallory := b.browser()
	mallory.signIn(as("mallory", "s2"))
	b.cfg.Store = confused{b.store, b.store.rows(t, "alice")[0]}
	mallory.want("")
}

// leaky returns errors that quote their input.
type leaky struct{}

func TestRequirement09_Secrets_NeverLoggedOrReturned(t *testing.T) {
	b := newTestBFF(t, func(c *Config) { c.Refresher, c.Revoker = leaky{}, leaky{} })
	var out strings.Builder
	note := func(err error) {
		if err != nil {
			out.WriteString(err.Error() + "\n")
		}
	}
	var cookies, keys []string
	exercise := func() {
		br := b.browser()
		expired := as("alice", "")
		expired.AccessTokenExpires = b.clock.plus(-time.Hour)
		response := br.visit(func(w http.ResponseWriter, r *http.Request) {
			session, err := b.SignIn(w, r, expired)
			note(err)
			data, _ := json.Marshal(session)
			out.Write(data)
		})
		out.WriteString(body(t, response))
		cookies = append(cookies, br.cookies[DefaultCookieName])
		for _, row := range b.store.rows(t, "alice") {
			keys = append(keys, row.Key)
		}
		for range 2 {
			b.clock.pass(40 * time.Minute)
			response = br.visit(func(w http.ResponseWriter, r *http.Request) {
				_, err := b.AccessToken(r.Context())
				note(err)
				note(b.RefreshTokens(r.Context()))
				note(b.Update(r.Context(), func(tk *ticket.Ticket) error { tk.Properties = nil; return nil }))
				session, _ := FromContext(r.Context())
				slog.New(slog.NewTextHandler(&out, nil)).Info("m", "session", session)
				_, err = b.RevokeOtherSessions(r.Context())
				note(err)
				b.UserHandler().ServeHTTP(w, r)
			})
			out.WriteString(body(t, response))
		}
		out.WriteString(body(t, br.visit(func(w http.ResponseWriter, r *http.Request) { note(b.SignOut(w, r)) })))
	}
	exercise()
	for _, operation := range allOperations {
		b.store.breakDown(operation)
		exercise()
	}
	b.store.breakDown()
	_, err := b.RevokeSessions(t.Context(), bff.UserSessionsFilter{SubjectID: "alice"})
	note(err)
	b.settle() // revocations are logged in the background
	out.WriteString(b.log.String())
	for _, want := range []string{"could not be revoked", "could not be refreshed", "ended", "database is down"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the test caused no log line with %q", want)
		}
	}
	for _, secret := range slices.Concat([]string{"secret-"}, cookies, keys) {
		if secret != "" && strings.Contains(out.String(), secret) {
			t.Errorf("%.20q is logged, returned or shown", secret)
		}
	}
}

func TestRequirement10_Session_EndsWithRefreshToken(t *testing.T) {
	b := newTestBFF(t)
	br := b.browser()
	tk := alice()
	tk.RefreshTokenExpires = b.clock.plus(100 * time.Minute)
	br.signIn(tk)
	for range 9 {
		b.clock.pass(10 * time.Minute)
		br.want("alice")
	}
	b.clock.pass(10 * time.Minute)
	br.want("")
	tk.RefreshTokenExpires = b.clock.Now()
	br.visit(func(w http.ResponseWriter, r *http.Request) {
		if _, err := b.SignIn(w, r, tk); err == nil {
			t.Error("a session starts after its end")
		}
	})
	// New tokens postpone the end, and an update may bring it forward.
	tk.RefreshTokenExpires = b.clock.plus(10 * time.Minute)
	br.signIn(tk)
	expires := func(change func(*ticket.Ticket)) time.Duration {
		br.visit(func(_ http.ResponseWriter, r *http.Request) {
			if err := b.Update(r.Context(), func(tk *ticket.Ticket) error { change(tk); return nil }); err != nil {
				t.Error(err)
			}
		})
		return b.store.rows(t, "alice")[0].Expires.Sub(b.clock.Now())
	}
	if d := expires(func(tk *ticket.Ticket) { tk.RefreshTokenExpires = b.clock.plus(40 * time.Minute) }); d != 40*time.Minute {
		t.Errorf("with a refresh token of 40 minutes: %v", d)
	}
	if d := expires(func(tk *ticket.Ticket) { tk.Expires = b.clock.plus(5 * time.Minute) }); d != 5*time.Minute {
		t.Errorf("brought forward to 5 minutes: %v", d)
	}
	// A ticket may have an earlier end than Config.AbsoluteLifetime allows.
	tk = alice()
	tk.Expires = b.clock.plus(time.Minute)
	br.signIn(tk)
	b.clock.pass(time.Minute)
	br.want("")
}

func TestRequirement10_RefreshTokens_RevokedWhenSessionEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		revoker := &provider{}
		b := newTestBFF(t, func(c *Config) { c.Revoker, c.MaxSessionsPerUser = revoker, 3 })
		in := func(token string) *browser {
			br := b.browser()
			tk := as("alice", "s-"+token)
			tk.RefreshToken = token
			br.signIn(tk)
			b.clock.pass(time.Second)
			return br
		}
		one, two := in("r1"), in("r2")
		in("r3")
		in("r4") // beyond the maximum
		revoker.want(t, "r1")
		one.want("")
		two.visit(func(w http.ResponseWriter, r *http.Request) { _ = b.SignOut(w, r) })
		revoker.want(t, "r1", "r2")
		if _, err := b.BackchannelLogout(t.Context(), bff.UserSessionsFilter{SessionID: "s-r3"}); err != nil {
			t.Error(err)
		}
		in("r5")
		in("r6").visit(func(_ http.ResponseWriter, r *http.Request) {
			_, _ = b.RevokeOtherSessions(r.Context())
		})
		revoker.want(t, "r1", "r2", "r3", "r4", "r5")
		if _, err := b.RevokeSessions(t.Context(), bff.UserSessionsFilter{SubjectID: "alice"}); err != nil {
			t.Error(err)
		}
		revoker.want(t, "r1", "r2", "r3", "r4", "r5", "r6")
		// The sessions end even if their tokens cannot be read.
		in("r7")
		b.store.breakDown("list")
		if n, err := b.RevokeSessions(t.Context(), bff.UserSessionsFilter{SubjectID: "alice"}); n != 1 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
	})
}

// disconnecting cancels the request as soon as its session has ended.
type disconnecting struct {
	noMetrics
	cancel context.CancelFunc
}

func (h *disconnecting) SessionEnded(context.Context, EndReason, int64) { h.cancel() }

// ctxRevoker revokes nothing once its context has ended.
type ctxRevoker struct{ provider }

func (h *ctxRevoker) RevokeRefreshToken(ctx context.Context, token string) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return h.provider.RevokeRefreshToken(ctx, token)
}

func TestRequirement10_RefreshTokens_RevokedAfterBrowserDisconnects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		revoker, disconnect := &ctxRevoker{}, &disconnecting{}
		b := newTestBFF(t, func(c *Config) { c.Revoker, c.Metrics = revoker, disconnect })
		br := b.browser()
		br.signIn(alice())
		ctx, cancel := context.WithCancel(t.Context())
		disconnect.cancel = cancel
		br.do(br.request("/").WithContext(ctx), func(w http.ResponseWriter, r *http.Request) {
			if err := b.SignOut(w, r); err != nil {
				t.Error(err)
			}
		})
		revoker.want(t, "secret-refresh-token")
	})
}
