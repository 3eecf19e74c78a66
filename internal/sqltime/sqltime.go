// Package sqltime carries times to and from a database exactly: UTC, microseconds,
// whatever zone the connection is set to. Entities and store share it.
package sqltime

import (
	"fmt"
	"time"
)

const (
	mysqlLayout  = "2006-01-02 15:04:05.000000"
	sqliteLayout = "2006-01-02 15:04:05.000000-07:00"
)

// UTC returns the time as every store keeps it.
func UTC(t time.Time) time.Time {
	return t.UTC().Truncate(time.Microsecond)
}

// Bind returns the time in the form in which a statement of that dialect takes it.
func Bind(dialect string, t time.Time) any {
	t = UTC(t)
	switch dialect {
	case "mysql":
		// The driver would convert a time.Time into the connection's zone, where
		// one hour a year exists twice; text it leaves alone.
		return t.Format(mysqlLayout)
	case "sqlite":
		// SQLite compares times as text, and each of its drivers writes a
		// time.Time in a form of its own. This form has a fixed width, so it
		// sorts, and all of them read it back.
		return t.Format(sqliteLayout)
	default:
		return t
	}
}

// A Time reads a column into UTC. NULL reads as the zero time.
type Time struct{ time.Time }

// Scan implements [database/sql.Scanner] for what the drivers hand out: times, or
// the text of one.
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

// Fractions of a second need no place in a layout: time.Parse takes them anyway.
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
