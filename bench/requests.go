package main

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"

	"github.com/alexedwards/scs/v2"
	gorilla "github.com/gorilla/sessions"

	"example.com/usersession/adapters/gorillastore"
	"example.com/usersession/adapters/scsstore"
	"example.com/usersession/bff"
	"example.com/usersession/bff/adapter"
	"example.com/usersession/bff/ticket"
)

// A requestKeeper measures whole HTTP requests of an application on a session library: the
// cookie, the library, the store and the response. The sessions are the browsers'.
type requestKeeper struct {
	handler http.Handler

	mu      sync.Mutex
	cookies map[int]*http.Cookie
}

// The paths of the application. It answers with an error if the session lacks its value.
const (
	readPath    = "/read"
	writePath   = "/write" // creates a session if the request has none
	destroyPath = "/destroy"
)

func newRequestKeeper(handler http.Handler) *requestKeeper {
	return &requestKeeper{handler: handler, cookies: map[int]*http.Cookie{}}
}

// do sends a request of browser number i.
func (k *requestKeeper) do(ctx context.Context, path string, i int) error {
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, path, nil)
	k.mu.Lock()
	cookie := k.cookies[i]
	k.mu.Unlock()
	if cookie != nil {
		r.AddCookie(cookie)
	}
	w := httptest.NewRecorder()
	k.handler.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		return errors.New(path + ": status " + strconv.Itoa(w.Code))
	}
	if path == readPath {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if path == destroyPath {
		delete(k.cookies, i)
	} else if cookies := w.Result().Cookies(); len(cookies) > 0 {
		k.cookies[i] = &http.Cookie{Name: cookies[0].Name, Value: cookies[0].Value}
	}
	return nil
}

func (k *requestKeeper) find(ctx context.Context, i int) error   { return k.do(ctx, readPath, i) }
func (k *requestKeeper) create(ctx context.Context, i int) error { return k.do(ctx, writePath, i) }
func (k *requestKeeper) update(ctx context.Context, i int) error { return k.do(ctx, writePath, i) }
func (k *requestKeeper) remove(ctx context.Context, i int) error { return k.do(ctx, destroyPath, i) }

// scsApplication is an application on scs.
func scsApplication(manager *scs.SessionManager, value []byte) http.Handler {
	manager.ErrorFunc = func(w http.ResponseWriter, _ *http.Request, _ error) {
		w.WriteHeader(http.StatusInternalServerError)
	}
	return manager.LoadAndSave(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		switch r.URL.Path {
		case readPath:
			if len(manager.GetBytes(ctx, "ticket")) != len(value) {
				w.WriteHeader(http.StatusGone)
			}
		case writePath:
			manager.Put(ctx, "ticket", value)
		case destroyPath:
			if err := manager.Destroy(ctx); err != nil {
				w.WriteHeader(http.StatusInternalServerError)
			}
		}
	}))
}

// gorillaApplication is an application on gorilla/sessions.
func gorillaApplication(store gorilla.Store, value []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		session, err := store.Get(r, gorillaName)
		switch r.URL.Path {
		case readPath:
			if read, _ := session.Values["ticket"].([]byte); err == nil && len(read) != len(value) {
				w.WriteHeader(http.StatusGone)
			}
			return
		case writePath:
			session.Values["ticket"] = value
		case destroyPath:
			session.Options.MaxAge = -1
		}
		if err == nil {
			err = session.Save(r, w)
		}
		if err != nil {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
}

// A managerKeeper measures an application's calls of scs, without HTTP.
type managerKeeper struct {
	manager *scs.SessionManager
	value   []byte

	mu     sync.Mutex
	tokens map[int]string
}

func newManagerKeeper(manager *scs.SessionManager, value []byte) *managerKeeper {
	return &managerKeeper{manager: manager, value: value, tokens: map[int]string{}}
}

// load loads session number i, or a new one.
func (k *managerKeeper) load(ctx context.Context, i int) (context.Context, error) {
	k.mu.Lock()
	token := k.tokens[i]
	k.mu.Unlock()
	return k.manager.Load(ctx, token)
}

func (k *managerKeeper) find(ctx context.Context, i int) error {
	ctx, err := k.load(ctx, i)
	if err == nil && len(k.manager.GetBytes(ctx, "ticket")) != len(k.value) {
		err = errWrongResult
	}
	return err
}

func (k *managerKeeper) create(ctx context.Context, i int) error {
	ctx, err := k.load(ctx, i)
	if err != nil {
		return err
	}
	k.manager.Put(ctx, "ticket", k.value)
	token, _, err := k.manager.Commit(ctx)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.tokens[i] = token
	return err
}

func (k *managerKeeper) update(ctx context.Context, i int) error { return k.create(ctx, i) }

func (k *managerKeeper) remove(ctx context.Context, i int) error {
	ctx, err := k.load(ctx, i)
	if err != nil {
		return err
	}
	k.mu.Lock()
	delete(k.tokens, i)
	k.mu.Unlock()
	return k.manager.Destroy(ctx)
}

// ourSCS returns a manager of scs on this module's store. Each manager has a partition.
func ourSCS(store bff.UserSessionStore, partition string) (*scs.SessionManager, *scsstore.Store, error) {
	manager := scs.New()
	adapted, err := scsstore.Use(manager, scsstore.Config{
		Store: store, Partition: partition, Protector: ticket.InsecureRandomKeyRing(),
		Identify: func(values map[string]any) adapter.Identity {
			sub, _ := values["sub"].(string)
			return adapter.Identity{SubjectID: sub}
		},
	})
	return manager, adapted, err
}

// theirSCS returns a manager of scs on one of its own stores.
func theirSCS(store scs.Store) *scs.SessionManager {
	manager := scs.New()
	manager.Store = store
	return manager
}

// ourGorilla returns a gorilla store on this module's store.
func ourGorilla(store bff.UserSessionStore, partition string) (*gorillastore.Store, error) {
	return gorillastore.New(gorillastore.Config{
		Store: store, Partition: partition, Protector: ticket.InsecureRandomKeyRing(),
		Identify: func(session *gorilla.Session) adapter.Identity {
			sub, _ := session.Values["sub"].(string)
			return adapter.Identity{SubjectID: sub}
		},
	})
}
