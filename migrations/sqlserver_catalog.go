package migrations

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"gorm.io/gorm"
)

func (sqlserver) tables(_ context.Context, db *gorm.DB) ([]string, error) {
	return names(db, "SELECT name FROM sys.tables WHERE schema_id = SCHEMA_ID() ORDER BY name")
}

func (d sqlserver) inspect(_ context.Context, db *gorm.DB, name string) (*Table, error) {
	object := d.quote(name)
	table := &Table{Name: name}
	err := each(db, `SELECT c.name, t.name, c.max_length, c.precision, c.scale, COALESCE(c.collation_name, ''),
			CASE WHEN c.is_nullable = 0 THEN 1 ELSE 0 END, CASE WHEN c.is_identity = 1 THEN 1 ELSE 0 END, COALESCE(d.definition, '')
		FROM sys.columns c
		JOIN sys.types t ON t.user_type_id = c.user_type_id
		LEFT JOIN sys.default_constraints d ON d.object_id = c.default_object_id
		WHERE c.object_id = OBJECT_ID(?)
		ORDER BY c.column_id`, []any{object}, func(rows *sql.Rows) error {
		var column Column
		var base string
		var length, precision, scale, notNull, identity int
		err := rows.Scan(&column.Name, &base, &length, &precision, &scale, &column.Collation, &notNull, &identity, &column.Default)
		column.Type = d.liveType(base, length, precision, scale)
		column.NotNull, column.Identity = notNull == 1, identity == 1
		table.Columns = append(table.Columns, column)
		return err
	})
	if err != nil || len(table.Columns) == 0 {
		return nil, err
	}
	err = each(db, `SELECT i.name, CASE WHEN i.is_unique = 1 THEN 1 ELSE 0 END, CASE WHEN i.is_primary_key = 1 THEN 1 ELSE 0 END,
			COALESCE(i.filter_definition, ''), c.name
		FROM sys.indexes i
		JOIN sys.index_columns k ON k.object_id = i.object_id AND k.index_id = i.index_id AND k.is_included_column = 0
		JOIN sys.columns c ON c.object_id = k.object_id AND c.column_id = k.column_id
		WHERE i.object_id = OBJECT_ID(?) AND i.name IS NOT NULL
		ORDER BY i.name, k.key_ordinal`, []any{object}, func(rows *sql.Rows) error {
		var index Index
		var unique, primary int
		var column string
		err := rows.Scan(&index.Name, &unique, &primary, &index.Where, &column)
		index.Unique = unique == 1
		addToIndex(table, index, primary == 1, column)
		return err
	})
	return table, err
}

// liveType returns a type of the catalogue in the form of DDL. The catalogue has lengths in
// bytes, and -1 for max.
func (sqlserver) liveType(base string, length, precision, scale int) string {
	switch base = strings.ToLower(base); base {
	case "nvarchar", "nchar":
		if length > 0 {
			length /= 2
		}
		fallthrough
	case "varchar", "char", "varbinary", "binary":
		if length < 0 {
			return base + "(max)"
		}
		return fmt.Sprintf("%s(%d)", base, length)
	case "datetimeoffset", "datetime2", "time":
		return fmt.Sprintf("%s(%d)", base, scale)
	case "decimal", "numeric":
		return fmt.Sprintf("%s(%d,%d)", base, precision, scale)
	default:
		return base
	}
}

func (sqlserver) now() string {
	return "SELECT DATEDIFF_BIG(millisecond, '19700101', SYSUTCDATETIME())"
}

func (sqlserver) idleTimeouts() (query, remedy string) { return "", "" }

func (sqlserver) ordinal(column Column) bool {
	name := strings.ToUpper(column.Collation)
	return strings.HasSuffix(name, "_BIN") || strings.HasSuffix(name, "_BIN2") || strings.HasSuffix(name, "_BIN2_UTF8") || name == ""
}
