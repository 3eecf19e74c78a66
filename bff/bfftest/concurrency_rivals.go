package bfftest

import (
	"errors"
	"fmt"

	"example.com/usersession/bff"
)

// rivalRacers is the number of sessions that race for one session id. An update that
// takes a session id over can need a transaction, so there are fewer of them.
const rivalRacers = 8

func racingTakeOvers(f *fixture) {
	other := session("other")
	f.create(session("old", sessionID("sid")), other)
	for i := range rivalRacers {
		f.create(racerSession(i, anonymous))
	}
	f.wantAllSucceed("UpdateUserSession with ReplaceRivals", race(rivalRacers, func(i int) error {
		s := racerSession(i, sessionID("sid"))
		if err := f.takeOver(f.Context(), s, 0); err != nil {
			return err // no other racer can have removed a session without the session id
		}
		err := f.takeOver(f.Context(), s, 0)
		if errors.Is(err, bff.ErrSessionNotFound) {
			return nil // another racer has taken the session id over
		}
		return err
	}))
	f.wantAbsent(session("old"))
	f.wantStored(1, other)
	f.wantOneHolder(2, 3)
	f.deleteAll(shop, bySubject(alice), 2) // the holder and other
}

// wantOneHolder checks that one session, written by one racer, has the session id "sid".
func (f *fixture) wantOneHolder(versions ...int64) {
	f.Helper()
	holders := f.list(shop, bySessionID("sid"))
	if len(holders) != 1 {
		f.Fatalf("%d sessions have the session id, want one: %s", len(holders), names(holders))
	}
	for _, version := range versions {
		var racer int
		if _, err := fmt.Sscanf(string(holders[0].Ticket), "of racer %d", &racer); err != nil {
			break
		}
		if want := racerSession(racer, sessionID("sid")); holders[0].Version == version {
			f.wantStored(version, want)
			return
		}
	}
	f.Errorf("the session with the session id was not written by a racer, or its version is none of %d: %s", versions, describe(holders[0]))
}

func racingTakeOversAndCreates(f *fixture) {
	const each = 4
	for i := range each {
		f.create(racerSession(i, anonymous))
	}
	replacer, replaces := f.replacer()
	f.wantAllSucceed("UpdateUserSession with ReplaceRivals, CreateUserSession and ReplaceUserSession", race(3*each, func(i int) error {
		s := racerSession(i, sessionID("sid"))
		switch {
		case i < each:
			return f.takeOver(f.Context(), s, 0)
		case i < 2*each && replaces:
			return replacer.ReplaceUserSession(f.Context(), s)
		default:
			err := f.store.CreateUserSession(f.Context(), s)
			if errors.Is(err, bff.ErrSessionExists) {
				return nil // another racer had the session id
			}
			return err
		}
	}))
	f.wantOneHolder(1, 2)
	f.deleteAll(shop, bySubject(alice), 1) // no other racer's session is left
}

func racingConditionalTakeOvers(f *fixture) {
	f.create(session("key", anonymous))
	for round := range 3 {
		rival := session(fmt.Sprint("rival-", round), sessionID(fmt.Sprint("sid-", round)))
		f.create(rival)
		version := int64(round + 1)
		contender := func(i int) bff.UserSession {
			return session("key", sessionID(rival.SessionID), ticket([]byte(fmt.Sprint("of racer ", i))))
		}
		errs := race(rivalRacers, func(i int) error { return f.takeOver(f.Context(), contender(i), version) })
		winner := f.wantOneWins("conditional UpdateUserSession with ReplaceRivals", errs, bff.ErrSessionChanged)
		f.wantStored(version+1, contender(winner))
		f.wantAbsent(rival)
	}
}

// losersKeepRivals gives each racer a rival of its own. Only the rival of the winner may
// be removed.
func losersKeepRivals(f *fixture) {
	f.create(session("key", anonymous))
	var rivals []bff.UserSession
	for i := range rivalRacers {
		rivals = append(rivals, racerSession(i))
	}
	f.create(rivals...)
	contender := func(i int) bff.UserSession { return session("key", sessionID(rivals[i].SessionID)) }
	errs := race(rivalRacers, func(i int) error { return f.takeOver(f.Context(), contender(i), 1) })
	winner := f.wantOneWins("conditional UpdateUserSession with ReplaceRivals", errs, bff.ErrSessionChanged)
	f.wantStored(2, contender(winner))
	f.wantAbsent(rivals[winner])
	f.wantStored(1, append(rivals[:winner:winner], rivals[winner+1:]...)...)
}
