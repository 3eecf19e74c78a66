package main

import (
	"context"
	"fmt"
	"strings"
)

// sizes are the bytes of a table and of its indexes. On MySQL the table is the primary key.
type sizes struct {
	table   int64
	indexes map[string]int64
}

func (s sizes) all() int64 {
	sum := s.table
	for _, size := range s.indexes {
		sum += size
	}
	return sum
}

// sizeQueries return a name and a size for each index, and for the table under the name "".
var sizeQueries = map[string]string{
	"postgres": `SELECT '', pg_table_size('user_sessions'::regclass)
		UNION ALL SELECT indexrelid::regclass::text, pg_relation_size(indexrelid) FROM pg_index WHERE indrelid = 'user_sessions'::regclass`,
	"mysql": `SELECT CASE index_name WHEN 'PRIMARY' THEN '' ELSE index_name END, stat_value * @@innodb_page_size
		FROM mysql.innodb_index_stats WHERE database_name = DATABASE() AND table_name = 'user_sessions' AND stat_name = 'size'`,
	// The indexes have no sizes of their own: SQLite counts them only if it was built so.
	"sqlite": `SELECT '', page_count * page_size FROM pragma_page_count, pragma_page_size`,
}

func (s *scaled) measureSizes(ctx context.Context) (sizes, error) {
	result := sizes{indexes: map[string]int64{}}
	rows, err := s.pool.QueryContext(ctx, sizeQueries[s.name])
	if err != nil {
		return result, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var name string
		var size int64
		if err := rows.Scan(&name, &size); err != nil {
			return result, err
		}
		if name == "" {
			result.table = size
		} else {
			result.indexes[name[strings.LastIndex(name, "_")+1:]] = size
		}
	}
	return result, rows.Err()
}

// cacheQueries return the memory in which the server keeps pages.
var cacheQueries = map[string]string{
	"postgres": "SELECT 'shared_buffers ' || current_setting('shared_buffers')",
	"mysql":    "SELECT CONCAT('innodb_buffer_pool_size ', @@innodb_buffer_pool_size >> 20, ' MB')",
}

func printSizes(ctx context.Context, e *engine, out *report, tables []*scaled) error {
	if query := cacheQueries[e.name]; query != "" {
		var cache string
		if err := tables[0].pool.QueryRowContext(ctx, query).Scan(&cache); err != nil {
			return err
		}
		out.printf("\n%s.\n", cache)
	}
	out.printf("\nTickets of %d bytes, %d sessions of each user. Sizes:\n\n| sessions | table and indexes | bytes of a session | of which: table |", len(tables[0].ticket), ofUser)
	var names []string
	for _, name := range []string{"pkey", "key", "session", "subject", "expires"} {
		if _, ok := tables[0].sizes.indexes[name]; ok {
			names = append(names, name)
			out.printf(" index %s |", name)
		}
	}
	out.printf("\n|---:|---:|---:|---:|%s\n", strings.Repeat("---:|", len(names)))
	for _, s := range tables {
		each := func(size int64) string { return fmt.Sprintf("%.0f", float64(size)/float64(s.rows)) }
		out.printf("| %d | %.0f MB | %s | %s |", s.rows, float64(s.sizes.all())/1e6, each(s.sizes.all()), each(s.sizes.table))
		for _, name := range names {
			out.printf(" %s |", each(s.sizes.indexes[name]))
		}
		out.printf("\n")
	}
	return nil
}
