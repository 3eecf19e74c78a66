package serverside

import (
	"bytes"
	"encoding/base64"
	"errors"
	"maps"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/usersession/bff"
	"example.com/usersession/bff/ticket"
)

// With SameSite=Strict the request to the callback has no session cookie.
func TestRequirement02_SignIn_FromAnotherSiteEndsOldSession(t *testing.T) {
	b := newTestBFF(t)
	br := b.browser()
	br.signIn(as("alice", "s1"))
	var token string
	br.visit(func(_ http.ResponseWriter, r *http.Request) { token = b.ReplacementToken(r) }) // /bff/login
	callback := b.browser()
	callback.visit(func(w http.ResponseWriter, r *http.Request) {
		if b.ReplacementToken(r) != "" {
			t.Error("a replacement token without a session cookie")
		}
		if _, err := b.SignIn(w, r, as("alice", "s2"), Replacing(token)); err != nil {
			t.Error(err)
		}
	})
	br.want("")
	callback.want("alice")
	if rows := b.store.rows(t, "alice"); len(rows) != 1 {
		t.Errorf("%d rows", len(rows))
	}
	b.wantEnded(EndReplaced, 1)
	// The token is no cookie, does not show the key, and opens only in its partition.
	thief := b.browser()
	thief.cookies[DefaultCookieName] = token
	thief.want("")
	callback.visit(func(_ http.ResponseWriter, r *http.Request) { token = b.ReplacementToken(r) })
	row := b.store.rows(t, "alice")[0]
	if sealed, err := base64.RawURLEncoding.DecodeString(token); err != nil || bytes.Contains(sealed, []byte(row.Key)) {
		t.Errorf("the token shows the key: %v", err)
	}
	other := newTestBFF(t, func(c *Config) { c.Partition = "another app" })
	if b.replacedKey(token) != row.Key || other.replacedKey(token) != "" {
		t.Error("the token opens in another partition, or not in its own")
	}
	for _, bad := range []string{"", "x", "*", token[:40], token + "A", base64.RawURLEncoding.EncodeToString(row.Ticket)} {
		b.browser().visit(func(w http.ResponseWriter, r *http.Request) {
			if _, err := b.SignIn(w, r, as("bob", ""), Replacing(bad)); err != nil {
				t.Errorf("%q: %v", bad, err)
			}
		})
	}
	callback.want("alice")
}

// The token was sealed by a release that used the key ring's own keys.
func TestReplacing_TokenOfOlderHost(t *testing.T) {
	const (
		cookie = "fYdYec8DOTN-RiJhDt0JF5_sLvEwaHDHXdV2zBTuKvE"
		token  = "AQAAAAd3QFlZnKML99vKzPYNDMPInEfHrQynrzEWxxdTBjO4ArpdnqTaS51b4Pnc8oxoSSsq_8bavQ3SJXAOZci9OjqLgEb3TYVN0qCT1-vSn889LSAqMCRa9HSxLDVUvQ"
		key    = "2346ad96be1087d539c5d373685c9a092ca6cd71579954b1c0de4c3df5888698"
	)
	keys, err := ticket.ParseKeyRing("7:MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0dXY=")
	if err != nil {
		t.Fatal(err)
	}
	b := newTestBFF(t, func(c *Config) { c.Protector = keys })
	// The session that the token refers to.
	row := bff.UserSession{
		PartitionKey: "app", Key: key, SubjectID: "alice", SessionID: "s1",
		Created: b.clock.Now(), Renewed: b.clock.Now(), Expires: b.clock.plus(time.Hour),
	}
	row.Ticket, err = ticket.Seal(keys, ticket.BindingOf(row),
		ticket.Ticket{Issuer: issuer, SubjectID: "alice", SessionID: "s1", Expires: b.clock.plus(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.store.CreateUserSession(t.Context(), row); err != nil {
		t.Fatal(err)
	}
	old := b.browser()
	old.cookies[DefaultCookieName] = cookie
	old.want("alice")
	b.browser().visit(func(w http.ResponseWriter, r *http.Request) {
		if _, err := b.SignIn(w, r, as("alice", "s2"), Replacing(token)); err != nil {
			t.Error(err)
		}
	})
	old.want("")
	b.wantEnded(EndReplaced, 1)
}

// wrapped hides the type of a key ring.
type wrapped struct{ ticket.Protector }

func TestReplacementToken_SeparatedFromTicketsAndPayloads(t *testing.T) {
	for name, p := range map[string]ticket.Protector{"key ring": testKeys, "foreign protector": wrapped{testKeys}} {
		t.Run(name, func(t *testing.T) {
			b := newTestBFF(t, func(c *Config) { c.Protector = p })
			br := b.browser()
			br.signIn(alice())
			row := b.store.rows(t, "alice")[0]
			var token string
			br.visit(func(_ http.ResponseWriter, r *http.Request) { token = b.ReplacementToken(r) })
			if b.replacedKey(token) != row.Key {
				t.Fatal("the token does not open")
			}
			sealed, err := base64.RawURLEncoding.DecodeString(token)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := ticket.Open(p, ticket.BindingOf(row), sealed); !errors.Is(err, ticket.ErrUnreadable) {
				t.Errorf("the token opens as a ticket: %v", err)
			}
			if _, err := ticket.OpenBytes(p, ticket.BindingOf(row), sealed); !errors.Is(err, ticket.ErrUnreadable) {
				t.Errorf("the token opens as a payload: %v", err)
			}
			_, err = testKeys.Decrypt(sealed, b.replacementData())
			if name == "key ring" && err == nil {
				t.Error("the token is sealed under the ring's own keys")
			}
		})
	}
}

// TestReplacementToken_ProtectorUnavailable: the sign-in begins all the same.
func TestReplacementToken_ProtectorUnavailable(t *testing.T) {
	b := newTestBFF(t)
	br := b.browser()
	br.signIn(alice())
	br.visit(func(_ http.ResponseWriter, r *http.Request) {
		b.cfg.Protector = down{}
		if token := b.ReplacementToken(r); token != "" || !strings.Contains(b.log.String(), "could not seal a replacement token") {
			t.Errorf("%q; the log: %s", token, b.log)
		}
	})
}

// With many providers the new refresh token belongs to the same grant as the new sign-in. The
// refresh may have begun long before it ends, and the clocks of hosts differ.
func TestAccessToken_SignInDuringRefreshKeepsGrant(t *testing.T) {
	for name, test := range map[string]struct {
		sessionID     string
		delay, behind time.Duration // of the provider; by which the clock of the sign-in's host is slow
	}{
		"same session id":    {"idp-session", time.Second, 0},
		"another session id": {"another", time.Second, 0},
		"long refresh":       {"another", 90 * time.Second, 0},
		"slow clock":         {"another", time.Second, 50 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, browsers := fleet(t, 1, func(c *Config) { c.TokenTimeout = test.delay + time.Second })
				p.delay = test.delay
				br := browsers[0]
				elsewhere := newTestBFF(t, func(c *Config) {
					c.Store, c.Clock = br.store, func() time.Time { return time.Now().Add(-test.behind) }
				})
				again := &browser{elsewhere, maps.Clone(br.cookies)}
				p.during = func() { again.signIn(as("alice", test.sessionID)) }
				if _, err := br.token(t.Context()); !errors.Is(err, ErrNoSession) {
					t.Errorf("the request of the old session: %v", err)
				}
				again.want("alice")
				p.want(t)
			})
		})
	}
}

// A session in another browser that began long before the refresh is not a new sign-in.
func TestAccessToken_SignOutDuringRefreshRevokesNewTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, browsers := fleet(t, 1, nil)
		br := browsers[0]
		elsewhere := br.testBFF.browser()
		elsewhere.signIn(as("alice", "elsewhere"))
		time.Sleep(5 * time.Minute)
		p.during = func() {
			br.visit(func(w http.ResponseWriter, r *http.Request) { _ = br.SignOut(w, r) })
		}
		if _, err := br.token(t.Context()); !errors.Is(err, ErrNoSession) {
			t.Errorf("%v", err)
		}
		elsewhere.want("alice")
		p.want(t, "refresh-1", "secret-refresh-token")
	})
}
