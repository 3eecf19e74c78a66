package adaptertest_test

import (
	"context"
	"net/url"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v3"
	"github.com/gofiber/fiber/v3/extractors"
	"github.com/gofiber/fiber/v3/middleware/adaptor"
	"github.com/gofiber/fiber/v3/middleware/recover"
	"github.com/gofiber/fiber/v3/middleware/session"

	"example.com/usersession/adapters/fiberstore"
	"example.com/usersession/bff/adapter"
	"example.com/usersession/internal/adaptertest"
)

// The middleware saves the session of every request, also one that only reads. So a request
// that only reads gets its session from the session store, as fiber's documentation shows.
func newFiber(t *testing.T, cfg adaptertest.Config, handler adaptertest.Handler) adaptertest.Application {
	t.Helper()
	storage, err := fiberstore.New(fiberstore.Config{
		Store: cfg.Store, Partition: cfg.Partition, Protector: cfg.Protector, Issuer: cfg.Issuer,
		Identify: func(values map[any]any) adapter.Identity {
			sub, _ := values[adaptertest.Subject].(string)
			sid, _ := values[adaptertest.SID].(string)
			return adapter.Identity{SubjectID: sub, SessionID: sid}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	serve := func(c fiber.Ctx, s fiberValues) error {
		query, err := url.ParseQuery(string(c.Request().URI().QueryString()))
		if err != nil {
			return err
		}
		text, err := handler(adaptertest.Request{Path: strings.Clone(c.Path()), Query: query}, fiberSession{s})
		if err != nil {
			return err
		}
		return c.SendString(text)
	}
	middleware, store := session.NewWithStore(session.Config{
		Storage: storage, CookieSecure: true, CookieHTTPOnly: true, CookiePath: "/",
		Extractor: extractors.FromCookie(adaptertest.CookieName),
	})
	app := fiber.New()
	app.Use(recover.New())
	app.Get("/get", func(c fiber.Ctx) error {
		s, err := store.Get(c)
		if err != nil {
			return err
		}
		defer s.Release()
		return serve(c, s)
	})
	app.Use(middleware)
	app.Get("/*", func(c fiber.Ctx) error { return serve(c, session.FromContext(c)) })
	return adaptertest.Application{
		Handler: adaptor.FiberApp(app), EndSessions: storage.EndSessions,
		SessionIDs: func(ctx context.Context, subjectID string) (ids []string, err error) {
			list, err := storage.UserSessions(ctx, subjectID)
			for _, session := range list {
				ids = append(ids, session.SessionID)
			}
			return ids, err
		},
	}
}

// fiberValues are what the middleware's session and that of the session store have.
type fiberValues interface {
	Get(key any) any
	Set(key, value any)
	Delete(key any)
	Regenerate() error
	Destroy() error
}

// fiberSession is the session of a request. The middleware saves it.
type fiberSession struct{ values fiberValues }

func (s fiberSession) Get(name string) string { text, _ := s.values.Get(name).(string); return text }
func (s fiberSession) Set(name, value string) { s.values.Set(name, value) }
func (s fiberSession) Remove(name string)     { s.values.Delete(name) }
func (s fiberSession) AddFlash(text string)   { s.Set("flash", s.Get("flash")+text+",") }
func (s fiberSession) Rotate() error          { return s.values.Regenerate() }
func (s fiberSession) End() error             { return s.values.Destroy() }
func (s fiberSession) Save() error            { return nil }

func (s fiberSession) Flashes() []string {
	text := s.Get("flash")
	s.Remove("flash")
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' })
}

func TestFiber(t *testing.T) { adaptertest.OnEveryEngine(t, newFiber) }
