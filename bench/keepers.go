package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"

	"github.com/alexedwards/scs/v2"
	gorilla "github.com/gorilla/sessions"

	"example.com/usersession"
)

// A keeper is a session store with the operations that all of the compared stores have. The
// sessions have numbers.
type keeper interface {
	find(ctx context.Context, i int) error
	create(ctx context.Context, i int) error
	update(ctx context.Context, i int) error
	remove(ctx context.Context, i int) error
}

// A storeKeeper is this module's store.
type storeKeeper struct {
	store *usersession.GormStore
	block block
}

func (k storeKeeper) find(ctx context.Context, i int) error {
	_, err := k.store.GetUserSession(ctx, key(i))
	return err
}

func (k storeKeeper) create(ctx context.Context, i int) error {
	return k.store.CreateUserSession(ctx, k.block.session(i))
}

func (k storeKeeper) update(ctx context.Context, i int) error {
	return k.store.UpdateUserSession(ctx, key(i), k.block.update(i))
}

func (k storeKeeper) remove(ctx context.Context, i int) error {
	return errOf(k.store.DeleteUserSession(ctx, key(i)))
}

// A scsKeeper is a store of scs. It keeps the ticket under a token.
type scsKeeper struct {
	store  scs.Store
	ticket []byte
}

// token returns the token of session number i, with the length of scs's tokens.
func token(i int) string { return key(i).Key[:43] }

func (k scsKeeper) find(_ context.Context, i int) error {
	_, found, err := k.store.Find(token(i))
	if err == nil && !found {
		err = errWrongResult
	}
	return err
}

func (k scsKeeper) create(_ context.Context, i int) error {
	return k.store.Commit(token(i), k.ticket, time.Now().Add(timeout))
}

func (k scsKeeper) update(ctx context.Context, i int) error { return k.create(ctx, i) }

func (k scsKeeper) remove(_ context.Context, i int) error { return k.store.Delete(token(i)) }

// A gorillaKeeper is a store of gorilla/sessions, which also encodes and signs its values.
type gorillaKeeper struct {
	store  gorilla.Store
	ticket []byte

	mu      sync.Mutex
	cookies map[int]*http.Cookie
}

func newGorillaKeeper(store gorilla.Store, ticket []byte) *gorillaKeeper {
	return &gorillaKeeper{store: store, ticket: ticket, cookies: map[int]*http.Cookie{}}
}

const gorillaName = "session"

// request returns a request of the browser that has session number i. Without the session
// it returns a request without a cookie.
func (k *gorillaKeeper) request(ctx context.Context, i int) *http.Request {
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil)
	k.mu.Lock()
	defer k.mu.Unlock()
	if cookie := k.cookies[i]; cookie != nil {
		r.AddCookie(cookie)
	}
	return r
}

func (k *gorillaKeeper) find(ctx context.Context, i int) error {
	session, err := k.store.New(k.request(ctx, i), gorillaName)
	if err == nil && session.IsNew {
		err = errWrongResult
	}
	return err
}

func (k *gorillaKeeper) create(ctx context.Context, i int) error {
	return k.save(ctx, i, func(session *gorilla.Session) { session.Values["ticket"] = k.ticket })
}

func (k *gorillaKeeper) update(ctx context.Context, i int) error { return k.create(ctx, i) }

func (k *gorillaKeeper) remove(ctx context.Context, i int) error {
	err := k.save(ctx, i, func(session *gorilla.Session) { session.Options.MaxAge = -1 })
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.cookies, i)
	return err
}

// save reads a session and writes it, as a handler does.
func (k *gorillaKeeper) save(ctx context.Context, i int, change func(*gorilla.Session)) error {
	r, w := k.request(ctx, i), httptest.NewRecorder()
	session, err := k.store.New(r, gorillaName)
	if err != nil {
		return err
	}
	change(session)
	if err := k.store.Save(r, w, session); err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if cookies := w.Result().Cookies(); len(cookies) > 0 {
		k.cookies[i] = &http.Cookie{Name: cookies[0].Name, Value: cookies[0].Value}
	}
	return nil
}

// errOf returns the error of a delete without its count.
func errOf(_ int64, err error) error { return err }
