// Package sqltime writes times to a database and reads them back exactly: in UTC, to the
// microsecond, whatever time zone the connection has. The entities and the store use it.
package sqltime

import (
	"fmt"
	"time"
)

const (
	mysqlLayout  = "2006-01-02 15:04:05.000000"
	sqliteLayout = "2006-01-02 15:04:05.000000-07:00"
)

// UTC returns the time in UTC, truncated to the microsecond, as every store keeps it.
func UTC(t time.Time) time.Time {
	return t.UTC().Truncate(time.Microsecond)
}

// Bind returns the time as a statement's argument for the dialect: UTC, truncated to the
// microsecond. It is text for MySQL and SQLite, and a time.Time for every other dialect.
func Bind(dialect string, t time.Time) any {
	t = UTC(t)
	switch dialect {
	case "mysql":
		// The driver would convert a time.Time into the connection's zone, in which
		// one hour of the year may occur twice. It does not convert text.
		return t.Format(mysqlLayout)
	case "sqlite":
		// SQLite compares times as text, and its drivers write a time.Time in
		// different forms. This form has a fixed width, so that its order is that
		// of the times, and all of the drivers can read it.
		return t.Format(sqliteLayout)
	default:
		return t
	}
}

// A Time is a destination for Scan that is always in UTC.
type Time struct{ time.Time }

// Scan implements [database/sql.Scanner]. It accepts a time.Time, its text in any form that
// the drivers return, and NULL, which becomes the zero time. For any other value it returns
// an error, which does not contain the value, and leaves t unchanged.
func (t *Time) Scan(value any) error {
	switch v := value.(type) {
	case nil:
		t.Time = time.Time{}
	case time.Time:
		t.Time = UTC(v)
	case []byte:
		return t.parse(string(v))
	case string:
		return t.parse(v)
	default:
		return fmt.Errorf("cannot read a time from a %T", value)
	}
	return nil
}

// The layouts omit fractions of a second, since time.Parse accepts them anyway.
var layouts = []string{
	"2006-01-02 15:04:05",
	"2006-01-02 15:04:05-07:00",
	"2006-01-02 15:04:05 -0700 MST",
	time.RFC3339,
}

func (t *Time) parse(text string) error {
	for _, layout := range layouts {
		if parsed, err := time.Parse(layout, text); err == nil {
			t.Time = UTC(parsed)
			return nil
		}
	}
	return fmt.Errorf("cannot read a time from %d bytes of text", len(text))
}
