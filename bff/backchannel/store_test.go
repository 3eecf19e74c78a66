package backchannel

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/usersession/bff"
)

// newRows returns a store with alice's sessions s1 and s2, bob's session s3, an expired
// session of alice's, an anonymous session, and alice's session s1 in another partition.
func newRows(t testing.TB) *bff.InMemoryStore {
	t.Helper()
	store := bff.NewInMemoryStore(bff.WithClock(clock))
	for i, row := range []bff.UserSession{
		{PartitionKey: "app", SubjectID: "alice", SessionID: "s1"},
		{PartitionKey: "app", SubjectID: "alice", SessionID: "s2"},
		{PartitionKey: "app", SubjectID: "bob", SessionID: "s3"},
		{PartitionKey: "app", SubjectID: "alice", SessionID: "s4", Expires: now.Add(-time.Minute)},
		{PartitionKey: "app"},
		{PartitionKey: "other app", SubjectID: "alice", SessionID: "s1"},
	} {
		row.Key, row.Created, row.Renewed = fmt.Sprint("key ", i), now.Add(-time.Hour), now.Add(-time.Hour)
		if err := store.CreateUserSession(t.Context(), row); err != nil {
			t.Fatal(err)
		}
	}
	return store
}

// left lists the live rows of both partitions as "partition/subject/session id".
func left(t testing.TB, store *bff.InMemoryStore) []string {
	t.Helper()
	var rows []string
	for _, partition := range []string{"app", "other app"} {
		for row, err := range store.UserSessions(t.Context(), bff.UserSessionsQuery{PartitionKey: partition, OldestFirst: true}) {
			if err != nil {
				t.Fatal(err)
			}
			rows = append(rows, strings.Join([]string{row.PartitionKey, row.SubjectID, row.SessionID}, "/"))
		}
	}
	return rows
}

func TestForStore_Logout(t *testing.T) {
	const a1, a2, b3, anonymous, other = "app/alice/s1", "app/alice/s2", "app/bob/s3", "app//", "other app/alice/s1"
	for name, test := range map[string]struct {
		claims map[string]any
		all    bool
		want   []string
	}{
		"sid":                        {map[string]any{"sub": nil}, false, []string{a2, b3, anonymous, other}},
		"sid and sub":                {nil, false, []string{a2, b3, anonymous, other}},
		"sid and another user's sub": {map[string]any{"sub": "bob"}, false, []string{a1, a2, b3, anonymous, other}},
		"sub":                        {map[string]any{"sid": nil}, false, []string{b3, anonymous, other}},
		"unknown sid":                {map[string]any{"sub": nil, "sid": "s9"}, false, []string{a1, a2, b3, anonymous, other}},
		"unknown sub":                {map[string]any{"sub": "carol", "sid": nil}, false, []string{a1, a2, b3, anonymous, other}},
		"sub differs in case":        {map[string]any{"sub": "ALICE", "sid": nil}, false, []string{a1, a2, b3, anonymous, other}},
		"all sessions, sid":          {map[string]any{"sub": nil}, true, []string{b3, anonymous, other}},
		"all sessions, unknown sid":  {map[string]any{"sub": nil, "sid": "s9"}, true, []string{a1, a2, b3, anonymous, other}},
	} {
		t.Run(name, func(t *testing.T) {
			store := newRows(t)
			h := newHandler(t, ForStore(store, "app", issuer), func(c *Config) { c.BackchannelLogoutAllUserSessions = test.all })
			if w := post(t, h, token(t, test.claims)); w.Code != http.StatusOK {
				t.Errorf("status %d", w.Code)
			}
			if got := left(t, store); !slices.Equal(got, test.want) {
				t.Errorf("left %q, want %q", got, test.want)
			}
		})
	}
}

// A logout token with sub and sid also ends the user's sessions that no token can name.
func TestForStore_SessionsWithoutProviderID(t *testing.T) {
	store := newRows(t)
	for _, row := range []bff.UserSession{
		{SubjectID: "alice"}, {SubjectID: "alice", SessionID: "local-1"}, {SubjectID: "bob", SessionID: "local-2"},
	} {
		row.PartitionKey, row.Key, row.Created, row.Renewed = "app", row.SubjectID+row.SessionID, now, now
		if err := store.CreateUserSession(t.Context(), row); err != nil {
			t.Fatal(err)
		}
	}
	n, err := ForStore(store, "app", issuer).BackchannelLogout(t.Context(), bff.UserSessionsFilter{SubjectID: "alice", SessionID: "s1"})
	want := []string{"app/alice/s2", "app/bob/s3", "app//", "app/bob/local-2", "other app/alice/s1"}
	if got := left(t, store); n != 3 || err != nil || !slices.Equal(got, want) {
		t.Errorf("%d, %v: left %q, want %q", n, err, got, want)
	}
}

// An application asks SignInEnded after it has written the session of a sign-in.
func TestForStore_SignInUnderWay(t *testing.T) {
	const sub, sid, newer = "alice", "s1", time.Second
	for name, test := range map[string]struct {
		claims  map[string]any
		all     bool
		sid     string
		idToken time.Duration // by which the ID token is newer than the logout token
		want    bool
	}{
		"sub and sid":                  {nil, false, sid, 0, true},
		"sub and sid, newer ID token":  {nil, false, sid, newer, false},
		"sub and sid, another sid":     {nil, false, "s2", 0, false},
		"sub and sid, local session":   {nil, false, "", 0, true},
		"sub":                          {map[string]any{"sid": nil}, false, "s2", 0, true},
		"sid":                          {map[string]any{"sub": nil}, false, sid, 0, true},
		"sid, local session":           {map[string]any{"sub": nil}, false, "", 0, false},
		"another user":                 {map[string]any{"sub": "bob"}, false, sid, 0, false},
		"all sessions":                 {nil, true, "s2", 0, true},
		"all sessions, sid alone":      {map[string]any{"sub": nil}, true, "s2", 0, true},
		"all sessions, unknown sid":    {map[string]any{"sub": nil, "sid": "s9"}, true, "s9", 0, true},
		"all sessions, other sign-in":  {map[string]any{"sub": nil, "sid": "s9"}, true, "s2", 0, false},
		"all sessions, newer ID token": {nil, true, "s2", newer, false},
		"ID token much older":          {nil, false, sid, -time.Hour, true},
	} {
		t.Run(name, func(t *testing.T) {
			sessions := ForStore(newRows(t), "app", issuer)
			h := newHandler(t, sessions, func(c *Config) { c.BackchannelLogoutAllUserSessions = test.all })
			if w := post(t, h, token(t, test.claims)); w.Code != http.StatusOK {
				t.Fatalf("status %d", w.Code)
			}
			ended, err := sessions.SignInEnded(t.Context(), sub, test.sid, now.Add(test.idToken))
			if ended != test.want || err != nil {
				t.Errorf("ended %v, %v", ended, err)
			}
		})
	}
}

// readOnly cannot record a logout.
type readOnly struct{ *bff.InMemoryStore }

func (readOnly) CreateUserSession(context.Context, bff.UserSession) error {
	return errors.New("the database is full")
}

// If a logout cannot be recorded, the sessions end all the same, and the provider is asked to
// deliver the token again.
func TestForStore_LogoutNotRecorded(t *testing.T) {
	for _, claims := range []map[string]any{nil, {"sub": nil}, {"sid": nil}} {
		store := newRows(t)
		for _, all := range []bool{false, true} {
			h := newHandler(t, ForStore(readOnly{store}, "app", issuer), func(c *Config) { c.BackchannelLogoutAllUserSessions = all })
			if w := post(t, h, token(t, claims)); w.Code != http.StatusBadRequest {
				t.Errorf("status %d", w.Code)
			}
			if rows := left(t, store); slices.Contains(rows, "app/alice/s1") {
				t.Errorf("left %q", rows)
			}
		}
	}
}

func TestForStore_RefusedTokens(t *testing.T) {
	store := newRows(t)
	before := left(t, store)
	h := newHandler(t, ForStore(store, "app", issuer))
	for name, claims := range map[string]map[string]any{
		"issuer with a slash":     {"iss": issuer + "/"},
		"issuer in another case":  {"iss": strings.ToUpper(issuer)},
		"neither sub nor sid":     {"sub": nil, "sid": nil},
		"empty sub":               {"sub": "", "sid": nil},
		"blank sid":               {"sub": nil, "sid": " "},
		"empty sub and known sid": {"sub": ""},
	} {
		t.Run(name, func(t *testing.T) {
			if w := post(t, h, token(t, claims)); w.Code != http.StatusBadRequest {
				t.Errorf("status %d", w.Code)
			}
			if got := left(t, store); !slices.Equal(got, before) {
				t.Errorf("left %q, want %q", got, before)
			}
		})
	}
}

func TestForStore_Count(t *testing.T) {
	s := ForStore(newRows(t), "app", issuer)
	for _, want := range []int64{3, 0} { // one of alice's three has expired
		if n, err := s.BackchannelLogout(t.Context(), bff.UserSessionsFilter{SubjectID: "alice"}); n != want || err != nil {
			t.Errorf("%d, %v, want %d", n, err, want)
		}
	}
	if _, err := s.BackchannelLogout(t.Context(), bff.UserSessionsFilter{}); !errors.Is(err, bff.ErrInvalidFilter) {
		t.Errorf("empty filter: %v", err)
	}
	if sub, found, err := s.SubjectOfSession(t.Context(), "s3"); sub != "bob" || !found || err != nil {
		t.Errorf("%q, %t, %v", sub, found, err)
	}
	if _, found, err := s.SubjectOfSession(t.Context(), ""); found || !errors.Is(err, bff.ErrInvalidFilter) {
		t.Errorf("empty session id: %t, %v", found, err)
	}
}

// failingOnce fails the first delete.
type failingOnce struct {
	*bff.InMemoryStore
	failed bool
}

func (s *failingOnce) DeleteUserSessions(ctx context.Context, partition string, filter bff.UserSessionsFilter) (int64, error) {
	if !s.failed {
		s.failed = true
		return 0, errors.New("the database is down")
	}
	return s.InMemoryStore.DeleteUserSessions(ctx, partition, filter)
}

func TestForStore_DatabaseDown(t *testing.T) {
	store := &failingOnce{InMemoryStore: newRows(t)}
	h := newHandler(t, ForStore(store, "app", issuer))
	tk := token(t, nil)
	for i, want := range []int{http.StatusBadRequest, http.StatusOK, http.StatusBadRequest} {
		if w := post(t, h, tk); w.Code != want {
			t.Errorf("delivery %d: status %d, want %d", i+1, w.Code, want)
		}
	}
}

func TestNew_ForStoreMisconfigured(t *testing.T) {
	store := bff.NewInMemoryStore()
	for want, s := range map[string]Sessions{
		"store is nil": ForStore(nil, "app", issuer),
		"no issuer":    ForStore(store, "app", ""),
		"partition":    ForStore(store, " app", issuer),
	} {
		if _, err := New(Config{Sessions: s, Verifier: signed{}}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	if _, err := New(Config{Sessions: ForStore(store, "", issuer), Verifier: signed{}}); err != nil {
		t.Errorf("the partition \"\": %v", err)
	}
}

// A row has the hash of a long sub, and a logout token has the sub.
func TestForStore_LongSubject(t *testing.T) {
	store, now := bff.NewInMemoryStore(), time.Now()
	long := strings.Repeat("x", 255)
	row := bff.UserSession{PartitionKey: "app", Key: "k", SubjectID: bff.SubjectIDOf(long), SessionID: "s", Created: now, Renewed: now}
	if err := store.CreateUserSession(t.Context(), row); err != nil {
		t.Fatal(err)
	}
	s := ForStore(store, "app", "https://id.example")
	if err := s.RecordLogout(t.Context(), bff.UserSessionsFilter{SubjectID: long}, now, now.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if ended, err := s.SignInEnded(t.Context(), long, "s", now); !ended || err != nil {
		t.Errorf("the sign-in under way: %t, %v", ended, err)
	}
	if n, err := s.BackchannelLogout(t.Context(), bff.UserSessionsFilter{SubjectID: long}); n != 1 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
}
