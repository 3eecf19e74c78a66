package dbtest_test

import (
	"errors"
	"slices"
	"strconv"

	mysqldriver "github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"
	mssql "github.com/microsoft/go-mssqldb"
	modernc "modernc.org/sqlite"
)

// driverCode returns the code of the driver's error that an error of the store wraps. It
// finds that error as an application does. Without such an error it returns "".
func driverCode(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code
	}
	if e, ok := errors.AsType[*mysqldriver.MySQLError](err); ok {
		return strconv.Itoa(int(e.Number))
	}
	if e, ok := errors.AsType[mssql.Error](err); ok {
		return strconv.Itoa(int(e.Number))
	}
	if e, ok := errors.AsType[*modernc.Error](err); ok {
		return strconv.Itoa(e.Code())
	}
	return ""
}

// asksForRetry reports whether the error means that the application should retry its
// transaction.
func asksForRetry(err error) bool {
	return slices.Contains([]string{"40P01", "40001", "1213", "1020", "9007", "8022", "8028", "1105", "1205", "3960", "5", "517", "3101", "1180", "1030"}, driverCode(err))
}
