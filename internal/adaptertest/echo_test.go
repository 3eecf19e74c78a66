package adaptertest_test

import (
	"net/http"
	"testing"

	"github.com/labstack/echo-contrib/session"
	"github.com/labstack/echo/v4"

	"example.com/usersession/internal/adaptertest"
)

func newEcho(t *testing.T, cfg adaptertest.Config, handler adaptertest.Handler) adaptertest.Application {
	store := newGorillaStore(t, cfg)
	app := echo.New()
	app.Use(session.Middleware(store))
	app.GET("/*", func(c echo.Context) error {
		r := c.Request()
		current, err := session.Get(adaptertest.CookieName, c)
		if err != nil {
			return err // status 500
		}
		text, err := handler(adaptertest.Request{Path: r.URL.Path, Query: r.URL.Query()}, gorillaSession{current, c.Response(), r})
		if err != nil {
			return err
		}
		return c.String(http.StatusOK, text)
	})
	return gorillaApplication(app, store)
}

func TestEcho(t *testing.T) { adaptertest.OnEveryEngine(t, newEcho) }
