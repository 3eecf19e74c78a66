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

func (e *databaseError) GoString() string { return fmt.Sprintf("%q", e.text) }

func (e *databaseError) Is(target error) bool { return errors.Is(e.cause, target) }

func (e *databaseError) As(target any) bool { return errors.As(e.cause, target) }

// describe returns a text for an error that cannot quote a value: a server's error code,
// or the text of a connection's error.
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

// codeField returns the error code that a driver keeps in a field: Number in
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
