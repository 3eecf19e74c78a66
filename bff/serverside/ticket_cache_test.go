package serverside

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"example.com/usersession/bff"
	"example.com/usersession/bff/ticket"
)

// A countingProtector counts what it opens, and opens nothing once it is revoked.
type countingProtector struct {
	ticket.Protector
	opened  atomic.Int64
	revoked atomic.Bool
}

func (p *countingProtector) Decrypt(ciphertext, associatedData []byte) ([]byte, error) {
	p.opened.Add(1)
	if p.revoked.Load() {
		return nil, ticket.ErrUnreadable
	}
	return p.Protector.Decrypt(ciphertext, associatedData)
}

// newCachingBFF returns a BFF that remembers so many tickets.
func newCachingBFF(t testing.TB, size int) (*testBFF, *countingProtector) {
	t.Helper()
	p := &countingProtector{Protector: testKeys}
	return newTestBFF(t, func(c *Config) { c.Protector, c.TicketCacheSize = p, size }), p
}

// wantOpened checks how often the ticket was opened since the last check.
func (p *countingProtector) wantOpened(t testing.TB, n int64) {
	t.Helper()
	if got := p.opened.Swap(0); got != n {
		t.Errorf("%d tickets were opened, want %d", got, n)
	}
}

func (c *ticketCache) remembered() (n int, bytes int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.byKey) != c.recent.Len() {
		panic("the index and the list differ")
	}
	return c.recent.Len(), c.bytes
}

func (b *testBFF) wantRemembered(n int) {
	b.t.Helper()
	if got, size := b.tickets.remembered(); got != n || (n == 0) != (size == 0) {
		b.t.Errorf("%d tickets of %d bytes are remembered, want %d", got, size, n)
	}
}

func TestTicketCache_OpensUnchangedRowOnce(t *testing.T) {
	b, p := newCachingBFF(t, 8)
	br := b.browser()
	br.signIn(alice())
	for range 5 {
		br.want("alice")
	}
	p.wantOpened(t, 1)
	b.clock.pass(31 * time.Minute) // the renewal writes the row with the same ticket
	br.want("alice")
	br.want("alice")
	p.wantOpened(t, 0)
}

func TestTicketCache_Default(t *testing.T) {
	for name, test := range map[string]struct {
		protector  ticket.Protector
		size, want int
	}{
		"key ring":                         {testKeys, 0, DefaultTicketCacheSize},
		"key ring, off":                    {testKeys, -1, 0},
		"key ring, other size":             {testKeys, 5, 5},
		"another protector":                {&countingProtector{Protector: testKeys}, 0, 0},
		"another protector, a size is set": {&countingProtector{Protector: testKeys}, 5, 5},
	} {
		t.Run(name, func(t *testing.T) {
			b := newTestBFF(t, func(c *Config) { c.Protector, c.TicketCacheSize = test.protector, test.size })
			size := 0
			if b.tickets != nil {
				size = b.tickets.size
			}
			if size != test.want {
				t.Errorf("the cache has the size %d, want %d", size, test.want)
			}
			br := b.browser()
			br.signIn(alice())
			br.want("alice")
			br.want("alice")
			if _, err := b.RevokeSessions(t.Context(), bff.UserSessionsFilter{SubjectID: "alice"}); err != nil {
				t.Error(err)
			}
			br.want("")
		})
	}
}

func TestTicketCache_ProtectorRevokesKey(t *testing.T) {
	b, p := newCachingBFF(t, 0)
	br := b.browser()
	br.signIn(alice())
	br.want("alice")
	p.revoked.Store(true)
	br.want("")
}

func TestTicketCache_ChangeOnAnotherHost(t *testing.T) {
	b, p := newCachingBFF(t, 8)
	other := newTestBFF(t, func(c *Config) { c.Store, c.Clock = b.store, b.clock.Now })
	br := b.browser()
	br.signIn(alice())
	there := &browser{other, br.cookies}
	for i := range 3 {
		device := fmt.Sprint("device ", i)
		br.want("alice")
		there.change(func(tk *ticket.Ticket) { tk.Properties["device"] = device })
		br.visit(func(_ http.ResponseWriter, r *http.Request) {
			if session, _ := FromContext(r.Context()); session.Properties["device"] != device {
				t.Errorf("the session has the properties %v", session.Properties)
			}
		})
	}
	p.wantOpened(t, 4)
	b.wantRemembered(1)
}

// TestTicketCache_ServesNoOtherRow gives the row of a remembered ticket another identity, and
// another row the remembered ticket.
func TestTicketCache_ServesNoOtherRow(t *testing.T) {
	for name, change := range map[string]func(*bff.UserSession){
		"another subject id": func(row *bff.UserSession) { row.SubjectID = "bob" },
		"another session id": func(row *bff.UserSession) { row.SessionID = "s2" },
		"no subject id":      func(row *bff.UserSession) { row.SubjectID, row.SessionID = "", "" },
		"a changed ticket":   func(row *bff.UserSession) { row.Ticket[len(row.Ticket)-1] ^= 1 },
		"a longer ticket":    func(row *bff.UserSession) { row.Ticket = append(row.Ticket, 0) },
		"no ticket":          func(row *bff.UserSession) { row.Ticket = nil },
	} {
		t.Run(name, func(t *testing.T) {
			b := newTestBFF(t)
			br := b.browser()
			br.signIn(alice())
			br.want("alice")
			b.wantRemembered(1)
			row := b.store.rows(t, "alice")[0]
			change(&row)
			if err := b.store.InMemoryStore.ReplaceUserSession(t.Context(), row); err != nil {
				t.Fatal(err)
			}
			br.want("")
			b.wantRemembered(0)
		})
	}
	t.Run("another row", func(t *testing.T) {
		b := newTestBFF(t)
		br, other := b.browser(), b.browser()
		br.signIn(alice())
		other.signIn(as("alice", "s2"))
		br.want("alice")
		rows := b.store.rows(t, "alice")
		rows[1].Ticket = rows[0].Ticket
		if err := b.store.InMemoryStore.ReplaceUserSession(t.Context(), rows[1]); err != nil {
			t.Fatal(err)
		}
		other.want("")
		br.want("alice")
	})
}

func TestTicketCache_Bounded(t *testing.T) {
	b, p := newCachingBFF(t, 3)
	var browsers []*browser
	for i := range 5 {
		br := b.browser()
		br.signIn(as(fmt.Sprint("user", i), fmt.Sprint("s", i)))
		browsers = append(browsers, br)
		br.user()
		browsers[0].user() // always used recently
		b.wantRemembered(min(i+1, 3))
	}
	p.wantOpened(t, 5)
	browsers[0].user()
	browsers[4].user()
	p.wantOpened(t, 0)
	browsers[1].want("user1")
	p.wantOpened(t, 1)
}

func TestTicketCache_BoundedBytes(t *testing.T) {
	b, p := newCachingBFF(t, 20)
	sized := func(i, size int) *browser {
		br, tk := b.browser(), as(fmt.Sprint("user", i), fmt.Sprint("s", i))
		tk.Properties = map[string]string{"p": strings.Repeat("x", size)}
		br.signIn(tk)
		br.want(tk.SubjectID)
		return br
	}
	largest := newTicketCache(Config{TicketCacheSize: 1, IdleTimeout: time.Hour})
	row := bff.UserSession{Key: "k", Ticket: make([]byte, maxRememberedTicket)}
	largest.remember(&openedSession{row: row}, time.Now())
	if _, ok := largest.get(row); !ok {
		t.Errorf("a ticket of %d bytes is not remembered", maxRememberedTicket)
	}
	huge := sized(0, maxRememberedTicket)
	b.wantRemembered(0)
	huge.want("user0")
	p.wantOpened(t, 2)
	for i := range 10 {
		sized(1+i, maxRememberedTicket/2)
	}
	n, size := b.tickets.remembered()
	if limit := int64(20 * rememberedBytesPerSession); n != 4 || size > limit {
		t.Errorf("%d tickets of %d bytes are remembered, want 4 in %d bytes", n, size, limit)
	}
}

func TestTicketCache_EndedSessionsForgotten(t *testing.T) {
	filter := bff.UserSessionsFilter{SubjectID: "alice"}
	for name, end := range map[string]func(br *browser){
		"sign-out": func(br *browser) {
			br.visit(func(w http.ResponseWriter, r *http.Request) {
				if err := br.SignOut(w, r); err != nil {
					br.t.Error(err)
				}
			})
		},
		"sign-in": func(br *browser) { br.signIn(as("alice", "s2")) },
		"revocation": func(br *browser) {
			if _, err := br.RevokeSessions(br.t.Context(), filter); err != nil {
				br.t.Error(err)
			}
		},
		"revocation by another host": func(br *browser) {
			if _, err := br.store.InMemoryStore.DeleteUserSessions(br.t.Context(), "app", filter); err != nil {
				br.t.Error(err)
			}
			br.want("")
		},
		"revocation by another host, during a renewal": func(br *browser) {
			br.clock.pass(31 * time.Minute)
			revokeBeforeUpdate(br)
			br.want("")
		},
		"revocation by another host, during an update": func(br *browser) {
			revokeBeforeUpdate(br)
			br.visit(func(_ http.ResponseWriter, r *http.Request) {
				err := br.Update(r.Context(), func(tk *ticket.Ticket) error { tk.Properties["device"] = "x"; return nil })
				if !errors.Is(err, ErrNoSession) {
					br.t.Errorf("Update: %v, want ErrNoSession", err)
				}
			})
		},
		"expiry": func(br *browser) {
			br.clock.pass(2 * time.Hour)
			br.want("")
		},
		"not used for the idle timeout": func(br *browser) {
			br.clock.pass(2 * time.Hour)
			other := br.browser()
			other.signIn(as("bob", "s3"))
			other.want("bob")
			br.wantRemembered(1)
			other.visit(func(w http.ResponseWriter, r *http.Request) { _ = br.SignOut(w, r) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newTestBFF(t)
			br := b.browser()
			br.signIn(alice())
			br.want("alice")
			b.wantRemembered(1)
			end(br)
			b.wantRemembered(0)
		})
	}
	t.Run("revocation of another user", func(t *testing.T) {
		b := newTestBFF(t)
		br := b.browser()
		br.signIn(alice())
		br.want("alice")
		for _, filter := range []bff.UserSessionsFilter{{SubjectID: "bob"}, {SessionID: "s2"}, {SubjectID: "alice", SessionID: "s2"}} {
			if _, err := b.RevokeSessions(t.Context(), filter); err != nil {
				t.Error(err)
			}
			b.wantRemembered(1)
		}
	})
	t.Run("revocation by session id", func(t *testing.T) {
		b := newTestBFF(t)
		br := b.browser()
		br.signIn(alice())
		br.want("alice")
		if _, err := b.RevokeSessions(t.Context(), bff.UserSessionsFilter{SessionID: alice().SessionID}); err != nil {
			t.Error(err)
		}
		b.wantRemembered(0)
	})
	t.Run("no end: a session that is used", func(t *testing.T) {
		b := newTestBFF(t)
		br, other := b.browser(), b.browser()
		br.signIn(alice())
		for range 3 {
			br.want("alice")
			b.clock.pass(45 * time.Minute)
		}
		other.signIn(as("bob", "s2"))
		other.want("bob") // which forgets what is not used
		b.wantRemembered(2)
	})
}

// revokeBeforeUpdate makes another host revoke alice's sessions right before the next update.
func revokeBeforeUpdate(br *browser) {
	br.store.on("update", func() {
		if _, err := br.store.InMemoryStore.DeleteUserSessions(br.t.Context(), "app", bff.UserSessionsFilter{SubjectID: "alice"}); err != nil {
			br.t.Error(err)
		}
	})
}

// TestTicketCache_SharesNothing changes, in concurrent requests, everything that handlers get
// of a remembered ticket.
func TestTicketCache_SharesNothing(t *testing.T) {
	b := newTestBFF(t)
	br := b.browser()
	tk := alice()
	tk.Claims = map[string]any{"roles": []any{"user", map[string]any{"deep": "user"}}}
	br.signIn(tk)
	spoil := func(claims map[string]any, properties map[string]string) {
		claims["new"] = true
		claims["roles"].([]any)[1].(map[string]any)["deep"] = "spoilt"
		claims["roles"].([]any)[0] = "spoilt"
		properties["device"] = "spoilt"
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				br.do(br.request("/"), func(_ http.ResponseWriter, r *http.Request) {
					session, _ := FromContext(r.Context())
					got, _ := b.Ticket(r.Context())
					for _, claims := range []map[string]any{session.Claims, got.Claims} {
						if data, _ := json.Marshal(claims); string(data) != `{"roles":["user",{"deep":"user"}]}` {
							t.Errorf("the claims are %s", data)
						}
					}
					spoil(session.Claims, session.Properties)
					spoil(got.Claims, got.Properties)
					_ = b.Update(r.Context(), func(tk *ticket.Ticket) error {
						spoil(tk.Claims, tk.Properties)
						return ErrNoSession
					})
					sessions, err := b.UserSessions(r.Context(), "alice")
					if err != nil || len(sessions) != 1 {
						t.Errorf("%d sessions, %v", len(sessions), err)
						return
					}
					spoil(sessions[0].Claims, sessions[0].Properties)
				})
			}
		})
	}
	wg.Wait()
}

// TestTicketCache_Concurrent: requests, changes and sign-outs of more sessions than are
// remembered leave a consistent cache.
func TestTicketCache_Concurrent(t *testing.T) {
	b, _ := newCachingBFF(t, 4)
	var wg sync.WaitGroup
	for i := range 8 {
		br, name := b.browser(), fmt.Sprint("user", i)
		wg.Go(func() {
			for range 10 {
				br.signIn(as(name, name))
				br.want(name)
				br.change(func(tk *ticket.Ticket) { tk.Properties["n"] = name })
				br.want(name)
				br.visit(func(w http.ResponseWriter, r *http.Request) { _ = br.SignOut(w, r) })
				br.want("")
			}
		})
	}
	wg.Wait()
	b.wantRemembered(0)
}

// TestTicketCache_KeepsCopy changes the sealed bytes after they were remembered, as a store
// with a buffer of its own might.
func TestTicketCache_KeepsCopy(t *testing.T) {
	c := newTicketCache(Config{TicketCacheSize: 1, IdleTimeout: time.Hour})
	opened := &openedSession{row: bff.UserSession{Key: "k", Ticket: []byte("sealed")}}
	c.remember(opened, time.Now())
	opened.row.Ticket[0] = 'x'
	if _, ok := c.get(opened.row); ok {
		t.Error("the cache answers for bytes that were not opened")
	}
	if _, ok := c.get(bff.UserSession{Key: "k", Ticket: []byte("sealed")}); !ok {
		t.Error("the cache does not answer for the bytes that were opened")
	}
}

// TestRun_ForgetsUnusedTickets: without requests, Run forgets the tickets that were not used for
// the idle timeout, whether or not it also cleans up.
func TestRun_ForgetsUnusedTickets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // nothing is remembered
		b := newTestBFF(t, func(c *Config) { c.TicketCacheSize = -1 })
		ctx, cancel := context.WithTimeout(t.Context(), 2*bff.DefaultSessionCleanupInterval)
		defer cancel()
		if err := b.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	for _, cleanup := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			b := newTestBFF(t, func(c *Config) {
				c.Store, c.Clock, c.EnableSessionCleanup = bff.NewInMemoryStore(), time.Now, cleanup
			})
			br := b.browser()
			br.signIn(alice())
			br.want("alice")
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error)
			go func() { done <- b.Run(ctx) }()
			time.Sleep(time.Hour - time.Second)
			b.wantRemembered(1)
			time.Sleep(2 * bff.DefaultSessionCleanupInterval)
			b.wantRemembered(0)
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
}
