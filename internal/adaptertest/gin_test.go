package adaptertest_test

import (
	"net/http"
	"testing"

	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/tester"
	"github.com/gin-gonic/gin"

	"example.com/usersession"
	"example.com/usersession/adapters/gorillastore"
	"example.com/usersession/bff"
	"example.com/usersession/bff/ticket"
	"example.com/usersession/internal/adaptertest"
	"example.com/usersession/internal/dbtest"
)

// ginStore is a store of gin-contrib/sessions.
type ginStore struct{ *gorillastore.Store }

func (s ginStore) Options(options sessions.Options) { s.Store.Options = options.ToGorillaOptions() }

// loaded answers with status 503 if the session cannot be read: gin-contrib/sessions only logs
// the error. The session is read once in a request.
func loaded(name string, store sessions.Store) gin.HandlerFunc {
	return func(c *gin.Context) {
		if _, err := store.Get(c.Request, name); err != nil {
			c.AbortWithStatus(http.StatusServiceUnavailable)
		}
	}
}

// rotate continues the session under a new id, without a change of its user.
func rotate(c *gin.Context, name string, store sessions.Store) error {
	session, err := store.Get(c.Request, name)
	if err != nil {
		return err
	}
	session.ID = ""
	return session.Save(c.Request, c.Writer)
}

// ginSession is a session as gin applications use it.
type ginSession struct {
	sessions.Session
	c       *gin.Context
	store   ginStore
	rotated *bool
}

func (s ginSession) Set(name, value string) { s.Session.Set(name, value) }
func (s ginSession) Remove(name string)     { s.Session.Delete(name) }
func (s ginSession) AddFlash(text string)   { s.Session.AddFlash(text) }
func (s ginSession) Flashes() []string      { return texts(s.Session.Flashes()) }
func (s ginSession) Rotate() error          { *s.rotated = true; return nil }

func (s ginSession) Get(name string) string {
	value, _ := s.Session.Get(name).(string)
	return value
}

func (s ginSession) Save() error {
	if *s.rotated {
		return rotate(s.c, adaptertest.CookieName, s.store)
	}
	return s.Session.Save()
}

func (s ginSession) End() error {
	s.Session.Options(sessions.Options{Path: "/", MaxAge: -1})
	return s.Session.Save()
}

func newGin(t *testing.T, cfg adaptertest.Config, handler adaptertest.Handler) adaptertest.Application {
	store := ginStore{newGorillaStore(t, cfg)}
	app := gin.New()
	app.Use(sessions.Sessions(adaptertest.CookieName, store), loaded(adaptertest.CookieName, store))
	app.NoRoute(func(c *gin.Context) {
		r := c.Request
		text, err := handler(adaptertest.Request{Path: r.URL.Path, Query: r.URL.Query()},
			ginSession{sessions.Default(c), c, store, new(bool)})
		if err != nil {
			c.AbortWithStatus(http.StatusInternalServerError)
			return
		}
		c.String(http.StatusOK, "%s", text)
	})
	return gorillaApplication(app, store.Store)
}

func TestGin(t *testing.T) {
	gin.SetMode(gin.ReleaseMode)
	adaptertest.OnEveryEngine(t, newGin)
}

// TestGinTester runs the suite of gin-contrib/sessions.
func TestGinTester(t *testing.T) {
	gin.SetMode(gin.ReleaseMode)
	t.Run("memory", func(t *testing.T) { runGinTester(t, bff.NewInMemoryStore()) })
	dbtest.OnEveryEngine(t, func(t *testing.T, d *dbtest.Database) {
		db := d.Open(t, dbtest.Setup{})
		d.Migrate(t, db)
		store, err := usersession.NewGormStore(db)
		if err != nil {
			t.Fatal(err)
		}
		runGinTester(t, store)
	})
}

func runGinTester(t *testing.T, rows bff.UserSessionStore) {
	newStore := func(t *testing.T) sessions.Store {
		return ginStore{newGorillaStore(t, adaptertest.Config{Store: rows, Protector: ticket.InsecureRandomKeyRing()})}
	}
	t.Run("GetSet", func(t *testing.T) { tester.GetSet(t, newStore) })
	t.Run("DeleteKey", func(t *testing.T) { tester.DeleteKey(t, newStore) })
	t.Run("Flashes", func(t *testing.T) { tester.Flashes(t, newStore) })
	t.Run("Clear", func(t *testing.T) { tester.Clear(t, newStore) })
	t.Run("Options", func(t *testing.T) { tester.Options(t, newStore) })
	t.Run("Many", func(t *testing.T) { tester.Many(t, newStore) })
}
