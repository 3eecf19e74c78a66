package serverside

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"example.com/usersession/bff"
	"example.com/usersession/bff/ticket"
)

// cachedHosts are two hosts with a read cache each, one store, and the browser of alice, who is
// signed in on both.
func cachedHosts(t *testing.T, change ...func(*Config)) (here, there *browser, store *spy) {
	t.Helper()
	clock := newClock()
	store = newSpy(clock.Now)
	host := func() *testBFF {
		return newTestBFF(t, append(change, func(c *Config) {
			cache, err := bff.NewReadCache(store, bff.ReadCacheConfig{Clock: clock.Now})
			if err != nil {
				t.Fatal(err)
			}
			c.Store, c.Clock = cache, clock.Now
		})...)
	}
	one, other := host(), host()
	one.clock, other.clock = clock, clock
	here, there = one.browser(), other.browser()
	here.signIn(alice())
	there.cookies = here.cookies
	here.want("alice")
	there.want("alice")
	return here, there, store
}

func TestReadCache_RequestsAskTheStoreOnce(t *testing.T) {
	here, _, store := cachedHosts(t)
	before := store.count("get")
	for range 5 {
		here.want("alice")
	}
	if n := store.count("get") - before; n != 0 {
		t.Errorf("%d reads of the store, want 0", n)
	}
	here.clock.pass(bff.DefaultMaxStale)
	here.want("alice")
	if n := store.count("get") - before; n != 1 {
		t.Errorf("%d reads of the store after MaxStale, want 1", n)
	}
}

// TestReadCache_Revoked: this host sees a revocation at once, the other one after MaxStale, and
// Reload at once everywhere.
func TestReadCache_Revoked(t *testing.T) {
	here, there, _ := cachedHosts(t)
	if _, err := here.RevokeSessions(t.Context(), bff.UserSessionsFilter{SubjectID: "alice"}); err != nil {
		t.Fatal(err)
	}
	here.want("")
	there.visit(func(_ http.ResponseWriter, r *http.Request) {
		if _, ok := FromContext(r.Context()); !ok {
			t.Error("the other host does not answer from memory")
		}
		if _, err := there.Reload(r.Context()); !errors.Is(err, ErrNoSession) {
			t.Errorf("Reload: %v, want ErrNoSession", err)
		}
	})
	there.want("") // the fresh read has forgotten the session
}

func TestReadCache_RevokedElsewhere(t *testing.T) {
	here, there, _ := cachedHosts(t)
	if _, err := here.RevokeSessions(t.Context(), bff.UserSessionsFilter{SubjectID: "alice"}); err != nil {
		t.Fatal(err)
	}
	there.clock.pass(bff.DefaultMaxStale - 1)
	there.want("alice")
	there.clock.pass(1)
	there.want("")
}

// TestReadCache_Update changes the claims on both hosts: neither overwrites the other.
func TestReadCache_Update(t *testing.T) {
	here, there, _ := cachedHosts(t)
	here.change(func(tk *ticket.Ticket) { tk.Claims["here"] = "yes" })
	there.change(func(tk *ticket.Ticket) { tk.Claims["there"] = "yes" })
	for _, br := range []*browser{there, here} {
		br.clock.pass(bff.DefaultMaxStale)
		br.visit(func(_ http.ResponseWriter, r *http.Request) {
			tk, ok := br.Ticket(r.Context())
			if !ok || tk.Claims["here"] != "yes" || tk.Claims["there"] != "yes" {
				t.Errorf("the claims are %v", tk.Claims)
			}
		})
	}
}

// TestReadCache_UpdateSeesOtherHosts: an update that decides by the ticket gets the present one.
func TestReadCache_UpdateSeesOtherHosts(t *testing.T) {
	here, there, _ := cachedHosts(t)
	here.change(func(tk *ticket.Ticket) { tk.Claims["locked"] = "yes" })
	there.clock.pass(bff.DefaultMaxStale)
	there.want("alice")
	here.change(func(tk *ticket.Ticket) { delete(tk.Claims, "locked") })
	edit := func(tk *ticket.Ticket) error {
		if tk.Claims["locked"] != nil {
			return errors.New("locked")
		}
		tk.Claims["edited"] = "yes"
		return nil
	}
	there.visit(func(_ http.ResponseWriter, r *http.Request) {
		if err := there.Update(r.Context(), edit); err != nil {
			t.Errorf("Update: %v", err)
		}
	})
	there.want("alice") // from now on in memory
	if _, err := here.RevokeSessions(t.Context(), bff.UserSessionsFilter{SubjectID: "alice"}); err != nil {
		t.Fatal(err)
	}
	there.visit(func(_ http.ResponseWriter, r *http.Request) {
		if _, ok := FromContext(r.Context()); !ok {
			t.Error("the other host does not answer from memory")
		}
		if err := there.Update(r.Context(), edit); !errors.Is(err, ErrNoSession) {
			t.Errorf("Update of a session that has ended: %v", err)
		}
		if _, ok := FromContext(r.Context()); ok {
			t.Error("the request is still signed in")
		}
	})
}

// TestReadCache_UpdateFails: an update that cannot read the session anew writes nothing.
func TestReadCache_UpdateFails(t *testing.T) {
	here, _, store := cachedHosts(t)
	here.visit(func(_ http.ResponseWriter, r *http.Request) {
		store.breakDown("get")
		err := here.Update(r.Context(), func(*ticket.Ticket) error { t.Error("changed"); return nil })
		if !errors.Is(err, errDown) || !strings.HasPrefix(err.Error(), "serverside: updating the session: ") {
			t.Errorf("Update: %v", err)
		}
	})
}

// TestReadCache_AccessTokenAsksOnce: AccessToken asks the store, and the next request then finds
// the session in memory.
func TestReadCache_AccessTokenAsksOnce(t *testing.T) {
	here, _, store := cachedHosts(t)
	before := store.count("get")
	for range 5 {
		here.visit(func(_ http.ResponseWriter, r *http.Request) {
			if _, err := here.AccessToken(r.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	if n := store.count("get") - before; n != 5 {
		t.Errorf("%d reads of the store, want 5", n)
	}
}

// TestReadCache_RefreshOnce: hosts that remember the same expired access token refresh it once.
func TestReadCache_RefreshOnce(t *testing.T) {
	refreshes := 0
	refresher := func(c *Config) {
		c.Refresher = refresherFunc(func(context.Context, string) (Tokens, error) {
			refreshes++
			return Tokens{AccessToken: "new", RefreshToken: "new", AccessTokenExpires: c.Clock().Add(time.Hour)}, nil
		})
	}
	here, there, _ := cachedHosts(t, refresher)
	here.change(func(tk *ticket.Ticket) {
		tk.AccessTokenObtained, tk.AccessTokenExpires = here.clock.Now(), here.clock.plus(time.Second)
	})
	there.clock.pass(bff.DefaultMaxStale)
	here.want("alice")
	there.want("alice") // both have the expired token in memory
	for _, br := range []*browser{here, there} {
		br.visit(func(_ http.ResponseWriter, r *http.Request) {
			if token, err := br.AccessToken(r.Context()); err != nil || token != "new" {
				t.Errorf("AccessToken: %q, %v", token, err)
			}
		})
	}
	if refreshes != 1 {
		t.Errorf("%d refreshes, want 1", refreshes)
	}
}

// TestReadCache_Transaction: after the commit, reads see the writes that a transaction made past the
// cache.
func TestReadCache_Transaction(t *testing.T) {
	here, _, store := cachedHosts(t)
	tx, committed := here.WithStore(store)
	if _, err := tx.RevokeSessions(t.Context(), bff.UserSessionsFilter{SubjectID: "alice"}); err != nil {
		t.Fatal(err)
	}
	committed()
	here.want("")
}
