package serverside

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"example.com/usersession/bff"
	"example.com/usersession/bff/ticket"
)

// A hostileStore returns the same row for every key and every filter.
type hostileStore struct {
	bff.UserSessionStore // nil: the test calls no other method
	row                  bff.UserSession
	updates              []bff.UserSessionUpdate
	updateErr            error
}

func (s *hostileStore) GetUserSession(context.Context, bff.UserSessionKey) (bff.UserSession, error) {
	row := s.row
	row.Ticket = bytes.Clone(row.Ticket)
	return row, nil
}

func (s *hostileStore) GetUserSessions(context.Context, string, bff.UserSessionsFilter) ([]bff.UserSession, error) {
	return []bff.UserSession{s.row}, nil
}

func (s *hostileStore) UpdateUserSession(_ context.Context, _ bff.UserSessionKey, u bff.UserSessionUpdate) error {
	s.updates = append(s.updates, u)
	return s.updateErr
}

// A sealing is a ticket and the row for which it was sealed. Its bytes are what the holder of
// the database has seen there.
type sealing struct {
	binding ticket.Binding
	ticket  ticket.Ticket
	sealed  []byte
	opens   bool // for a row with the binding
}

// ringOf returns a ring with the keys of the ids, the first of them primary.
func ringOf(t testing.TB, ids ...uint32) *ticket.KeyRing {
	t.Helper()
	var keys []ticket.Key
	for _, id := range ids {
		secret := sha256.Sum256([]byte{byte(id)})
		key, err := ticket.NewKeyWithID(id, secret[:])
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, key)
	}
	ring, err := ticket.NewKeyRing(keys[0], keys[1:]...)
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

// sealings returns what a database may hold: tickets that open, and bytes that open under no
// row of this application.
func sealings(f *testing.F, clock *clock, cookieKey string) []sealing {
	f.Helper()
	ring := ringOf(f, 1, 2)
	mine := ticket.Binding{PartitionKey: "app", Key: cookieKey, SubjectID: "alice", SessionID: "s1"}
	long := strings.Repeat("a", bff.MaxIdentityLength+1)
	var all []sealing
	add := func(p ticket.Protector, b ticket.Binding, e ticket.Encoding, opens bool, change func(*ticket.Ticket)) {
		t := ticket.Ticket{
			Issuer: issuer, SubjectID: b.SubjectID, SessionID: b.SessionID, Claims: map[string]any{"name": b.SubjectID},
			AccessToken: "access-token", Properties: map[string]string{"device": "Firefox"},
			Issued: clock.plus(-time.Hour), Expires: clock.plus(2 * time.Hour),
		}
		if change != nil {
			change(&t)
		}
		sealed, err := ticket.SealAs(p, b, t, e)
		if err != nil {
			f.Fatal(err)
		}
		all = append(all, sealing{b, t, sealed, opens})
	}
	with := func(change func(*ticket.Binding)) ticket.Binding {
		b := mine
		change(&b)
		return b
	}
	add(ring, mine, ticket.EncodingV1, true, nil)
	add(ring, mine, ticket.EncodingV2, true, nil)
	add(ringOf(f, 2), mine, ticket.EncodingV1, true, nil) // an old key
	add(ringOf(f, 3), mine, ticket.EncodingV1, false, nil)
	add(ring, mine, ticket.EncodingV1, false, func(t *ticket.Ticket) { t.Issuer = "https://other.example" })
	add(ring, mine, ticket.EncodingV1, true, func(t *ticket.Ticket) { t.Expires = clock.Now() })
	add(ring, mine, ticket.EncodingV1, true, func(t *ticket.Ticket) { t.Expires = clock.plus(30 * time.Minute) }) // before the idle timeout
	add(ring, with(func(b *ticket.Binding) { b.Key = keyOf([]byte("bob's")); b.SubjectID = "bob" }), ticket.EncodingV1, true, nil)
	add(ring, with(func(b *ticket.Binding) { b.PartitionKey = "other" }), ticket.EncodingV1, true, nil)
	add(ring, with(func(b *ticket.Binding) { b.SubjectID = "bob" }), ticket.EncodingV1, true, nil)
	add(ring, with(func(b *ticket.Binding) { b.SessionID = "s2" }), ticket.EncodingV1, true, nil)
	add(ring, with(func(b *ticket.Binding) { b.SubjectID, b.SessionID = "", "" }), ticket.EncodingV1, false, nil) // anonymous
	add(ring, with(func(b *ticket.Binding) { b.SubjectID = bff.SubjectIDOf(long) }), ticket.EncodingV1, true,
		func(t *ticket.Ticket) { t.SubjectID = long })
	payload, err := ticket.SealBytes(ring, mine, all[0].sealed)
	if err != nil {
		f.Fatal(err)
	}
	return append(all, sealing{binding: mine, sealed: payload})
}

// FuzzRow checks that a database that returns any row signs a request in only if the row has the
// bytes of a ticket that was sealed for the cookie's key, the application's partition and the
// row's identities, only before the ticket's end, and only as the ticket's user. A row is taken
// from a sealing, and then changed. Remembered tickets change no answer.
func FuzzRow(f *testing.F) {
	clock := newClock()
	id, key := newID()
	known := sealings(f, clock, key)
	store := &hostileStore{}
	var both []*Sessions
	for _, size := range []int{-1, 4} {
		s, err := New(Config{
			Store: store, Protector: ringOf(f, 1, 2), Partition: "app", Issuer: issuer, IdleTimeout: time.Hour,
			TicketCacheSize: size, Clock: clock.Now, Logger: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			f.Fatal(err)
		}
		both = append(both, s)
	}

	now := clock.Now().Unix()
	for i, k := range known {
		f.Add(byte(i), k.binding.SubjectID, k.binding.SessionID, uint16(len(k.sealed)), uint16(0), byte(0), []byte{}, now-60, now+3600, int64(1), byte(0))
		f.Add(byte(i), k.binding.SubjectID, k.binding.SessionID, uint16(len(k.sealed)), uint16(0), byte(0), []byte{}, now-3000, now+60, int64(1), byte(i)) // a renewal is due
		f.Add(byte(i), "alice", "s1", uint16(len(k.sealed)), uint16(0), byte(0), []byte{}, now-60, int64(0), int64(0), byte(1))
		f.Add(byte(i), k.binding.SubjectID, k.binding.SessionID, uint16(len(k.sealed)-1), uint16(7), byte(1), []byte("x"), now, now, int64(-1), byte(2))
	}
	f.Add(byte(200), "alice", "s1", uint16(0), uint16(0), byte(0), []byte{}, now-60, now+3600, int64(1), byte(0)) // no ticket
	f.Add(byte(0), "alice", "s1", uint16(9999), uint16(1), byte(0x80), []byte{}, now-60, now+3600, int64(1), byte(3))
	f.Add(byte(0), "alice", "s1", uint16(9999), uint16(0), byte(0), []byte{}, int64(-1)<<62, int64(1)<<62, int64(1)<<62, byte(3))

	f.Fuzz(func(t *testing.T, from byte, subjectID, sessionID string, keep, at uint16, flip byte, tail []byte, renewed, expires, version int64, outcome byte) {
		row := bff.UserSession{
			PartitionKey: "hostile", Key: "hostile", SubjectID: subjectID, SessionID: sessionID,
			Created: time.Unix(renewed, 0).UTC(), Renewed: time.Unix(renewed, 0).UTC(), Version: version,
		}
		if expires != 0 {
			row.Expires = time.Unix(expires, 0).UTC()
		}
		if int(from) < len(known) {
			row.Ticket = bytes.Clone(known[from].sealed)
		}
		row.Ticket = row.Ticket[:min(int(keep), len(row.Ticket))]
		if len(row.Ticket) > 0 {
			row.Ticket[int(at)%len(row.Ticket)] ^= flip
		}
		row.Ticket = append(row.Ticket, tail...)

		want := sealingOf(known, ticket.Binding{PartitionKey: "app", Key: key, SubjectID: subjectID, SessionID: sessionID}, row.Ticket)
		end := row.Expires
		if end.IsZero() {
			end = row.Renewed.Add(time.Hour)
		}
		if want != nil && (!clock.Now().Before(end) || !clock.Now().Before(want.ticket.Expires)) {
			want = nil
		}
		store.updateErr = []error{nil, bff.ErrSessionNotFound, bff.ErrSessionChanged, errDown}[int(outcome)%4]

		for _, s := range both {
			if int(from) < len(known) { // what the process may remember of the genuine row
				store.row = bff.UserSession{
					SubjectID: known[from].binding.SubjectID, SessionID: known[from].binding.SessionID,
					Renewed: clock.Now(), Expires: clock.plus(time.Hour), Ticket: known[from].sealed, Version: 1,
				}
				if _, err := s.loadRecent(t.Context(), key); err != nil {
					t.Fatal(err)
				}
			}
			store.row, store.updates = row, nil
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
			r.AddCookie(&http.Cookie{Name: DefaultCookieName, Value: id})
			w := httptest.NewRecorder()
			s.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				wantSession(t, s, w, r, want, store, row)
			})).ServeHTTP(w, r)
			if w.Code != http.StatusOK && w.Code != http.StatusUnauthorized {
				t.Errorf("status %d", w.Code)
			}
			for _, u := range store.updates {
				wantUpdate(t, key, row, u, want)
			}
		}
	})
}

// sealingOf returns the sealing with the binding and the bytes, nil if there is none or it does
// not open.
func sealingOf(known []sealing, b ticket.Binding, sealed []byte) *sealing {
	for i, k := range known {
		if k.opens && k.binding == b && bytes.Equal(k.sealed, sealed) {
			return &known[i]
		}
	}
	return nil
}

// wantSession checks what a handler learns of the request's session, at first and when it reads
// the row again.
func wantSession(t *testing.T, s *Sessions, w http.ResponseWriter, r *http.Request, want *sealing, store *hostileStore, row bff.UserSession) {
	t.Helper()
	ctx := r.Context()
	session, ok := FromContext(ctx)
	ended := errors.Is(store.updateErr, bff.ErrSessionNotFound) && len(store.updates) > 0 // during the renewal
	if ok != (want != nil && !ended) {
		t.Fatalf("signed in: %t as %q, want %v, ended: %t", ok, session.SubjectID, want, ended)
	}
	opened, hasTicket := s.Ticket(ctx)
	again, err := s.Reload(ctx)
	token, tokenErr := s.AccessToken(ctx)
	s.UserHandler().ServeHTTP(w, r)
	if !ok {
		if hasTicket || !errors.Is(err, ErrNoSession) || !errors.Is(tokenErr, ErrNoSession) || token != "" {
			t.Errorf("signed out: ticket %t, reloaded %v, access token %v", hasTicket, err, tokenErr)
		}
		return
	}
	if err != nil || tokenErr != nil || token != want.ticket.AccessToken || !hasTicket || opened.SubjectID != want.ticket.SubjectID || opened.Issuer != issuer {
		t.Errorf("reloaded %v, access token %v, the ticket of %q", err, tokenErr, opened.SubjectID)
	}
	for _, got := range []Session{session, again} {
		if got.SubjectID != want.ticket.SubjectID || got.SessionID != want.binding.SessionID || !got.EndsAt.Equal(want.ticket.Expires) ||
			!reflect.DeepEqual(got.Claims, want.ticket.Claims) || !reflect.DeepEqual(got.Properties, want.ticket.Properties) || !got.Current {
			t.Errorf("the session is %+v, want the one of %+v", got, want.binding)
		}
	}
	var user map[string]any
	recorder := httptest.NewRecorder()
	s.UserHandler().ServeHTTP(recorder, r)
	if err := json.Unmarshal(recorder.Body.Bytes(), &user); err != nil || user["sub"] != want.ticket.SubjectID || strings.Contains(recorder.Body.String(), want.ticket.AccessToken) {
		t.Errorf("the user endpoint: %v, %s", err, recorder.Body)
	}
	wantListed(t, s, r, row)
}

// wantListed checks that the list shows no claims of a row whose ticket does not open for it:
// here the row has another key.
func wantListed(t *testing.T, s *Sessions, r *http.Request, row bff.UserSession) {
	t.Helper()
	listed, err := s.UserSessions(r.Context(), "alice")
	if err != nil || len(listed) != 1 {
		t.Fatalf("%d sessions are listed, %v", len(listed), err)
	}
	if got := listed[0]; got.Claims != nil || got.Properties != nil || got.Current || got.SubjectID != row.SubjectID {
		t.Errorf("the row of another key is listed as %+v", got)
	}
}

// wantUpdate checks a renewal: it is of a session, under its version, not beyond the ticket's end,
// and with the row's ticket or the same ticket under the primary key.
func wantUpdate(t *testing.T, key string, row bff.UserSession, u bff.UserSessionUpdate, want *sealing) {
	t.Helper()
	if want == nil {
		t.Fatalf("a row that is no session was updated: %+v", u)
	}
	if u.Expires.After(want.ticket.Expires) || u.IfVersion != row.Version || u.SubjectID != row.SubjectID || u.SessionID != row.SessionID {
		t.Errorf("the update until %v of version %d of %q", u.Expires, u.IfVersion, u.SubjectID)
	}
	if bytes.Equal(u.Ticket, row.Ticket) {
		return
	}
	b := ticket.Binding{PartitionKey: "app", Key: key, SubjectID: u.SubjectID, SessionID: u.SessionID}
	opened, err := ticket.Open(ringOf(t, 1), b, u.Ticket)
	if err != nil || !opened.Expires.Equal(want.ticket.Expires) || opened.SubjectID != want.ticket.SubjectID {
		t.Errorf("the ticket of the update: %v, it is of %q until %v", err, opened.SubjectID, opened.Expires)
	}
}
