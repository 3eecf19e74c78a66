package usersession

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"strings"
	"testing"
	"time"

	sqlitedriver "gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"example.com/usersession/bff"
)

// TestSettings_Judged: which settings of a connection the store refuses, and what it learns from
// the others.
func TestSettings_Judged(t *testing.T) {
	good := map[*dialect][]string{
		&mysql:     {"1", "NO_CHAIN", "utf8mb4", "utf8mb4", "utf8mb4", "18446744073709551615", "STRICT_TRANS_TABLES"},
		&postgres:  {"UTF8", "ISO, MDY", "hex"},
		&sqlserver: {"OFF"},
	}
	for _, tt := range []struct {
		dialect    *dialect
		changed    map[int]string // the values that differ from the good ones
		unreadable string         // a part of a query whose result the driver cannot read
		want       settings       // with parts of the problems
	}{
		{&mysql, nil, "", settings{unicode: true}},
		{&mysql, map[int]string{0: "0"}, "", settings{unicode: true, lost: "autocommit=0"}},
		{&mysql, map[int]string{0: "off"}, "", settings{unicode: true, lost: "autocommit=0"}},
		{&mysql, map[int]string{1: "chain"}, "", settings{unicode: true, lost: "completion_type=CHAIN"}},
		{&mysql, map[int]string{1: "1"}, "", settings{unicode: true, lost: "completion_type=CHAIN"}},
		{&mysql, map[int]string{1: "release"}, "", settings{unicode: true, commitCloses: true}},
		{&mysql, map[int]string{1: "2"}, "", settings{unicode: true, commitCloses: true}},
		{&mysql, map[int]string{1: "0"}, "", settings{unicode: true}},
		{&mysql, map[int]string{2: "utf8", 3: "utf8mb3", 4: "utf8"}, "", settings{charset: "utf8", maxRune: 0xFFFF}},
		{&mysql, map[int]string{2: "latin1", 3: "latin1"}, "", settings{unicode: true, charset: "latin1", maxRune: 0x7F}},
		{&mysql, map[int]string{2: "binary"}, "", settings{unicode: true}},
		{&mysql, map[int]string{3: "binary"}, "", settings{unicode: true}},
		{&mysql, map[int]string{3: "latin1"}, "", settings{unicode: true, problem: "character_set_connection is latin1, and character_set_client is utf8mb4"}},
		{&mysql, map[int]string{0: "1\x00", 4: "u\x00t\x00f\x001\x006\x00"}, "", settings{problem: "character_set_results is utf16"}},
		{&mysql, map[int]string{4: "ucs2"}, "", settings{problem: "character_set_results is ucs2"}},
		{&mysql, map[int]string{5: "2147483647"}, "", settings{unicode: true, problem: "sql_select_limit is 2147483647"}},
		{&mysql, map[int]string{5: "2147483648"}, "", settings{unicode: true}},
		{&mysql, map[int]string{5: "unlimited"}, "", settings{unicode: true}},
		{&mysql, map[int]string{6: "ANSI,empty_string_is_null"}, "", settings{unicode: true, emptyIsNull: true}},

		{&postgres, nil, "SELECT", settings{}},
		{&postgres, map[int]string{0: "SQL_ASCII"}, "SELECT", settings{}},
		{&postgres, map[int]string{0: "LATIN1"}, "", settings{problem: "client_encoding is LATIN1"}},
		{&postgres, map[int]string{1: "German, DMY", 2: "escape"}, "", settings{}},
		{&postgres, map[int]string{1: "German, DMY", 2: "escape"}, "clock_timestamp", settings{problem: "DateStyle is German, DMY"}},
		{&postgres, map[int]string{1: "German, DMY", 2: "escape"}, "bytea", settings{problem: "bytea_output is escape"}},

		{&sqlserver, nil, "", settings{}},
		{&sqlserver, map[int]string{0: "ON"}, "", settings{lost: "IMPLICIT_TRANSACTIONS is ON"}},
	} {
		row := append([]string(nil), good[tt.dialect]...)
		for i, value := range tt.changed {
			row[i] = value
		}
		got := tt.dialect.judge(row, func(query string) bool { return tt.unreadable == "" || !strings.Contains(query, tt.unreadable) })
		for _, texts := range []struct{ got, want *string }{{&got.problem, &tt.want.problem}, {&got.lost, &tt.want.lost}} {
			if *texts.want != "" && strings.Contains(*texts.got, *texts.want) {
				*texts.got, *texts.want = "", ""
			}
		}
		if got != tt.want {
			t.Errorf("%s %v: %+v, want %+v", tt.dialect.name, tt.changed, got, tt.want)
		}
	}
}

// A brokenPool has a query that fails as on a connection that the server has closed.
type brokenPool struct{ gorm.ConnPool }

const broken = "SELECT broken"

func (p brokenPool) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if query == broken {
		return nil, driver.ErrBadConn
	}
	return p.ConnPool.QueryContext(ctx, query, args...)
}

// openConn returns a conn of a dialect on a database of SQLite with one connection. At its end the
// test fails if the connection is still in use.
func openConn(t *testing.T, d *dialect) *conn {
	t.Helper()
	db, err := gorm.Open(sqlitedriver.New(sqlitedriver.Config{DriverName: "sqlite", DSN: ":memory:"}), &gorm.Config{Logger: logger.Discard})
	if err != nil {
		t.Fatal(err)
	}
	pool, err := db.DB()
	if err != nil {
		t.Fatal(err)
	}
	pool.SetMaxOpenConns(1)
	t.Cleanup(func() {
		if n := pool.Stats().InUse; n != 0 {
			t.Errorf("%d connections are still in use", n)
		}
		_ = pool.Close()
	})
	c := newConn(db, d, new(server), config{})
	c.direct.Statement.ConnPool = brokenPool{c.direct.Statement.ConnPool}
	return c
}

// A second row whose value cannot be computed: the query fails after the first.
const failsLater = " UNION ALL SELECT 'on', abs(-9223372036854775808)"

// TestSettings_Read: the store remembers what the server has answered, also that it refuses the
// query; after a dead connection, or the end of a context, it asks again.
func TestSettings_Read(t *testing.T) {
	judge := func(row []string, _ func(string) bool) settings { return settings{charset: strings.Join(row, "|")} }
	for name, tt := range map[string]struct {
		query, want string
		remembered  bool
	}{
		"a row":              {"SELECT 'on', NULL", "on|", true},
		"no row":             {"SELECT 'on', 'off' WHERE 0", "", true},
		"another number":     {"SELECT max('on', 'off')", "", true},
		"refused":            {"SELECT of_no_function()", "", true},
		"fails later":        {"SELECT 'on', 'off'" + failsLater, "", true},
		"a dead connection":  {broken, "", false},
		"an ended context":   {"SELECT 'on', 'late'", "", false},
		"no settings at all": {"", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			c := openConn(t, &dialect{name: "sqlite", settingsQuery: tt.query, judge: judge})
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			if name == "an ended context" {
				cancel()
			}
			if err := c.checkSettings(ctx); err != nil {
				t.Errorf("checkSettings: %v", err)
			}
			if tt.query == "" {
				return
			}
			if got := c.settings(ctx).charset; got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if got := c.server.settings.Load() != nil; got != tt.remembered {
				t.Errorf("remembered: %t, want %t", got, tt.remembered)
			}
		})
	}
}

// TestSettings_Primary: the settings are those of the database to which dbresolver sends writes, or of
// the application's transaction.
func TestSettings_Primary(t *testing.T) {
	for _, inTx := range []bool{false, true} {
		c := openConn(t, &dialect{name: "sqlite", settingsQuery: "SELECT 'on'", judge: func([]string, func(string) bool) (found settings) { return found }})
		c.inTx = inTx
		resolved := 0
		if err := c.direct.Callback().Update().Register("gorm:db_resolver", func(*gorm.DB) { resolved++ }); err != nil {
			t.Fatal(err)
		}
		if c.settings(t.Context()); (resolved == 1) == inTx {
			t.Errorf("in a transaction: %t: dbresolver is asked %d times", inTx, resolved)
		}
	}
}

// TestSettings_TriedQuery: a setting matters only if the driver cannot read the result of a query
// under it. A connection that breaks, or a context that ends, does not show that.
func TestSettings_TriedQuery(t *testing.T) {
	for name, tt := range map[string]struct {
		query string
		ends  bool
		want  bool
	}{
		"read":              {"SELECT 1", false, true},
		"not read":          {"SELECT of_no_function()", false, false},
		"a dead connection": {broken, false, true},
		"an ended context":  {"SELECT of_no_function()", true, true},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			c := openConn(t, &dialect{name: "sqlite", settingsQuery: "SELECT 'x'", judge: func(_ []string, canRead func(string) bool) settings {
				if tt.ends {
					cancel()
				}
				return settings{unicode: canRead(tt.query)}
			}})
			if got := c.settings(ctx).unicode; got != tt.want {
				t.Errorf("readable: %t, want %t", got, tt.want)
			}
		})
	}
}

// TestSettings_Problems: a setting that would lose the store's own writes does not matter in a
// transaction that the application commits.
func TestSettings_Problems(t *testing.T) {
	for _, tt := range []struct {
		found settings
		inTx  bool
		want  string // "" means none
	}{
		{settings{}, false, ""},
		{settings{lost: "lost"}, false, "lost"},
		{settings{lost: "lost"}, true, ""},
		{settings{problem: "problem"}, true, "problem"},
		{settings{problem: "problem", lost: "lost"}, false, "problem"},
	} {
		c := &conn{dialect: &mysql, server: new(server), inTx: tt.inTx}
		c.server.settings.Store(&tt.found)
		err := c.checkSettings(t.Context())
		if tt.want == "" && err != nil || tt.want != "" && (!errors.Is(err, errSettings) || !strings.HasSuffix(err.Error(), ": "+tt.want)) {
			t.Errorf("%+v, in a transaction: %t: %v, want %q", tt.found, tt.inTx, err, tt.want)
		}
	}
}

// TestSettings_Values: a value that the connection would change is refused, and not quoted.
func TestSettings_Values(t *testing.T) {
	latin, plane0, nulls := settings{charset: "latin1", maxRune: 0x7F}, settings{charset: "utf8", maxRune: 0xFFFF}, settings{emptyIsNull: true}
	for _, tt := range []struct {
		found settings
		value any
		want  error
	}{
		{settings{}, "", nil}, {settings{}, []byte{}, nil}, {settings{}, "\U0010FFFF", nil},
		{latin, "a\x7f", nil}, {latin, "a\u0080", bff.ErrInvalidSession}, {latin, "", nil}, {latin, "é", bff.ErrInvalidSession},
		{plane0, "a\uffff", nil}, {plane0, "a\U00010000", bff.ErrInvalidSession},
		{nulls, "a", nil}, {nulls, "é", nil}, {nulls, "", errEmptyIsNull},
		{nulls, []byte{1}, nil}, {nulls, []byte(nil), nil}, {nulls, []byte{}, errEmptyIsNull}, {nulls, int64(0), nil},
	} {
		c := &conn{dialect: &mysql, server: new(server)}
		c.server.settings.Store(&tt.found)
		if err := c.checkValues(t.Context(), []any{int64(1), tt.value}); !errors.Is(err, tt.want) || err != nil && strings.ContainsFunc(err.Error(), func(r rune) bool { return r > 0x7F }) {
			t.Errorf("%+v: %q: %v, want %v", tt.found, tt.value, err, tt.want)
		}
	}
}

// TestLosesSavepoints: the store sets no savepoint only where the server is known to be a member
// of a group, which it asks once.
func TestLosesSavepoints(t *testing.T) {
	for name, tt := range map[string]struct {
		query            string
		want, remembered bool
	}{
		"a member":          {"SELECT 'group_name', 'aaaa'", true, true},
		"no member":         {"SELECT 'group_name', ''", false, true},
		"no such variable":  {"SELECT 'group_name', '' WHERE 0", false, true},
		"no such query":     {"", false, false},
		"refused":           {"SELECT of_no_function()", false, false},
		"another answer":    {"SELECT 'group_name'", false, false},
		"fails later":       {"SELECT 'group_name', 'aaaa'" + failsLater, false, false},
		"a dead connection": {broken, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			c := openConn(t, &dialect{name: "sqlite", groupName: tt.query})
			if got := c.losesSavepoints(t.Context()); got != tt.want {
				t.Errorf("got %t, want %t", got, tt.want)
			}
			if got := c.server.losesSavepoints.Load() != nil; got != tt.remembered {
				t.Fatalf("remembered: %t, want %t", got, tt.remembered)
			}
			if c.dialect.groupName = broken; tt.remembered && c.losesSavepoints(t.Context()) != tt.want {
				t.Errorf("the second answer is not %t", tt.want)
			}
		})
	}
}

// TestEndsTransaction: in the MySQL family, an error that asks for a retry has ended the whole
// transaction.
func TestEndsTransaction(t *testing.T) {
	for _, tt := range []struct {
		dialect *dialect
		inTx    bool
		err     error
		want    bool
	}{
		{&mysql, true, &numberError{1213, ""}, true}, {&mysql, true, &numberError{1062, ""}, false},
		{&mysql, false, &numberError{1213, ""}, false}, {&postgres, true, &pgError{"40P01"}, false},
	} {
		c := &conn{dialect: tt.dialect, inTx: tt.inTx}
		if got := c.endsTransaction(t.Context(), tt.err); got != tt.want {
			t.Errorf("%s %s, in a transaction: %t: %t, want %t", tt.dialect.name, errorCode(tt.err), tt.inTx, got, tt.want)
		}
	}
}
