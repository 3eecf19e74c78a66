package main

import (
	"context"
	"fmt"
	"net/http"
	"reflect"

	"example.com/usersession/bench/site"
	"example.com/usersession/bff"
	"example.com/usersession/bff/serverside"
	"example.com/usersession/bff/ticket"
)

// set sets a field of the configuration that an older version may lack.
func set(c *serverside.Config, field string, value int) {
	if f := reflect.ValueOf(c).Elem().FieldByName(field); f.IsValid() {
		f.Set(reflect.ValueOf(value).Convert(f.Type()))
	}
}

func inMemory(ctx context.Context) ([]*operation, error) {
	keys := ticket.InsecureRandomKeyRing()
	binding := ticket.Binding{Key: "k", SubjectID: "subject-0", SessionID: "session-0"}
	t := site.NewTicket(0)
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
	for _, kind := range []struct {
		name    string
		change  func(*serverside.Config)
		handler http.HandlerFunc
	}{
		{"request", func(*serverside.Config) {}, func(http.ResponseWriter, *http.Request) {}},
		{"request, FromContext", func(*serverside.Config) {}, site.Handle},
		{"request, nothing remembered", func(c *serverside.Config) { set(c, "TicketCacheSize", -1) }, func(http.ResponseWriter, *http.Request) {}},
		{"request, nothing remembered, FromContext", func(c *serverside.Config) { set(c, "TicketCacheSize", -1) }, site.Handle},
		{"request, nothing remembered, EncodingV2, FromContext", func(c *serverside.Config) {
			set(c, "TicketCacheSize", -1)
			set(c, "TicketEncoding", 2)
		}, site.Handle},
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
	rows, err := store.GetUserSessions(ctx, "", bff.UserSessionsFilter{SubjectID: site.NewTicket(0).SubjectID})
	if err != nil || len(rows) != 1 {
		return nil, fmt.Errorf("%d sessions, want 1: %w", len(rows), err)
	}
	return func(int) error {
		_, err := ticket.Open(keys, ticket.BindingOf(rows[0]), rows[0].Ticket)
		return err
	}, nil
}

// requests returns a function that sends a request of a signed-in browser through the
// middleware to the handler. Unless change sets another one, the store is in memory.
func requests(ctx context.Context, keys ticket.Protector, change func(*serverside.Config), handler http.HandlerFunc) (func(i int) error, error) {
	c := serverside.Config{Store: bff.NewInMemoryStore(), Protector: keys, Issuer: "https://id.example"}
	change(&c)
	return site.Requests(ctx, c, handler)
}
