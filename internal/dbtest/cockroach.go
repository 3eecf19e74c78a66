package dbtest

import (
	"strings"
	"testing"

	"gorm.io/gorm"
)

// StripCollation takes COLLATE "C" out of the DDL that db runs from now on. CockroachDB
// refuses it in CREATE TABLE, and compares strings byte by byte anyway. That the clause
// goes is tested on PostgreSQL; on CockroachDB itself it has not run here.
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
