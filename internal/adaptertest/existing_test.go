package adaptertest_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/gofiber/fiber/v3"
	fibersession "github.com/gofiber/fiber/v3/middleware/session"
	gorilla "github.com/gorilla/sessions"

	"example.com/usersession/adapters/fiberstore"
	"example.com/usersession/adapters/gorillastore"
	"example.com/usersession/adapters/scsstore"
	"example.com/usersession/bff"
	"example.com/usersession/bff/adapter"
	"example.com/usersession/bff/backchannel"
	"example.com/usersession/bff/ticket"
)

// docs/existing.md shows these functions as diffs of an application.

func scsSessions(store bff.UserSessionStore, keys ticket.Protector) (*scs.SessionManager, *scsstore.Store, error) {
	manager := scs.New()
	manager.Lifetime = 12 * time.Hour
	sessions, err := scsstore.Use(manager, scsstore.Config{
		Store: store, Partition: "shop", Protector: keys, Issuer: "https://id.example",
		Identify: func(values map[string]any) adapter.Identity { return identity(values["sub"], values["sid"]) },
	})
	return manager, sessions, err
}

func gorillaSessions(store bff.UserSessionStore, keys ticket.Protector) (*gorillastore.Store, error) {
	sessions, err := gorillastore.New(gorillastore.Config{
		Store: store, Partition: "shop", Protector: keys, Issuer: "https://id.example",
		Identify: func(s *gorilla.Session) adapter.Identity { return identity(s.Values["sub"], s.Values["sid"]) },
	})
	return sessions, err
}

func fiberSessions(store bff.UserSessionStore, keys ticket.Protector) (fiber.Handler, *fiberstore.Storage, error) {
	sessions, err := fiberstore.New(fiberstore.Config{
		Store: store, Partition: "shop", Protector: keys, Issuer: "https://id.example",
		Identify: func(values map[any]any) adapter.Identity { return identity(values["sub"], values["sid"]) },
	})
	return fibersession.New(fibersession.Config{Storage: sessions, IdleTimeout: 30 * time.Minute}), sessions, err
}

func identity(sub, sid any) adapter.Identity {
	if sub == nil {
		return adapter.Identity{} // no user has signed in
	}
	session, _ := sid.(string)
	return adapter.Identity{SubjectID: fmt.Sprint(sub), SessionID: session} // a user id may be a number
}

// logoutEndpoint takes the logout tokens of the identity provider.
func logoutEndpoint(store bff.UserSessionStore, verifier backchannel.Verifier) (http.Handler, error) {
	return backchannel.New(backchannel.Config{
		Sessions: backchannel.ForStore(store, "shop", "https://id.example"),
		Verifier: verifier,
		Replay:   backchannel.StoreReplayMemory{Store: store},
	})
}

// The functions of the document make sessions that can be used.
func TestExisting(t *testing.T) {
	store, keys := bff.NewInMemoryStore(), ticket.InsecureRandomKeyRing()
	manager, scsStore, err := scsSessions(store, keys)
	if err != nil {
		t.Fatal(err)
	}
	ctx, err := manager.Load(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	manager.Put(ctx, "sub", "alice")
	manager.Put(ctx, "sid", "s1")
	if _, _, err := manager.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	if n, err := scsStore.EndSessions(t.Context(), "alice"); n != 1 || err != nil {
		t.Errorf("%d sessions ended, %v", n, err)
	}
	if id := identity("bob", nil); id != (adapter.Identity{SubjectID: "bob"}) {
		t.Errorf("the identity is %+v", id)
	}
	if id := identity(42, "s1"); id != (adapter.Identity{SubjectID: "42", SessionID: "s1"}) {
		t.Errorf("the identity is %+v", id)
	}
	if id := identity(nil, "s1"); id != (adapter.Identity{}) {
		t.Errorf("the identity is %+v", id)
	}
	if _, err := logoutEndpoint(store, nil); err == nil {
		t.Error("an endpoint without a verifier")
	}
	if _, err := gorillaSessions(store, keys); err != nil {
		t.Error(err)
	}
	if _, _, err := fiberSessions(store, keys); err != nil {
		t.Error(err)
	}
}
