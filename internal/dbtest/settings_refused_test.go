package dbtest_test

import (
	"database/sql"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"example.com/usersession"
	"example.com/usersession/bff"
	"example.com/usersession/internal/dbtest"
)

// TestSettings_Refused: with a setting under which values would be changed, lost or not read,
// every operation fails, and names the setting. The first one may be a read.
func TestSettings_Refused(t *testing.T) {
	exec, simple := "exec", "simple_protocol"
	postgres := func(mode, name, value string) url.Values {
		params := url.Values{name: {value}}
		if mode != "" {
			params.Set("default_query_exec_mode", mode)
		}
		return params
	}
	refused := map[*dbtest.Engine][]struct {
		params url.Values
		name   string
	}{
		dbtest.PostgreSQL: {
			{postgres("", "client_encoding", "LATIN1"), "client_encoding=UTF8"},
			{postgres(exec, "client_encoding", "WIN1252"), "client_encoding=UTF8"},
			{postgres(simple, "client_encoding", "LATIN1"), "client_encoding=UTF8"},
			{postgres("", "client_encoding", "SJIS"), "client_encoding=UTF8"},
			{postgres(simple, "standard_conforming_strings", "off"), "standard_conforming_strings=on"},
			{postgres(exec, "datestyle", "German"), "datestyle=ISO"},
			{postgres(simple, "datestyle", "SQL, DMY"), "datestyle=ISO"},
			{postgres(exec, "bytea_output", "escape"), "bytea_output=hex"},
			{postgres(simple, "bytea_output", "escape"), "bytea_output=hex"},
		},
		dbtest.MySQL: {
			{url.Values{"character_set_connection": {"latin1"}}, "character_set_connection is latin1"},
			{url.Values{"character_set_client": {"latin1"}}, "character_set_client is latin1"},
			{url.Values{"character_set_results": {"ucs2"}}, "character_set_results is ucs2"},
			{url.Values{"sql_select_limit": {"1"}}, "sql_select_limit is 1"},
			{url.Values{"autocommit": {"0"}}, "autocommit=0"},
		},
	}
	dbtest.On(t, []*dbtest.Engine{dbtest.PostgreSQL, dbtest.MySQL}, func(t *testing.T, d *dbtest.Database) {
		_, other := openStore(t, d, dbtest.Setup{})
		must(t, other.CreateUserSession(t.Context(), testSession("key", "sid")))
		for _, r := range refused[d.Engine] {
			if d.IsTiDB() && r.params.Get("character_set_results") == "ucs2" {
				continue // TiDB has no such character set
			}
			ctx, session := t.Context(), testSession("new", "new")
			for operation, call := range map[string]func(*usersession.GormStore) error{
				"get":     func(s *usersession.GormStore) error { _, err := s.GetUserSession(ctx, keyOf("key")); return err },
				"create":  func(s *usersession.GormStore) error { return s.CreateUserSession(ctx, session) },
				"replace": func(s *usersession.GormStore) error { return s.ReplaceUserSession(ctx, session) },
				"delete":  func(s *usersession.GormStore) error { return errOf(s.DeleteUserSession(ctx, keyOf("new"))) },
				"list": func(s *usersession.GormStore) error {
					_, err := s.GetUserSessions(ctx, "app", bff.UserSessionsFilter{SubjectID: "alice"})
					return err
				},
			} {
				store := newStore(t, d.Open(t, dbtest.Setup{Params: r.params, MaxOpen: 1}))
				if err := call(store); err == nil || !strings.Contains(err.Error(), r.name) {
					t.Errorf("%v: %s: %v", r.params, operation, err)
				}
			}
		}
	})
}

// TestSettings_ImplicitTransactions: with IMPLICIT_TRANSACTIONS ON, writes to SQL Server would
// be lost. The first call fails and names the setting; a transaction of the application works.
func TestSettings_ImplicitTransactions(t *testing.T) {
	for _, on := range []bool{true, false} {
		db, err := gorm.Open(fakeDialects[0].dialector(sql.OpenDB(&fakeDriver{implicitTransactions: on})), &gorm.Config{Logger: logger.Discard})
		must(t, err)
		_, getErr := newStore(t, db).GetUserSession(t.Context(), keyOf("key"))
		for operation, err := range map[string]error{"create": newStore(t, db).CreateUserSession(t.Context(), testSession("key", "sid")), "get": getErr} {
			if strings.Contains(fmt.Sprint(err), "SET IMPLICIT_TRANSACTIONS OFF") != on {
				t.Errorf("IMPLICIT_TRANSACTIONS %v: %s: %v", on, operation, err)
			}
		}
		must(t, db.Transaction(func(tx *gorm.DB) error {
			return newStore(t, db).WithTx(tx).CreateUserSession(t.Context(), testSession("key", "sid"))
		}))
	}
}

// TestSettings_ResultsCharacterSet: a session of another host is read exactly, also over a
// connection whose character set lacks the characters: two users must not become one.
func TestSettings_ResultsCharacterSet(t *testing.T) {
	dbtest.On(t, []*dbtest.Engine{dbtest.MySQL}, func(t *testing.T, d *dbtest.Database) {
		_, other := openStore(t, d, dbtest.Setup{})
		session := testSession("key", "sid 鈴木")
		session.SubjectID = "alicé 😀"
		must(t, other.CreateUserSession(t.Context(), session))
		for _, params := range []url.Values{
			{"charset": {"latin1"}}, {"charset": {"utf8"}}, {"charset": {"gbk"}},
			{"character_set_results": {"latin1"}}, {"character_set_results": {"ascii"}}, {"character_set_results": {"NULL"}},
		} {
			for _, options := range [][]usersession.Option{nil, {usersession.WithoutPreparedStatements()}} {
				got, err := newStore(t, d.Open(t, dbtest.Setup{Params: params}), options...).GetUserSession(t.Context(), keyOf("key"))
				must(t, err)
				wantSession(t, got, session, 1)
			}
		}
	})
}
