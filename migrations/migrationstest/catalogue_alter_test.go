package migrationstest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sqlc-dev/teesql/ast"
)

// free returns an error if the primary key, a default or an index depends on the column: the
// server would refuse to alter or drop it.
func (t *simTable) free(name string) error {
	if t.columns[name] == nil {
		return fmt.Errorf("there is no column %s", name)
	}
	if slices.Contains(t.keyOf, name) {
		return fmt.Errorf("the primary key depends on %s", name)
	}
	if t.columns[name].constraint != "" {
		return fmt.Errorf("the default %s depends on %s", t.columns[name].constraint, name)
	}
	for index, i := range t.indexes {
		if slices.Contains(i.columns, name) || strings.Contains(i.filter, name) {
			return fmt.Errorf("the index %s depends on %s", index, name)
		}
	}
	return nil
}

func (c *catalogue) alterAdd(s *ast.AlterTableAddTableElementStatement, text string) error {
	t, err := c.table(s.SchemaObjectName)
	if err != nil {
		return err
	}
	for _, definition := range s.Definition.ColumnDefinitions {
		if err := c.addColumn(t, definition, text); err != nil {
			return err
		}
		column := t.columns[definition.ColumnIdentifier.Value]
		if !column.nullable && column.constraint == "" {
			return fmt.Errorf("existing rows have no value for the new column %s", definition.ColumnIdentifier.Value)
		}
		if column.nullable && column.constraint != "" && !definition.DefaultConstraint.WithValues {
			return fmt.Errorf("existing rows would get NULL in %s, but the default on other dialects", definition.ColumnIdentifier.Value)
		}
	}
	for _, constraint := range s.Definition.TableConstraints {
		d, ok := constraint.(*ast.DefaultConstraintDefinition)
		if !ok || d.Column == nil {
			return fmt.Errorf("a %T is not generated", constraint)
		}
		column := t.columns[d.Column.Value]
		if column == nil || column.constraint != "" {
			return fmt.Errorf("the column %s is missing or has a default already", d.Column.Value)
		}
		if err := c.constraintFree(d.ConstraintIdentifier); err != nil {
			return err
		}
		column.constraint, column.value = d.ConstraintIdentifier.Value, source(d.Expression, text)
	}
	if len(s.Definition.ColumnDefinitions)+len(s.Definition.TableConstraints) == 0 {
		return fmt.Errorf("the statement adds nothing")
	}
	return nil
}

func (c *catalogue) alterColumn(s *ast.AlterTableAlterColumnStatement, text string) error {
	t, err := c.table(s.SchemaObjectName)
	if err != nil {
		return err
	}
	name := s.ColumnIdentifier.Value
	if err := t.free(name); err != nil {
		return err
	}
	column := t.columns[name]
	if column.identity {
		return fmt.Errorf("the column %s is auto-incremented", name)
	}
	column.dataType, column.collation = typeText(s.DataType, text), ""
	if s.Collation != nil {
		column.collation = s.Collation.Value
	}
	switch s.AlterTableAlterColumnOption {
	case "Null":
		column.nullable = true
	case "NotNull":
		column.nullable = false
	default:
		return fmt.Errorf("ALTER COLUMN has neither NULL nor NOT NULL, and would make %s nullable", name)
	}
	return nil
}

func (c *catalogue) alterDrop(s *ast.AlterTableDropTableElementStatement) error {
	t, err := c.table(s.SchemaObjectName)
	if err != nil {
		return err
	}
	for _, element := range s.AlterTableDropTableElements {
		name := element.Name.Value
		if element.TableElementType == "Column" {
			if err := t.free(name); err != nil {
				return err
			}
			delete(t.columns, name)
			continue
		}
		found := false
		for _, column := range t.columns {
			if column.constraint == name {
				column.constraint, column.value, found = "", "", true
			}
		}
		if !found {
			return fmt.Errorf("there is no constraint %s", name)
		}
	}
	return nil
}

// rename applies sp_rename of a column, the only procedure that the package calls.
func (c *catalogue) rename(s *ast.ExecuteStatement) error {
	procedure, ok := s.ExecuteSpecification.ExecutableEntity.(*ast.ExecutableProcedureReference)
	if !ok || procedure.ProcedureReference.ProcedureReference.Name.BaseIdentifier.Value != "sp_rename" || len(procedure.Parameters) != 3 {
		return fmt.Errorf("the statement is not sp_rename")
	}
	var words []string
	for _, parameter := range procedure.Parameters {
		literal, ok := parameter.ParameterValue.(*ast.StringLiteral)
		if !ok || !literal.IsNational {
			return fmt.Errorf("a parameter is not N'…'")
		}
		words = append(words, literal.Value)
	}
	names := strings.Split(strings.NewReplacer("[", "", "]", "").Replace(words[0]), ".")
	if len(names) != 2 || words[2] != "COLUMN" {
		return fmt.Errorf("sp_rename has the parameters %q", words)
	}
	t := c.tables[names[0]]
	if t == nil || t.columns[names[1]] == nil || t.columns[words[1]] != nil {
		return fmt.Errorf("the column %s is missing, or %s already exists", words[0], words[1])
	}
	for name, index := range t.indexes {
		if strings.Contains(index.filter, names[1]) {
			return fmt.Errorf("the filter of %s depends on %s", name, names[1])
		}
		for i, column := range index.columns {
			if column == names[1] {
				index.columns[i] = words[1]
			}
		}
	}
	t.columns[words[1]] = t.columns[names[1]]
	delete(t.columns, names[1])
	return nil
}

func (c *catalogue) update(s *ast.UpdateStatement) error {
	target, ok := s.UpdateSpecification.Target.(*ast.NamedTableReference)
	if !ok {
		return fmt.Errorf("UPDATE of a %T", s.UpdateSpecification.Target)
	}
	t, err := c.table(target.SchemaObject)
	if err != nil {
		return err
	}
	for _, clause := range s.UpdateSpecification.SetClauses {
		set, ok := clause.(*ast.AssignmentSetClause)
		if !ok || t.columns[columnName(set.Column)] == nil {
			return fmt.Errorf("UPDATE sets a column that does not exist")
		}
	}
	return nil
}
