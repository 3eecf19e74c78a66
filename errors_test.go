package usersession

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
)

// Errors with the fields and methods of the errors of drivers that the root module does
// not import.
type (
	pgError     struct{ state string }
	numberError struct { // go-sql-driver/mysql
		Number  uint16
		Message string
	}
	mssqlError   struct{ number int32 }
	modernError  struct{ code int } // modernc.org/sqlite
	ncruces      struct{ code ncrucesLong }
	ncrucesShort uint8
	ncrucesLong  uint16
	coded        struct{} // no database's
	secretError  struct{}
	severalError struct{ errs []error }
)

func (e *pgError) Error() string                 { return "duplicate of secret" }
func (e *pgError) SQLState() string              { return e.state }
func (e *numberError) Error() string             { return e.Message }
func (e mssqlError) Error() string               { return "truncated value: secret" }
func (e mssqlError) SQLErrorNumber() int32       { return e.number }
func (e *modernError) Error() string             { return "locked" }
func (e *modernError) Code() int                 { return e.code }
func (e *ncruces) Error() string                 { return "locked" }
func (e *ncruces) Code() ncrucesShort            { return ncrucesShort(e.code) }
func (e *ncruces) ExtendedCode() ncrucesLong     { return e.code }
func (e ncrucesShort) Error() string             { return "locked" }
func (e ncrucesShort) ExtendedCode() ncrucesLong { return ncrucesLong(e) }
func (e ncrucesLong) Error() string              { return "locked" }
func (e ncrucesLong) Code() ncrucesShort         { return ncrucesShort(e) }
func (coded) Error() string                      { return "coded" }
func (coded) Code() uint32                       { return 5 }
func (coded) ExtendedCode(int) int               { return 5 }
func (secretError) Error() string                { return "unable to encode secret" }
func (e severalError) Error() string             { return "several" }
func (e severalError) Unwrap() []error           { return e.errs }

func TestErrorCode(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want string
	}{
		{nil, ""},
		{io.EOF, ""},
		{&pgError{"40001"}, "40001"},
		{&numberError{Number: 1213}, "1213"},
		{mssqlError{2601}, "2601"},
		{&modernError{2067}, "2067"},
		{&ncruces{2067}, "2067"},
		{(*ncruces)(nil), ""},
		{ncrucesShort(5), "5"},
		{ncrucesLong(517), "517"},
		{coded{}, ""},
		{errors.Join(&ncruces{5}, io.EOF), "5"},
		{errors.New("failed to execute query INSERT INTO a VALUES (?)\nerror code = 2: Error executing statement: SQLite failure: `UNIQUE constraint failed: a.b`"), "2067"},
		{errors.New("failed to execute query INSERT INTO a VALUES (?)\nerror code = 2: Error executing statement: SQLite failure: `database is locked`"), "5"},
		{errors.New("failed to execute query SELECT 1\nerror code = 2: Error executing statement: SQLite failure: `disk I/O error`"), ""},
		{errors.New("\nerror code = 2: Error executing statement: SQLite failure: `no such table: a`"), "1"},
		{errors.New("database is locked"), ""},
		{fmt.Errorf("wrapped: %w", &pgError{"40P01"}), "40P01"},
		{severalError{[]error{io.EOF, &numberError{Number: 1062}}}, "1062"},
	} {
		if got := errorCode(tt.err); got != tt.want {
			t.Errorf("%T: %q, want %q", tt.err, got, tt.want)
		}
	}
}

func TestDatabaseErr_QuotesNoValues(t *testing.T) {
	s := &GormStore{conn: &conn{dialect: &mysql}, config: config{table: "user_sessions"}}
	for _, tt := range []struct {
		cause error
		want  string
	}{
		{&pgError{"23514"}, "database error 23514"},
		{&numberError{1366, "Incorrect string value: secret"}, "database error 1366"},
		{&numberError{1146, "secret"}, "database error 1146: does the table user_sessions exist, with"},
		{&numberError{1054, "secret"}, "database error 1054: does the table user_sessions exist, with"},
		{mssqlError{2628}, "database error 2628"},
		{mssqlError{0}, "database error 0: the server has ended the transaction"},
		{fmt.Errorf("secret: %w", syscall.EHOSTUNREACH), syscall.EHOSTUNREACH.Error()},
		{secretError{}, "database error (usersession.secretError)"},
		{fmt.Errorf("secret: %w", driver.ErrBadConn), driver.ErrBadConn.Error()},
		{fmt.Errorf("secret: %w", &net.OpError{Op: "dial", Net: "tcp", Err: io.EOF}), "EOF"},
	} {
		err := s.databaseErr(t.Context(), "create user session", tt.cause)
		if !strings.HasPrefix(err.Error(), "usersession: create user session: "+tt.want) {
			t.Errorf("%T: %q, want %q", tt.cause, err, tt.want)
		}
		for e := err; e != nil; e = errors.Unwrap(e) {
			if text := fmt.Sprintf("%v %+v %#v %s %q", e, e, e, e, e); strings.Contains(text, "secret") && !strings.Contains(tt.want, "secretError") {
				t.Errorf("%T: the error quotes a value: %s", tt.cause, text)
			}
		}
		if !errors.Is(err, tt.cause) {
			t.Errorf("%T: errors.Is does not find the cause", tt.cause)
		}
	}
	var found mssqlError
	if err := s.databaseErr(t.Context(), "", mssqlError{1205}); !errors.As(err, &found) || found.number != 1205 {
		t.Error("errors.As does not find the driver's error")
	}
}

func TestDatabaseErr_ContextEnded(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s := &GormStore{conn: &conn{dialect: &postgres}}
	if err := s.databaseErr(ctx, "get user session", &pgError{"57014"}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

type mysqlError struct { // go-sql-driver/mysql
	Number   uint16
	SQLState [5]byte
}

func (e *mysqlError) Error() string { return "secret" }

type detailedError struct { // pgx
	pgError
	Detail, ConstraintName string
}

// TestDatabaseErr_Remedy: the text of an error names the setting, or the part of the schema,
// that causes it.
func TestDatabaseErr_Remedy(t *testing.T) {
	state := [5]byte{'H', 'Y', '0', '0', '0'}
	for _, tt := range []struct {
		dialect *dialect
		err     error
		want    string
	}{
		{&postgres, &pgError{"57014"}, "statement_timeout"},
		{&postgres, &pgError{"55P03"}, "lock_timeout"},
		{&postgres, &pgError{"42501"}, "SELECT, INSERT, UPDATE and DELETE on auth.sessions"},
		{&postgres, &pgError{"42501"}, "USAGE on the sequence"},
		{&postgres, &pgError{"25P02"}, "an earlier error"},
		{&postgres, &pgError{"23514"}, "constraint"},
		{&postgres, &routineError{"ExecFindPartition", "23514"}, "no partition"},
		{&postgres, &pgError{"2200H"}, "bigint"},
		{&postgres, &pgError{"22003"}, "bigint"},
		{&postgres, &pgError{"22001"}, "too short"},
		{&postgres, &pgError{"0A000"}, "rule"},
		{&postgres, &pgError{"23503"}, "foreign key"},
		{&postgres, &pgError{"23502"}, "constraint"},
		{&postgres, &detailedError{pgError{"23505"}, "Key (id)=(7) exists.", ""}, "sequence is behind"},
		{&postgres, &detailedError{pgError{"23505"}, "Schlüssel »(partition_key, id)=(a, 7)«", ""}, "sequence is behind"},
		{&postgres, &detailedError{pgError{"23505"}, "Key (id, partition_key)=(7, a) exists.", ""}, "sequence is behind"},
		{&postgres, &detailedError{pgError{"23505"}, "", "auth_sessions_pkey"}, "sequence is behind"},
		{&mysql, &mysqlError{1205, state}, "innodb_lock_wait_timeout"},
		{&mysql, &mysqlError{1969, state}, "max_statement_time"},
		{&mysql, &mysqlError{3024, state}, "max_execution_time"},
		{&mysql, &mysqlError{1104, state}, "sql_big_selects"},
		{&mysql, &mysqlError{1142, state}, "SELECT, INSERT, UPDATE and DELETE on auth.sessions"},
		{&mysql, &mysqlError{1143, state}, "SELECT, INSERT, UPDATE and DELETE on auth.sessions"},
		{&mysql, &mysqlError{1526, state}, "no partition"},
		{&mysql, &mysqlError{3989, state}, "read-only"},
		{&mysql, &mysqlError{1836, state}, "read-only"},
		{&mysql, &mysqlError{1036, state}, "read-only"},
		{&mysql, &mysqlError{167, state}, "bigint"},
		{&mysql, &mysqlError{1467, state}, "bigint"},
		{&mysql, &mysqlError{1406, state}, "too short"},
		{&mysql, &mysqlError{1364, state}, "constraint"},
		{&mysql, &mysqlError{1452, [5]byte{'2', '3', '0', '0', '0'}}, "foreign key"},
		{&sqlite, &modernError{19 | 5<<8}, "constraint"},
		{&sqlite, &modernError{5}, "busy_timeout"},
		{&sqlite, &modernError{1}, "cache=shared"},
		{&sqlserver, mssqlError{229}, "SELECT, INSERT, UPDATE and DELETE on auth.sessions"},
		{&sqlserver, mssqlError{515}, "constraint"},
		{&sqlserver, mssqlError{50000}, "trigger"},
		{&postgres, errors.New("simple protocol queries must be run with client_encoding=UTF8"), "client_encoding=UTF8"},
	} {
		store := &GormStore{config: config{table: "auth.sessions"}, conn: &conn{dialect: tt.dialect}}
		text := store.databaseErr(t.Context(), "create", tt.err).Error()
		if !strings.Contains(text, tt.want) || strings.Contains(text, "secret") {
			t.Errorf("%s %s: %q, want %q in it", tt.dialect.name, errorCode(tt.err), text, tt.want)
		}
	}
}

// TestIsIDTaken_OtherIndexes: a conflict in another index is no sign of a sequence that is
// behind, whatever the values are.
func TestIsIDTaken_OtherIndexes(t *testing.T) {
	for _, detail := range []string{
		"Key (partition_key, key)=(app, (id)=(7)) already exists.", "Key (partition_key, session_id)=(app, sid) already exists.",
		"Key (device_id)=(7) already exists.", "Key (lower(key))=((id)=(7)) already exists.",
	} {
		if isIDTaken(&detailedError{pgError{"23505"}, detail, "idx"}) {
			t.Errorf("%q is taken for a conflict of the id", detail)
		}
	}
}

func TestSQLState(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want string
	}{
		{nil, ""}, {io.EOF, ""}, {&pgError{"23505"}, "23505"}, {&pgError{"1"}, ""},
		{&mysqlError{1644, [5]byte{'4', '5', '0', '0', '0'}}, "45000"}, {&mysqlError{1644, [5]byte{}}, ""},
		{fmt.Errorf("wrapped: %w", &pgError{"23505"}), "23505"},
	} {
		if got := sqlState(tt.err); got != tt.want {
			t.Errorf("%T: %q, want %q", tt.err, got, tt.want)
		}
	}
}

// TestIsRefusal_OtherErrors: an error of the whole statement is no refusal of one row.
func TestIsRefusal_OtherErrors(t *testing.T) {
	for _, tt := range []struct {
		dialect *dialect
		err     error
	}{
		{&postgres, &pgError{"57014"}}, {&postgres, &pgError{"42P01"}}, {&postgres, &pgError{"40001"}}, {&postgres, &pgError{"XX000"}},
		{&postgres, &pgError{"25006"}}, {&postgres, io.EOF},
		{&mysql, &mysqlError{1205, [5]byte{'H', 'Y', '0', '0', '0'}}}, {&mysql, &mysqlError{1213, [5]byte{'4', '0', '0', '0', '1'}}},
		{&mysql, &mysqlError{1969, [5]byte{'7', '0', '1', '0', '0'}}}, {&mysql, &mysqlError{1146, [5]byte{'4', '2', 'S', '0', '2'}}},
		{&sqlite, &modernError{5}}, {&sqlite, &modernError{8}}, {&sqlserver, mssqlError{1205}}, {&sqlserver, mssqlError{33557097}},
		{&postgres, &pgError{"1"}}, {&postgres, &pgError{"HV000"}}, {&sqlserver, mssqlError{33000000}}, {&mysql, &mysqlError{51000, [5]byte{'H', 'Y', '0', '0', '0'}}},
	} {
		if tt.dialect.isRefusal(tt.err) {
			t.Errorf("%s %s is taken for a refusal", tt.dialect.name, errorCode(tt.err))
		}
	}
}

// TestDatabaseError_EveryVerb: no verb of package fmt prints the database's own error, which quotes
// keys, also if the error is wrapped or is a field.
func TestDatabaseError_EveryVerb(t *testing.T) {
	err := error(&databaseError{text: "a duplicate", cause: errors.New("secret")})
	values := []any{err, fmt.Errorf("wrapped: %w", err), errors.Join(err, err), struct{ Err error }{err}, &struct{ Err error }{err}, []error{err}, map[string]error{"x": err}}
	for verb := 'A'; verb <= 'z'; verb++ {
		for _, flag := range []string{"", "+", "#", " ", "0", "-8", ".3"} {
			for _, value := range values {
				if text := fmt.Sprintf("%"+flag+string(verb), value); strings.Contains(text, "secret") || strings.Contains(text, "736563726574") {
					t.Errorf("%%%s%c of %T prints %q", flag, verb, value, text)
				}
			}
		}
	}
	if got := fmt.Sprintf("%v|%s|%q|%d|%#v|%#s", err, err, err, err, err, err); got != `a duplicate|a duplicate|"a duplicate"|a duplicate|"a duplicate"|a duplicate` {
		t.Errorf("got %s", got)
	}
}
