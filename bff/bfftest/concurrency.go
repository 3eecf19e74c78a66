package bfftest

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"example.com/usersession/bff"
)

func concurrencyTopic() topic {
	return topic{name: "concurrency", tests: []test{
		{"of many updates from one version exactly one wins", racingConditionalUpdates},
		{"conditional updates that retry lose no write", racingCounters},
		{"concurrent unconditional updates all succeed", racingUpdates},
		{"an update that races a delete does not restore the session", updateRacesDelete},
		{"of many creates with one key exactly one wins", racingCreatesOfKey},
		{"of many creates with one session id exactly one wins", racingCreatesOfSessionID},
		{"of many creates over an expired session exactly one wins", racingCreatesOverExpired},
		{"of many updates to one session id exactly one wins", racingUpdatesToSessionID},
		{"concurrent updates with ReplaceRivals leave one session with the session id", racingTakeOvers},
		{"ReplaceRivals, replace and create leave one session with the session id", racingTakeOversAndCreates},
		{"of many updates with ReplaceRivals from one version exactly one wins", racingConditionalTakeOvers},
		{"an update with ReplaceRivals that loses leaves its rival", losersKeepRivals},
		{"concurrent deletes of one session count it once", racingDeletes},
		{"concurrent deletes of one version count it once", racingVersionDeletes},
		{"of updates and deletes from one version exactly one wins", versionDeletesRaceUpdates},
		{"concurrent deletes by filter count each session once", racingDeletesByFilter},
		{"concurrent replaces of one session id leave one session", racingReplacesOfSessionID},
		{"concurrent replaces of one key leave one session", racingReplacesOfKey},
		{"concurrent replaces of different sessions leave all", racingUnrelatedReplaces},
		{"a reader sees one session throughout replacements", readerRacesReplaces},
		{"concurrent cleanups count each session once", racingCleanups},
		{"operations on unrelated sessions do not interfere", racingUnrelated},
	}}
}

// racers is the number of goroutines in a race: enough to cause conflicts, and few enough
// for a small database.
const racers = 32

// race calls run in n goroutines at once and returns the error of each call.
func race(n int, run func(i int) error) []error {
	errs := make([]error, n)
	ready := make(chan struct{})
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() {
			<-ready
			errs[i] = run(i)
		})
	}
	close(ready)
	group.Wait()
	return errs
}

// wantAllSucceed checks a race in which every racer must succeed.
func (f *fixture) wantAllSucceed(what string, errs []error) {
	f.Helper()
	for i, err := range errs {
		if err != nil {
			f.Errorf("%s: racer %d of %d: %v", what, i, len(errs), err)
		}
	}
}

// wantOneWins checks a race in which exactly one racer must succeed and all others must
// fail with the error losers. It returns the index of the winner.
func (f *fixture) wantOneWins(what string, errs []error, losers error) int {
	f.Helper()
	winner, winners := -1, 0
	for i, err := range errs {
		switch {
		case err == nil:
			winner, winners = i, winners+1
		case !errors.Is(err, losers):
			f.Errorf("%s: racer %d of %d: got error %v, want %v", what, i, len(errs), err, losers)
		}
	}
	if winners != 1 {
		f.Fatalf("%s: %d of %d succeeded, want exactly one", what, winners, len(errs))
	}
	return winner
}

func racerSession(i int, edits ...func(*bff.UserSession)) bff.UserSession {
	return session(fmt.Sprint("key-", i), append([]func(*bff.UserSession){ticket([]byte(fmt.Sprint("of racer ", i)))}, edits...)...)
}

func racingConditionalUpdates(f *fixture) {
	f.create(session("key"))
	version := int64(1)
	for range 3 {
		contender := func(i int) bff.UserSession { return session("key", ticket([]byte(fmt.Sprint("of racer ", i)))) }
		errs := race(racers, func(i int) error {
			update := updateOf(contender(i))
			update.IfVersion = version
			return f.store.UpdateUserSession(f.Context(), keyOf(session("key")), update)
		})
		winner := f.wantOneWins("conditional UpdateUserSession", errs, bff.ErrSessionChanged)
		version++
		f.wantStored(version, contender(winner))
	}
}

// racingCounters works like parallel requests that refresh tokens: each racer reads the
// session and writes a change to the version that it read, and starts over if another
// racer has written first.
func racingCounters(f *fixture) {
	const counters, counts = 8, 5
	s := session("key", ticket([]byte{0}))
	f.create(s)
	increment := func() error {
		for {
			got, err := f.store.GetUserSession(f.Context(), keyOf(s))
			if err != nil {
				return err
			}
			if len(got.Ticket) != 1 {
				return errors.New("the ticket with the counter is no longer one byte")
			}
			update := updateOf(got)
			update.IfVersion = got.Version
			update.Ticket = []byte{got.Ticket[0] + 1}
			if err := f.store.UpdateUserSession(f.Context(), keyOf(s), update); !errors.Is(err, bff.ErrSessionChanged) {
				return err
			}
		}
	}
	f.wantAllSucceed("counting", race(counters, func(int) error {
		for range counts {
			if err := increment(); err != nil {
				return err
			}
		}
		return nil
	}))
	s.Ticket = []byte{counters * counts}
	f.wantStored(1+counters*counts, s)
}

func racingUpdates(f *fixture) {
	s := session("key")
	f.create(s)
	f.wantAllSucceed("UpdateUserSession", race(racers, func(int) error {
		return f.store.UpdateUserSession(f.Context(), keyOf(s), updateOf(s))
	}))
	f.wantStored(1+racers, s)
}

func updateRacesDelete(f *fixture) {
	for i := range 10 {
		s := racerSession(i)
		f.create(s)
		errs := race(4, func(i int) error {
			if i == 0 {
				return errOf(f.store.DeleteUserSession(f.Context(), keyOf(s)))
			}
			err := f.store.UpdateUserSession(f.Context(), keyOf(s), updateOf(s))
			if errors.Is(err, bff.ErrSessionNotFound) {
				return nil // the delete came first
			}
			return err
		})
		f.wantAllSucceed("UpdateUserSession and DeleteUserSession", errs)
		f.wantAbsent(s)
	}
	f.wantListed(shop, bySubject(alice))
}

func racingCreatesOfKey(f *fixture) {
	contender := func(i int) bff.UserSession { return racerSession(i, func(s *bff.UserSession) { s.Key = "key" }) }
	errs := race(racers, func(i int) error { return f.store.CreateUserSession(f.Context(), contender(i)) })
	winner := contender(f.wantOneWins("CreateUserSession of one key", errs, bff.ErrSessionExists))
	f.wantStored(1, winner)
	f.wantListed(shop, bySubject(alice), winner)
}

func racingCreatesOfSessionID(f *fixture) {
	contender := func(i int) bff.UserSession { return racerSession(i, sessionID("sid")) }
	errs := race(racers, func(i int) error { return f.store.CreateUserSession(f.Context(), contender(i)) })
	winner := contender(f.wantOneWins("CreateUserSession of one session id", errs, bff.ErrSessionExists))
	f.wantStored(1, winner)
	f.wantListed(shop, bySubject(alice), winner)
}

func racingCreatesOverExpired(f *fixture) {
	f.create(session("old", sessionID("sid"), expires(end)))
	f.clock.set(end.Add(time.Second))
	contender := func(i int) bff.UserSession { return racerSession(i, sessionID("sid")) }
	errs := race(racers, func(i int) error { return f.store.CreateUserSession(f.Context(), contender(i)) })
	winner := contender(f.wantOneWins("CreateUserSession over an expired session", errs, bff.ErrSessionExists))
	f.wantListed(shop, bySubject(alice), winner)
	f.cleanUp("after a create removed the expired session", 0)
}

func racingUpdatesToSessionID(f *fixture) {
	const contenders = 8
	var all []bff.UserSession
	for i := range contenders {
		all = append(all, racerSession(i))
	}
	f.create(all...)
	errs := race(contenders, func(i int) error {
		update := updateOf(all[i])
		update.SessionID = "sid"
		return f.store.UpdateUserSession(f.Context(), keyOf(all[i]), update)
	})
	winner := f.wantOneWins("UpdateUserSession to one session id", errs, bff.ErrSessionExists)
	f.wantListed(shop, bySessionID("sid"), all[winner])
	all[winner].SessionID = "sid"
	f.wantStored(2, all[winner])
	f.wantStored(1, append(all[:winner:winner], all[winner+1:]...)...)
}
