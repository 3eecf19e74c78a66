package migrations

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/migrator"
	"gorm.io/gorm/schema"
)

func readColumn(db *gorm.DB, d dialect, field *schema.Field) (Column, error) {
	column, err := parseType(d, dataTypeOf(db, field))
	column.Name = field.DBName
	column.NotNull = field.NotNull
	if err != nil {
		return column, err
	}
	if column.Identity != field.AutoIncrement {
		return column, fmt.Errorf("its type is %s, which contradicts GORM's AutoIncrement (%t)", column.Type, field.AutoIncrement)
	}
	if field.Comment != "" {
		return column, errors.New("comments are not generated; remove the tag and write the comment by hand")
	}
	if column.Default, err = defaultOf(d, field); err != nil {
		return column, err
	}
	return column, nil
}

// dataTypeOf returns the type that GORM's migrators give the field. It repeats their code,
// since not all of them export it.
func dataTypeOf(db *gorm.DB, field *schema.Field) string {
	if typer, ok := reflect.New(field.IndirectFieldType).Interface().(migrator.GormDataTypeInterface); ok {
		if dataType := typer.GormDBDataType(db, field); dataType != "" {
			return dataType
		}
	}
	return db.Dialector.DataTypeOf(field)
}

var (
	collateClause = regexp.MustCompile(`(?i)\s+COLLATE\s+"?([\w.-]+)"?`)
	charsetClause = regexp.MustCompile(`(?i)\s+(?:CHARACTER SET|CHARSET)\s+(\w+)`)
	// Clauses that a team can write into a type tag, and that GORM passes on to the
	// database.
	otherClauses = regexp.MustCompile(`(?i)\b(NOT NULL|NULL|DEFAULT|PRIMARY|UNIQUE|CHECK|REFERENCES|GENERATED|IDENTITY|AS|COMMENT|CONSTRAINT|ON UPDATE|auto_random)\b|[;?@]`)
)

// parseType splits the text that GORM writes after a column's name into type, character
// set, collation and auto-increment. A type with any other clause is an error.
func parseType(d dialect, text string) (column Column, err error) {
	text = strings.Join(strings.Fields(text), " ")
	if d.name() == "mysql" {
		text = strings.TrimSuffix(text, " NULL") // GORM writes it for a nullable time
	}
	text, column.Identity = d.withoutIdentity(text)
	if found := collateClause.FindStringSubmatch(text); found != nil {
		column.Collation = found[1]
		text = strings.Replace(text, found[0], "", 1)
	}
	if found := charsetClause.FindStringSubmatch(text); found != nil {
		column.Charset = found[1]
		text = strings.Replace(text, found[0], "", 1)
	}
	column.Type = strings.TrimSpace(text)
	if column.Type == "" {
		return column, errors.New("GORM has no type for it; give it a type tag")
	}
	if found := otherClauses.FindString(column.Type); found != "" {
		return column, fmt.Errorf("its type has the clause %s, which is not generated; use GORM's own tags, or write the column by hand", found)
	}
	return column, nil
}

// defaultOf returns the column's default as SQL, "" if it has none.
func defaultOf(d dialect, field *schema.Field) (string, error) {
	if !field.HasDefaultValue || field.AutoIncrement {
		return "", nil
	}
	switch value := field.DefaultValueInterface.(type) {
	case nil:
	case string:
		// A backslash begins an escape on MySQL but not on the other databases.
		if strings.ContainsAny(value, "\\\r\n\x00") {
			return "", errors.New("its default has a backslash, a line break or NUL; write the default by hand")
		}
		return d.text(value), nil
	case bool:
		return d.boolean(value), nil
	default:
		return fmt.Sprint(value), nil
	}
	expression := strings.TrimSpace(field.DefaultValue)
	switch {
	case expression == "(-)", strings.EqualFold(expression, "NULL"):
		return "", nil
	case strings.ContainsAny(expression, "\r\n\x00;") || strings.Contains(expression, "--"):
		return "", errors.New("its default has a semicolon, a comment, a line break or NUL; write the default by hand")
	default:
		return expression, nil
	}
}
