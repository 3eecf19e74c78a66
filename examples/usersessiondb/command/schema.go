package command

import (
	"fmt"
	"strings"

	"example.com/usersession/migrations"
)

// visible returns the schemas in which the database looks for a table without a schema and
// finds one. The first column is the schema in which it would create the table. The query for
// SQL Server has not been executed.
var visible = map[string]string{
	"postgres": `SELECT COALESCE(current_schema(), ''), n.nspname FROM (SELECT 1) AS one
		LEFT JOIN (pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace)
			ON c.relname = ? AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname = ANY (current_schemas(false))
		ORDER BY array_position(current_schemas(false), n.nspname)`,
	"sqlserver": `SELECT COALESCE(SCHEMA_NAME(), ''), s.name FROM (SELECT 1 AS one) AS once
		LEFT JOIN (sys.objects o JOIN sys.schemas s ON s.schema_id = o.schema_id)
			ON o.name = ? AND o.type IN ('U', 'V') AND s.name IN (SCHEMA_NAME(), 'dbo')
		ORDER BY CASE s.name WHEN SCHEMA_NAME() THEN 0 ELSE 1 END`,
}

// checkSchema refuses a database in which a table of the project is not in the schema in which
// a migration would create it, or in several schemas: the live sessions would be in another
// table than the migrations. A table whose name has a schema is not looked for.
func (r *runner) checkSchema(t *target) error {
	query, ok := visible[t.dialect.Name]
	if !ok {
		return nil
	}
	names, err := r.tableNames(t)
	if err != nil {
		return err
	}
	for _, table := range append(names, migrations.VersionTable) {
		if strings.Contains(table, ".") {
			continue
		}
		creates, found, err := t.schemasOf(query, table)
		switch {
		case err != nil:
			return fmt.Errorf("find the schema of %s: %w", table, err)
		case creates == "":
			return fmt.Errorf("no schema of the search_path exists, so that no table can be created: create the first one, or name another in the DSN's search_path")
		case len(found) == 0:
		case found[0] != creates:
			return fmt.Errorf("the table %s is in the schema %s, but new tables go to the schema %s: %s", table, found[0], creates, t.firstSchema(found[0]))
		case len(found) > 1 && table != migrations.VersionTable:
			return fmt.Errorf("there is a table %s in each of the schemas %s: take all but one out of the search_path, or name the schema in the naming strategy", table, strings.Join(found, ", "))
		}
	}
	return nil
}

func (t *target) schemasOf(query, table string) (creates string, found []string, err error) {
	rows, err := t.gorm.Raw(query, table).Rows()
	if err != nil {
		return "", nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var schema *string
		if err := rows.Scan(&creates, &schema); err != nil {
			return "", nil, err
		}
		if schema != nil {
			found = append(found, *schema)
		}
	}
	return creates, found, rows.Err()
}

func (t *target) firstSchema(schema string) string {
	if t.dialect.Name == "sqlserver" {
		return "make it the default schema of the account, or name it in the naming strategy"
	}
	return fmt.Sprintf("put %s first in the DSN's search_path, or name it in the naming strategy", schema)
}
