package usersession

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"syscall"
)

// A databaseError is a failure of the database without the database's own error text:
// servers and drivers quote values in it, and the values are keys and tickets. There is no
// Unwrap, so that code which prints a chain of errors cannot print the cause. [errors.Is]
// and [errors.As] reach the cause.
type databaseError struct {
	text  string
	cause error
}

func (e *databaseError) Error() string { return e.text }

// Format prints the text under every verb. Without Format, fmt would print the fields, and with
// them the cause, under a verb that is not for strings, such as %d.
func (e *databaseError) Format(f fmt.State, verb rune) {
	if verb == 'q' || verb == 'v' && f.Flag('#') {
		fmt.Fprintf(f, "%q", e.text)
		return
	}
	_, _ = io.WriteString(f, e.text)
}

func (e *databaseError) Is(target error) bool { return errors.Is(e.cause, target) }

func (e *databaseError) As(target any) bool { return errors.As(e.cause, target) }

// errSettings means that the connection's settings would lose or change what is written.
var errSettings = errors.New("the connection's settings do not fit")

// errEmptyIsNull means that the connection would write or look for NULL in place of an empty
// partition key, subject id or ticket.
var errEmptyIsNull = fmt.Errorf("%w: the connection's sql_mode has EMPTY_STRING_IS_NULL, which turns an empty partition key, subject id or ticket into NULL: "+
	"remove it from the DSN or from the server's configuration", errSettings)

// errKeptSilently is the reason why a row cannot be deleted if the database reports no error.
var errKeptSilently = errors.New("the DELETE returned no error, and the rows are still there")

// brokenConnErrs are the errors of a connection that the server or the network has closed.
var brokenConnErrs = []error{driver.ErrBadConn, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, syscall.ECONNRESET, syscall.EPIPE}

// driverTexts are the constant texts of errors that a driver gives no type and no code.
// They quote no values. The bool says whether the error means a broken connection.
var driverTexts = map[string]bool{
	// go-sql-driver/mysql
	"invalid connection": true,
	"malformed packet":   false,
	"busy buffer":        false,
	"TLS requested but server does not support TLS":                              false,
	"commands out of sync. You can't run this command now":                       false,
	"packet for query is too large. Try adjusting the `Config.MaxAllowedPacket`": false,
	"commands out of sync. Did you run multiple statements at once?":             false,
	"this authentication plugin is not supported":                                false,
	"this user requires mysql native password authentication":                    false,
	"MySQL server does not support required protocol 41+":                        false,
	// jackc/pgx
	"conn closed":                   true,
	"conn busy":                     false,
	"closed pool":                   false,
	"message body too large":        false,
	"server refused TLS connection": false,
	"simple protocol queries must be run with client_encoding=UTF8":           false,
	"simple protocol queries must be run with standard_conforming_strings=on": false,
	// go-mssqldb
	"invalid packet size, it is longer than buffer size": false,
	// ncruces/go-sqlite3
	"sqlite3: out of memory": false,
	// database/sql
	"sql: database is closed":  false,
	"sql: statement is closed": false,
}

// isBroken reports whether the error means that the connection is closed. It is false for a
// dial that fails, because a retry would fail in the same way.
func isBroken(err error) bool {
	if network, ok := errors.AsType[*net.OpError](err); ok && network.Op == "dial" {
		return false
	}
	if errorCode(err) != "" {
		return false // the server has answered
	}
	_, broken := driverText(err)
	return broken || slices.ContainsFunc(brokenConnErrs, func(known error) bool { return errors.Is(err, known) })
}

// driverText returns the first text of the chain that is in driverTexts.
func driverText(err error) (text string, broken bool) {
	for ; err != nil; err = errors.Unwrap(err) {
		if broken, ok := driverTexts[err.Error()]; ok {
			return err.Error(), broken
		}
	}
	return "", false
}

// describe returns a text for an error that cannot quote a value: a server's error code,
// or the text of a connection's error.
func describe(err error) string {
	switch code := errorCode(err); code {
	case "":
	case "0": // go-mssqldb itself returns it, without the server
		return "database error 0: the server has ended the transaction, as SQL Server does after an error with XACT_ABORT ON"
	default:
		return "database error " + code
	}
	for _, known := range []error{
		context.Canceled, context.DeadlineExceeded, driver.ErrBadConn, sql.ErrConnDone, sql.ErrTxDone, io.EOF, io.ErrUnexpectedEOF,
		errKeptSilently,
	} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	if network, ok := errors.AsType[*net.OpError](err); ok {
		return network.Error()
	}
	if text, _ := driverText(err); text != "" {
		return text
	}
	if number, ok := errors.AsType[syscall.Errno](err); ok {
		return number.Error()
	}
	return fmt.Sprintf("database error (%T)", err)
}

// errorCode returns the code of a server's error: an SQLSTATE, or for MySQL, SQL Server
// and SQLite (extended codes) a number. It returns "" for any other error. It recognises
// the drivers' errors by their methods and fields, so that the store imports no driver.
func errorCode(err error) string {
	switch e := err.(type) {
	case nil:
		return ""
	case interface{ SQLState() string }: // pgx, lib/pq
		return e.SQLState()
	case interface{ SQLErrorNumber() int32 }: // go-mssqldb
		return fmt.Sprint(e.SQLErrorNumber())
	case interface{ Code() int }: // modernc.org/sqlite, glebarez/go-sqlite
		return fmt.Sprint(e.Code())
	}
	if code := cmp.Or(codeField(err), codeMethod(err), codeOfLibsql(err)); code != "" {
		return code
	}
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		return errorCode(e.Unwrap())
	case interface{ Unwrap() []error }:
		for _, wrapped := range e.Unwrap() {
			if code := errorCode(wrapped); code != "" {
				return code
			}
		}
	}
	return ""
}

// libsqlTexts maps the beginning of SQLite's message to its code, for the driver of libsql,
// whose errors have no code.
var libsqlTexts = map[string]string{
	"database is locked":            sqliteBusy,
	"database table is locked":      sqliteLocked,
	"UNIQUE constraint failed":      sqliteConstraintUnique,
	"FOREIGN KEY constraint failed": sqliteConstraintForeignKey,
	"no such table":                 sqliteError,
	"no such column":                sqliteError,
}

// codeOfLibsql returns SQLite's code for an error of tursodatabase/go-libsql.
func codeOfLibsql(err error) string {
	const before = "\nerror code = 2: Error executing statement: SQLite failure: `"
	text := err.Error()
	if i := strings.LastIndex(text, before); i >= 0 {
		for beginning, code := range libsqlTexts {
			if strings.HasPrefix(text[i+len(before):], beginning) {
				return code
			}
		}
	}
	return ""
}

// sqlState returns the SQLSTATE of a server's error, or "" for any other error.
func sqlState(err error) string {
	for ; err != nil; err = errors.Unwrap(err) {
		if coded, ok := err.(interface{ SQLState() string }); ok && len(coded.SQLState()) == 5 {
			return coded.SQLState()
		}
		if state, ok := fieldValue[[5]byte](err, "SQLState"); ok && state[0] != 0 { // go-sql-driver/mysql
			return string(state[:])
		}
	}
	return ""
}

// isStalePlan reports whether PostgreSQL refused a prepared statement because the table has
// changed since its preparation. It looks at the Routine, since 0A000 has other meanings and
// its text is localized. The statement has done nothing, and the driver prepares it again.
func isStalePlan(err error) bool {
	for ; err != nil; err = errors.Unwrap(err) {
		if coded, ok := err.(interface{ SQLState() string }); ok {
			return coded.SQLState() == pgFeatureNotSupported && errorField(err, "Routine").String() == "RevalidateCachedQuery"
		}
	}
	return false
}

// isWithoutPartition reports whether PostgreSQL found no partition for a row. It looks at the
// Routine, since the violation of a constraint has the same code.
func isWithoutPartition(err error) bool {
	for ; err != nil; err = errors.Unwrap(err) {
		if coded, ok := err.(interface{ SQLState() string }); ok {
			return coded.SQLState() == pgCheckViolation && errorField(err, "Routine").String() == "ExecFindPartition"
		}
	}
	return false
}

// isIDTaken reports whether PostgreSQL refused a row because of its id, which comes from the
// column's sequence. The detail of such an error names the columns in every language. The
// detail is missing if the account may not read the columns, or with row level security: then
// the name of the index decides.
func isIDTaken(err error) bool {
	for ; err != nil; err = errors.Unwrap(err) {
		if coded, ok := err.(interface{ SQLState() string }); ok {
			detail, _ := fieldValue[string](err, "Detail")
			constraint, _ := fieldValue[string](err, "ConstraintName")
			return coded.SQLState() == pgUniqueViolation && (idInDetail.MatchString(detail) || detail == "" && strings.HasSuffix(constraint, "_pkey"))
		}
	}
	return false
}

// idInDetail matches a detail whose columns are id, alone or with the further column that the
// primary key of a partitioned table has.
var idInDetail = regexp.MustCompile(`^[^(]*\((?:[^()=]+, )?id(?:, [^()=]+)?\)=\(`)

// fieldValue returns a field of an error that is a struct or points to one.
func fieldValue[T any](err error, name string) (T, bool) {
	if v := errorField(err, name); v.IsValid() && v.CanInterface() {
		value, ok := v.Interface().(T)
		return value, ok
	}
	var zero T
	return zero, false
}

// errorField returns a field of an error that is a struct or points to one. For any other
// error it returns the zero Value.
func errorField(err error, name string) reflect.Value {
	v := reflect.Indirect(reflect.ValueOf(err))
	if v.Kind() != reflect.Struct {
		return reflect.Value{}
	}
	return v.FieldByName(name)
}

// codeField returns the error code that a driver keeps in a field: Number in
// go-sql-driver/mysql, ExtendedCode in mattn/go-sqlite3.
func codeField(err error) string {
	for _, name := range []string{"Number", "ExtendedCode"} {
		if code := integerText(errorField(err, name)); code != "" {
			return code
		}
	}
	return ""
}

// codeMethod returns the extended error code of an error of ncruces/go-sqlite3, whose
// integers have types of their own. An extended code is itself an error there.
func codeMethod(err error) string {
	v := reflect.ValueOf(err)
	if v.Kind() == reflect.Pointer && v.IsNil() {
		return ""
	}
	if code := integerText(callMethod(v.MethodByName("ExtendedCode"))); code != "" {
		return code
	}
	if integerText(callMethod(v.MethodByName("Code"))) != "" {
		return integerText(v)
	}
	return ""
}

// callMethod calls a method that has no parameters and one result. For any other method it
// returns the zero Value.
func callMethod(m reflect.Value) reflect.Value {
	if !m.IsValid() || m.Type().NumIn() != 0 || m.Type().NumOut() != 1 {
		return reflect.Value{}
	}
	return m.Call(nil)[0]
}

// integerText returns the text of an integer of any type, and "" for any other value.
func integerText(v reflect.Value) string {
	switch {
	case !v.IsValid():
	case v.CanUint():
		return fmt.Sprint(v.Uint())
	case v.CanInt():
		return fmt.Sprint(v.Int())
	}
	return ""
}
