package bfftest

import (
	"strings"
	"time"

	"example.com/usersession/bff"
)

func timeTopic() topic {
	return topic{name: "time", tests: []test{
		{"microseconds are kept", microsecondsAreKept},
		{"nanoseconds are truncated", nanosecondsAreTruncated},
		{"an absent expiry is returned as the zero time", absentExpiryIsZero},
		{"times in fixed zones are returned in UTC", fixedZonesBecomeUTC},
		{"times in named zones are returned in UTC", namedZonesBecomeUTC},
		{"the hour that daylight saving repeats is kept", repeatedHourIsKept},
		{"the hour that daylight saving skips is kept", skippedHourIsKept},
		{"a session expires on time when daylight saving ends", expiresWhenDaylightSavingEnds},
		{"the clock may be in any zone", clockInAnyZone},
		{"times in the distant past and future are kept", distantTimesAreKept},
		{"the first and the last valid microsecond are kept", firstAndLastMicrosecond},
		{"invalid times are refused", invalidTimesAreRefused},
	}}
}

// newYear is before every expiry in this topic.
var newYear = time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)

// wantTimes checks that the store returns the times in UTC, truncated to microseconds, for
// every operation that writes a session and every operation that reads one.
func (f *fixture) wantTimes(created, renewed, expires time.Time) {
	f.Helper()
	f.clock.set(newYear)
	timed := func(key string) bff.UserSession {
		s := session(key)
		s.Created, s.Renewed, s.Expires = created, renewed, expires
		return s
	}
	bare := session("updated")
	bare.Created, bare.Renewed, bare.Expires = start, start, time.Time{}
	written := []bff.UserSession{timed("created"), timed("updated")}
	f.create(written[0], bare)
	f.update(written[1])
	if _, ok := f.replacer(); ok {
		written = append(written, timed("replaced"))
		f.replace(written[2])
	}
	for _, s := range written {
		f.wantUTC("GetUserSession", f.get(s), s)
		for _, listed := range f.list(shop, bySessionID(s.SessionID)) {
			f.wantUTC("GetUserSessions", listed, s)
		}
	}
	if l, ok := f.store.(bff.UserSessionLister); ok {
		for listed, err := range l.UserSessions(f.Context(), bff.UserSessionsQuery{PartitionKey: shop}) {
			if err != nil {
				f.Fatalf("UserSessions: %v", err)
			}
			f.wantUTC("UserSessions", listed, written[0])
		}
	}
	f.delete(written...)
}

func (f *fixture) wantUTC(what string, got, written bff.UserSession) {
	f.Helper()
	for _, field := range []struct {
		name         string
		got, written time.Time
	}{
		{"Created", got.Created, written.Created},
		{"Renewed", got.Renewed, written.Renewed},
		{"Expires", got.Expires, written.Expires},
	} {
		want := field.written.UTC().Truncate(time.Microsecond)
		if !field.got.Equal(want) {
			f.Errorf("%s of the session %s: %s is %s, want %s", what, written.Key, field.name, field.got.Format(time.RFC3339Nano), want.Format(time.RFC3339Nano))
		}
		if field.got.Location() != time.UTC {
			f.Errorf("%s of the session %s: %s is in %s, want UTC", what, written.Key, field.name, field.got.Location())
		}
	}
}

func microsecondsAreKept(f *fixture) {
	f.wantTimes(
		time.Date(2026, 2, 28, 23, 59, 59, 999_999_000, time.UTC),
		time.Date(2026, 3, 1, 0, 0, 0, 1_000, time.UTC),
		time.Date(2026, 3, 1, 0, 0, 0, 123_456_000, time.UTC))
	f.wantTimes(start.Add(100*time.Microsecond), start.Add(500*time.Millisecond), start.Add(time.Hour))
}

func nanosecondsAreTruncated(f *fixture) {
	f.wantTimes(
		time.Date(2026, 2, 28, 23, 59, 59, 999_999_999, time.UTC), // rounded, it would be in March
		time.Date(2026, 3, 1, 0, 0, 0, 1_999, time.UTC),
		time.Date(2026, 12, 31, 23, 59, 59, 999_999_500, time.UTC))
	f.wantTimes(start.Add(1), start.Add(500), start.Add(time.Hour+999))
	// Before 1970, a time is still truncated towards the past.
	f.wantTimes(
		time.Date(1969, 12, 31, 23, 59, 59, 999_999_999, time.UTC),
		time.Date(1969, 12, 31, 23, 59, 59, 1, time.UTC), time.Time{})
	f.wantTimes(time.Now(), time.Now(), time.Time{}) // with a monotonic reading
}

func absentExpiryIsZero(f *fixture) {
	f.wantTimes(start, start, time.Time{})
	f.wantTimes(start, start, time.Time{}.In(time.FixedZone("east", 5*3600)))
	s := session("key-1", expires(time.Time{}))
	f.create(s)
	if got := f.get(s).Expires; !got.IsZero() {
		f.Errorf("Expires of a session without one is %s, want the zero time", got)
	}
}

func fixedZonesBecomeUTC(f *fixture) {
	for _, zone := range []*time.Location{
		time.FixedZone("Kathmandu", 5*3600+45*60),
		time.FixedZone("Marquesas", -(9*3600 + 30*60)),
		time.FixedZone("Kiritimati", 14*3600),
		time.FixedZone("UTC", 3600), // a misleading name
		time.Local,
	} {
		f.wantTimes(
			time.Date(2026, 1, 1, 0, 30, 0, 123_456_789, zone),
			time.Date(2026, 6, 30, 23, 30, 0, 1_000, zone),
			time.Date(2026, 12, 31, 23, 59, 59, 999_999_000, zone))
	}
}

func namedZonesBecomeUTC(f *fixture) {
	for _, zone := range f.zones("America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kolkata") {
		f.wantTimes(
			time.Date(2026, 1, 15, 0, 30, 0, 123_456_000, zone),
			time.Date(2026, 7, 15, 0, 30, 0, 123_456_000, zone),
			time.Date(2027, 1, 15, 23, 30, 0, 0, zone))
	}
}

// zones returns the named time zones. It skips the test if the machine has no time zone
// database.
func (f *fixture) zones(names ...string) []*time.Location {
	f.Helper()
	var zones []*time.Location
	for _, name := range names {
		zone, err := time.LoadLocation(name)
		if err != nil {
			f.Skipf("this machine has no time zone database: %v", err)
		}
		zones = append(zones, zone)
	}
	return zones
}

// The hours below are given in UTC, so that the tests need no time zone database. A store
// loses them if its connection or its server is set to such a zone.

func repeatedHourIsKept(f *fixture) {
	for _, first := range []time.Time{
		time.Date(2026, 11, 1, 5, 30, 0, 0, time.UTC),  // 01:30 in New York; one hour later it is 01:30 again
		time.Date(2026, 10, 25, 0, 30, 0, 0, time.UTC), // 02:30 in Berlin; one hour later it is 02:30 again
	} {
		second := first.Add(time.Hour)
		f.wantTimes(first, second, first)
		f.wantTimes(second, first, second)
	}
}

func skippedHourIsKept(f *fixture) {
	for _, t := range []time.Time{
		time.Date(2026, 3, 8, 7, 30, 0, 0, time.UTC),  // 03:30 in New York
		time.Date(2026, 3, 8, 2, 30, 0, 0, time.UTC),  // 02:30 as a local time does not exist in New York
		time.Date(2026, 3, 29, 1, 30, 0, 0, time.UTC), // 03:30 in Berlin
		time.Date(2026, 3, 29, 2, 30, 0, 0, time.UTC), // 02:30 as a local time does not exist in Berlin
	} {
		f.wantTimes(t, t.Add(time.Hour), t.Add(2*time.Hour))
		f.wantTimes(t.Add(-time.Hour), t, t)
	}
}

func expiresWhenDaylightSavingEnds(f *fixture) {
	half := time.Date(2026, 11, 1, 5, 30, 0, 0, time.UTC)
	early, late := session("key-1", expires(half)), session("key-2", expires(half.Add(time.Hour)))
	f.create(early, late)
	f.clock.set(half.Add(-time.Minute))
	f.wantStored(1, early, late)
	f.clock.set(half)
	f.wantAbsent(early)
	f.wantStored(1, late)
	f.clock.set(half.Add(time.Hour - tick))
	f.wantListed(shop, bySubject(alice), late)
	f.clock.set(half.Add(time.Hour))
	f.wantListed(shop, bySubject(alice))
}

func clockInAnyZone(f *fixture) {
	for i, zone := range []*time.Location{
		time.FixedZone("west", -11*3600), time.FixedZone("east", 13*3600), time.Local,
	} {
		f.clock.set(start.In(zone))
		s := session([]string{"key-1", "key-2", "key-3"}[i], expires(start.Add(time.Minute).In(zone)))
		f.create(s)
		f.clock.set(start.Add(time.Minute - tick).In(zone))
		f.wantStored(1, s)
		f.clock.set(start.Add(time.Minute).In(zone))
		f.wantAbsent(s)
		f.wantListed(shop, bySubject(alice))
	}
}

func distantTimesAreKept(f *fixture) {
	f.wantTimes(
		time.Date(1582, 10, 10, 12, 0, 0, 0, time.UTC), // does not exist in some calendars
		time.Date(1000, 1, 1, 0, 0, 0, 0, time.UTC),
		time.Date(2038, 1, 19, 3, 14, 8, 0, time.UTC)) // one second more than 32 bits hold
	f.wantTimes(
		time.Unix(0, 0),
		time.Date(1900, 2, 28, 23, 59, 59, 0, time.UTC),
		time.Date(2262, 4, 12, 0, 0, 0, 0, time.UTC)) // nanoseconds since 1970 overflow
	f.wantTimes(
		time.Date(2028, 2, 29, 12, 0, 0, 0, time.UTC),
		time.Date(2016, 12, 31, 23, 59, 59, 0, time.UTC),
		time.Date(9000, 1, 1, 0, 0, 0, 0, time.UTC))
}

func firstAndLastMicrosecond(f *fixture) {
	first := time.Date(1, 1, 1, 0, 0, 0, 1_000, time.UTC)
	last := time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC)
	f.wantTimes(first, last, last)
	// In their own zones these are in the years 0 and 10000.
	f.wantTimes(first.In(time.FixedZone("west", -3600)), last.In(time.FixedZone("east", 3600)), last.Add(999).In(time.FixedZone("east", 3600)))
	past := session("key-1", expires(first))
	f.create(past) // has already expired
	f.wantAbsent(past)
}

func invalidTimesAreRefused(f *fixture) {
	tooEarly := []time.Time{
		time.Date(0, 12, 31, 23, 59, 59, 999_999_999, time.UTC),
		time.Date(1, 1, 1, 0, 30, 0, 0, time.FixedZone("east", 3600)), // year 0 in UTC
		time.Date(-500, 1, 1, 0, 0, 0, 0, time.UTC),
		time.Time{}.Add(1),   // truncated, it would be the zero time,
		time.Time{}.Add(999), // which means never
	}
	tooLate := []time.Time{
		time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC),
		time.Date(9999, 12, 31, 23, 30, 0, 0, time.FixedZone("west", -3600)), // year 10000 in UTC
		time.Date(12_000, 1, 1, 0, 0, 0, 0, time.UTC),
		time.Date(200_000, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	kept := session("kept")
	f.create(kept)
	for _, field := range []struct {
		name string
		set  func(*bff.UserSession, time.Time)
		also []time.Time
	}{
		{"Created", func(s *bff.UserSession, t time.Time) { s.Created = t }, []time.Time{{}}},
		{"Renewed", func(s *bff.UserSession, t time.Time) { s.Renewed = t }, []time.Time{{}}},
		{"Expires", func(s *bff.UserSession, t time.Time) { s.Expires = t }, nil},
	} {
		for _, t := range append(append(field.also, tooEarly...), tooLate...) {
			s := session("kept", ticket([]byte("refused")))
			field.set(&s, t)
			for what, write := range f.writes() {
				if field.name == "Created" && t.IsZero() && strings.HasPrefix(what, "UpdateUserSession") {
					continue // an update keeps the stored time
				}
				f.wantRefusal(what, field.name, t.String(), write(f.Context(), s))
			}
			fresh := session("fresh")
			field.set(&fresh, t)
			f.wantRefusal("CreateUserSession", field.name, t.String(), f.store.CreateUserSession(f.Context(), fresh))
		}
	}
	f.wantStored(1, kept)
	f.wantListed(shop, bySubject(alice), kept)
}
