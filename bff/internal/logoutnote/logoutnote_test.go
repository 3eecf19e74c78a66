package logoutnote_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"example.com/usersession/bff"
	"example.com/usersession/bff/internal/logoutnote"
)

var (
	loggedOut = time.Now().Truncate(time.Second)
	until     = loggedOut.Add(time.Hour)
	errDown   = errors.New("the database is down")
)

func notes(store bff.UserSessionStore) logoutnote.Notes {
	return logoutnote.Notes{Store: store, Partition: "app", Issuer: "https://id.example"}
}

func write(t *testing.T, n logoutnote.Notes, subjectID, sessionID string) {
	t.Helper()
	if err := n.Write(t.Context(), bff.UserSessionsFilter{SubjectID: subjectID, SessionID: sessionID}, loggedOut, until); err != nil {
		t.Fatal(err)
	}
}

func ended(t *testing.T, n logoutnote.Notes, subjectID, sessionID string) bool {
	t.Helper()
	ended, err := n.Ended(t.Context(), subjectID, sessionID, loggedOut)
	if err != nil {
		t.Fatal(err)
	}
	return ended
}

// TestNotes_Sessions: a note concerns the sessions that the logout token names, and no others, also
// if the parts of their names could be shifted.
func TestNotes_Sessions(t *testing.T) {
	type session struct{ subjectID, sessionID string }
	for name, test := range map[string]struct {
		logout  session
		exact   bool
		notes   int
		in, out []session
	}{
		"sub": {
			logout: session{"alice", ""}, notes: 1,
			in:  []session{{"alice", ""}, {"alice", "s1"}, {"alice", "local-1"}},
			out: []session{{"bob", ""}, {"bob", "alice"}, {"", "alice"}, {"alic", "e"}},
		},
		"sid": {
			logout: session{"", "s1"}, notes: 1,
			in:  []session{{"alice", "s1"}, {"bob", "s1"}},
			out: []session{{"alice", "s2"}, {"s1", ""}, {"s1", "s2"}, {"s", "1"}, {"alice", ""}},
		},
		"a sid like a local one": { // of a provider whose session ids begin in the same way
			logout: session{"", "local-1"}, notes: 1,
			in:  []session{{"alice", "local-1"}},
			out: []session{{"alice", "local-2"}, {"alice", ""}, {"alice", "s1"}},
		},
		"sub and sid": {
			logout: session{"alice", "s1"}, notes: 2,
			in:  []session{{"alice", "s1"}, {"alice", ""}, {"alice", "local-1"}, {"alice", "local-2"}},
			out: []session{{"alice", "s2"}, {"bob", "s1"}, {"bob", ""}, {"bob", "local-1"}, {"alices", "1"}, {"alices1", ""}, {"", "alices1"}},
		},
		"one local session": {
			logout: session{"alice", "local-1"}, exact: true, notes: 1,
			in:  []session{{"alice", "local-1"}},
			out: []session{{"alice", "local-2"}, {"alice", ""}, {"alice", "s1"}, {"bob", "local-1"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			store := &counting{UserSessionStore: bff.NewInMemoryStore()}
			n := notes(store)
			n.Exact = test.exact
			write(t, n, test.logout.subjectID, test.logout.sessionID)
			if store.created != test.notes {
				t.Errorf("%d notes, want %d", store.created, test.notes)
			}
			for _, s := range test.in {
				if !ended(t, n, s.subjectID, s.sessionID) {
					t.Errorf("%+v has not ended", s)
				}
			}
			for _, s := range test.out {
				if ended(t, n, s.subjectID, s.sessionID) {
					t.Errorf("%+v has ended", s)
				}
			}
		})
	}
}

// counting is a store that counts the rows that it creates.
type counting struct {
	bff.UserSessionStore
	created int
}

func (s *counting) CreateUserSession(ctx context.Context, row bff.UserSession) error {
	s.created++
	return s.UserSessionStore.CreateUserSession(ctx, row)
}

// TestNotes_PartitionAndIssuer: sessions of another partition or of another issuer do not end, also
// if their names together are the same.
func TestNotes_PartitionAndIssuer(t *testing.T) {
	store := bff.NewInMemoryStore()
	n := logoutnote.Notes{Store: store, Partition: "app", Issuer: "https://id.example"}
	write(t, n, "alice", "")
	for _, other := range []logoutnote.Notes{
		{Store: store, Partition: "other", Issuer: n.Issuer},
		{Store: store, Partition: n.Partition, Issuer: "https://other.example"},
		{Store: store, Partition: "apph", Issuer: "ttps://id.example"},
		{Store: store, Partition: n.Partition, Issuer: "https://id.examplea"},
	} {
		if ended(t, other, "alice", "") || ended(t, other, "lice", "") {
			t.Errorf("partition %q, issuer %q: the session has ended", other.Partition, other.Issuer)
		}
	}
}

// disturbed is a store that does something right before some of its operations.
type disturbed struct {
	*bff.InMemoryStore
	before map[string]func() error
}

func (s disturbed) enter(operation string) error {
	f := s.before[operation]
	if f == nil {
		return nil
	}
	delete(s.before, operation)
	return f()
}

func (s disturbed) CreateUserSession(ctx context.Context, row bff.UserSession) error {
	if err := s.enter("create"); err != nil {
		return err
	}
	return s.InMemoryStore.CreateUserSession(ctx, row)
}

func (s disturbed) GetUserSession(ctx context.Context, key bff.UserSessionKey) (bff.UserSession, error) {
	if err := s.enter("get"); err != nil {
		return bff.UserSession{}, err
	}
	return s.InMemoryStore.GetUserSession(ctx, key)
}

func (s disturbed) UpdateUserSession(ctx context.Context, key bff.UserSessionKey, u bff.UserSessionUpdate) error {
	if err := s.enter("update"); err != nil {
		return err
	}
	return s.InMemoryStore.UpdateUserSession(ctx, key, u)
}

// TestNotes_WrittenAgain: the latest of several logouts counts, whatever another host does to the
// note between the steps of the write. If the store fails, so does the write.
func TestNotes_WrittenAgain(t *testing.T) {
	later := loggedOut.Add(time.Minute)
	fail := func(logoutnote.Notes) error { return errDown }
	remove := func(n logoutnote.Notes) error {
		ctx, recorder := context.Background(), &keyRecorder{UserSessionStore: n.Store}
		n.Store = recorder
		_, err := n.Ended(ctx, "alice", "s1", loggedOut)
		removed, err2 := n.Store.DeleteUserSession(ctx, recorder.key)
		if removed != 1 {
			return errors.New("there is no note")
		}
		return errors.Join(err, err2)
	}
	writeLater := func(n logoutnote.Notes) error {
		return n.Write(context.Background(), bff.UserSessionsFilter{SubjectID: "alice"}, later, until)
	}
	for name, test := range map[string]struct {
		operation string
		do        func(logoutnote.Notes) error
		want      time.Time // the logout that counts
		err       error
	}{
		"undisturbed":                           {want: loggedOut.Add(time.Second)},
		"the note is removed before the read":   {operation: "get", do: remove, want: loggedOut.Add(time.Second)},
		"the note is removed before the update": {operation: "update", do: remove, want: loggedOut.Add(time.Second)},
		"a later logout before the read":        {operation: "get", do: writeLater, want: later},
		"a later logout before the update":      {operation: "update", do: writeLater, want: later},
		"the creation fails":                    {operation: "create", do: fail, err: errDown},
		"the read fails":                        {operation: "get", do: fail, err: errDown},
		"the update fails":                      {operation: "update", do: fail, err: errDown},
	} {
		t.Run(name, func(t *testing.T) {
			store := disturbed{bff.NewInMemoryStore(), map[string]func() error{}}
			undisturbed, n := notes(store.InMemoryStore), notes(store)
			write(t, undisturbed, "alice", "")
			if test.do != nil {
				store.before[test.operation] = func() error { return test.do(undisturbed) }
			}
			err := n.Write(t.Context(), bff.UserSessionsFilter{SubjectID: "alice"}, loggedOut.Add(time.Second), until)
			if !errors.Is(err, test.err) {
				t.Errorf("%v, want %v", err, test.err)
			}
			if test.err != nil {
				return
			}
			for at, want := range map[time.Time]bool{test.want: true, test.want.Add(time.Second): false} {
				if got, err := n.Ended(t.Context(), "alice", "s1", at); got != want || err != nil {
					t.Errorf("an ID token issued %v after the first logout: ended %t, %v", at.Sub(loggedOut), got, err)
				}
			}
		})
	}
}

// A keyRecorder is a store that notes the key of the last row that was read.
type keyRecorder struct {
	bff.UserSessionStore
	key bff.UserSessionKey
}

func (r *keyRecorder) GetUserSession(ctx context.Context, key bff.UserSessionKey) (bff.UserSession, error) {
	row, err := r.UserSessionStore.GetUserSession(ctx, key)
	if err == nil {
		r.key = key
	}
	return row, err
}

// TestNotes_ConcurrentWrites: of concurrent writes of one note all succeed, and the latest counts.
func TestNotes_ConcurrentWrites(t *testing.T) {
	n := notes(bff.NewInMemoryStore())
	var group sync.WaitGroup
	for i := range 16 {
		group.Go(func() {
			if err := n.Write(t.Context(), bff.UserSessionsFilter{SubjectID: "alice"}, loggedOut.Add(time.Duration(i)*time.Second), until); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if got, err := n.Ended(t.Context(), "alice", "s1", loggedOut.Add(15*time.Second)); !got || err != nil {
		t.Errorf("ended %t, %v", got, err)
	}
}

// plain is a store with nothing but the six operations.
type plain struct{ bff.UserSessionStore }

// failing is a store that cannot list.
type failing struct{ bff.UserSessionStore }

func (failing) GetUserSessions(context.Context, string, bff.UserSessionsFilter) ([]bff.UserSession, error) {
	return nil, errDown
}

// TestNotes_LocalKeys: the sessions that no logout token can name, on every kind of store.
func TestNotes_LocalKeys(t *testing.T) {
	store := bff.NewInMemoryStore()
	for _, row := range []bff.UserSession{
		{Key: "1", SubjectID: "alice"}, {Key: "2", SubjectID: "alice", SessionID: "s2"}, {Key: "3", SubjectID: "alice", SessionID: "local-3"},
		{Key: "4", SubjectID: "bob"}, {Key: "5", SubjectID: "alice", SessionID: "xlocal-"},
	} {
		row.PartitionKey, row.Created, row.Renewed, row.Expires = "app", loggedOut, loggedOut, until
		if err := store.CreateUserSession(t.Context(), row); err != nil {
			t.Fatal(err)
		}
	}
	for name, s := range map[string]bff.UserSessionStore{"lister": store, "six operations": plain{store}} {
		var keys []string
		for key, err := range notes(s).LocalKeys(t.Context(), "alice") {
			if err != nil {
				t.Fatal(err)
			}
			keys = append(keys, key)
		}
		if slices.Sort(keys); !slices.Equal(keys, []string{"1", "3"}) {
			t.Errorf("%s: the keys are %q", name, keys)
		}
		for range notes(s).LocalKeys(t.Context(), "alice") {
			break // the caller has seen enough
		}
	}
	var failed error
	for _, err := range notes(failing{store}).LocalKeys(t.Context(), "alice") {
		failed = err
	}
	if !errors.Is(failed, errDown) {
		t.Errorf("the store cannot list: %v", failed)
	}
}
