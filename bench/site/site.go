// Package site is an application of signed-in browsers, for benchmarks: requests go through
// the middleware of package serverside, and the response is thrown away.
package site

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"example.com/usersession/bff/serverside"
	"example.com/usersession/bff/ticket"
)

// Browsers is the number of signed-in browsers.
const Browsers = 100

// NewTicket returns a ticket with 3.8 kB of tokens and 20 roles.
func NewTicket(i int) ticket.Ticket {
	roles := make([]any, 20)
	for n := range roles {
		roles[n] = fmt.Sprint("department-", n, "-editor")
	}
	now := time.Now()
	return ticket.Ticket{
		SubjectID: fmt.Sprint("subject-", i), SessionID: fmt.Sprint("session-", i),
		Claims:      map[string]any{"name": "Alice Example", "email": "alice@example.com", "roles": roles},
		AccessToken: strings.Repeat("a", 1600), RefreshToken: strings.Repeat("r", 800), IDToken: strings.Repeat("i", 1400),
		AccessTokenExpires: now.Add(time.Hour),
		Properties:         map[string]string{"device": "Firefox"},
	}
}

// A discard is a response that is thrown away.
type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }
func (d *discard) WriteHeader(status int)      { d.status = status }

// Handle answers with an error if the request has no session. It is the usual handler of
// [Requests].
func Handle(w http.ResponseWriter, r *http.Request) {
	if _, ok := serverside.FromContext(r.Context()); !ok {
		w.WriteHeader(http.StatusUnauthorized)
	}
}

// Requests signs the browsers in and returns a function that sends request number i, of one of
// them, through the middleware to the handler.
func Requests(ctx context.Context, c serverside.Config, handler http.HandlerFunc) (func(i int) error, error) {
	sessions, err := serverside.New(c)
	if err != nil {
		return nil, err
	}
	site := sessions.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler(w, r) }))
	all := make([]*http.Request, Browsers)
	for i := range all {
		w := httptest.NewRecorder()
		sessions.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, err = sessions.SignIn(w, r, NewTicket(i))
		})).ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil))
		if err != nil {
			return nil, err
		}
		all[i] = httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil)
		for _, cookie := range w.Result().Cookies() {
			all[i].AddCookie(&http.Cookie{Name: cookie.Name, Value: cookie.Value})
		}
	}
	return func(i int) error {
		w := &discard{header: http.Header{}, status: http.StatusOK}
		site.ServeHTTP(w, all[i%Browsers])
		if w.status != http.StatusOK {
			return errors.New(http.StatusText(w.status))
		}
		return nil
	}, nil
}
