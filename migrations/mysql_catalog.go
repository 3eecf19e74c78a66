package migrations

import (
	"context"
	"database/sql"
	"strings"

	"gorm.io/gorm"
)

func (mysql) tables(_ context.Context, db *gorm.DB) ([]string, error) {
	return names(db, "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE' ORDER BY table_name")
}

func (mysql) inspect(_ context.Context, db *gorm.DB, name string) (*Table, error) {
	table := &Table{Name: name}
	args := catalogName(name)
	err := each(db, `SELECT column_name, column_type, character_set_name, collation_name,
			is_nullable = 'NO', extra, column_default
		FROM information_schema.columns
		WHERE table_schema = COALESCE(?, DATABASE()) AND table_name = ?
		ORDER BY ordinal_position`, args, func(rows *sql.Rows) error {
		var column Column
		var extra string
		var charset, collation, defaults sql.NullString
		err := rows.Scan(&column.Name, &column.Type, &charset, &collation, &column.NotNull, &extra, &defaults)
		column.Charset, column.Collation = charset.String, collation.String
		column.Identity = strings.Contains(strings.ToLower(extra), "auto_increment")
		column.onUpdate = strings.Contains(strings.ToLower(extra), "on update")
		column.filled = strings.HasSuffix(strings.ToLower(extra), " generated") // VIRTUAL GENERATED, STORED GENERATED
		if defaults.Valid && !strings.EqualFold(defaults.String, "NULL") {      // MariaDB reports NULL for no default
			column.Default = defaults.String
			if column.Default == "" {
				column.Default = "''" // MySQL omits the quotes
			}
		}
		table.Columns = append(table.Columns, column)
		return err
	})
	if err != nil || len(table.Columns) == 0 {
		return nil, err
	}
	var partitions int
	err = scanOne(db.Raw(`SELECT COUNT(*) FROM information_schema.partitions
		WHERE table_schema = COALESCE(?, DATABASE()) AND table_name = ? AND partition_name IS NOT NULL`, args...), &partitions)
	if err != nil {
		return nil, err
	}
	table.partitioned = partitions > 0
	views, err := names(db, `SELECT table_name FROM information_schema.views
		WHERE table_schema = COALESCE(?, DATABASE()) AND table_name = ?`, args...)
	if err != nil {
		return nil, err
	}
	table.view = len(views) > 0
	err = each(db, `SELECT index_name, non_unique = 0, COALESCE(column_name, '(expression)'), COALESCE(sub_part, 0)
		FROM information_schema.statistics
		WHERE table_schema = COALESCE(?, DATABASE()) AND table_name = ?
		ORDER BY index_name, seq_in_index`, args, func(rows *sql.Rows) error {
		var index Index
		var column string
		var prefix int
		err := rows.Scan(&index.Name, &index.Unique, &column, &prefix)
		if prefix > 0 {
			column += "(prefix)" // differs from an index on the whole column
		}
		addToIndex(table, index, index.Name == "PRIMARY", column)
		return err
	})
	return table, err
}

// catalogName returns a table's schema and its name as arguments. The schema is NULL if it is
// the connection's. (Compared with a text of the statement, it would need that text's collation.)
func catalogName(table string) []any {
	schema, bare := splitName(table)
	if schema == "" {
		return []any{nil, bare}
	}
	return []any{schema, bare}
}

func (mysql) now() string {
	return "SELECT CAST(ROUND(UNIX_TIMESTAMP(NOW(3)) * 1000) AS SIGNED)"
}

// idleTimeouts finds the settings on MariaDB. MySQL has none, so it returns no rows there.
func (mysql) idleTimeouts() (query, remedy string) {
	return "SHOW VARIABLES WHERE Variable_name IN ('idle_transaction_timeout', 'idle_write_transaction_timeout')",
		"set it to a few seconds on the server, for example idle_transaction_timeout = 10 in my.cnf, or in the application's DSN"
}

func (mysql) ordinal(column Column) bool {
	return strings.HasSuffix(column.Collation, "_bin") || column.Collation == "binary" || column.Collation == ""
}
