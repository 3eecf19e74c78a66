package gorillastore_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/sessions"

	"example.com/usersession/adapters/gorillastore"
	"example.com/usersession/bff"
	"example.com/usersession/bff/adapter"
	"example.com/usersession/bff/backchannel"
	"example.com/usersession/bff/ticket"
)

const (
	name      = "session"
	partition = "app"
)

func identify(session *sessions.Session) adapter.Identity {
	sub, _ := session.Values["sub"].(string)
	sid, _ := session.Values["sid"].(string)
	return adapter.Identity{SubjectID: sub, SessionID: sid}
}

// rows is a store that can be out of order and counts updates.
type rows struct {
	*bff.InMemoryStore
	down    atomic.Bool
	updates atomic.Int64
}

var errDown = errors.New("the database is down")

func (r *rows) GetUserSession(ctx context.Context, key bff.UserSessionKey) (bff.UserSession, error) {
	if r.down.Load() {
		return bff.UserSession{}, errDown
	}
	return r.InMemoryStore.GetUserSession(ctx, key)
}

func (r *rows) CreateUserSession(ctx context.Context, session bff.UserSession) error {
	if r.down.Load() {
		return errDown
	}
	return r.InMemoryStore.CreateUserSession(ctx, session)
}

func (r *rows) UpdateUserSession(ctx context.Context, key bff.UserSessionKey, update bff.UserSessionUpdate) error {
	if r.down.Load() {
		return errDown
	}
	r.updates.Add(1)
	return r.InMemoryStore.UpdateUserSession(ctx, key, update)
}

func (r *rows) DeleteUserSession(ctx context.Context, key bff.UserSessionKey) (int64, error) {
	if r.down.Load() {
		return 0, errDown
	}
	return r.InMemoryStore.DeleteUserSession(ctx, key)
}

// protector can be out of order too.
type protector struct {
	ticket.Protector
	down atomic.Bool
}

func (p *protector) Decrypt(ciphertext, associatedData []byte) ([]byte, error) {
	if p.down.Load() {
		return nil, ticket.ErrUnavailable
	}
	return p.Protector.Decrypt(ciphertext, associatedData)
}

// world is a store under test, with a clock of its own.
type world struct {
	*testing.T
	rows      *rows
	protector *protector
	store     *gorillastore.Store
	clock     atomic.Pointer[time.Time]
}

func newWorld(t *testing.T, change ...func(*gorillastore.Config)) *world {
	t.Helper()
	w := &world{T: t, protector: &protector{Protector: ticket.InsecureRandomKeyRing()}}
	w.clock.Store(new(time.Now()))
	w.rows = &rows{InMemoryStore: bff.NewInMemoryStore(bff.WithClock(w.now))}
	cfg := gorillastore.Config{
		Store: w.rows, Partition: partition, Protector: w.protector, Identify: identify, Clock: w.now,
	}
	for _, f := range change {
		f(&cfg)
	}
	var err error
	if w.store, err = gorillastore.New(cfg); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) now() time.Time { return *w.clock.Load() }

func (w *world) pass(d time.Duration) { w.clock.Store(new(w.clock.Load().Add(d))) }

// live returns the live rows.
func (w *world) live() (list []bff.UserSession) {
	w.Helper()
	for row, err := range w.rows.UserSessions(w.Context(), bff.UserSessionsQuery{PartitionKey: partition}) {
		if err != nil {
			w.Fatal(err)
		}
		list = append(list, row)
	}
	return list
}

func (w *world) oneRow() bff.UserSession {
	w.Helper()
	list := w.live()
	if len(list) != 1 {
		w.Fatalf("%d rows, want 1", len(list))
	}
	return list[0]
}

// browser keeps cookies by their names.
type browser struct {
	w       *world
	cookies map[string]string
}

func (w *world) browser() *browser { return &browser{w, map[string]string{}} }

func (b *browser) clone() *browser {
	other := b.w.browser()
	for name, value := range b.cookies {
		other.cookies[name] = value
	}
	return other
}

func (b *browser) request() *http.Request {
	r := httptest.NewRequestWithContext(b.w.Context(), http.MethodGet, "/", nil)
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	return r
}

func (b *browser) receive(response *httptest.ResponseRecorder) {
	for _, cookie := range response.Result().Cookies() {
		if cookie.MaxAge < 0 {
			delete(b.cookies, cookie.Name)
		} else {
			b.cookies[cookie.Name] = cookie.Value
		}
	}
}

// load returns the session of a new request. It must not fail.
func (b *browser) load() *sessions.Session {
	b.w.Helper()
	session, err := b.w.store.Get(b.request(), name)
	if err != nil {
		b.w.Fatal(err)
	}
	return session
}

// save saves a session and returns the number of cookies that were set.
func (b *browser) save(session *sessions.Session) (int, error) {
	response := httptest.NewRecorder()
	err := session.Save(b.request(), response)
	b.receive(response)
	return len(response.Result().Cookies()), err
}

// refused saves a session, which must fail with the error and set no cookie.
func (b *browser) refused(session *sessions.Session, want error) {
	b.w.Helper()
	if cookies, err := b.save(session); !errors.Is(err, want) || err == nil || cookies != 0 {
		b.w.Errorf("Save: %v, and %d cookies; want %v", err, cookies, want)
	}
}

// set saves values, in a request of its own. The arguments are keys and values.
func (b *browser) set(pairs ...string) *sessions.Session {
	b.w.Helper()
	session := b.load()
	for i := 0; i < len(pairs); i += 2 {
		session.Values[pairs[i]] = pairs[i+1]
	}
	b.saved(session)
	return session
}

func (b *browser) saved(session *sessions.Session) {
	b.w.Helper()
	if cookies, err := b.save(session); err != nil || cookies == 0 {
		b.w.Fatalf("Save: %v, and %d cookies", err, cookies)
	}
}

// has checks the values of the session.
func (b *browser) has(pairs ...string) {
	b.w.Helper()
	session := b.load()
	for i := 0; i < len(pairs); i += 2 {
		if got, _ := session.Values[pairs[i]].(string); got != pairs[i+1] {
			b.w.Errorf("the session has %s = %q, want %q", pairs[i], got, pairs[i+1])
		}
	}
}

func (b *browser) isNew() {
	b.w.Helper()
	if session := b.load(); !session.IsNew || session.ID != "" || len(session.Values) != 0 {
		b.w.Error("there is a session, want none")
	}
}

// logout ends the sessions that match by a logout token that is issued in a minute.
func (w *world) logout(issuer string, filter bff.UserSessionsFilter) {
	w.Helper()
	logout := backchannel.ForStore(w.rows, partition, issuer)
	at := time.Now().Add(time.Minute)
	if err := logout.RecordLogout(w.Context(), filter, at, at.Add(time.Hour)); err != nil {
		w.Fatal(err)
	}
	if _, err := logout.BackchannelLogout(w.Context(), filter); err != nil {
		w.Fatal(err)
	}
}
