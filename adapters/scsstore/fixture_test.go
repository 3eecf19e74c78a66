package scsstore

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alexedwards/scs/v2"

	"example.com/usersession/bff"
	"example.com/usersession/bff/adapter"
	"example.com/usersession/bff/ticket"
)

// rows is a store that counts its writes and can be out of order.
type rows struct {
	*bff.InMemoryStore
	writes atomic.Int64
	down   atomic.Bool
}

var errDown = errors.New("the database is down")

func (r *rows) write() error {
	if r.down.Load() {
		return errDown
	}
	r.writes.Add(1)
	return nil
}

func (r *rows) GetUserSession(ctx context.Context, key bff.UserSessionKey) (bff.UserSession, error) {
	if r.down.Load() {
		return bff.UserSession{}, errDown
	}
	return r.InMemoryStore.GetUserSession(ctx, key)
}

func (r *rows) CreateUserSession(ctx context.Context, session bff.UserSession) error {
	if err := r.write(); err != nil {
		return err
	}
	return r.InMemoryStore.CreateUserSession(ctx, session)
}

func (r *rows) UpdateUserSession(ctx context.Context, key bff.UserSessionKey, update bff.UserSessionUpdate) error {
	if err := r.write(); err != nil {
		return err
	}
	return r.InMemoryStore.UpdateUserSession(ctx, key, update)
}

func (r *rows) DeleteUserSession(ctx context.Context, key bff.UserSessionKey) (int64, error) {
	if err := r.write(); err != nil {
		return 0, err
	}
	return r.InMemoryStore.DeleteUserSession(ctx, key)
}

func (r *rows) DeleteUserSessionVersion(ctx context.Context, key bff.UserSessionKey, version int64) (int64, error) {
	if err := r.write(); err != nil {
		return 0, err
	}
	return r.InMemoryStore.DeleteUserSessionVersion(ctx, key, version)
}

// jsonCodec is a codec as an application may have one: it keeps the deadline as text and
// returns nil for no values.
type jsonCodec struct{}

func (jsonCodec) Encode(deadline time.Time, values map[string]any) ([]byte, error) {
	return json.Marshal([]any{deadline.Format(time.RFC3339Nano), values})
}

func (jsonCodec) Decode(b []byte) (deadline time.Time, values map[string]any, err error) {
	err = json.Unmarshal(b, &[]any{&deadline, &values})
	if len(values) == 0 {
		values = nil
	}
	return deadline, values, err
}

// A fixture is an application without HTTP.
type fixture struct {
	*scs.SessionManager
	t     *testing.T
	rows  *rows
	store *Store
}

func identify(values map[string]any) adapter.Identity {
	sub, _ := values["sub"].(string)
	sid, _ := values["sid"].(string)
	return adapter.Identity{SubjectID: sub, SessionID: sid}
}

func configOf(store bff.UserSessionStore) Config {
	return Config{Store: store, Partition: "app", Protector: ticket.InsecureRandomKeyRing(), Identify: identify}
}

type option = func(*scs.SessionManager, *Config)

func newFixture(t *testing.T, options ...option) *fixture {
	t.Helper()
	return newFixtureOn(t, scs.New(), options...)
}

// inBubble runs a test in which time passes at once. The manager is from outside: scs.New
// starts a goroutine that never ends.
func inBubble(t *testing.T, test func(t *testing.T, f *fixture), options ...option) {
	t.Helper()
	manager := scs.New()
	synctest.Test(t, func(t *testing.T) { test(t, newFixtureOn(t, manager, options...)) })
}

func newFixtureOn(t *testing.T, manager *scs.SessionManager, options ...option) *fixture {
	t.Helper()
	f := &fixture{SessionManager: manager, t: t, rows: &rows{InMemoryStore: bff.NewInMemoryStore()}}
	cfg := configOf(f.rows)
	for _, option := range options {
		option(f.SessionManager, &cfg)
	}
	var err error
	if f.store, err = Use(f.SessionManager, cfg); err != nil {
		t.Fatal(err)
	}
	return f
}

// A request is the session of a request, between load and commit.
type request struct {
	*fixture
	ctx   context.Context
	token string
}

func (f *fixture) begin(token string) *request {
	f.t.Helper()
	ctx, err := f.Load(f.t.Context(), token)
	if err != nil {
		f.t.Fatal(err)
	}
	return &request{f, ctx, token}
}

// end does what LoadAndSave does after the handler. It returns the cookie.
func (r *request) end() (string, error) {
	switch r.Status(r.ctx) {
	case scs.Modified:
		token, _, err := r.Commit(r.ctx)
		return token, err
	case scs.Destroyed:
		return "", nil
	}
	return r.token, nil
}

// do is one request, whose handler is given. It returns the cookie.
func (f *fixture) do(token string, handle func(ctx context.Context)) string {
	f.t.Helper()
	r := f.begin(token)
	handle(r.ctx)
	token, err := r.end()
	if err != nil {
		f.t.Fatalf("the request failed: %v", err)
	}
	return token
}

// refused ends a request that must fail with ErrEnded.
func (r *request) refused() {
	r.t.Helper()
	if _, err := r.end(); !errors.Is(err, adapter.ErrEnded) {
		r.t.Errorf("the commit of a session that has ended: %v", err)
	}
}

func (f *fixture) renew(ctx context.Context) {
	f.t.Helper()
	if err := f.RenewToken(ctx); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) signIn(token, sub, sid string) string {
	f.t.Helper()
	return f.do(token, func(ctx context.Context) {
		f.renew(ctx)
		f.Put(ctx, "sub", sub)
		f.Put(ctx, "sid", sid)
	})
}

// value reads a value of the session in a request of its own.
func (f *fixture) value(token, name string) (value string) {
	f.t.Helper()
	f.do(token, func(ctx context.Context) { value = f.GetString(ctx, name) })
	return value
}

func (f *fixture) wantValue(token, name, want string) {
	f.t.Helper()
	if got := f.value(token, name); got != want {
		f.t.Errorf("%s = %q, want %q", name, got, want)
	}
}

// list returns the live rows of the application.
func (f *fixture) list() (list []bff.UserSession) {
	f.t.Helper()
	for row, err := range f.rows.UserSessions(context.Background(), bff.UserSessionsQuery{PartitionKey: "app", OldestFirst: true}) {
		if err != nil {
			f.t.Fatal(err)
		}
		list = append(list, row)
	}
	return list
}

func (f *fixture) wantRows(want int) {
	f.t.Helper()
	if list := f.list(); len(list) != want {
		f.t.Errorf("%d rows, want %d: %+v", len(list), want, list)
	}
}

func (f *fixture) endAll(sub string) {
	f.t.Helper()
	if _, err := f.store.EndSessions(context.Background(), sub); err != nil {
		f.t.Fatal(err)
	}
}

// visible are the keys without the hidden ones, whose number it checks.
func (f *fixture) visible(ctx context.Context, hidden int) string {
	f.t.Helper()
	var names []string
	for _, name := range f.Keys(ctx) {
		if strings.HasPrefix(name, hiddenPrefix) {
			hidden--
			continue
		}
		names = append(names, name)
	}
	if hidden != 0 {
		f.t.Errorf("%d hidden names too few in %q", hidden, f.Keys(ctx))
	}
	return strings.Join(names, ",")
}

// everyVariant runs a test with each way to configure a manager.
func everyVariant(t *testing.T, test func(t *testing.T, f *fixture)) {
	hashed := func(m *scs.SessionManager, _ *Config) { m.HashTokenInStore = true }
	for name, options := range map[string][]option{
		"plain":  nil,
		"hashed": {hashed},
		"idle":   {func(m *scs.SessionManager, _ *Config) { m.IdleTimeout = time.Hour }},
		"json":   {func(m *scs.SessionManager, _ *Config) { m.Codec = jsonCodec{} }},
		"json, hashed, idle": {hashed, func(m *scs.SessionManager, _ *Config) {
			m.Codec, m.IdleTimeout = jsonCodec{}, time.Hour
		}},
	} {
		t.Run(name, func(t *testing.T) { test(t, newFixture(t, options...)) })
	}
	t.Run("hashed after Use", func(t *testing.T) {
		f := newFixture(t)
		f.HashTokenInStore = true
		test(t, f)
	})
}
