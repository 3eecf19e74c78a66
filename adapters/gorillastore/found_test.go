package gorillastore

import (
	"net/http/httptest"
	"runtime"
	"testing"
	"time"

	"github.com/gorilla/sessions"

	"example.com/usersession/bff"
	"example.com/usersession/bff/adapter"
	"example.com/usersession/bff/ticket"
)

func TestFoundSessions_Released(t *testing.T) {
	store, err := New(Config{
		Store: bff.NewInMemoryStore(), Protector: ticket.InsecureRandomKeyRing(),
		Identify: func(*sessions.Session) adapter.Identity { return adapter.Identity{} },
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
		session, err := store.Get(r, "session")
		if err == nil {
			err = session.Save(r, httptest.NewRecorder())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	deadline := time.Now().Add(time.Minute)
	for {
		runtime.GC()
		n := 0
		store.found.entries.Range(func(any, any) bool { n++; return true })
		if n == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d sessions are still known", n)
		}
		time.Sleep(time.Millisecond)
	}
}
