package migrations

import (
	"context"
	"database/sql"
	"regexp"
	"strings"

	"gorm.io/gorm"
)

func (postgres) tables(_ context.Context, db *gorm.DB) ([]string, error) {
	return names(db, "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY tablename")
}

func (d postgres) inspect(_ context.Context, db *gorm.DB, name string) (*Table, error) {
	regclass := d.quote(name)
	table := &Table{Name: name}
	err := each(db, `SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
			COALESCE(pg_get_expr(d.adbin, d.adrelid), ''), a.attidentity <> '',
			CASE WHEN a.attcollation <> t.typcollation THEN c.collname ELSE '' END,
			COALESCE(to_jsonb(c)->>'collisdeterministic', 'true'),
			CASE WHEN t.typtype = 'd' THEN format_type(t.typbasetype, t.typtypmod) ELSE '' END, t.typnotnull, t.typdefault IS NOT NULL
		FROM pg_attribute a
		JOIN pg_type t ON t.oid = a.atttypid
		LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
		LEFT JOIN pg_collation c ON c.oid = a.attcollation
		WHERE a.attrelid = to_regclass(?) AND a.attnum > 0 AND NOT a.attisdropped
		ORDER BY a.attnum`, []any{regclass}, func(rows *sql.Rows) error {
		var column Column
		var deterministic string
		err := rows.Scan(&column.Name, &column.Type, &column.NotNull, &column.Default, &column.Identity, &column.Collation, &deterministic, &column.base,
			&column.refusesNull, &column.filled)
		column.Type = unquoted.ReplaceAllString(column.Type, "$1")
		if strings.HasPrefix(strings.ReplaceAll(column.Default, `"`, ""), "nextval(") {
			column.Identity, column.Default = true, ""
		}
		column.nondeterministic = deterministic == "false"
		table.Columns = append(table.Columns, column)
		return err
	})
	if err != nil || len(table.Columns) == 0 {
		return nil, err
	}
	kind := ""
	if err := scanOne(db.Raw("SELECT relkind::text FROM pg_class WHERE oid = to_regclass(?)", regclass), &kind); err != nil {
		return nil, err
	}
	table.partitioned, table.view = kind == "p", kind == "v"
	var invalid Table
	// Servers before version 15 do not have indnullsnotdistinct; as JSON it reads as NULL.
	err = each(db, `SELECT i.relname, x.indisunique, x.indisprimary,
			COALESCE(pg_get_expr(x.indpred, x.indrelid), ''),
			COALESCE(to_jsonb(x)->>'indnullsnotdistinct', 'false'),
			COALESCE(a.attname, '(expression)'), x.indisvalid
		FROM pg_index x
		JOIN pg_class i ON i.oid = x.indexrelid
		CROSS JOIN LATERAL generate_series(1, x.indnkeyatts) AS k
		LEFT JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = x.indkey[k - 1] AND a.attnum > 0
		WHERE x.indrelid = to_regclass(?)
		ORDER BY i.relname, k`, []any{regclass}, func(rows *sql.Rows) error {
		var index Index
		var primary, valid bool
		var nullsEqual, column string
		err := rows.Scan(&index.Name, &index.Unique, &primary, &index.Where, &nullsEqual, &column, &valid)
		index.nullsEqual = nullsEqual == "true"
		if valid {
			addToIndex(table, index, primary, column)
		} else {
			addToIndex(&invalid, index, false, column)
		}
		return err
	})
	table.invalid = invalid.Indexes
	return table, err
}

// With quote_all_identifiers, the server also quotes the names of types that need no quotes.
var unquoted = regexp.MustCompile(`"([a-z][a-z0-9_]*)"`)

func (postgres) now() string {
	return "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint)"
}

func (postgres) idleTimeouts() (query, remedy string) {
	return "SELECT name, setting FROM pg_settings WHERE name = 'idle_in_transaction_session_timeout'",
		"set it to a few seconds for the application's role, for example ALTER ROLE app SET idle_in_transaction_session_timeout = '10s'"
}

func (postgres) ordinal(column Column) bool { return !column.nondeterministic }
