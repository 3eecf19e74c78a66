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

// An Identity is a string column of up to 200 UTF-16 code units that the database
// compares ordinally: upper and lower case differ, and so do composed and decomposed é.
type Identity string

// GormDataType implements [schema.GormDataTypeInterface].
func (Identity) GormDataType() string { return string(schema.String) }

// GormDBDataType returns the column type for the dialect of db, with a binary
// collation. For an unknown dialect it returns varchar(200), whose collation the
// database chooses. A size tag cannot give the length: with it, AutoMigrate would
// alter SQLite's text columns at every run.
func (Identity) GormDBDataType(db *gorm.DB, _ *schema.Field) string {
	switch db.Name() {
	case "postgres":
		// The collation "C" also does not depend on the operating system, whose
		// collations can change with an update and then corrupt text indexes.
		return `varchar(200) COLLATE "C"`
	case "mysql":
		return "varchar(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
	case "sqlserver":
		return "nvarchar(200) COLLATE Latin1_General_100_BIN2"
	case "sqlite":
		return "text" // SQLite compares it byte by byte unless the column has a collation
	default:
		return "varchar(200)"
	}
}

// A Timestamp is a column that stores an instant in UTC, exact to the microsecond. The
// zero Timestamp is stored as NULL.
//
// On MySQL the column is a datetime, which has no time zone. An application that reads
// rows through GORM itself must leave the driver's parameter loc at UTC, its default. The
// store does not depend on loc.
type Timestamp struct{ time.Time }

// GormDataType implements [schema.GormDataTypeInterface].
func (Timestamp) GormDataType() string { return string(schema.Time) }

// GormDBDataType returns the column type for the dialect of db. For an unknown dialect
// it returns "", so that GORM chooses the type.
func (Timestamp) GormDBDataType(db *gorm.DB, _ *schema.Field) string {
	switch db.Name() {
	case "postgres":
		return "timestamptz" // microseconds
	case "mysql":
		return "datetime(6)" // GORM's default of 3 digits would truncate the microseconds
	case "sqlserver":
		return "datetimeoffset(6)"
	case "sqlite":
		return "datetime" // stored as text, see package sqltime
	default:
		return ""
	}
}

// GormValue implements [gorm.Valuer]. It binds the time in a form that the connection's
// time zone does not change.
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

// Scan implements [database/sql.Scanner]. It reads times and their text in any form that
// the drivers return, and NULL as the zero Timestamp. On an error it leaves t unchanged.
func (t *Timestamp) Scan(value any) error {
	var read sqltime.Time
	if err := read.Scan(value); err != nil {
		return err
	}
	t.Time = read.Time
	return nil
}
