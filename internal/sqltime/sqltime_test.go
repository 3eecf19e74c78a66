package sqltime_test

import (
	"testing"
	"time"

	"example.com/usersession/internal/sqltime"
)

var (
	berlin = time.FixedZone("CET", 3600)
	given  = time.Date(2026, 3, 4, 5, 6, 7, 123456789, berlin)
	kept   = time.Date(2026, 3, 4, 4, 6, 7, 123456000, time.UTC)
)

func TestBind(t *testing.T) {
	for dialect, want := range map[string]any{
		"mysql":     "2026-03-04 04:06:07.123456",
		"sqlite":    "2026-03-04 04:06:07.123456+00:00",
		"postgres":  kept,
		"sqlserver": kept,
		"unknown":   kept,
	} {
		if got := sqltime.Bind(dialect, given); got != want {
			t.Errorf("%s: %v, want %v", dialect, got, want)
		}
	}
}

// TestBind_SQLiteOrder checks that the text for SQLite sorts in the order of the times.
func TestBind_SQLiteOrder(t *testing.T) {
	times := []time.Time{
		time.Date(1, 1, 1, 0, 0, 0, 1000, time.UTC),
		time.Date(999, 12, 31, 23, 59, 59, 0, time.UTC),
		kept.Truncate(time.Second),
		kept.Truncate(time.Second).Add(time.Microsecond),
		kept.Truncate(time.Second).Add(100 * time.Millisecond),
		kept,
		time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC),
	}
	for i := 1; i < len(times); i++ {
		a, b := sqltime.Bind("sqlite", times[i-1]).(string), sqltime.Bind("sqlite", times[i]).(string)
		if a >= b {
			t.Errorf("%q does not sort before %q", a, b)
		}
	}
}

func TestScan(t *testing.T) {
	for name, tt := range map[string]struct {
		value any
		want  time.Time
	}{
		"NULL":                  {nil, time.Time{}},
		"a time":                {given, kept},
		"MySQL's text":          {[]byte("2026-03-04 04:06:07.123456"), kept},
		"MySQL's short text":    {"2026-03-04 04:06:07", kept.Truncate(time.Second)},
		"SQLite's text":         {"2026-03-04 04:06:07.123456+00:00", kept},
		"another zone's text":   {"2026-03-04 05:06:07.123456+01:00", kept},
		"text of time.String":   {"2026-03-04 05:06:07.123456 +0100 CET", kept},
		"SQLite's date":         {"2026-03-04", kept.Truncate(24 * time.Hour)},
		"SQLite's T":            {"2026-03-04T04:06:07.123456", kept},
		"SQLite's Z":            {"2026-03-04 04:06:07.123456Z", kept},
		"SQLite's minute":       {"2026-03-04 04:06", kept.Truncate(time.Minute)},
		"seconds":               {kept.Unix(), kept.Truncate(time.Second)},
		"milliseconds":          {kept.UnixMilli(), kept.Truncate(time.Millisecond)},
		"RFC 3339":              {"2026-03-04T05:06:07.123456+01:00", kept},
		"the first microsecond": {"0001-01-01 00:00:00.000001", time.Date(1, 1, 1, 0, 0, 0, 1000, time.UTC)},
	} {
		t.Run(name, func(t *testing.T) {
			var got sqltime.Time
			if err := got.Scan(tt.value); err != nil {
				t.Fatal(err)
			}
			if !got.Equal(tt.want) || got.Location() != time.UTC {
				t.Errorf("got %v, want %v", got.Time, tt.want)
			}
		})
	}
	for _, value := range []any{"", "yesterday", []byte{0xff}, 7, "2026-13-01 00:00:00", "2026-02-30 00:00:00.000000", "2026-13-01 00:00:00.000000+00:00", "2026-01-01 24:00:00.000000", "2026-01-01 00:00:60.000000", "2026-01-00 00:00:00.000000", "2026x01-01 00:00:00.000000"} {
		if err := new(sqltime.Time).Scan(value); err == nil {
			t.Errorf("%v: no error", value)
		}
	}
}

func FuzzScan(f *testing.F) {
	f.Add("2026-03-04 04:06:07.123456")
	f.Add("2026-03-04 04:06:07+00:00")
	f.Fuzz(func(t *testing.T, text string) {
		var first, second sqltime.Time
		if first.Scan(text) != nil || first.Year() < 1 || first.Year() > 9999 {
			return
		}
		if got, want := sqltime.Bind("mysql", first.Time), first.Format("2006-01-02 15:04:05.000000"); got != want {
			t.Errorf("Bind returns %v, want %v", got, want)
		}
		// Binding a time and reading it again does not change it.
		for _, dialect := range []string{"mysql", "sqlite", "postgres"} {
			if err := second.Scan(sqltime.Bind(dialect, first.Time)); err != nil || !second.Equal(first.Time) {
				t.Errorf("%s: %q was read as %v, and after Bind as %v (%v)", dialect, text, first, second, err)
			}
		}
	})
}
