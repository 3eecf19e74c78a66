package entities

import (
	"context"
	"database/sql/driver"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/schema"

	"example.com/usersession/internal/sqltime"
)

// An Identity is a string column of up to 200 UTF-16 code units that a database
// compares ordinally: upper and lower case differ, and so do é and é.
type Identity string

// GormDataType implements [schema.GormDataTypeInterface].
func (Identity) GormDataType() string { return string(schema.String) }

// GormDBDataType returns the column type for the dialect of db, with a binary
// collation. The length stands here and not in a size tag, which would make
// AutoMigrate alter SQLite's text at every run.
func (Identity) GormDBDataType(db *gorm.DB, _ *schema.Field) string {
	switch db.Name() {
	case "postgres":
		// "C" is also immune to the changes of the operating system's
		// collations that silently break text indexes.
		return `varchar(200) COLLATE "C"`
	case "mysql":
		return "varchar(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
	case "sqlserver":
		return "nvarchar(200) COLLATE Latin1_General_100_BIN2"
	case "sqlite":
		return "text" // compared byte by byte unless a column says otherwise
	default:
		return "varchar(200)"
	}
}

// A Timestamp is a column that keeps an instant exactly to the microsecond, in UTC.
// The zero Timestamp is NULL.
//
// On MySQL it is a datetime, which knows no zone: an application that reads rows
// through GORM itself leaves the driver's loc at UTC. The store does not depend on it.
type Timestamp struct{ time.Time }

// GormDataType implements [schema.GormDataTypeInterface].
func (Timestamp) GormDataType() string { return string(schema.Time) }

// GormDBDataType returns the column type for the dialect of db. For a dialect that
// it does not know it returns "", which leaves the type to GORM.
func (Timestamp) GormDBDataType(db *gorm.DB, _ *schema.Field) string {
	switch db.Name() {
	case "postgres":
		return "timestamptz" // microseconds
	case "mysql":
		return "datetime(6)" // GORM's default of 3 would cut off the microseconds
	case "sqlserver":
		return "datetimeoffset(6)"
	case "sqlite":
		return "datetime" // text, see package sqltime
	default:
		return ""
	}
}

// GormValue implements [gorm.Valuer]: it binds the time in a form that the zone of
// the connection cannot change.
func (t Timestamp) GormValue(_ context.Context, db *gorm.DB) clause.Expr {
	if t.IsZero() {
		return clause.Expr{SQL: "NULL"}
	}
	return clause.Expr{SQL: "?", Vars: []any{sqltime.Bind(db.Name(), t.Time)}}
}

// Value implements [driver.Valuer] for use without GORM.
func (t Timestamp) Value() (driver.Value, error) {
	if t.IsZero() {
		return nil, nil
	}
	return sqltime.UTC(t.Time), nil
}

// Scan implements [database/sql.Scanner].
func (t *Timestamp) Scan(value any) error {
	var read sqltime.Time
	if err := read.Scan(value); err != nil {
		return err
	}
	t.Time = read.Time
	return nil
}
