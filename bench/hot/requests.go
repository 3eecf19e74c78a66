package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"time"

	"example.com/usersession/bff"
	"example.com/usersession/bff/serverside"
	"example.com/usersession/bff/ticket"
)

const browsers = 100

// newTicket returns a ticket with 3.8 kB of tokens and 20 roles.
func newTicket(i int) ticket.Ticket {
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

// set sets a field of the configuration that an older version may lack.
func set(c *serverside.Config, field string, value int) {
	if f := reflect.ValueOf(c).Elem().FieldByName(field); f.IsValid() {
		f.Set(reflect.ValueOf(value).Convert(f.Type()))
	}
}

func inMemory(ctx context.Context) ([]*operation, error) {
	keys := ticket.InsecureRandomKeyRing()
	binding := ticket.Binding{Key: "k", SubjectID: "subject-0", SessionID: "session-0"}
	t := newTicket(0)
	sealed, err := ticket.Seal(keys, binding, t)
	if err != nil {
		return nil, err
	}
	operations := []*operation{
		{name: "ticket.Seal", call: func(int) error {
			_, err := ticket.Seal(keys, binding, t)
			return err
		}},
		{name: "ticket.Open", call: func(int) error {
			_, err := ticket.Open(keys, binding, sealed)
			return err
		}},
	}
	open2, err := openV2(ctx, keys)
	if err != nil {
		return nil, err
	}
	operations = append(operations, &operation{name: "ticket.Open, EncodingV2", call: open2})
	read := func(w http.ResponseWriter, r *http.Request) {
		if _, ok := serverside.FromContext(r.Context()); !ok {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}
	for _, kind := range []struct {
		name    string
		change  func(*serverside.Config)
		handler http.HandlerFunc
	}{
		{"request", func(*serverside.Config) {}, func(http.ResponseWriter, *http.Request) {}},
		{"request, FromContext", func(*serverside.Config) {}, read},
		{"request, nothing remembered", func(c *serverside.Config) { set(c, "TicketCacheSize", -1) }, func(http.ResponseWriter, *http.Request) {}},
		{"request, nothing remembered, FromContext", func(c *serverside.Config) { set(c, "TicketCacheSize", -1) }, read},
		{"request, nothing remembered, EncodingV2, FromContext", func(c *serverside.Config) {
			set(c, "TicketCacheSize", -1)
			set(c, "TicketEncoding", 2)
		}, read},
	} {
		call, err := requests(ctx, keys, kind.change, kind.handler)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", kind.name, err)
		}
		operations = append(operations, &operation{name: kind.name, call: call})
		if kind.name == "request, FromContext" {
			operations = append(operations, &operation{name: kind.name + ", 8 goroutines", parallel: true, call: call})
		}
	}
	return operations, nil
}

// openV2 returns a function that opens a ticket in EncodingV2, or in the only encoding that an
// older version has.
func openV2(ctx context.Context, keys ticket.Protector) (func(int) error, error) {
	store := bff.NewInMemoryStore()
	_, err := requests(ctx, keys, func(c *serverside.Config) {
		c.Store = store
		set(c, "TicketEncoding", 2)
	}, nil)
	if err != nil {
		return nil, err
	}
	rows, err := store.GetUserSessions(ctx, "", bff.UserSessionsFilter{SubjectID: newTicket(0).SubjectID})
	if err != nil || len(rows) != 1 {
		return nil, fmt.Errorf("%d sessions, want 1: %w", len(rows), err)
	}
	return func(int) error {
		_, err := ticket.Open(keys, ticket.BindingOf(rows[0]), rows[0].Ticket)
		return err
	}, nil
}

// A discard is a response that is thrown away.
type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }
func (d *discard) WriteHeader(status int)      { d.status = status }

// requests signs browsers in and returns a function that sends a request of one of them
// through the middleware to the handler. The store is in memory.
func requests(ctx context.Context, keys ticket.Protector, change func(*serverside.Config), handler http.HandlerFunc) (func(i int) error, error) {
	c := serverside.Config{Store: bff.NewInMemoryStore(), Protector: keys, Issuer: "https://id.example"}
	change(&c)
	sessions, err := serverside.New(c)
	if err != nil {
		return nil, err
	}
	site := sessions.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler(w, r) }))
	all := make([]*http.Request, browsers)
	for i := range all {
		w := httptest.NewRecorder()
		sessions.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, err = sessions.SignIn(w, r, newTicket(i))
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
		site.ServeHTTP(w, all[i%browsers])
		if w.status != http.StatusOK {
			return errors.New(http.StatusText(w.status))
		}
		return nil
	}, nil
}
