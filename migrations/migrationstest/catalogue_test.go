package migrationstest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sqlc-dev/teesql/ast"
)

// A catalogue simulates SQL Server's catalogue. It applies the statements that the package
// generates, and refuses a statement that the server would refuse. It is stricter than the server:
// every constraint must have a name.
type catalogue struct {
	tables map[string]*simTable
}

type simTable struct {
	columns map[string]*simColumn
	indexes map[string]*simIndex
	key     string // the primary key's name
	keyOf   []string
}

type simColumn struct {
	dataType, collation string
	nullable, identity  bool
	constraint, value   string // of the default
}

type simIndex struct {
	unique  bool
	columns []string
	filter  string
}

func newCatalogue() *catalogue { return &catalogue{tables: map[string]*simTable{}} }

// String returns the whole catalogue except for the order of the columns, which a migration
// cannot choose.
func (c *catalogue) String() string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(c.tables)) {
		t := c.tables[name]
		fmt.Fprintf(&b, "table %s, key %s %v\n", name, t.key, t.keyOf)
		for _, name := range slices.Sorted(maps.Keys(t.columns)) {
			fmt.Fprintf(&b, "  column %s %+v\n", name, *t.columns[name])
		}
		for _, name := range slices.Sorted(maps.Keys(t.indexes)) {
			fmt.Fprintf(&b, "  index %s %+v\n", name, *t.indexes[name])
		}
	}
	return b.String()
}

// apply applies one statement. The text is its source.
func (c *catalogue) apply(statement ast.Statement, text string) error {
	switch s := statement.(type) {
	case *ast.CreateTableStatement:
		return c.createTable(s, text)
	case *ast.DropTableStatement:
		return c.dropTable(s)
	case *ast.CreateIndexStatement:
		return c.createIndex(s, text)
	case *ast.DropIndexStatement:
		return c.dropIndex(s)
	case *ast.AlterTableAddTableElementStatement:
		return c.alterAdd(s, text)
	case *ast.AlterTableAlterColumnStatement:
		return c.alterColumn(s, text)
	case *ast.AlterTableDropTableElementStatement:
		return c.alterDrop(s)
	case *ast.ExecuteStatement:
		return c.rename(s)
	case *ast.UpdateStatement:
		return c.update(s)
	case *ast.PredicateSetStatement, *ast.SetCommandStatement:
		return nil
	case *ast.InsertStatement, *ast.IfStatement:
		if !strings.Contains(text, "usersession_schema_version") {
			return fmt.Errorf("the statement is not about the version table")
		}
		return nil
	default:
		return fmt.Errorf("a %T is not generated", statement)
	}
}

func (c *catalogue) table(name *ast.SchemaObjectName) (*simTable, error) {
	t := c.tables[name.BaseIdentifier.Value]
	if t == nil {
		return nil, fmt.Errorf("there is no table %s", name.BaseIdentifier.Value)
	}
	return t, nil
}

// constraintFree returns an error if a constraint of any table has the name: names of
// constraints are unique in a schema.
func (c *catalogue) constraintFree(identifier *ast.Identifier) error {
	if identifier == nil || identifier.Value == "" {
		return fmt.Errorf("a constraint has no name")
	}
	for _, t := range c.tables {
		if t.key == identifier.Value {
			return fmt.Errorf("the constraint %s already exists", identifier.Value)
		}
		for _, column := range t.columns {
			if column.constraint == identifier.Value {
				return fmt.Errorf("the constraint %s already exists", identifier.Value)
			}
		}
	}
	return nil
}

func (c *catalogue) createTable(s *ast.CreateTableStatement, text string) error {
	name := s.SchemaObjectName.BaseIdentifier.Value
	if c.tables[name] != nil {
		return fmt.Errorf("the table %s already exists", name)
	}
	t := &simTable{columns: map[string]*simColumn{}, indexes: map[string]*simIndex{}}
	c.tables[name] = t
	for _, definition := range s.Definition.ColumnDefinitions {
		if err := c.addColumn(t, definition, text); err != nil {
			return err
		}
	}
	for _, constraint := range s.Definition.TableConstraints {
		key, ok := constraint.(*ast.UniqueConstraintDefinition)
		if !ok || !key.IsPrimaryKey {
			return fmt.Errorf("a %T is not generated", constraint)
		}
		if err := c.constraintFree(key.ConstraintIdentifier); err != nil {
			return err
		}
		t.key = key.ConstraintIdentifier.Value
		for _, column := range key.Columns {
			t.keyOf = append(t.keyOf, columnName(column.Column))
		}
	}
	for _, name := range t.keyOf {
		if column := t.columns[name]; column == nil || column.nullable {
			return fmt.Errorf("the primary key's column %s is missing or nullable", name)
		}
	}
	if t.key == "" {
		return fmt.Errorf("there is no primary key")
	}
	return nil
}

func (c *catalogue) addColumn(t *simTable, definition *ast.ColumnDefinition, text string) error {
	name := definition.ColumnIdentifier.Value
	if t.columns[name] != nil {
		return fmt.Errorf("the column %s already exists", name)
	}
	column := &simColumn{dataType: typeText(definition.DataType, text), identity: definition.IdentityOptions != nil}
	if definition.Collation != nil {
		column.collation = definition.Collation.Value
	}
	explicit := false
	if definition.Nullable != nil {
		column.nullable, explicit = definition.Nullable.Nullable, true
	}
	for _, constraint := range definition.Constraints {
		if nullable, ok := constraint.(*ast.NullableConstraintDefinition); ok {
			column.nullable, explicit = nullable.Nullable, true
		}
	}
	if !explicit {
		return fmt.Errorf("the column %s is neither NULL nor NOT NULL, so that a setting decides", name)
	}
	if d := definition.DefaultConstraint; d != nil {
		if err := c.constraintFree(d.ConstraintIdentifier); err != nil {
			return fmt.Errorf("the default of %s: %w", name, err)
		}
		column.constraint, column.value = d.ConstraintIdentifier.Value, source(d.Expression, text)
	}
	t.columns[name] = column
	return nil
}

func (c *catalogue) dropTable(s *ast.DropTableStatement) error {
	for _, name := range s.Objects {
		if _, err := c.table(name); err != nil {
			return err
		}
		delete(c.tables, name.BaseIdentifier.Value)
	}
	return nil
}

func (c *catalogue) createIndex(s *ast.CreateIndexStatement, text string) error {
	t, err := c.table(s.OnName)
	if err != nil {
		return err
	}
	if t.indexes[s.Name.Value] != nil {
		return fmt.Errorf("the index %s already exists", s.Name.Value)
	}
	index := &simIndex{unique: s.Unique}
	if s.FilterPredicate != nil {
		index.filter = source(s.FilterPredicate, text)
		found := false
		for name := range t.columns {
			found = found || strings.Contains(index.filter, name)
		}
		if !found {
			return fmt.Errorf("the filter %q names none of the table's columns", index.filter)
		}
	}
	for _, column := range s.Columns {
		name := columnName(column.Column)
		if t.columns[name] == nil {
			return fmt.Errorf("there is no column %s", name)
		}
		// SQL Server's unique indexes treat NULLs as equal.
		if s.Unique && t.columns[name].nullable && !strings.Contains(index.filter, name+" IS NOT NULL") {
			return fmt.Errorf("the unique index %s admits only one NULL in %s", s.Name.Value, name)
		}
		index.columns = append(index.columns, name)
	}
	t.indexes[s.Name.Value] = index
	return nil
}

func (c *catalogue) dropIndex(s *ast.DropIndexStatement) error {
	for _, clause := range s.DropIndexClauses {
		if clause.Object == nil {
			return fmt.Errorf("DROP INDEX has no ON with a table")
		}
		t, err := c.table(clause.Object)
		if err != nil {
			return err
		}
		if t.indexes[clause.Index.Value] == nil {
			return fmt.Errorf("there is no index %s", clause.Index.Value)
		}
		delete(t.indexes, clause.Index.Value)
	}
	return nil
}

// typeText returns the text of a type in lower case.
func typeText(dataType ast.DataTypeReference, text string) string {
	return strings.ToLower(source(dataType, text))
}

// source returns the text of a node.
func source(node any, text string) string {
	spanned, ok := node.(interface{ Frag() *ast.Fragment })
	if !ok || !spanned.Frag().HasSpan() {
		return ""
	}
	f := spanned.Frag()
	return text[f.StartOffset:f.EndOffset()]
}

func columnName(reference *ast.ColumnReferenceExpression) string {
	identifiers := reference.MultiPartIdentifier.Identifiers
	return identifiers[len(identifiers)-1].Value
}
