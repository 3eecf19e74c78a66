package fiberstore_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gofiber/fiber/v3"
	"github.com/gofiber/fiber/v3/extractors"
	"github.com/gofiber/fiber/v3/middleware/adaptor"
	"github.com/gofiber/fiber/v3/middleware/csrf"
	"github.com/gofiber/fiber/v3/middleware/session"
)

// newCSRF returns an application with a CSRF token, in the session or in the storage.
func newCSRF(t *testing.T, inSession bool) http.Handler {
	t.Helper()
	s, _ := newStorage(t)
	handler, store := session.NewWithStore(session.Config{Storage: s})
	cfg := csrf.Config{Extractor: extractors.FromHeader("X-Csrf-Token"), Storage: s}
	if inSession {
		cfg.Session = store
	}
	app := fiber.New()
	app.Use(handler, csrf.New(cfg))
	app.All("/", func(c fiber.Ctx) error { return c.SendString(csrf.TokenFromContext(c)) })
	return adaptor.FiberApp(app)
}

func TestCSRF_InTheSession(t *testing.T) {
	app := newCSRF(t, true)
	w := httptest.NewRecorder()
	app.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	token, cookies := w.Body.String(), w.Result().Cookies()
	if w.Code != http.StatusOK || token == "" || len(cookies) != 2 {
		t.Fatalf("status %d, token %q, %d cookies", w.Code, token, len(cookies))
	}
	post := func(token string) int {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.Header.Set("Origin", "http://example.com")
		r.Header.Set("X-Csrf-Token", token)
		header := ""
		for _, cookie := range cookies {
			header += cookie.Name + "=" + cookie.Value + "; "
		}
		r.Header.Set("Cookie", header)
		w := httptest.NewRecorder()
		app.ServeHTTP(w, r)
		return w.Code
	}
	for range 2 {
		if status := post(token); status != http.StatusOK {
			t.Errorf("status %d", status)
		}
	}
	if status := post("forged"); status != http.StatusForbidden {
		t.Errorf("a forged token: status %d", status)
	}
}

// The CSRF middleware on the session storage fails at the first request, before anybody
// relies on it.
func TestCSRF_InTheStorage(t *testing.T) {
	w := httptest.NewRecorder()
	newCSRF(t, false).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	if w.Code < 400 {
		t.Errorf("status %d", w.Code)
	}
}
