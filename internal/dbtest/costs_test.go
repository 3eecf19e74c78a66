package dbtest_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"example.com/usersession"
	"example.com/usersession/bff"
	"example.com/usersession/internal/dbtest"
)

// raceDetector means that the race detector is on, which allocates itself.
var raceDetector bool

// measuredCalls is the number of calls whose allocations are measured.
const measuredCalls = 50

// A costedOperation is an operation of the store. It is called with the numbers from 0 to
// measuredCalls, and one more.
type costedOperation struct {
	name  string
	needs bool // the sessions of the input exist before the calls
	call  func(ctx context.Context, store *usersession.GormStore, input *costInput, i int) error
}

// A costInput has the arguments of the calls, so that only the store allocates.
type costInput struct {
	sessions, others []bff.UserSession // others have the session ids of sessions
	updates          []bff.UserSessionUpdate
}

func keyOfSession(s *bff.UserSession) bff.UserSessionKey {
	return bff.UserSessionKey{PartitionKey: s.PartitionKey, Key: s.Key}
}

// newCostInput returns the input of an operation, and creates the sessions that it needs. Inputs
// with different prefixes have different sessions.
func newCostInput(t *testing.T, store *usersession.GormStore, op costedOperation, prefix string) *costInput {
	t.Helper()
	input := &costInput{}
	for i := range measuredCalls + 2 {
		session := testSession(fmt.Sprint(prefix, op.name, i), fmt.Sprint("sid ", prefix, op.name, i))
		session.SubjectID = fmt.Sprint("subject ", prefix, op.name, i/10)
		other := session
		other.Key = "other " + session.Key
		input.sessions, input.others = append(input.sessions, session), append(input.others, other)
		input.updates = append(input.updates, updateOf(session, "new", 0))
		if op.needs {
			must(t, store.CreateUserSession(t.Context(), session))
		}
	}
	return input
}

var costedOperations = []costedOperation{
	{"get", true, func(ctx context.Context, store *usersession.GormStore, in *costInput, i int) error {
		_, err := store.GetUserSession(ctx, keyOfSession(&in.sessions[i]))
		return err
	}},
	{"create", false, func(ctx context.Context, store *usersession.GormStore, in *costInput, i int) error {
		return store.CreateUserSession(ctx, in.sessions[i])
	}},
	{"update", true, func(ctx context.Context, store *usersession.GormStore, in *costInput, i int) error {
		return store.UpdateUserSession(ctx, keyOfSession(&in.sessions[i]), in.updates[i])
	}},
	{"update, conditional", true, func(ctx context.Context, store *usersession.GormStore, in *costInput, i int) error {
		update := in.updates[i]
		update.IfVersion = 1
		return store.UpdateUserSession(ctx, keyOfSession(&in.sessions[i]), update)
	}},
	{"delete", true, func(ctx context.Context, store *usersession.GormStore, in *costInput, i int) error {
		return errOf(store.DeleteUserSession(ctx, keyOfSession(&in.sessions[i])))
	}},
	{"replace, nothing there", false, func(ctx context.Context, store *usersession.GormStore, in *costInput, i int) error {
		return store.ReplaceUserSession(ctx, in.sessions[i])
	}},
	{"replace, one there", true, func(ctx context.Context, store *usersession.GormStore, in *costInput, i int) error {
		return store.ReplaceUserSession(ctx, in.others[i])
	}},
	{"list, 10 of a subject", true, func(ctx context.Context, store *usersession.GormStore, in *costInput, i int) error {
		found, err := store.GetUserSessions(ctx, "app", bff.UserSessionsFilter{SubjectID: in.sessions[i%measuredCalls].SubjectID})
		if err == nil && len(found) != 10 {
			err = fmt.Errorf("found %d sessions", len(found))
		}
		return err
	}},
	{"page of 50", true, func(ctx context.Context, store *usersession.GormStore, _ *costInput, _ int) error {
		n := 0
		for _, err := range store.UserSessions(ctx, bff.UserSessionsQuery{PartitionKey: "app", PageSize: 50}) {
			if err != nil {
				return err
			}
			if n++; n == 50 {
				break
			}
		}
		return nil
	}},
	{"revoke by session id", true, func(ctx context.Context, store *usersession.GormStore, in *costInput, i int) error {
		return errOf(store.DeleteUserSessions(ctx, "app", bff.UserSessionsFilter{SessionID: in.sessions[i].SessionID}))
	}},
}

// TestGolden_Costs compares the statements of each operation with the golden file, on a server and
// after the first call, and bounds its allocations by those in the file: with -update, those
// that were measured, and two more. With the race detector, allocations are not measured.
func TestGolden_Costs(t *testing.T) {
	for _, e := range []*dbtest.Engine{dbtest.SQLite, dbtest.PostgreSQL, dbtest.MySQL} {
		t.Run(e.Name, func(t *testing.T) { // not parallel: allocations of other tests would count
			d := e.New(t)
			if d.IsCockroachDB() {
				t.Skip("CockroachDB refuses the one statement of a replacement")
			}
			if *update && raceDetector {
				t.Fatal("the race detector allocates: run -update without -race")
			}
			_, store := openStore(t, d, dbtest.Setup{MaxOpen: 1})
			recorder := &dbtest.Recorder{}
			recorded := newStore(t, d.Open(t, dbtest.Setup{MaxOpen: 1, Recorder: recorder}))
			p := &goldenFile{t: t, recorder: recorder}
			for _, op := range costedOperations {
				input, warmUp := newCostInput(t, store, op, ""), newCostInput(t, store, op, "warm-up ")
				allocs := allocsOf(t, op, store, input)
				bound, known := allocsBound(t, e.Name, op.name)
				switch {
				case *update:
					bound = allocs + 2
				case !known:
					t.Errorf("%s is not in the golden file: go test -run Golden -update .", op.name)
				case allocs > bound:
					t.Errorf("%s has %d allocations, want at most %d", op.name, allocs, bound)
				}
				must(t, op.call(t.Context(), recorded, warmUp, 0)) // prepares the statements
				p.title(fmt.Sprintf("%s: at most %d allocations", op.name, bound))
				must(t, op.call(t.Context(), recorded, input, measuredCalls+1))
				p.write(nil)
			}
			p.compare(e.Name, "costs")
		})
	}
}

// allocsOf returns the allocations of a call, or 0 with the race detector.
func allocsOf(t *testing.T, op costedOperation, store *usersession.GormStore, input *costInput) int {
	t.Helper()
	i := 0
	call := func() {
		must(t, op.call(t.Context(), store, input, i))
		i++
	}
	if raceDetector {
		for range measuredCalls + 1 {
			call()
		}
		return 0
	}
	return int(testing.AllocsPerRun(measuredCalls, call)) // and a first call
}

// allocsBound returns the bound in the golden file.
func allocsBound(t *testing.T, dialect, operation string) (bound int, known bool) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", dialect, "costs.sql"))
	if err != nil {
		return 0, false
	}
	found := regexp.MustCompile(`-- ` + regexp.QuoteMeta(operation) + `: at most (\d+) allocations`).FindSubmatch(text)
	if found == nil {
		return 0, false
	}
	bound, err = strconv.Atoi(string(found[1]))
	must(t, err)
	return bound, true
}

// TestReplace_ManyConflicts: after many replacements that have each found a conflicting session,
// a replacement saves itself the INSERT that would fail, until one finds none.
func TestReplace_ManyConflicts(t *testing.T) {
	dbtest.OnEveryEngine(t, func(t *testing.T, d *dbtest.Database) {
		if oneStatementReplace(d.Engine.Name) {
			t.Run("left out", func(t *testing.T) { t.Skip("a replacement is one statement") })
			return
		}
		recorder := &dbtest.Recorder{}
		db, store := openStore(t, d, dbtest.Setup{Recorder: recorder})
		kindsOf := func(session bff.UserSession) (kinds []string) {
			recorder.Take()
			must(t, store.ReplaceUserSession(t.Context(), session))
			for _, event := range recorder.Take() {
				if event.Kind != "prepare" && !isSettings(event.SQL) {
					kinds = append(kinds, event.Kind)
				}
			}
			return kinds
		}
		fails, begins := "exec begin exec exec commit", "begin exec exec commit"
		if d.Engine == dbtest.SQLServer { // which counts itself
			fails, begins = "query begin query query commit", "begin query query commit"
		}
		must(t, store.CreateUserSession(t.Context(), testSession("first", "sid")))
		for i := range 12 {
			want := fails
			if i >= 8 {
				want = begins
			}
			if got := strings.Join(kindsOf(testSession(fmt.Sprint("key ", i), "sid")), " "); got != want {
				t.Errorf("replacement %d with a conflict: %s, want %s", i, got, want)
			}
		}
		kindsOf(testSession("other", "other")) // finds none
		if got := kindsOf(testSession("another", "another")); len(got) != 1 {
			t.Errorf("a replacement after one without a conflict: %v, want one statement", got)
		}
		wantErr(t, "an invalid session", store.ReplaceUserSession(t.Context(), bff.UserSession{}), bff.ErrInvalidSession)
		if n := countRows(t, db, "user_sessions"); n != 3 {
			t.Errorf("%d rows remain, want 3", n)
		}
	})
}
