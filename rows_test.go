package usersession

import (
	"errors"
	"slices"
	"testing"
	"time"
)

// TestScanner_PlainColumns: a read of plain columns accepts only values that no setting of a
// connection changes: a time in UTC or as text, and printable ASCII without a question mark.
func TestScanner_PlainColumns(t *testing.T) {
	const utc, east = "2026-03-04 05:06:07.891011", "2026-03-04 05:06:07.891011+07:00"
	c := openConn(t, &sqlite)
	if err := c.direct.Exec("CREATE TABLE zoned (at datetime)").Error; err != nil {
		t.Fatal(err)
	}
	if err := c.direct.Exec("INSERT INTO zoned VALUES (?)", east).Error; err != nil {
		t.Fatal(err)
	}
	good := [6]any{"key ~", "alice", "sid", utc, utc, utc}
	for _, tt := range []struct {
		column  int
		value   any // nil: a time with a time zone
		inexact bool
	}{
		{0, "a b", false}, {0, "a?", true}, {0, "a\x1f", true}, {0, "a\x7f", true}, {0, "é", true},
		{1, "bob", false}, {1, "bo?", true}, {2, "", false}, {2, "?", true}, {2, "é", true},
		{3, nil, true}, {4, nil, true}, {5, nil, true},
	} {
		for _, known := range []bool{false, true} {
			values := good
			values[tt.column] = tt.value
			columns, args := "1, x'00' FROM zoned", []any(nil)
			for i := len(values) - 1; i >= 0; i-- {
				switch {
				case known && i == 0:
				case values[i] == nil:
					columns = "at, " + columns
				default:
					columns, args = "?, "+columns, slices.Insert(args, 0, values[i])
				}
			}
			for _, way := range []int{plain, exact} {
				scanner := newScanner("app", way)
				if known {
					scanner.session.Key, scanner.omitted = "a key that is known: ?", 1
				}
				err := func() error {
					rows, err := c.direct.Statement.ConnPool.QueryContext(t.Context(), "SELECT "+columns, args...)
					if err != nil {
						return err
					}
					defer rows.Close()
					rows.Next()
					return errors.Join(scanner.scan(rows), rows.Err())
				}()
				want := way == plain && tt.inexact && (tt.column > 0 || !known)
				if errors.Is(err, errInexact) != want || err != nil && !want {
					t.Errorf("column %d is %v, known key: %t, plain: %t: %v", tt.column, tt.value, known, way == plain, err)
				}
			}
		}
	}
}

func TestTimeColumn_InUTC(t *testing.T) {
	now := time.Now()
	for _, tt := range []struct {
		value any
		want  bool
	}{
		{now.UTC(), true}, {now.In(time.FixedZone("UTC", 0)), false}, {now.In(time.FixedZone("", 3600)), false},
		{time.Time{}, false}, // 0000-00-00 of MySQL
		{"2026-03-04 05:06:07", true}, {[]byte("2026-03-04 05:06:07"), true}, {nil, true},
	} {
		var column timeColumn
		if err := column.Scan(tt.value); err != nil || column.inUTC != tt.want {
			t.Errorf("%v: %t, %v; want %t", tt.value, column.inUTC, err, tt.want)
		}
	}
}

// TestScanner_Unreadable: a value that is not of its column's type is an error, not a session.
func TestScanner_Unreadable(t *testing.T) {
	c := openConn(t, &sqlite)
	for _, row := range []string{
		"'key', 'alice', 'sid', 'noon', '2026-03-04', '2026-03-04', 1, x'00'",
		"'key', 'alice', 'sid', '2026-03-04', '2026-03-04', '2026-03-04', 'first', x'00'",
	} {
		for _, way := range []int{plain, exact} {
			rows, err := c.direct.Statement.ConnPool.QueryContext(t.Context(), "SELECT "+row)
			if err != nil {
				t.Fatal(err)
			}
			if !rows.Next() {
				t.Fatal(rows.Err())
			}
			if err := newScanner("app", way).scan(rows); err == nil || errors.Is(err, errInexact) {
				t.Errorf("%s, plain: %t: %v, want an error of the value", row, way == plain, err)
			}
			if err := rows.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}
