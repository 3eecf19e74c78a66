package dbtest

import (
	"strings"
	"testing"

	"gorm.io/gorm"
)

// StripCollation removes COLLATE "C" from the DDL that db runs from now on. CockroachDB
// refuses the clause in CREATE TABLE, and compares strings byte by byte without it. A test
// checks the removal on PostgreSQL; it has not run on CockroachDB.
func StripCollation(t testing.TB, db *gorm.DB) {
	t.Helper()
	err := db.Callback().Raw().Before("gorm:raw").Replace("dbtest:strip_collation", func(db *gorm.DB) {
		statement := strings.ReplaceAll(db.Statement.SQL.String(), ` COLLATE "C"`, "")
		db.Statement.SQL.Reset()
		db.Statement.SQL.WriteString(statement)
	})
	if err != nil {
		t.Fatal(err)
	}
}
