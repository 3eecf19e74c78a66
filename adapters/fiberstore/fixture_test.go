package fiberstore_test

import (
	"bytes"
	"context"
	"encoding/gob"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/gofiber/fiber/v3"
	"github.com/gofiber/fiber/v3/middleware/adaptor"
	"github.com/gofiber/fiber/v3/middleware/recover"
	"github.com/gofiber/fiber/v3/middleware/session"

	"example.com/usersession/adapters/fiberstore"
	"example.com/usersession/bff"
	"example.com/usersession/bff/adapter"
	"example.com/usersession/bff/ticket"
)

var errDown = errors.New("the database is down")

// A database can be down, and counts the writes.
type database struct {
	*bff.InMemoryStore
	down    atomic.Bool
	updates atomic.Int64
}

func (d *database) GetUserSession(ctx context.Context, key bff.UserSessionKey) (bff.UserSession, error) {
	if d.down.Load() {
		return bff.UserSession{}, errDown
	}
	if err := ctx.Err(); err != nil {
		return bff.UserSession{}, err
	}
	return d.InMemoryStore.GetUserSession(ctx, key)
}

func (d *database) UpdateUserSession(ctx context.Context, key bff.UserSessionKey, update bff.UserSessionUpdate) error {
	if d.down.Load() {
		return errDown
	}
	d.updates.Add(1)
	return d.InMemoryStore.UpdateUserSession(ctx, key, update)
}

func (d *database) DeleteUserSession(ctx context.Context, key bff.UserSessionKey) (int64, error) {
	if d.down.Load() {
		return 0, errDown
	}
	return d.InMemoryStore.DeleteUserSession(ctx, key)
}

func identify(values map[any]any) adapter.Identity {
	sub, _ := values["sub"].(string)
	sid, _ := values["sid"].(string)
	return adapter.Identity{SubjectID: sub, SessionID: sid}
}

func newStorage(t *testing.T, change ...func(*fiberstore.Config)) (*fiberstore.Storage, *database) {
	t.Helper()
	db := &database{InMemoryStore: bff.NewInMemoryStore()}
	cfg := fiberstore.Config{
		Store: db, Partition: "app", Protector: ticket.InsecureRandomKeyRing(), Identify: identify, Issuer: "https://id.example",
	}
	for _, f := range change {
		f(&cfg)
	}
	storage, err := fiberstore.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return storage, db
}

func (d *database) rows(t *testing.T) (rows []bff.UserSession) {
	t.Helper()
	for row, err := range d.UserSessions(t.Context(), bff.UserSessionsQuery{PartitionKey: "app"}) {
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row)
	}
	return rows
}

// encoded returns values as the session middleware encodes them: names and values in turn.
func encoded(t *testing.T, pairs ...string) []byte {
	t.Helper()
	values := map[any]any{}
	for i := 0; i < len(pairs); i += 2 {
		values[pairs[i]] = pairs[i+1]
	}
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(&values); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// A browser keeps the session cookie of an application whose only handler the test sets.
type browser struct {
	t       *testing.T
	handler http.Handler
	cookie  string
	handle  *func(c fiber.Ctx, s *session.Middleware) error
}

func newBrowser(t *testing.T, cfg session.Config) *browser {
	t.Helper()
	var handle func(c fiber.Ctx, s *session.Middleware) error
	app := fiber.New()
	app.Use(recover.New())
	if cfg.ErrorHandler == nil {
		cfg.ErrorHandler = func(c fiber.Ctx, err error) {
			status := fiber.StatusServiceUnavailable
			if errors.Is(err, adapter.ErrEnded) {
				status = fiber.StatusUnauthorized
			}
			_ = c.Status(status).SendString(err.Error())
		}
	}
	app.Use(session.New(cfg))
	app.Get("/", func(c fiber.Ctx) error { return handle(c, session.FromContext(c)) })
	return &browser{t: t, handler: adaptor.FiberApp(app), handle: &handle}
}

// other returns another browser of the application, with the same cookie.
func (b *browser) other() *browser { other := *b; return &other }

// request sends a request that the function handles, and returns the status.
func (b *browser) request(handle func(c fiber.Ctx, s *session.Middleware) error) int {
	b.t.Helper()
	*b.handle = handle
	r := httptest.NewRequestWithContext(b.t.Context(), http.MethodGet, "/", nil)
	if b.cookie != "" {
		r.AddCookie(&http.Cookie{Name: "session_id", Value: b.cookie})
	}
	w := httptest.NewRecorder()
	b.handler.ServeHTTP(w, r)
	for _, cookie := range w.Result().Cookies() {
		if cookie.Name == "session_id" {
			b.cookie = cookie.Value
			if cookie.MaxAge < 0 {
				b.cookie = ""
			}
		}
	}
	return w.Code
}

func (b *browser) ok(handle func(c fiber.Ctx, s *session.Middleware) error) {
	b.t.Helper()
	if status := b.request(handle); status != http.StatusOK {
		b.t.Fatalf("status %d", status)
	}
}

func (b *browser) signIn(sub, sid string) {
	b.t.Helper()
	b.ok(func(_ fiber.Ctx, s *session.Middleware) error {
		if err := s.Regenerate(); err != nil {
			return err
		}
		s.Set("sub", sub)
		s.Set("sid", sid)
		return nil
	})
}

// has checks a value, in a request that saves the session again.
func (b *browser) has(name string, want any) {
	b.t.Helper()
	b.ok(func(_ fiber.Ctx, s *session.Middleware) error {
		if got := s.Get(name); got != want {
			b.t.Errorf("the session has %s = %v, want %v", name, got, want)
		}
		return nil
	})
}

func (d *database) DeleteUserSessionVersion(ctx context.Context, key bff.UserSessionKey, version int64) (int64, error) {
	if d.down.Load() {
		return 0, errDown
	}
	return d.InMemoryStore.DeleteUserSessionVersion(ctx, key, version)
}
