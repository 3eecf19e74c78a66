package bfftest

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"example.com/usersession/bff"
)

func racingDeletes(f *fixture) {
	gone, stays := session("key-1"), session("key-2")
	f.create(gone, stays)
	var counted atomic.Int64
	f.wantAllSucceed("DeleteUserSession", race(racers, func(int) error {
		n, err := f.store.DeleteUserSession(f.Context(), keyOf(gone))
		counted.Add(n)
		return err
	}))
	if counted.Load() != 1 {
		f.Errorf("concurrent DeleteUserSession counted %d together, want 1", counted.Load())
	}
	f.wantAbsent(gone)
	f.wantStored(1, stays)
}

func racingVersionDeletes(f *fixture) {
	d := f.needVersionDeleter()
	gone, stays := session("key-1"), session("key-2")
	f.create(gone, stays)
	var counted atomic.Int64
	f.wantAllSucceed("DeleteUserSessionVersion", race(racers, func(int) error {
		n, err := d.DeleteUserSessionVersion(f.Context(), keyOf(gone), 1)
		counted.Add(n)
		return err
	}))
	if counted.Load() != 1 {
		f.Errorf("concurrent DeleteUserSessionVersion counted %d together, want 1", counted.Load())
	}
	f.wantAbsent(gone)
	f.wantStored(1, stays)
}

// versionDeletesRaceUpdates lets deletes of a version race updates from it: the winner is
// either one delete or one update.
func versionDeletesRaceUpdates(f *fixture) {
	d := f.needVersionDeleter()
	for round := range 5 {
		s := session(fmt.Sprint("key-", round))
		f.create(s)
		errs := race(rivalRacers, func(i int) error {
			if i%2 == round%2 {
				n, err := d.DeleteUserSessionVersion(f.Context(), keyOf(s), 1)
				if err == nil && n == 0 {
					err = bff.ErrSessionChanged
				}
				return err
			}
			update := updateOf(s)
			update.IfVersion = 1
			err := f.store.UpdateUserSession(f.Context(), keyOf(s), update)
			if errors.Is(err, bff.ErrSessionNotFound) {
				err = bff.ErrSessionChanged // a delete has won
			}
			return err
		})
		winner := f.wantOneWins("DeleteUserSessionVersion and UpdateUserSession from one version", errs, bff.ErrSessionChanged)
		if winner%2 == round%2 {
			f.wantAbsent(s)
		} else {
			f.wantStored(2, s)
		}
	}
}

func racingDeletesByFilter(f *fixture) {
	const sessions = 40
	for i := range sessions {
		f.create(racerSession(i))
	}
	stays := session("bobs", subject(bob))
	f.create(stays)
	var counted atomic.Int64
	f.wantAllSucceed("DeleteUserSessions", race(racers, func(int) error {
		n, err := f.store.DeleteUserSessions(f.Context(), shop, bySubject(alice))
		counted.Add(n)
		return err
	}))
	if counted.Load() != sessions {
		f.Errorf("concurrent DeleteUserSessions counted %d together, want %d", counted.Load(), sessions)
	}
	f.wantListed(shop, bySubject(alice))
	f.wantStored(1, stays)
}

func racingCleanups(f *fixture) {
	c, ok := f.store.(bff.UserSessionStoreCleanup)
	if !ok {
		f.Skip("the store does not implement bff.UserSessionStoreCleanup")
	}
	const sessions = 60
	for i := range sessions {
		f.create(racerSession(i, expires(end)))
	}
	stays := session("live")
	f.create(stays)
	f.clock.set(end.Add(time.Second))
	var counted atomic.Int64
	f.wantAllSucceed("DeleteExpiredSessions", race(racers, func(int) error {
		n, err := c.DeleteExpiredSessions(f.Context())
		counted.Add(n)
		return err
	}))
	// A cleanup may skip rows that another one has locked. No row is locked any more.
	last, err := c.DeleteExpiredSessions(f.Context())
	if err != nil {
		f.Errorf("DeleteExpiredSessions: %v", err)
	}
	if total := counted.Load() + last; total != sessions {
		f.Errorf("concurrent DeleteExpiredSessions counted %d together, want %d", total, sessions)
	}
	f.wantListed(shop, bySubject(alice), stays)
}

func racingReplacesOfSessionID(f *fixture) {
	r := f.needReplacer()
	other := session("other")
	f.create(session("old", sessionID("sid")), other)
	f.wantAllSucceed("ReplaceUserSession of one session id", race(racers, func(i int) error {
		return r.ReplaceUserSession(f.Context(), racerSession(i, sessionID("sid")))
	}))
	f.wantOneLeft(bySessionID("sid"))
	f.wantAbsent(session("old"))
	f.wantStored(1, other)
	f.deleteAll(shop, bySubject(alice), 2)
}

func racingReplacesOfKey(f *fixture) {
	r := f.needReplacer()
	f.create(session("key", sessionID("old")))
	contender := func(i int) bff.UserSession { return racerSession(i, func(s *bff.UserSession) { s.Key = "key" }) }
	f.wantAllSucceed("ReplaceUserSession of one key", race(racers, func(i int) error {
		return r.ReplaceUserSession(f.Context(), contender(i))
	}))
	f.wantOneLeft(bySubject(alice))
}

// wantOneLeft checks that one session matches the filter and that one racer wrote it.
func (f *fixture) wantOneLeft(filter bff.UserSessionsFilter) {
	f.Helper()
	left := f.list(shop, filter)
	if len(left) != 1 {
		f.Fatalf("%d sessions are left, want one: %s", len(left), names(left))
	}
	if left[0].Version != 1 {
		f.Errorf("the session that is left has version %d, want 1", left[0].Version)
	}
	var racer int
	if _, err := fmt.Sscanf(string(left[0].Ticket), "of racer %d", &racer); err != nil {
		f.Errorf("no racer wrote the session that is left: its ticket is %s", describeTicket(left[0].Ticket))
	}
}

func racingUnrelatedReplaces(f *fixture) {
	r := f.needReplacer()
	var all []bff.UserSession
	for i := range racers {
		s := racerSession(i, subject(fmt.Sprint("user-", i)))
		if i%4 == 0 {
			s.SessionID = ""
		}
		all = append(all, s)
	}
	f.wantAllSucceed("ReplaceUserSession of different sessions", race(racers, func(i int) error {
		return r.ReplaceUserSession(f.Context(), all[i])
	}))
	f.wantStored(1, all...)
}

func readerRacesReplaces(f *fixture) {
	r := f.needReplacer()
	f.create(session("old", sessionID("sid")))
	var done atomic.Bool
	f.wantAllSucceed("reads during replacements", race(2, func(i int) error {
		if i == 0 {
			defer done.Store(true)
			for i := range racers {
				if err := r.ReplaceUserSession(f.Context(), racerSession(i, sessionID("sid"))); err != nil {
					return err
				}
			}
			return nil
		}
		for !done.Load() {
			seen, err := f.store.GetUserSessions(f.Context(), shop, bySessionID("sid"))
			if err != nil {
				return err
			}
			if len(seen) != 1 {
				return fmt.Errorf("a reader found %d sessions with the session id, want one throughout", len(seen))
			}
		}
		return nil
	}))
}

// racingUnrelated works like a busy BFF: many users at once, each with one session.
func racingUnrelated(f *fixture) {
	f.wantAllSucceed("operations on unrelated sessions", race(racers, func(i int) error {
		s := racerSession(i, subject(fmt.Sprint("user-", i)))
		if err := f.store.CreateUserSession(f.Context(), s); err != nil {
			return fmt.Errorf("create: %w", err)
		}
		for range 3 {
			got, err := f.store.GetUserSession(f.Context(), keyOf(s))
			if err != nil {
				return fmt.Errorf("get: %w", err)
			}
			update := updateOf(got)
			update.IfVersion = got.Version
			if err := f.store.UpdateUserSession(f.Context(), keyOf(s), update); err != nil {
				return fmt.Errorf("update: %w", err)
			}
		}
		listed, err := f.store.GetUserSessions(f.Context(), shop, bySubject(s.SubjectID))
		if err != nil {
			return fmt.Errorf("get by filter: %w", err)
		}
		s.Version = 4
		if len(listed) != 1 || !equal(listed[0], s) {
			return errors.New("the session differs from the values that its only writer wrote")
		}
		if i%2 == 0 {
			return errOf(f.store.DeleteUserSession(f.Context(), keyOf(s)))
		}
		n, err := f.store.DeleteUserSessions(f.Context(), shop, bySubject(s.SubjectID))
		if err == nil && n != 1 {
			return fmt.Errorf("delete by filter counted %d, want 1", n)
		}
		return err
	}))
}
