package usersession_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"example.com/usersession"
	"example.com/usersession/bff"
)

// A traceLog is a logger of GORM that keeps what it traces.
type traceLog struct {
	logger.Interface
	lines *[]string
}

func (l traceLog) LogMode(logger.LogLevel) logger.Interface { return l }

func (l traceLog) Trace(_ context.Context, _ time.Time, statement func() (string, int64), err error) {
	text, _ := statement()
	if err != nil {
		text += " -- " + err.Error()
	}
	*l.lines = append(*l.lines, text)
}

// TestLogger_Statements: the application's logger gets the store's statements and their errors, without
// a value.
func TestLogger_Statements(t *testing.T) {
	var lines []string
	db := openSQLite(t, &gorm.Config{Logger: traceLog{logger.Discard, &lines}})
	store, missing := newStore(t, db), newStore(t, db, usersession.WithTable("missing"))
	lines = nil
	session := testSession("secret")
	if err := store.CreateUserSession(t.Context(), session); err != nil {
		t.Fatal(err)
	}
	if _, err := store.GetUserSessions(t.Context(), "app", bff.UserSessionsFilter{SubjectID: "alice"}); err != nil {
		t.Fatal(err)
	}
	if _, err := missing.DeleteUserSession(t.Context(), keyOf(session)); err == nil {
		t.Fatal("no error without the table")
	}
	if len(lines) != 3 || !strings.HasPrefix(lines[0], "INSERT INTO `user_sessions`") || !strings.HasPrefix(lines[1], "SELECT ") ||
		!strings.HasPrefix(lines[2], "DELETE FROM `missing`") || !strings.HasSuffix(lines[2], " -- usersession: database error 1") {
		t.Errorf("the logger gets %q", lines)
	}
	if text := strings.Join(lines, "\n"); strings.Contains(text, "secret") || strings.Contains(text, "alice") {
		t.Errorf("the log quotes a value:\n%s", text)
	}
}
