package migrations

import (
	"context"
	"database/sql"
	"regexp"
	"strings"

	"gorm.io/gorm"
)

func (sqlite) tables(_ context.Context, db *gorm.DB) ([]string, error) {
	return names(db, "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name")
}

func (d sqlite) inspect(_ context.Context, db *gorm.DB, name string) (*Table, error) {
	table := &Table{Name: name}
	ddl, err := names(db, "SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ? COLLATE NOCASE", name)
	if err != nil || len(ddl) == 0 {
		return nil, err
	}
	err = each(db, `SELECT name, type, "notnull", COALESCE(dflt_value, ''), pk FROM pragma_table_info(?) ORDER BY cid`, []any{name}, func(rows *sql.Rows) error {
		var column Column
		var key int
		err := rows.Scan(&column.Name, &column.Type, &column.NotNull, &column.Default, &key)
		if key > 0 {
			table.PrimaryKey = append(table.PrimaryKey, column.Name)
			column.NotNull = true
			column.Identity = strings.Contains(strings.ToUpper(ddl[0]), "AUTOINCREMENT")
		}
		if collation := d.collationIn(ddl[0], column.Name); collation != "BINARY" {
			column.Collation = collation
		}
		table.Columns = append(table.Columns, column)
		return err
	})
	if err != nil {
		return nil, err
	}
	err = each(db, `SELECT l.name, l."unique", COALESCE(m.sql, ''), COALESCE(x.name, '(expression)'), x.coll
		FROM pragma_index_list(?) l
		JOIN pragma_index_xinfo(l.name) x ON x.key = 1
		LEFT JOIN sqlite_master m ON m.type = 'index' AND m.name = l.name
		WHERE l.origin <> 'pk'
		ORDER BY l.name, x.seqno`, []any{name}, func(rows *sql.Rows) error {
		var index Index
		var text, column, collation string
		err := rows.Scan(&index.Name, &index.Unique, &text, &column, &collation)
		if found := indexCondition.FindStringSubmatch(text); found != nil {
			index.Where = found[1]
		}
		index.folds = collation != "BINARY"
		addToIndex(table, index, false, column)
		return err
	})
	return table, err
}

var indexCondition = regexp.MustCompile(`(?is)\)\s*WHERE\s+(.+)$`)

// collationIn returns the collation of a column, BINARY by default. It parses the table's
// DDL, since the catalogue has the collation nowhere else.
func (sqlite) collationIn(ddl, column string) string {
	pattern := "(?is)[(,]\\s*[`\"\\[]?" + regexp.QuoteMeta(column) + "[`\"\\]]?\\s[^,]*?\\bCOLLATE\\s+[`\"\\[]?(\\w+)"
	if found := regexp.MustCompile(pattern).FindStringSubmatch(ddl); found != nil {
		return strings.ToUpper(found[1])
	}
	return "BINARY"
}

// SQLite uses the host's clock.
func (sqlite) now() string { return "" }

func (sqlite) idleTimeouts() (query, remedy string) { return "", "" }

func (sqlite) ordinal(column Column) bool { return column.Collation == "" }
