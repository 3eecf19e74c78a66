package migrations

import (
	"fmt"
	"slices"
	"strings"
)

// guard returns the reasons why SQL cannot be generated for the changes, and sentences
// on the data that they destroy.
func guard(d dialect, changes []tableChange, notRenamed []rename) (reasons, destroyed []string) {
	reasons = append(reasons, askForTableRename(d, changes)...)
	for _, change := range changes {
		reasons = append(reasons, guardNames(d, change)...)
		if change.old == nil {
			continue
		}
		if change.new != nil {
			reasons = append(reasons, askForRename(d, change, notRenamed)...)
			reasons = append(reasons, guardColumns(d, change)...)
		}
		destroyed = append(destroyed, change.destroys(d)...)
	}
	return reasons, destroyed
}

// guardBack returns the reasons why SQL cannot be generated for Down.
func guardBack(d dialect, changes []tableChange) (reasons []string) {
	for _, change := range changes {
		if change.old == nil || change.new == nil {
			continue
		}
		for _, column := range change.added {
			if _, ok := emptyValue(d, column.Type); column.NotNull && column.Default == "" && !ok {
				reasons = append(reasons, fmt.Sprintf("%s: Down would have to add the column %s (%s) again, and no value is known for existing rows; write it by hand (add -by-hand)", change.new.Name, column.Name, column.Type))
			}
		}
	}
	return reasons
}

// askForRename returns a reason for each pair of a dropped and an added column of the same
// shape: it may be one column that was renamed, whose data must not be dropped. The team
// answers with one of the two renames that the reason names.
func askForRename(d dialect, change tableChange, notRenamed []rename) (reasons []string) {
	for _, old := range change.dropped {
		for _, column := range change.added {
			if !sameShape(d, old, column) || slices.Contains(notRenamed, rename{table: change.table().Name, old: old.Name}) {
				continue
			}
			reasons = append(reasons, fmt.Sprintf("%[1]s: the column %[2]s is dropped and %[3]s, of the same type, is added; if it is the same column, use -rename %[1]s.%[2]s=%[3]s, otherwise -rename %[1]s.%[2]s=-", change.table().Name, old.Name, column.Name))
		}
	}
	return reasons
}

// askForTableRename returns a reason for each pair of a dropped and a created table with
// the same columns: it may be one table that was renamed.
func askForTableRename(d dialect, changes []tableChange) (reasons []string) {
	for _, dropped := range changes {
		for _, created := range changes {
			if dropped.new == nil && created.old == nil && sameColumns(d, dropped.old, created.new) {
				reasons = append(reasons, fmt.Sprintf("the table %s is dropped and %s, with the same columns, is created; if it is the same table, write the renaming of the table and its indexes by hand (add -by-hand), otherwise create the one and drop the other in two migrations", dropped.old.Name, created.new.Name))
			}
		}
	}
	return reasons
}

func sameColumns(d dialect, a, b *Table) bool {
	return sameSet(a.Columns, b.Columns, func(a, b Column) bool { return a.Name == b.Name && sameShape(d, a, b) })
}

// guardColumns refuses changes of columns that fail on a table with rows, and
// conversions of data that the package does not know.
func guardColumns(d dialect, change tableChange) (reasons []string) {
	table := change.new.Name
	refuse := func(format string, args ...any) {
		reasons = append(reasons, table+": "+fmt.Sprintf(format, args...))
	}
	for _, column := range change.added {
		if column.NotNull && column.Default == "" {
			refuse("the new column %s is NOT NULL and has no default, so existing rows have no value for it; give it a default or make it a pointer, or, to fill it from other columns, write it by hand (add -by-hand)", column.Name)
		}
		if column.Identity {
			refuse("the new column %s is auto-incremented, which is not generated for an existing table; write it by hand (add -by-hand)", column.Name)
		}
	}
	for _, altered := range change.altered {
		old, column := altered.old, altered.new
		if old.Name != column.Name {
			refuse("the column %s is renamed to %s and altered at once; do it in two migrations, the renaming first", old.Name, column.Name)
		}
		if old.Identity != column.Identity || slices.Contains(change.new.PrimaryKey, column.Name) {
			refuse("the column %s, which is part of the primary key or auto-incremented, changes; write it by hand (add -by-hand)", column.Name)
		}
		if convert(d, old.Type, column.Type) == unconverted {
			refuse("the column %s changes its type from %s to %s, and the package does not know how to convert its values; write it by hand (add -by-hand), for instance a new column, an UPDATE and the drop of the old column", column.Name, old.Type, column.Type)
		}
		if !old.NotNull && column.NotNull && column.Default == "" {
			refuse("the column %s becomes NOT NULL and has no default, so rows with NULL have no value; give it a default, or fill the rows by hand (add -by-hand)", column.Name)
		}
	}
	return reasons
}

// guardNames refuses names that the database would truncate or reject, or that could end
// a statement or begin a comment.
func guardNames(d dialect, change tableChange) (reasons []string) {
	if change.new == nil {
		return nil
	}
	names := []string{change.new.bare()}
	for _, column := range change.new.Columns {
		names = append(names, column.Name)
		if d.name() == "sqlserver" && column.Default != "" {
			names = append(names, defaultName(change.new, column.Name))
		}
	}
	for _, index := range change.new.Indexes {
		names = append(names, index.Name)
	}
	for _, name := range names {
		if len(name) > d.maxName() || strings.ContainsAny(name, "\r\n\x00;") || strings.Contains(name, "--") {
			reasons = append(reasons, fmt.Sprintf("%s: %q is not a name for %s: at most %d bytes, without line breaks, NUL, semicolons or two hyphens in a row; choose another one", change.new.Name, name, d.name(), d.maxName()))
		}
	}
	return reasons
}

// destroys returns a sentence for each part of the change that destroys or narrows data.
func (c tableChange) destroys(d dialect) (destroyed []string) {
	table := c.table().Name
	if c.new == nil {
		return []string{fmt.Sprintf("drops the table %s with all its rows.", table)}
	}
	if c.old == nil {
		return nil
	}
	for _, column := range c.dropped {
		destroyed = append(destroyed, fmt.Sprintf("drops the column %s.%s with all its values.", table, column.Name))
	}
	for _, altered := range c.altered {
		old, column := altered.old, altered.new
		if convert(d, old.Type, column.Type) == narrows {
			destroyed = append(destroyed, fmt.Sprintf("narrows %s.%s from %s to %s; a value that no longer fits makes the migration fail, except on SQLite, which keeps it.", table, column.Name, old.Type, column.Type))
		}
		if old.Charset != column.Charset && !strings.HasPrefix(column.Charset, "utf8mb4") {
			destroyed = append(destroyed, fmt.Sprintf("changes the character set of %s.%s from %q to %q.", table, column.Name, old.Charset, column.Charset))
		}
		if !old.NotNull && column.NotNull {
			destroyed = append(destroyed, fmt.Sprintf("makes %s.%s NOT NULL; rows with NULL get the default, and without one make the migration fail.", table, column.Name))
		}
	}
	return destroyed
}
