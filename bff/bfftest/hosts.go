package bfftest

import (
	"time"

	"example.com/usersession/bff"
)

func hostsTopic() topic {
	return topic{name: "hosts", hosts: true, tests: []test{
		{"an update is seen by the other host", onHosts(testUpdateSeen)},
		{"a delete is seen by the other host", onHosts(testDeleteSeen)},
		{"a revocation is seen by the other host", onHosts(testRevocationSeen)},
		{"a replacement is seen by the other host", onHosts(testReplacementSeen)},
		{"a new session is seen by the other host at once", onHosts(testCreationSeen)},
		{"a host sees its own writes at once", onHosts(testOwnWritesSeen)},
		{"a conditional update does not overwrite what the other host wrote", onHosts(testConflictSeen)},
		{"a session that both hosts have read expires exactly", onHosts(testExpirySeen)},
	}}
}

// hosts are two hosts that share their sessions.
type hosts struct {
	*fixture // of the first host
	other    *fixture
	maxStale time.Duration
}

// onHosts returns a test on two hosts.
func onHosts(run func(*hosts)) func(*fixture) {
	return func(f *fixture) {
		one, other := f.harness.Hosts(f.T, f.clock.now)
		run(&hosts{
			fixture:  &fixture{T: f.T, store: one, clock: f.clock},
			other:    &fixture{T: f.T, store: other, clock: f.clock},
			maxStale: f.harness.MaxStale,
		})
	}
}

// bothRead creates the session and reads it on both hosts.
func (h *hosts) bothRead(s bff.UserSession) {
	h.Helper()
	h.create(s)
	h.wantStored(1, s)
	h.other.wantStored(1, s)
}

// later advances the clock by the time after which the other host must see a write.
func (h *hosts) later() { h.clock.set(h.clock.now().Add(h.maxStale)) }

func testUpdateSeen(h *hosts) {
	s := session("a")
	h.bothRead(s)
	s.Ticket = []byte("changed")
	h.update(s)
	h.wantStored(2, s)
	h.later()
	h.other.wantStored(2, s)
}

func testDeleteSeen(h *hosts) {
	s := session("a")
	h.bothRead(s)
	h.delete(s)
	h.wantAbsent(s)
	h.later()
	h.other.wantAbsent(s)
}

func testRevocationSeen(h *hosts) {
	s, kept := session("a"), session("b", subject(bob))
	h.bothRead(s)
	h.bothRead(kept)
	h.deleteAll(shop, bySubject(alice), 1)
	h.wantAbsent(s)
	h.wantStored(1, kept)
	h.later()
	h.other.wantAbsent(s)
	h.other.wantStored(1, kept)
}

func testReplacementSeen(h *hosts) {
	replacer, ok := h.store.(bff.UserSessionReplacer)
	if !ok {
		h.Skip("the store does not implement UserSessionReplacer")
	}
	old := session("a")
	h.bothRead(old)
	s := session("b", sessionID(old.SessionID))
	if err := replacer.ReplaceUserSession(h.Context(), s); err != nil {
		h.Fatalf("ReplaceUserSession: %v", err)
	}
	h.wantAbsent(old)
	h.wantStored(1, s)
	h.other.wantStored(1, s)
	h.later()
	h.other.wantAbsent(old)
}

func testCreationSeen(h *hosts) {
	s := session("a")
	h.wantAbsent(s)
	h.other.wantAbsent(s)
	h.create(s)
	h.wantStored(1, s)
	h.other.wantStored(1, s)
}

func testOwnWritesSeen(h *hosts) {
	s, rival := session("a"), session("b")
	h.bothRead(s)
	h.bothRead(rival)
	s.SubjectID = bob
	h.update(s)
	h.wantStored(2, s)
	update := updateOf(s)
	update.SessionID, update.ReplaceRivals = rival.SessionID, true
	if err := h.store.UpdateUserSession(h.Context(), keyOf(s), update); err != nil {
		h.Fatalf("UpdateUserSession with ReplaceRivals: %v", err)
	}
	s.SessionID = rival.SessionID
	h.wantAbsent(rival)
	h.wantStored(3, s)
	if deleter, ok := h.store.(bff.UserSessionVersionDeleter); ok {
		if n, err := deleter.DeleteUserSessionVersion(h.Context(), keyOf(s), 3); err != nil || n != 1 {
			h.Errorf("DeleteUserSessionVersion: got %d, %v, want 1", n, err)
		}
	} else {
		h.delete(s)
	}
	h.wantAbsent(s)
}

func testConflictSeen(h *hosts) {
	s := session("a")
	h.bothRead(s)
	theirs := s
	theirs.Ticket = []byte("theirs")
	h.other.update(theirs)
	update := updateOf(s)
	update.IfVersion = 1
	err := h.store.UpdateUserSession(h.Context(), keyOf(s), update)
	h.wantError("UpdateUserSession from the former version", err, bff.ErrSessionChanged)
	h.wantStored(2, theirs) // at once: after a conflict a host reads the row anew
}

func testExpirySeen(h *hosts) {
	h.clock.set(start.Add(-time.Microsecond))
	s := session("a", expires(start))
	h.bothRead(s)
	h.clock.set(start)
	h.wantAbsent(s)
	h.other.wantAbsent(s)
}
