package adapter_test

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"example.com/usersession/bff"
	"example.com/usersession/bff/adapter"
	"example.com/usersession/bff/ticket"
)

var day = 24 * time.Hour

func newLibrary(t *testing.T) *adapter.Sessions {
	t.Helper()
	sessions, err := adapter.New(adapter.Config{Store: bff.NewInMemoryStore(), Protector: ticket.InsecureRandomKeyRing()})
	if err != nil {
		t.Fatal(err)
	}
	return sessions
}

func stateOf(subjectID, payload string) adapter.State {
	return adapter.State{
		Identity: adapter.Identity{SubjectID: subjectID}, Payload: []byte(payload), Expires: time.Now().Add(day),
	}
}

func createOf(t *testing.T, sessions *adapter.Sessions, secret, subjectID string) *adapter.Session {
	t.Helper()
	session, err := sessions.Create(t.Context(), secret, stateOf(subjectID, "first"), nil)
	if err != nil {
		t.Fatal(err)
	}
	return session
}

func TestSession_MarshalBinary(t *testing.T) {
	sessions := newLibrary(t)
	for _, subjectID := range []string{"", "alice"} {
		created := createOf(t, sessions, "secret of "+subjectID, subjectID)
		if created.Key() != adapter.KeyOf("secret of "+subjectID) {
			t.Error("the key is not the one of the secret")
		}
		data, err := created.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		var got adapter.Session
		if err := got.UnmarshalBinary(data); err != nil || !reflect.DeepEqual(&got, created) {
			t.Errorf("%+v became %+v, %v", created, got, err)
		}
		for i := range data {
			if err := new(adapter.Session).UnmarshalBinary(data[:i]); err == nil {
				t.Errorf("the first %d of %d bytes are accepted", i, len(data))
			}
		}
		if err := got.UnmarshalBinary(append(data, 0)); err == nil || !reflect.DeepEqual(&got, created) {
			t.Errorf("a longer text: %v", err)
		}
		// A session that went through bytes can be saved and renewed.
		if _, err := sessions.Save(t.Context(), &got, stateOf(subjectID, "second")); err != nil {
			t.Error(err)
		}
	}
}

func TestEnd_RemovesOnce(t *testing.T) {
	sessions := newLibrary(t)
	session := createOf(t, sessions, "secret", "alice")
	if err := sessions.End(t.Context(), session); err != nil {
		t.Error(err)
	}
	if err := sessions.End(t.Context(), session); !errors.Is(err, adapter.ErrEnded) {
		t.Errorf("the second End: %v", err)
	}
	if _, err := sessions.Load(t.Context(), "secret"); !errors.Is(err, bff.ErrSessionNotFound) {
		t.Errorf("after End: %v", err)
	}
}

func TestEnd_AnotherUserOrOtherValues(t *testing.T) {
	sessions := newLibrary(t)
	alice := createOf(t, sessions, "secret", "alice")
	saved, err := sessions.Save(t.Context(), alice, stateOf("bob", "second"))
	if err != nil {
		t.Fatal(err)
	}
	if err := sessions.End(t.Context(), alice); !errors.Is(err, adapter.ErrEnded) {
		t.Errorf("End of a session that is another user's: %v", err)
	}
	if _, err := sessions.Save(t.Context(), saved, stateOf("bob", "third")); err != nil {
		t.Errorf("the session of the other user is gone: %v", err)
	}
	if err := sessions.End(t.Context(), saved); err != nil {
		t.Errorf("End of a session with other values: %v", err)
	}
}

func TestSave_MergedSessionHasEnded(t *testing.T) {
	for _, revoked := range []bool{false, true} {
		sessions := newLibrary(t)
		own, merged := createOf(t, sessions, "own", ""), createOf(t, sessions, "merged", "alice")
		if err := sessions.End(t.Context(), merged); err != nil {
			t.Fatal(err)
		}
		if revoked {
			if _, err := sessions.EndSessions(t.Context(), "alice"); err != nil {
				t.Fatal(err)
			}
		}
		both := stateOf("alice", "both")
		both.Merged = []*adapter.Session{merged}
		_, err := sessions.Save(t.Context(), own, both)
		if errors.Is(err, adapter.ErrEnded) != revoked || err != nil && !revoked {
			t.Errorf("revoked %t: %v", revoked, err)
		}
		rows, err := sessions.UserSessions(t.Context(), "alice")
		if err != nil || (len(rows) == 0) != revoked {
			t.Errorf("revoked %t: %d sessions of alice, %v", revoked, len(rows), err)
		}
	}
}

func TestRenew_KeepsConcurrentSave(t *testing.T) {
	sessions := newLibrary(t)
	loaded := createOf(t, sessions, "secret", "alice")
	if _, err := sessions.Save(t.Context(), loaded, stateOf("alice", "second")); err != nil {
		t.Fatal(err)
	}
	if _, err := sessions.Renew(t.Context(), loaded, time.Now().Add(3*day)); err != nil {
		t.Error(err)
	}
	present, err := sessions.Load(t.Context(), "secret")
	if err != nil || string(present.Payload) != "second" {
		t.Fatalf("the other request's values: %q, %v", present.Payload, err)
	}
	renewed, err := sessions.Renew(t.Context(), present, time.Now().Add(3*day))
	if err != nil || !renewed.Expires.After(present.Expires) {
		t.Fatalf("the session was not renewed: %v", err)
	}
	if present, err = sessions.Load(t.Context(), "secret"); err != nil || !reflect.DeepEqual(present.Expires, renewed.Expires) ||
		string(present.Payload) != "second" || present.SessionID != loaded.SessionID {
		t.Errorf("after the renewal: %+v, %v", present, err)
	}
	if err := sessions.End(t.Context(), present); err != nil {
		t.Fatal(err)
	}
	if _, err := sessions.Renew(t.Context(), present, time.Now().Add(9*day)); !errors.Is(err, adapter.ErrEnded) {
		t.Errorf("a renewal of a session that has ended: %v", err)
	}
}
