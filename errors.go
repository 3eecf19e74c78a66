package usersession

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"reflect"
	"slices"
	"syscall"

	"example.com/usersession/bff"
)

// A databaseError is a failure of the database, told without the database's own
// words: a server or driver quotes values in them, and here the values are keys and
// tickets. That is also why there is no Unwrap: whoever walks the chain to print it
// finds nothing to print. [errors.Is] and [errors.As] reach the cause.
type databaseError struct {
	text  string
	cause error
}

func (e *databaseError) Error() string { return e.text }

func (e *databaseError) GoString() string { return fmt.Sprintf("%q", e.text) }

func (e *databaseError) Is(target error) bool { return errors.Is(e.cause, target) }

func (e *databaseError) As(target any) bool { return errors.As(e.cause, target) }

// databaseErr makes the error that a caller gets of an operation that failed in the
// database.
func (s *GormStore) databaseErr(ctx context.Context, operation string, err error) error {
	if ctx.Err() != nil {
		// Drivers report a context that ended in ways of their own.
		return wrap(operation, ctx.Err())
	}
	text := "usersession: " + operation + ": " + describe(err)
	if slices.Contains(s.dialect.wrongTable, errorCode(err)) {
		text += ": is the table " + s.table + " there, with every column of entities.UserSession? WithTable names another one"
	}
	return &databaseError{text: text, cause: err}
}

// bffErrors are the errors that mean what package bff says, and are nothing wrong with
// the database.
var bffErrors = []error{
	bff.ErrSessionNotFound, bff.ErrSessionExists, bff.ErrSessionChanged, bff.ErrInvalidSession, bff.ErrInvalidFilter,
}

func isOurs(err error) bool {
	return slices.ContainsFunc(bffErrors, func(known error) bool { return errors.Is(err, known) })
}

func wrap(operation string, err error) error {
	return fmt.Errorf("usersession: %s: %w", operation, err)
}

// describe says as much of an error as cannot quote a value: a server's code, or the
// text of an error of the connection.
func describe(err error) string {
	if code := errorCode(err); code != "" {
		return "database error " + code
	}
	for _, known := range []error{
		context.Canceled, context.DeadlineExceeded, driver.ErrBadConn, sql.ErrConnDone, sql.ErrTxDone, io.EOF, io.ErrUnexpectedEOF,
	} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	if network, ok := errors.AsType[*net.OpError](err); ok {
		return network.Error()
	}
	if number, ok := errors.AsType[syscall.Errno](err); ok {
		return number.Error()
	}
	return fmt.Sprintf("database error (%T)", err)
}

// errorCode returns the code that a server gave an error: an SQLSTATE, or for MySQL,
// SQL Server and SQLite (extended) a number. It returns "" for an error that no
// server made. It knows the drivers' errors by their shape, so that importing the
// store imports no driver.
func errorCode(err error) string {
	switch e := err.(type) {
	case nil:
		return ""
	case interface{ SQLState() string }: // pgx, lib/pq
		return e.SQLState()
	case interface{ SQLErrorNumber() int32 }: // go-mssqldb
		return fmt.Sprint(e.SQLErrorNumber())
	case interface{ Code() int }: // the pure-Go drivers of SQLite
		return fmt.Sprint(e.Code())
	}
	if code := codeField(err); code != "" {
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

// codeField returns the code of an error that has it in a field: Number in
// go-sql-driver/mysql, ExtendedCode in mattn/go-sqlite3.
func codeField(err error) string {
	v := reflect.Indirect(reflect.ValueOf(err))
	if v.Kind() != reflect.Struct {
		return ""
	}
	for _, name := range []string{"Number", "ExtendedCode"} {
		switch field := v.FieldByName(name); {
		case !field.IsValid():
		case field.CanUint():
			return fmt.Sprint(field.Uint())
		case field.CanInt():
			return fmt.Sprint(field.Int())
		}
	}
	return ""
}
