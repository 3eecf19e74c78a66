package usersession

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
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
