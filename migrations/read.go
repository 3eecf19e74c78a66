package migrations

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/schema"
)

// ReadModel returns the tables that GORM maps the models to, in the dialect of the
// dialector and with the naming strategy of the configuration, which may be nil. It does
// not connect to a database.
//
// Parts of the models that the package does not cover are an [ErrRefused], which lists all
// of them; the Model is then returned as far as it is known. An unknown dialect is an
// [ErrDialect].
func ReadModel(dialector gorm.Dialector, config *gorm.Config, models ...any) (Model, error) {
	d, err := dialectOf(dialector.Name())
	if err != nil {
		return Model{}, err
	}
	db, err := openOffline(dialector, config)
	if err != nil {
		return Model{}, err
	}
	return readModel(db, d, models)
}

// readModel reads the tables of the models. It returns a [RefusedError] if a model has parts that are
// not generated.
func readModel(db *gorm.DB, d dialect, models []any) (Model, error) {
	model := Model{Dialect: d.name()}
	var reasons []string
	for _, value := range models {
		stmt := &gorm.Statement{DB: db}
		if err := stmt.Parse(value); err != nil {
			return Model{}, fmt.Errorf("migrations: read %T: %w", value, err)
		}
		table, refused := readTable(db, d, stmt.Schema)
		reasons = append(reasons, refused...)
		if model.Table(table.Name) != nil {
			reasons = append(reasons, fmt.Sprintf("%T is a second model of the table %s; list only one of them", value, table.Name))
			continue
		}
		model.Tables = append(model.Tables, table)
	}
	slices.SortFunc(model.Tables, func(a, b Table) int { return cmp.Compare(a.Name, b.Name) })
	return model, refusal(reasons)
}

// readTable reads the table of a model. reasons say which of its parts are not generated.
func readTable(db *gorm.DB, d dialect, s *schema.Schema) (table Table, reasons []string) {
	table.Name = s.Table
	refuse := func(format string, args ...any) {
		reasons = append(reasons, s.Table+": "+fmt.Sprintf(format, args...))
	}
	if schemaName, _ := splitName(s.Table); schemaName != "" && d.name() == "sqlite" {
		refuse("SQLite has no schemas; give the table a name without a dot for SQLite")
	}
	for _, name := range s.DBNames {
		field := s.FieldsByDBName[name]
		if field.IgnoreMigration {
			continue
		}
		column, err := readColumn(db, d, field)
		if err != nil {
			refuse("column %s: %v", name, err)
		}
		table.Columns = append(table.Columns, column)
	}
	for _, field := range s.PrimaryFields {
		table.PrimaryKey = append(table.PrimaryKey, field.DBName)
		table.Column(field.DBName).NotNull = true // PostgreSQL refuses an explicit NULL
	}
	if len(table.PrimaryKey) == 0 {
		refuse("there is no primary key; give the model one")
	}
	for _, name := range table.PrimaryKey {
		if d.name() == "sqlite" && len(table.PrimaryKey) > 1 && table.Column(name).Identity {
			refuse("SQLite auto-increments only a primary key of one column; tag %s with autoIncrement:false", name)
		}
	}
	for _, index := range s.ParseIndexes() {
		read, err := readIndex(d, index)
		if err != nil {
			refuse("index %s: %v", index.Name, err)
		}
		table.Indexes = append(table.Indexes, read)
	}
	// GORM lists indexes in the order of the struct's fields. Sorted by name, they keep
	// their order in the snapshot when a field is moved.
	slices.SortFunc(table.Indexes, func(a, b Index) int { return cmp.Compare(a.Name, b.Name) })
	reasons = append(reasons, readConstraints(db, s)...)
	return table, reasons
}

// readConstraints returns a reason for each constraint and join table that GORM's
// AutoMigrate would create and this package does not.
func readConstraints(db *gorm.DB, s *schema.Schema) (reasons []string) {
	for name, check := range s.ParseCheckConstraints() {
		reasons = append(reasons, fmt.Sprintf("%s: the check %s is not generated; remove the tag and write ALTER TABLE … ADD CONSTRAINT %s CHECK (%s) by hand", s.Table, name, name, check.Constraint))
	}
	for name, unique := range s.ParseUniqueConstraints() {
		reasons = append(reasons, fmt.Sprintf("%s: the unique constraint %s is not generated; tag the field %s with uniqueIndex instead of unique", s.Table, name, unique.Field.Name))
	}
	for name, relation := range s.Relationships.Relations {
		switch {
		case relation.Field.IgnoreMigration:
		case relation.JoinTable != nil:
			reasons = append(reasons, fmt.Sprintf("%s: the join table of %s is not generated; make it a model in the list, or tag the field with -:migration and write it by hand", s.Table, name))
		case db.DisableForeignKeyConstraintWhenMigrating || db.IgnoreRelationshipsWhenMigrating:
		case relation.ParseConstraint() != nil:
			reasons = append(reasons, fmt.Sprintf("%s: the foreign key of %s is not generated; set gorm.Config.DisableForeignKeyConstraintWhenMigrating and write ALTER TABLE … ADD CONSTRAINT … FOREIGN KEY by hand", s.Table, name))
		}
	}
	slices.Sort(reasons)
	return reasons
}

// readIndex reads an index of a model. Its error says why the index is not generated.
func readIndex(d dialect, index *schema.Index) (Index, error) {
	read := Index{Name: index.Name, Unique: index.Class == "UNIQUE", Where: strings.TrimSpace(index.Where)}
	if index.Class != "" && index.Class != "UNIQUE" {
		return read, fmt.Errorf("the class %s is not generated; write the index by hand", index.Class)
	}
	if index.Type != "" || index.Comment != "" || index.Option != "" {
		return read, fmt.Errorf("type, comment and option are not generated; write the index by hand")
	}
	for _, option := range index.Fields {
		if option.Expression != "" || option.Sort != "" || option.Collate != "" || option.Length > 0 {
			return read, fmt.Errorf("expression, sort, collate and length are not generated; write the index by hand")
		}
		read.Columns = append(read.Columns, option.DBName)
	}
	if read.Where == "" || d.filtersIndexes() {
		return read, nil
	}
	// A unique index that treats NULLs as distinct admits any number of rows with NULL,
	// so a filter that only excludes them is not needed.
	if read.Unique && !onlyExcludesNull(read.Where, read.Columns) {
		return read, fmt.Errorf("%s has no filtered indexes, and without WHERE %s the index would refuse rows that it must allow; write a generated column and an index on it by hand", d.name(), read.Where)
	}
	read.Where = ""
	return read, nil
}
