package serverside

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"iter"
	"net/http"
	"runtime"
	"testing"
	"time"

	"example.com/usersession/bff"
	"example.com/usersession/bff/ticket"
)

const (
	crowdSize       = 5000
	crowdTicketSize = 200_000     // all tickets together: 1 GB
	crowdMemory     = 100_000_000 // a tenth of that
)

// A crowd is a store with many large sessions of alice's. It makes the tickets when they are
// read, and measures the memory meanwhile.
type crowd struct {
	bff.UserSessionStore // nil: no other operation is used
	keys                 []string
	removed              map[string]bool
	now                  time.Time
	ticket               []byte // of session id s00000
	sessionID            int    // its position in the ticket

	read     int // tickets
	together int // the maximum number of tickets that one call returned
	before   uint64
	peak     uint64 // of the heap
}

// padding is a Protector that costs no time: it puts the length before a ticket and zeros after it.
type padding struct{}

func (padding) Encrypt(plaintext, _ []byte) ([]byte, error) {
	sealed := make([]byte, 4+len(plaintext)+crowdTicketSize)
	binary.BigEndian.PutUint32(sealed, uint32(len(plaintext)))
	copy(sealed[4:], plaintext)
	return sealed, nil
}

func (padding) Decrypt(ciphertext, _ []byte) ([]byte, error) {
	return bytes.Clone(ciphertext[4 : 4+binary.BigEndian.Uint32(ciphertext)]), nil
}

// newCrowd returns a browser with the middle one of the sessions.
func newCrowd(t *testing.T, revoker TokenRevoker) (*crowd, *browser) {
	t.Helper()
	store := &crowd{removed: map[string]bool{}}
	b := newTestBFF(t, func(c *Config) {
		c.Store, c.Protector, c.Revoker, c.StoreTimeout = store, padding{}, revoker, time.Hour
	})
	store.now = b.clock.Now()
	tk := as("alice", "s00000")
	tk.Issuer, tk.Issued, tk.Expires = issuer, store.now, store.now.Add(time.Hour)
	var err error
	if store.ticket, err = ticket.Seal(padding{}, ticket.Binding{SubjectID: "alice", SessionID: "s00000"}, tk); err != nil {
		t.Fatal(err)
	}
	store.sessionID = bytes.Index(store.ticket, []byte("s00000"))
	br := b.browser()
	for i := range crowdSize {
		id, key := newID()
		store.keys = append(store.keys, key)
		if i == crowdSize/2 {
			br.cookies[DefaultCookieName] = id
		}
	}
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	store.before = m.HeapAlloc
	return store, br
}

func (s *crowd) row(i int, withTicket bool) bff.UserSession {
	row := bff.UserSession{
		PartitionKey: "app", Key: s.keys[i], SubjectID: "alice", SessionID: fmt.Sprintf("s%05d", i),
		Created: s.now, Renewed: s.now, Expires: s.now.Add(time.Hour), Version: 1,
	}
	if withTicket {
		row.Ticket = bytes.Clone(s.ticket)
		copy(row.Ticket[s.sessionID:], row.SessionID)
		if s.read++; s.read%100 == 0 {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			s.peak = max(s.peak, m.HeapAlloc)
		}
	}
	return row
}

func (s *crowd) GetUserSession(_ context.Context, key bff.UserSessionKey) (bff.UserSession, error) {
	for i, k := range s.keys {
		if k == key.Key && !s.removed[k] {
			s.together = max(s.together, 1)
			return s.row(i, true), nil
		}
	}
	return bff.UserSession{}, bff.ErrSessionNotFound
}

func (s *crowd) GetUserSessions(_ context.Context, _ string, f bff.UserSessionsFilter) (rows []bff.UserSession, _ error) {
	for i, key := range s.keys {
		if !s.removed[key] && (f.SessionID == "" || f.SessionID == fmt.Sprintf("s%05d", i)) {
			rows = append(rows, s.row(i, true))
		}
	}
	s.together = max(s.together, len(rows))
	return rows, nil
}

func (s *crowd) UserSessions(context.Context, bff.UserSessionsQuery) iter.Seq2[bff.UserSession, error] {
	return func(yield func(bff.UserSession, error) bool) {
		for i, key := range s.keys {
			if !s.removed[key] && !yield(s.row(i, false), nil) {
				return
			}
		}
	}
}

func (s *crowd) DeleteUserSession(_ context.Context, key bff.UserSessionKey) (int64, error) {
	s.removed[key.Key] = true
	return 1, nil
}

func (s *crowd) DeleteUserSessionVersion(ctx context.Context, key bff.UserSessionKey, _ int64) (int64, error) {
	return s.DeleteUserSession(ctx, key)
}

func (s *crowd) DeleteUserSessions(context.Context, string, bff.UserSessionsFilter) (int64, error) {
	left := len(s.keys) - len(s.removed)
	for _, key := range s.keys {
		s.removed[key] = true
	}
	return int64(left), nil
}

// TestManySessions_BoundedMemory: a list or an end of 5,000 sessions of one user with tickets of
// 200 kB holds few tickets at a time, and reads no ticket that it does not need.
func TestManySessions_BoundedMemory(t *testing.T) {
	for name, test := range map[string]struct {
		revoker TokenRevoker
		do      func(b *testBFF, r *http.Request) (int64, error)
		want    int64 // sessions
		tickets int   // that are read
	}{
		"UserSessions": {nil, func(b *testBFF, r *http.Request) (int64, error) {
			sessions, err := b.UserSessions(r.Context(), "alice")
			return int64(len(sessions)), err
		}, crowdSize, crowdSize},
		"RevokeSessions": {nil, func(b *testBFF, r *http.Request) (int64, error) {
			return b.RevokeSessions(r.Context(), bff.UserSessionsFilter{SubjectID: "alice"})
		}, crowdSize, 0},
		"RevokeSessions, Revoker": {&provider{}, func(b *testBFF, r *http.Request) (int64, error) {
			return b.RevokeSessions(r.Context(), bff.UserSessionsFilter{SubjectID: "alice"})
		}, crowdSize, crowdSize},
		"RevokeOtherSessions": {nil, func(b *testBFF, r *http.Request) (int64, error) {
			return b.RevokeOtherSessions(r.Context())
		}, crowdSize - 1, 0},
		"RevokeOtherSessions, Revoker": {&provider{}, func(b *testBFF, r *http.Request) (int64, error) {
			return b.RevokeOtherSessions(r.Context())
		}, crowdSize - 1, crowdSize - 1},
		"a session that ends in its refresh": {&provider{}, func(b *testBFF, r *http.Request) (int64, error) {
			b.clock.pass(30 * time.Minute) // the sessions are old
			ended := b.current(r.Context())
			n, err := b.cfg.Store.DeleteUserSession(r.Context(), ended.key())
			if b.signedInAgain(r.Context(), ended) {
				t.Error("an old session counts as a new sign-in")
			}
			return n, err
		}, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			store, br := newCrowd(t, test.revoker)
			br.visit(func(_ http.ResponseWriter, r *http.Request) {
				store.read = 0
				if n, err := test.do(br.testBFF, r); n != test.want || err != nil {
					t.Errorf("%d sessions, %v, want %d", n, err, test.want)
				}
			})
			br.settle()
			if store.read != test.tickets || store.together > bff.DefaultPageSize {
				t.Errorf("%d tickets were read, want %d; %d of them at once", store.read, test.tickets, store.together)
			}
			if grown := int64(store.peak) - int64(store.before); grown > crowdMemory {
				t.Errorf("the heap grew by %d MB", grown/1_000_000)
			}
		})
	}
}
