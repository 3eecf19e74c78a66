package scsstore

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"

	"example.com/usersession/bff"
	"example.com/usersession/bff/adapter"
	"example.com/usersession/bff/ticket"
)

func TestUse_Refuses(t *testing.T) {
	for want, change := range map[string]func(*scs.SessionManager, *Config) *scs.SessionManager{
		"manager is nil":     func(*scs.SessionManager, *Config) *scs.SessionManager { return nil },
		"Codec is nil":       func(m *scs.SessionManager, _ *Config) *scs.SessionManager { m.Codec = nil; return m },
		"Identify is nil":    func(m *scs.SessionManager, c *Config) *scs.SessionManager { c.Identify = nil; return m },
		"Store is nil":       func(m *scs.SessionManager, c *Config) *scs.SessionManager { c.Store = nil; return m },
		"Protector is nil":   func(m *scs.SessionManager, c *Config) *scs.SessionManager { c.Protector = nil; return m },
		"Timeout is negativ": func(m *scs.SessionManager, c *Config) *scs.SessionManager { c.StoreTimeout = -1; return m },
		"called for this manager before": func(m *scs.SessionManager, c *Config) *scs.SessionManager {
			if _, err := Use(m, *c); err != nil {
				t.Fatal(err)
			}
			return m
		},
	} {
		cfg := configOf(bff.NewInMemoryStore())
		manager := change(scs.New(), &cfg)
		if store, err := Use(manager, cfg); err == nil || store != nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error is %v, want one with %q", err, want)
		}
	}
}

func TestCodec_Replaced(t *testing.T) {
	f := newFixture(t)
	token := f.do("", func(ctx context.Context) { f.Put(ctx, "a", "1") })
	own := f.Codec
	for _, other := range []scs.Codec{scs.GobCodec{}, jsonCodec{}, newFixture(t).Codec, nil} {
		r := f.begin(token)
		f.Put(r.ctx, "a", "2")
		f.Codec = other
		if _, err := f.Load(t.Context(), token); !errors.Is(err, errCodecReplaced) {
			t.Errorf("Find: %v", err)
		}
		if err := f.Iterate(t.Context(), func(context.Context) error { return nil }); !errors.Is(err, errCodecReplaced) {
			t.Errorf("All: %v", err)
		}
		if other == nil {
			f.Codec = own
			continue
		}
		// gob itself refuses the hidden value.
		if _, err := r.end(); err == nil || !errors.Is(err, errCodecReplaced) && !strings.Contains(err.Error(), "gob") {
			t.Errorf("Commit: %v", err)
		}
		f.Codec = own
	}
	f.wantValue(token, "a", "1")
}

func TestCommit_ForeignBytes(t *testing.T) {
	f := newFixture(t)
	gob, err := scs.GobCodec{}.Encode(time.Now().Add(time.Hour), map[string]any{"a": "1"})
	if err != nil {
		t.Fatal(err)
	}
	token := f.signIn("", "alice", "s1")
	found, ok, err := f.store.Find(token)
	if err != nil || !ok {
		t.Fatal(err)
	}
	saved, err := f.Codec.Encode(time.Now().Add(time.Hour), map[string]any{"a": "1"})
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range [][]byte{nil, gob, found, []byte(magic), saved[:len(magic)+1], saved[:len(magic)+5]} {
		if err := f.store.Commit("token", b, time.Now().Add(time.Hour)); !errors.Is(err, errForeignBytes) {
			t.Errorf("%d bytes: %v", len(b), err)
		}
	}
	if err := f.store.Commit("token", saved, time.Now().Add(time.Hour)); err != nil {
		t.Error(err)
	}
	f.wantValue("token", "a", "1")
	for i := range found { // never a panic
		// Without the rest of the payload there is only the hidden entry.
		if _, values, err := f.Codec.Decode(found[:i]); err == nil && len(values) != 1 {
			t.Errorf("the first %d of %d bytes are %v", i, len(found), values)
		}
	}
}

// The payloads of this key ring do not open, and those of this codec do not decode.
func TestFind_UnreadableOrUndecodable(t *testing.T) {
	rows := bff.NewInMemoryStore()
	over := func(change option) *fixture {
		return newFixture(t, func(m *scs.SessionManager, cfg *Config) {
			cfg.Store, cfg.Protector = rows, ticket.InsecureRandomKeyRing()
			change(m, cfg)
		})
	}
	ring := ticket.InsecureRandomKeyRing()
	writer := over(func(_ *scs.SessionManager, cfg *Config) { cfg.Protector = ring })
	for name, change := range map[string]option{
		"unreadable":  func(*scs.SessionManager, *Config) {},
		"undecodable": func(m *scs.SessionManager, cfg *Config) { cfg.Protector, m.Codec = ring, jsonCodec{} },
	} {
		token := writer.signIn("", "alice", "s1")
		reader := over(change)
		reader.wantValue(token, "sub", "")
		if name == "undecodable" {
			// Another host may decode the values: a renewal keeps them.
			reader.IdleTimeout = time.Minute
			reader.do(token, func(context.Context) {})
			writer.wantValue(token, "sub", "alice")
		} else if next := reader.do(token, func(ctx context.Context) { reader.Put(ctx, "a", "1") }); next == token {
			t.Errorf("%s: a new session has the former token", name)
		}
		if err := reader.Iterate(t.Context(), func(ctx context.Context) error {
			if reader.GetString(ctx, "a") != "1" || name == "undecodable" {
				t.Errorf("%s: Iterate has a session that cannot be read", name)
			}
			return nil
		}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		list, err := reader.store.UserSessions(t.Context(), "alice")
		if err != nil || len(list) != 1 || list[0].Values != nil || list[0].SessionID != "s1" {
			t.Errorf("%s: the sessions of alice: %+v, %v", name, list, err)
		}
		if err := reader.store.DeleteCtx(t.Context(), token); err != nil {
			t.Error(err)
		}
		if list, err := reader.store.UserSessions(t.Context(), "alice"); err != nil || len(list) != 0 {
			t.Errorf("%s: the session stays after Delete: %v", name, err)
		}
	}
}

// Values that do not decode are gone once the application has put others into the session.
func TestCommit_Undecodable(t *testing.T) {
	rows, ring := bff.NewInMemoryStore(), ticket.InsecureRandomKeyRing()
	writer := newFixture(t, func(_ *scs.SessionManager, cfg *Config) { cfg.Store, cfg.Protector = rows, ring })
	reader := newFixture(t, func(m *scs.SessionManager, cfg *Config) { cfg.Store, cfg.Protector, m.Codec = rows, ring, jsonCodec{} })
	token := writer.signIn("", "alice", "s1")
	token = reader.do(token, func(ctx context.Context) { reader.Put(ctx, "a", "1") })
	reader.wantValue(token, "a", "1")
	reader.wantValue(token, "sub", "")
	if list, err := reader.store.UserSessions(t.Context(), "alice"); err != nil || len(list) != 0 {
		t.Errorf("the sessions of alice: %+v, %v", list, err)
	}
}

// unavailable is a Protector whose key service fails.
type unavailable struct{ ticket.Protector }

func (unavailable) Decrypt(_, _ []byte) ([]byte, error) { return nil, ticket.ErrUnavailable }

func TestFind_Unavailable(t *testing.T) {
	f := newFixture(t)
	token := f.signIn("", "alice", "s1")
	f.rows.down.Store(true)
	if _, found, err := f.store.Find(token); !errors.Is(err, errDown) || found {
		t.Errorf("Find: %t, %v", found, err)
	}
	if err := f.store.Delete(token); !errors.Is(err, errDown) {
		t.Errorf("Delete: %v", err)
	}
	r, err := f.Load(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	f.Put(r, "a", "1")
	if _, _, err := f.SessionManager.Commit(r); !errors.Is(err, errDown) {
		t.Errorf("Commit: %v", err)
	}
	f.rows.down.Store(false)
	f.wantValue(token, "sub", "alice")

	f = newFixture(t, func(_ *scs.SessionManager, cfg *Config) { cfg.Protector = unavailable{cfg.Protector} })
	token = f.signIn("", "alice", "s1")
	if _, found, err := f.store.Find(token); !errors.Is(err, ticket.ErrUnavailable) || found {
		t.Errorf("Find without the key service: %t, %v", found, err)
	}
}

// slow is a store whose calls take as long as their contexts.
type slow struct{ bff.UserSessionStore }

func (slow) GetUserSession(ctx context.Context, _ bff.UserSessionKey) (bff.UserSession, error) {
	<-ctx.Done()
	return bff.UserSession{}, ctx.Err()
}

func (slow) CreateUserSession(ctx context.Context, _ bff.UserSession) error {
	<-ctx.Done()
	return ctx.Err()
}

func TestWithoutContext_Timeout(t *testing.T) {
	f := newFixture(t, func(_ *scs.SessionManager, cfg *Config) {
		cfg.Store, cfg.StoreTimeout = slow{cfg.Store}, time.Millisecond
	})
	b, err := f.Codec.Encode(time.Now().Add(time.Hour), map[string]any{})
	if err != nil {
		t.Fatal(err)
	}
	_, _, found := f.store.Find("token")
	for name, err := range map[string]error{
		"Find": found, "Commit": f.store.Commit("token", b, time.Now().Add(time.Hour)), "Delete": f.store.Delete("token"),
	} {
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := f.store.All(); !errors.Is(err, adapter.ErrNotListable) {
		t.Errorf("All of a store that is no lister: %v", err)
	}
}

func TestCommit_InvalidIdentity(t *testing.T) {
	f := newFixture(t)
	r := f.begin("")
	f.Put(r.ctx, "sub", "alice ")
	if _, err := r.end(); !errors.Is(err, bff.ErrInvalidSession) {
		t.Errorf("a subject id with white space: %v", err)
	}
	f.wantRows(0)
}

func TestUserSessions_And_EndSession(t *testing.T) {
	everyVariant(t, func(t *testing.T, f *fixture) {
		first, second, bob := f.signIn("", "alice", "s1"), f.signIn("", "alice", ""), f.signIn("", "bob", "s3")
		list, err := f.store.UserSessions(t.Context(), "alice")
		if err != nil || len(list) != 2 {
			t.Fatalf("%d sessions, %v", len(list), err)
		}
		if s := list[0]; s.SubjectID != "alice" || s.SessionID != "s1" || s.Created.IsZero() || s.Renewed.IsZero() ||
			!s.Expires.After(s.Created) || s.Values["sid"] != "s1" || len(s.Values) != 2 {
			t.Errorf("a session: %+v", s)
		}
		if n, err := f.store.EndSession(t.Context(), "bob", "s1"); err != nil || n != 0 {
			t.Errorf("bob has ended %d sessions of alice, %v", n, err)
		}
		if n, err := f.store.EndSession(t.Context(), "alice", list[1].SessionID); err != nil || n != 1 {
			t.Errorf("%d sessions ended, %v", n, err)
		}
		f.wantValue(second, "sub", "")
		f.wantValue(first, "sub", "alice")
		if n, err := f.store.EndSessions(t.Context(), "alice"); err != nil || n != 1 {
			t.Errorf("%d sessions ended, %v", n, err)
		}
		f.wantValue(first, "sub", "")
		f.wantValue(bob, "sub", "bob")
		if _, err := f.store.UserSessions(t.Context(), ""); !errors.Is(err, bff.ErrInvalidFilter) {
			t.Errorf("the sessions of nobody: %v", err)
		}
	})
}

func TestRequestOf(t *testing.T) {
	f := newFixture(t)
	first, second := f.begin(""), f.begin("")
	derived, cancel := context.WithCancel(first.ctx)
	defer cancel()
	a, b := f.store.requestOf(first.ctx), f.store.requestOf(second.ctx)
	if a == b || a == (requestID{}) || a != f.store.requestOf(derived) || f.store.requestOf(t.Context()) != (requestID{}) {
		t.Error("a request is taken for another one")
	}
}

func TestLoadAndSave_SessionHasEnded(t *testing.T) {
	f := newFixture(t)
	token := f.signIn("", "alice", "s1")
	f.ErrorFunc = func(w http.ResponseWriter, _ *http.Request, err error) {
		if !errors.Is(err, adapter.ErrEnded) {
			t.Errorf("the error is %v", err)
		}
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = w.Write([]byte("signed out,"))
	}
	h := f.LoadAndSave(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.endAll("alice")
		f.Put(r.Context(), "a", "1")
		_, _ = w.Write([]byte("page"))
	}))
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	r.AddCookie(&http.Cookie{Name: f.Cookie.Name, Value: token})
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	// scs appends the page. The README says so.
	if body := w.Body.String(); w.Code != http.StatusUnauthorized || body != "signed out,page" || len(w.Result().Cookies()) != 0 {
		t.Errorf("status %d, %q, cookies %v", w.Code, body, w.Result().Cookies())
	}
}

func TestREADME_CodeIsCompiled(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	example, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(readme), "```go\n")
	code, _, found := strings.Cut(rest, "```")
	if !found || !strings.Contains(string(example), code) {
		t.Error("the code of README.md is not in example_test.go")
	}
}

func TestUse_Clock(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	clock := func() time.Time { return now }
	f := newFixture(t, func(_ *scs.SessionManager, cfg *Config) {
		cfg.Store, cfg.Clock = bff.NewInMemoryStore(bff.WithClock(clock)), clock
	})
	f.signIn("", "alice", "s1")
	list, err := f.store.UserSessions(t.Context(), "alice")
	if err != nil || len(list) != 1 || !list[0].Created.Equal(now) {
		t.Errorf("the sessions: %+v, %v", list, err)
	}
}
