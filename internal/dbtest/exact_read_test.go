package dbtest_test

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/usersession"
	"example.com/usersession/bff"
	"example.com/usersession/internal/dbtest"
)

// readEveryWay reads the only session by each operation that returns sessions.
func readEveryWay(ctx context.Context, t *testing.T, store *usersession.GormStore, want bff.UserSession) []bff.UserSession {
	t.Helper()
	got, err := store.GetUserSession(ctx, bff.UserSessionKey{PartitionKey: want.PartitionKey, Key: want.Key})
	must(t, err)
	all := []bff.UserSession{got}
	for _, filter := range []bff.UserSessionsFilter{{SubjectID: want.SubjectID}, {SessionID: want.SessionID}, {SubjectID: want.SubjectID, SessionID: want.SessionID}} {
		found, err := store.GetUserSessions(ctx, want.PartitionKey, filter)
		must(t, err)
		all = append(all, found...)
	}
	for _, query := range []bff.UserSessionsQuery{{}, {SubjectID: want.SubjectID}, {OldestFirst: true}, {SubjectID: want.SubjectID, OldestFirst: true}} {
		query.PartitionKey = want.PartitionKey
		for listed, err := range store.UserSessions(ctx, query) {
			must(t, err)
			listed.Ticket = want.Ticket // a lister returns none
			all = append(all, listed)
		}
	}
	if len(all) != 8 {
		t.Errorf("the reads return %d sessions, want 8", len(all))
	}
	return all
}

// TestReads_TimesOfEveryZone: on MySQL, times survive every loc and time_zone, with and without
// parseTime, also those that a local clock skips or shows twice. The store reads them without a
// CAST if the driver returns text, or times in UTC; otherwise only the first read tries.
func TestReads_TimesOfEveryZone(t *testing.T) {
	instants := []time.Time{
		time.Date(2026, 3, 8, 2, 30, 0, 123456000, time.UTC),  // New York's clocks skip 02:30
		time.Date(2026, 11, 1, 1, 30, 0, 1000, time.UTC),      // and show 01:30 twice
		time.Date(2026, 10, 4, 2, 15, 0, 999999000, time.UTC), // Lord Howe's skip half an hour
		time.Date(2026, 4, 5, 1, 45, 0, 0, time.UTC),
	}
	dbtest.On(t, []*dbtest.Engine{dbtest.MySQL}, func(t *testing.T, d *dbtest.Database) {
		d.Migrate(t, d.Open(t, dbtest.Setup{}))
		for _, loc := range []string{"UTC", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Etc/UTC"} {
			for _, zone := range []string{"+00:00", "-03:30", "+05:45"} {
				for i := range 4 {
					parse, interpolate := fmt.Sprint(i%2 == 0), fmt.Sprint(i/2 == 0)
					t.Run(strings.Join([]string{loc, zone, parse, interpolate}, " "), func(t *testing.T) {
						recorder := &dbtest.Recorder{}
						store := newStore(t, d.Open(t, dbtest.Setup{Recorder: recorder, MaxOpen: 1, Params: url.Values{
							"loc": {loc}, "time_zone": {"'" + zone + "'"}, "parseTime": {parse}, "interpolateParams": {interpolate},
						}}))
						for _, instant := range instants {
							want := testSession("key", "sid")
							want.Created, want.Renewed, want.Expires = instant, instant, instant.AddDate(2, 0, 0)
							must(t, store.ReplaceUserSession(t.Context(), want))
							for _, got := range readEveryWay(t.Context(), t, store, want) {
								if got.Created != want.Created || got.Renewed != want.Renewed || got.Expires != want.Expires {
									t.Errorf("created %v, renewed %v, expires %v; want %v and %v", got.Created, got.Renewed, got.Expires, instant, want.Expires)
								}
							}
						}
						plain, exact := 0, 0
						for _, event := range recorder.Take() {
							switch read := event.Kind == "query" && strings.Contains(event.SQL, "`renewed`"); {
							case read && strings.Contains(event.SQL, "CAST(`renewed`"):
								exact++
							case read:
								plain++
							}
						}
						want := []int{8 * len(instants), 0}
						if parse == "true" && loc != "UTC" {
							want = []int{1, 8 * len(instants)}
						}
						if got := []int{plain, exact}; !slices.Equal(got, want) {
							t.Errorf("%d reads without and %d with a CAST, want %v", plain, exact, want)
						}
					})
				}
			}
		}
	})
}

// TestReads_IdentitiesOfEveryCharacterSet: on MySQL, identities survive the character set of
// a connection whose settings differ from those that the store has read.
func TestReads_IdentitiesOfEveryCharacterSet(t *testing.T) {
	dbtest.On(t, []*dbtest.Engine{dbtest.MySQL}, func(t *testing.T, d *dbtest.Database) {
		d.Migrate(t, d.Open(t, dbtest.Setup{}))
		for _, results := range []string{"utf8mb4", "utf8mb3", "latin1", "ascii", "sjis", "gbk", "NULL"} {
			if results == "sjis" && d.IsTiDB() {
				continue // TiDB has no such character set
			}
			for _, identity := range []string{"plain", "日本", "é", "Ã©", "a?b", "\u00a5", "😀"} {
				db := d.Open(t, dbtest.Setup{MaxOpen: 1})
				store := newStore(t, db)
				want := testSession("key", "sid-"+identity)
				want.SubjectID = identity
				must(t, store.ReplaceUserSession(t.Context(), want)) // reads the settings
				must(t, db.Exec("SET character_set_results = "+results).Error)
				for _, got := range readEveryWay(t.Context(), t, store, want) {
					if got.SubjectID != want.SubjectID || got.SessionID != want.SessionID {
						t.Errorf("%s: subject id %q, session id %q; want %q and %q", results, got.SubjectID, got.SessionID, want.SubjectID, want.SessionID)
					}
				}
			}
		}
	})
}
