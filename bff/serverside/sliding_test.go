package serverside

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"example.com/usersession/bff"
	"example.com/usersession/bff/ticket"
)

func TestRenew_SlidingAsInASPNETCore(t *testing.T) {
	b := newTestBFF(t)
	br := b.browser()
	br.signIn(alice())
	signedIn := b.clock.Now()
	for _, step := range []struct {
		pass    time.Duration
		renewed time.Duration // time since the sign-in
	}{
		{0, 0},
		{30 * time.Minute, 0}, // exactly half of the window is left
		{time.Microsecond, 30*time.Minute + time.Microsecond}, // less than half is left
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
	// There is at most one write in half a window for any number of requests.
	b.store.reset()
	for range 120 {
		b.clock.pass(time.Minute)
		br.want("alice")
	}
	if n := b.store.count("update"); n != 4 && n != 3 {
		t.Errorf("%d writes in two hours", n)
	}
	// Near the absolute end a renewal would change nothing and is not written.
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

func TestUserHandler_SlideFalse(t *testing.T) {
	b := newTestBFF(t)
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
	// At another path the parameter has no meaning.
	if claims := user("/other?slide=false", true); claims["bff:session_expires_in"] != float64(3600) {
		t.Errorf("another path: %v", claims)
	}
	b.clock.pass(50 * time.Minute)
	if claims := user("/bff/user", false); claims["bff:session_expires_in"] != float64(3600) {
		t.Errorf("without the parameter: %v", claims)
	}
	w := httptest.NewRecorder()
	b.UserHandler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/bff/user", nil))
	if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET, HEAD" {
		t.Errorf("POST: %d", w.Code)
	}
	response := b.browser().visit(b.UserHandler().ServeHTTP)
	if response.StatusCode != http.StatusUnauthorized {
		t.Errorf("signed out: %d", response.StatusCode)
	}
}

func TestRenew_RaceWithRevocation(t *testing.T) {
	for range 50 {
		b := newTestBFF(t)
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
			t.Fatal("the session has come back")
		}
		br.want("")
	}
}

func TestRenew_KeepsConcurrentUpdate(t *testing.T) {
	b := newTestBFF(t)
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
			t.Error("the renewal has overwritten the update")
		}
	})
	if row := b.store.rows(t, "alice")[0]; !row.Renewed.Equal(b.clock.Now()) {
		t.Error("the session was not renewed")
	}
}

func TestRenew_ResealsUnderPrimaryKey(t *testing.T) {
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
	b := newTestBFF(t, func(c *Config) { c.Protector = before })
	br := b.browser()
	br.signIn(alice())
	b.cfg.Protector = both // the new ring is deployed
	b.clock.pass(45 * time.Minute)
	br.want("alice")
	b.cfg.Protector = after
	br.want("alice")
}
