package usersession

import (
	"database/sql"
	"errors"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"example.com/usersession/bff"
)

// TestConn_FailsLater: a query that fails after its first row returns an error, and its connection goes
// back to the pool (see openConn).
func TestConn_FailsLater(t *testing.T) {
	stop := errors.New("stop")
	var text string
	var n int64
	for _, countsItself := range []bool{false, true} {
		c := openConn(t, &dialect{name: "sqlite", countsItself: countsItself})
		for name, err := range map[string]error{
			"each row":       c.eachRow(t.Context(), "SELECT 'on', 1"+failsLater, nil, func(*sql.Rows) error { return nil }),
			"a report":       c.report(t.Context(), "SELECT 1 AS "+reportColumn+", 2 UNION ALL SELECT 3, abs(-9223372036854775808)", nil, &n, &n),
			"another report": c.report(t.Context(), "SELECT 'on' AS "+reportColumn+", 2", nil, &n, &n),
			"a refusal":      c.report(t.Context(), "SELECT of_no_function()", nil, &n),
		} {
			if err == nil {
				t.Errorf("%s: no error", name)
			}
		}
		if err := c.eachRow(t.Context(), "SELECT 1 UNION ALL SELECT 2", nil, func(*sql.Rows) error { return stop }); !errors.Is(err, stop) {
			t.Errorf("got %v, want the function's error", err)
		}
		if err := c.report(t.Context(), "SELECT 'on' AS "+reportColumn+", 7", nil, &text, &n); err != nil || text != "on" || n != 7 {
			t.Errorf("a report: %q, %d, %v", text, n, err)
		}
	}
}

// TestConn_ErrorKinds: which errors are conflicts, which mean that no row can match, and which GORM's
// logger prints.
func TestConn_ErrorKinds(t *testing.T) {
	for _, tt := range []struct {
		dialect                           *dialect
		err                               error
		duplicate, incomparable, isLogged bool
	}{
		{&postgres, nil, false, false, false},
		{&postgres, &pgError{"23505"}, true, false, false},
		{&postgres, &detailedError{pgError{"23505"}, "Key (id)=(7) already exists.", "user_sessions_pkey"}, false, false, true},
		{&postgres, &pgError{"40001"}, false, false, false},
		{&postgres, &pgError{"22P05"}, false, true, true},
		{&postgres, &pgError{"57014"}, false, false, true},
		{&mysql, &numberError{1267, "secret"}, false, true, true},
		{&mysql, &numberError{1062, "secret"}, true, false, false},
		{&sqlite, &modernError{5}, false, false, false},
	} {
		c := openConn(t, tt.dialect)
		if got := c.isDuplicate(tt.err); got != tt.duplicate {
			t.Errorf("%s %q: duplicate: %t, want %t", tt.dialect.name, errorCode(tt.err), got, tt.duplicate)
		}
		if got := c.matchesNothing(tt.err); got != tt.incomparable {
			t.Errorf("%s %q: matches nothing: %t, want %t", tt.dialect.name, errorCode(tt.err), got, tt.incomparable)
		}
		logged := c.loggedErr(tt.err)
		if (logged != nil) != tt.isLogged || logged != nil && (!errors.Is(logged, tt.err) || strings.Contains(logged.Error(), "secret") || !strings.Contains(logged.Error(), errorCode(tt.err))) {
			t.Errorf("%s %q: logged as %v, want that: %t", tt.dialect.name, errorCode(tt.err), logged, tt.isLogged)
		}
	}
}

// TestGetUserSessions_FailsLater: a read that is repeated, because it failed after some rows, returns
// each session once.
func TestGetUserSessions_FailsLater(t *testing.T) {
	db, store := openCleanup(t)
	session := bff.UserSession{Key: "key", SubjectID: "alice", Created: time.Now(), Renewed: time.Now()}
	if err := store.CreateUserSession(t.Context(), session); err != nil {
		t.Fatal(err)
	}
	d := sqlite
	d.retry = []string{"1"}
	store.conn.dialect = &d
	reads := 0
	err := db.Callback().Row().Before("*").Register("test:fail", func(db *gorm.DB) {
		if reads++; reads > 1 {
			return
		}
		text := db.Statement.SQL.String()
		db.Statement.SQL.Reset()
		db.Statement.SQL.WriteString("SELECT * FROM (" + text + ") UNION ALL SELECT 'key', 'alice', 'sid', 'at', 'at', 'at', 1, abs(-9223372036854775808)")
	})
	if err != nil {
		t.Fatal(err)
	}
	if sessions, err := store.GetUserSessions(t.Context(), "", bff.UserSessionsFilter{SubjectID: "alice"}); len(sessions) != 1 || err != nil || reads != 2 {
		t.Errorf("%d sessions, %v after %d reads, want 1 after 2", len(sessions), err, reads)
	}
}
