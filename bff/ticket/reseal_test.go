package ticket

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/usersession/bff"
)

func clock() time.Time { return noon }

func row(n int) bff.UserSession {
	return bff.UserSession{
		PartitionKey: "app", Key: fmt.Sprint("k", n), SubjectID: "alice", SessionID: fmt.Sprint("s", n),
		Created: noon, Renewed: noon, Expires: noon.Add(time.Hour),
	}
}

// fill adds count sessions with tickets sealed by p, numbered from first.
func fill(t *testing.T, store bff.UserSessionStore, p Protector, first, count int) {
	t.Helper()
	for n := first; n < first+count; n++ {
		r := row(n)
		var err error
		r.Ticket, err = Seal(p, BindingOf(r), Ticket{SubjectID: r.SubjectID, SessionID: r.SessionID, AccessToken: r.Key})
		if err != nil {
			t.Fatal(err)
		}
		if err := store.CreateUserSession(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
}

func TestReseal_AllUnderPrimaryKey(t *testing.T) {
	store := bff.NewInMemoryStore(bff.WithClock(clock))
	fill(t, store, ring(t, 1), 0, 25)
	fill(t, store, ring(t, 2), 25, 5)  // under the primary key already
	fill(t, store, ring(t, 99), 30, 3) // no ring here has this key
	rotated := ring(t, 2, 1)
	for run, want := range []ResealReport{{33, 25, 3}, {33, 0, 3}} {
		// An unreadable ticket is not under the primary key and is counted in each run.
		got, err := Reseal{Store: store, Protector: rotated, PartitionKey: "app", BatchSize: 10}.Run(t.Context())
		if err != nil || got != want {
			t.Errorf("run %d: %+v, %v, want %+v", run, got, err, want)
		}
	}
	for n := range 33 {
		s, err := store.GetUserSession(t.Context(), bff.UserSessionKey{PartitionKey: "app", Key: fmt.Sprint("k", n)})
		if err != nil {
			t.Fatal(err)
		}
		opened, err := Open(ring(t, 2), BindingOf(s), s.Ticket)
		if n >= 30 {
			if err == nil {
				t.Error("an unreadable ticket has become readable")
			}
			continue
		}
		if err != nil || opened.AccessToken != s.Key {
			t.Errorf("session %d without the old key: %v", n, err)
		}
		if !s.Renewed.Equal(noon) || !s.Expires.Equal(noon.Add(time.Hour)) {
			t.Errorf("session %d: its times have changed", n)
		}
	}
}

func TestReseal_Encoding(t *testing.T) {
	for _, e := range append(encodings, 0) {
		store := bff.NewInMemoryStore(bff.WithClock(clock))
		fill(t, store, ring(t, 1), 0, 1)
		got, err := Reseal{Store: store, Protector: ring(t, 2, 1), PartitionKey: "app", Encoding: e}.Run(t.Context())
		if err != nil || got.Resealed != 1 {
			t.Fatalf("%+v, %v", got, err)
		}
		s, err := store.GetUserSession(t.Context(), bff.UserSessionKey{PartitionKey: "app", Key: "k0"})
		if err != nil {
			t.Fatal(err)
		}
		plaintext, err := ring(t, 2).Decrypt(s.Ticket, BindingOf(s).associatedData(ticketPurpose))
		if err != nil || plaintext[0] != max(byte(e), byte(DefaultEncoding)) {
			t.Errorf("encoding %d: the ticket has the encoding %d, %v", e, plaintext[0], err)
		}
	}
}

// racing runs a function right before each update.
type racing struct {
	*bff.InMemoryStore
	before func(bff.UserSessionKey)
}

func (r *racing) UpdateUserSession(ctx context.Context, key bff.UserSessionKey, u bff.UserSessionUpdate) error {
	if f := r.before; f != nil {
		f(key)
	}
	return r.InMemoryStore.UpdateUserSession(ctx, key, u)
}

func TestReseal_KeepsConcurrentUpdate(t *testing.T) {
	store := &racing{InMemoryStore: bff.NewInMemoryStore(bff.WithClock(clock))}
	fill(t, store, ring(t, 1), 0, 1)
	rotated := ring(t, 2, 1)
	store.before = func(key bff.UserSessionKey) {
		store.before = nil
		s, _ := store.GetUserSession(t.Context(), key)
		sealed, _ := Seal(ring(t, 1), BindingOf(s), Ticket{SubjectID: s.SubjectID, SessionID: s.SessionID, AccessToken: "new"})
		if err := store.UpdateUserSession(t.Context(), key, bff.UserSessionUpdate{
			SubjectID: s.SubjectID, SessionID: s.SessionID, Created: s.Created, Renewed: s.Renewed, Expires: s.Expires, Ticket: sealed,
		}); err != nil {
			t.Error(err)
		}
	}
	report, err := Reseal{Store: store, Protector: rotated, PartitionKey: "app"}.Run(t.Context())
	if err != nil || report.Resealed != 1 {
		t.Fatalf("%+v, %v", report, err)
	}
	s, _ := store.GetUserSession(t.Context(), bff.UserSessionKey{PartitionKey: "app", Key: "k0"})
	if got, err := Open(ring(t, 2), BindingOf(s), s.Ticket); err != nil || got.AccessToken != "new" {
		t.Errorf("token %q, %v: the update is lost", got.AccessToken, err)
	}
}

func TestReseal_RevokedSessionStaysRevoked(t *testing.T) {
	store := &racing{InMemoryStore: bff.NewInMemoryStore(bff.WithClock(clock))}
	fill(t, store, ring(t, 1), 0, 3)
	store.before = func(key bff.UserSessionKey) { _, _ = store.DeleteUserSession(t.Context(), key) }
	report, err := Reseal{Store: store, Protector: ring(t, 2, 1), PartitionKey: "app"}.Run(t.Context())
	if err != nil || report.Resealed != 0 {
		t.Errorf("%+v, %v", report, err)
	}
	if left, _ := store.GetUserSessions(t.Context(), "app", bff.UserSessionsFilter{SubjectID: "alice"}); len(left) != 0 {
		t.Errorf("%d sessions have come back", len(left))
	}
}

func TestReseal_SessionKeepsChanging(t *testing.T) {
	store := &racing{InMemoryStore: bff.NewInMemoryStore(bff.WithClock(clock))}
	fill(t, store, ring(t, 1), 0, 1)
	store.before = func(key bff.UserSessionKey) {
		s, _ := store.GetUserSession(t.Context(), key)
		_ = store.InMemoryStore.UpdateUserSession(t.Context(), key, bff.UserSessionUpdate{
			SubjectID: s.SubjectID, SessionID: s.SessionID, Created: s.Created, Renewed: s.Renewed, Ticket: s.Ticket,
		})
	}
	_, err := Reseal{Store: store, Protector: ring(t, 2, 1), PartitionKey: "app"}.Run(t.Context())
	if !errors.Is(err, bff.ErrSessionChanged) {
		t.Errorf("%v", err)
	}
}

// TestReseal_Progress: the job reports after each batch, and also if it then ends with an error.
func TestReseal_Progress(t *testing.T) {
	store := bff.NewInMemoryStore(bff.WithClock(clock))
	fill(t, store, ring(t, 1), 0, 25)
	ctx, cancel := context.WithCancel(t.Context())
	var got []ResealReport
	job := Reseal{
		Store: store, Protector: ring(t, 2, 1), PartitionKey: "app", BatchSize: 10,
		Progress: func(r ResealReport) {
			got = append(got, r)
			if len(got) == 5 {
				cancel()
			}
		},
	}
	for range 2 {
		if _, err := job.Run(ctx); err != nil {
			t.Fatal(err)
		}
	}
	want := []ResealReport{{10, 10, 0}, {20, 20, 0}, {10, 0, 0}, {20, 0, 0}}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if report, err := job.Run(ctx); !errors.Is(err, context.Canceled) || report.Examined != 10 || len(got) != 5 {
		t.Errorf("%+v, %v, %v", report, err, got)
	}
}

func TestReseal_PausesAndCancellation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := bff.NewInMemoryStore()
		for n := range 10 {
			r := row(n)
			r.Created, r.Renewed, r.Expires = time.Now(), time.Now(), time.Time{}
			r.Ticket, _ = Seal(ring(t, 1), BindingOf(r), Ticket{SubjectID: r.SubjectID, SessionID: r.SessionID})
			if err := store.CreateUserSession(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
		job := Reseal{Store: store, Protector: ring(t, 2, 1), PartitionKey: "app", BatchSize: 4, Pause: time.Minute}
		begin := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
		defer cancel()
		report, err := job.Run(ctx)
		if !errors.Is(err, context.DeadlineExceeded) || report.Resealed != 8 {
			t.Errorf("%+v, %v", report, err)
		}
		if d := time.Since(begin); d != 90*time.Second {
			t.Errorf("the run took %v", d)
		}
		if report, err = job.Run(t.Context()); err != nil || report.Resealed != 2 {
			t.Errorf("the second run: %+v, %v", report, err)
		}
	})
}

type bare struct{ bff.UserSessionStore }

func TestReseal_MissingCapabilities(t *testing.T) {
	store := bff.NewInMemoryStore()
	if _, err := (Reseal{Store: bare{store}, Protector: ring(t, 1)}).Run(t.Context()); err == nil || !strings.Contains(err.Error(), "list") {
		t.Errorf("a store that cannot list: %v", err)
	}
	if _, err := (Reseal{Store: store, Protector: failing{}}).Run(t.Context()); err == nil || !strings.Contains(err.Error(), "Rotator") {
		t.Errorf("a protector that cannot tell: %v", err)
	}
}

// Payloads of SealBytes are sealed again by a job that expects them, and by no other.
func TestReseal_Payloads(t *testing.T) {
	store := bff.NewInMemoryStore(bff.WithClock(clock))
	for n := range 3 {
		r := row(n)
		var err error
		if r.Ticket, err = SealBytes(ring(t, 1), BindingOf(r), []byte(r.Key)); err != nil {
			t.Fatal(err)
		}
		if err := store.CreateUserSession(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	fill(t, store, ring(t, 1), 3, 1)
	for _, step := range []struct {
		payloads bool
		want     ResealReport
	}{{true, ResealReport{4, 3, 1}}, {true, ResealReport{4, 0, 1}}, {false, ResealReport{4, 1, 0}}} {
		got, err := Reseal{Store: store, Protector: ring(t, 2, 1), PartitionKey: "app", Payloads: step.payloads}.Run(t.Context())
		if err != nil || got != step.want {
			t.Errorf("payloads %t: %+v, %v, want %+v", step.payloads, got, err, step.want)
		}
	}
	for n := range 3 {
		s, err := store.GetUserSession(t.Context(), bff.UserSessionKey{PartitionKey: "app", Key: fmt.Sprint("k", n)})
		if err != nil {
			t.Fatal(err)
		}
		if payload, err := OpenBytes(ring(t, 2), BindingOf(s), s.Ticket); err != nil || string(payload) != s.Key {
			t.Errorf("%q, %v", payload, err)
		}
	}
}

// decryptOnly opens like a ring, as a Protector with a disabled key might, but seals nothing.
type decryptOnly struct{ *KeyRing }

func (decryptOnly) Encrypt(_, _ []byte) ([]byte, error) {
	return nil, errors.New("the key is disabled")
}

// A ticket that cannot be sealed again stays as it is, and the job says so.
func TestReseal_ProtectorCannotSeal(t *testing.T) {
	for _, payloads := range []bool{false, true} {
		store := bff.NewInMemoryStore(bff.WithClock(clock))
		p := decryptOnly{ring(t, 2, 1)}
		r := row(0)
		var err error
		if payloads {
			r.Ticket, err = SealBytes(struct{ Protector }{ring(t, 1)}, BindingOf(r), []byte("payload"))
		} else {
			r.Ticket, err = Seal(ring(t, 1), BindingOf(r), Ticket{SubjectID: r.SubjectID, SessionID: r.SessionID})
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := store.CreateUserSession(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		report, err := Reseal{Store: store, Protector: p, PartitionKey: "app", Payloads: payloads}.Run(t.Context())
		if err == nil || report != (ResealReport{Examined: 1}) {
			t.Errorf("payloads: %t: %+v, %v", payloads, report, err)
		}
		s, err := store.GetUserSession(t.Context(), bff.UserSessionKey{PartitionKey: "app", Key: r.Key})
		if err != nil || string(s.Ticket) != string(r.Ticket) {
			t.Errorf("payloads: %t: the ticket has changed: %v", payloads, err)
		}
	}
}

func TestReseal_SmallestBatch(t *testing.T) {
	store := bff.NewInMemoryStore(bff.WithClock(clock))
	fill(t, store, ring(t, 1), 0, 3)
	var batches []int64
	progress := func(r ResealReport) { batches = append(batches, r.Examined) }
	if _, err := (Reseal{Store: store, Protector: ring(t, 2, 1), PartitionKey: "app", BatchSize: 1, Progress: progress}).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(batches, []int64{1, 2, 3}) {
		t.Errorf("the batches end at %v", batches)
	}
}
