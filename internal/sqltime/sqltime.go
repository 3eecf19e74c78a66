// Package sqltime writes times to a database and reads them back exactly: in UTC, to the
// microsecond, whatever time zone the connection has. The entities and the store use it.
package sqltime

import (
	"fmt"
	"strings"
	"time"
)

// Times in UTC have a fixed form for MySQL, "2006-01-02 15:04:05.000000". For SQLite, zone
// follows.
const (
	layout = "2006-01-02 15:04:05.000000"
	zone   = "+00:00"
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
		return format(t, "")
	case "sqlite":
		// SQLite compares times as text, and its drivers write a time.Time in
		// different forms. This form has a fixed width, so that its order is that
		// of the times, and all of the drivers can read it.
		return format(t, zone)
	default:
		return t
	}
}

// format returns a time in UTC as text, followed by suffix. It is faster than time.Format.
func format(t time.Time, suffix string) string {
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	if year < 0 || year > 9999 {
		return t.Format(layout) + suffix
	}
	var text [len(layout) + len(zone)]byte
	copy(text[:], layout)
	write := func(at, digits, value int) {
		for i := at + digits - 1; i >= at; i-- {
			text[i] = byte('0' + value%10)
			value /= 10
		}
	}
	write(0, 4, year)
	write(5, 2, int(month))
	write(8, 2, day)
	write(11, 2, hour)
	write(14, 2, minute)
	write(17, 2, second)
	write(20, 6, t.Nanosecond()/1000)
	return string(append(text[:len(layout)], suffix...))
}

// parseFixed reads a time in one of the forms of format.
func parseFixed(text string) (t time.Time, ok bool) {
	if text = strings.TrimSuffix(text, zone); len(text) != len(layout) {
		return t, false
	}
	for i := range len(layout) {
		isDigit := text[i] >= '0' && text[i] <= '9'
		if wantDigit := layout[i] >= '0' && layout[i] <= '9'; isDigit != wantDigit || !wantDigit && text[i] != layout[i] {
			return t, false
		}
	}
	read := func(at, digits int) (value int) {
		for _, digit := range []byte(text[at : at+digits]) {
			value = 10*value + int(digit-'0')
		}
		return value
	}
	month, day, hour, minute, second := read(5, 2), read(8, 2), read(11, 2), read(14, 2), read(17, 2)
	if month < 1 || month > 12 || hour > 23 || minute > 59 || second > 59 {
		return t, false
	}
	t = time.Date(read(0, 4), time.Month(month), day, hour, minute, second, read(20, 6)*1000, time.UTC)
	return t, t.Day() == day
}

// A Time is a destination for Scan that is always in UTC.
type Time struct{ time.Time }

// Scan implements [database/sql.Scanner]. It accepts a time.Time, its text in any form that
// the drivers return, a Unix time, and NULL, which becomes the zero time. For any other value
// it returns an error, which does not contain the value, and leaves t unchanged.
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
	case int64: // SQLite has no type for times; its drivers take a large number for milliseconds
		if v > 1e12 || v < -1e12 {
			t.Time = UTC(time.UnixMilli(v))
		} else {
			t.Time = UTC(time.Unix(v, 0))
		}
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
	"2006-01-02T15:04:05",
	"2006-01-02 15:04:05Z",
	"2006-01-02 15:04",
	"2006-01-02T15:04",
	"2006-01-02",
}

func (t *Time) parse(text string) error {
	if parsed, ok := parseFixed(text); ok {
		t.Time = parsed
		return nil
	}
	for _, layout := range layouts {
		if parsed, err := time.Parse(layout, text); err == nil {
			t.Time = UTC(parsed)
			return nil
		}
	}
	return fmt.Errorf("cannot read a time from %d bytes of text", len(text))
}
