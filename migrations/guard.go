package migrations

import (
	"fmt"
	"slices"
	"strings"
)

// guard returns why the changes can't be generated as they stand, and what they destroy.
func guard(d dialect, changes []tableChange, kept []rename) (reasons, destroyed []string) {
	reasons = append(reasons, askForTableRename(d, changes)...)
	for _, change := range changes {
		reasons = append(reasons, guardNames(d, change)...)
		if change.old == nil {
			continue
		}
		if change.new != nil {
			reasons = append(reasons, askForRename(d, change, kept)...)
			reasons = append(reasons, guardColumns(d, change)...)
		}
		destroyed = append(destroyed, change.destroys(d)...)
	}
	return reasons, destroyed
}

// guardBack returns why the way back can't be generated.
func guardBack(d dialect, changes []tableChange) (reasons []string) {
	for _, change := range changes {
		if change.old == nil || change.new == nil {
			continue
		}
		for _, column := range change.added {
			if _, ok := emptyValue(d, column.Type); column.NotNull && column.Default == "" && !ok {
				reasons = append(reasons, fmt.Sprintf("%s: Down would have to add the column %s (%s) again, and no value is known for rows that are there: write it by hand (add --by-hand)", change.new.Name, column.Name, column.Type))
			}
		}
	}
	return reasons
}

// askForRename stops where a column goes and one of the same shape comes.
func askForRename(d dialect, change tableChange, kept []rename) (reasons []string) {
	for _, old := range change.dropped {
		for _, column := range change.added {
			if !sameShape(d, old, column) || isKept(kept, change.table().Name, old.Name) {
				continue
			}
			reasons = append(reasons, fmt.Sprintf("%[1]s: the column %[2]s goes and %[3]s, of the same shape, comes: say --rename %[1]s.%[2]s=%[3]s if it is the same column, or --rename %[1]s.%[2]s=- if it is not", change.table().Name, old.Name, column.Name))
		}
	}
	return reasons
}

func isKept(kept []rename, table, column string) bool {
	return slices.Contains(kept, rename{table: table, old: column})
}

// askForTableRename stops where a table goes and one with the same columns comes.
func askForTableRename(d dialect, changes []tableChange) (reasons []string) {
	for _, gone := range changes {
		for _, come := range changes {
			if gone.new == nil && come.old == nil && sameColumns(d, gone.old, come.new) {
				reasons = append(reasons, fmt.Sprintf("the table %s goes and %s, with the same columns, comes: write the renaming of the table and its indexes by hand (add --by-hand), or generate the two in two migrations if they have nothing to do with each other", gone.old.Name, come.new.Name))
			}
		}
	}
	return reasons
}

func sameColumns(d dialect, a, b *Table) bool {
	if len(a.Columns) != len(b.Columns) {
		return false
	}
	for _, column := range a.Columns {
		if other := b.Column(column.Name); other == nil || !sameShape(d, column, *other) {
			return false
		}
	}
	return true
}

// guardColumns refuses what a table with rows would refuse, or what can't be converted.
func guardColumns(d dialect, change tableChange) (reasons []string) {
	table := change.new.Name
	refuse := func(format string, args ...any) {
		reasons = append(reasons, table+": "+fmt.Sprintf(format, args...))
	}
	for _, column := range change.added {
		if column.NotNull && column.Default == "" {
			refuse("the new column %s is NOT NULL and has no default, so rows that are there have no value for it: give it a default or make it a pointer; to fill it from other columns, write it by hand (add --by-hand)", column.Name)
		}
		if column.Identity {
			refuse("the new column %s counts itself up, which is not generated for an existing table: write it by hand (add --by-hand)", column.Name)
		}
	}
	for _, altered := range change.altered {
		old, column := altered.old, altered.new
		if old.Name != column.Name {
			refuse("the column %s is renamed to %s and altered at once: do it in two migrations, the renaming first", old.Name, column.Name)
		}
		if old.Identity != column.Identity || slices.Contains(change.new.PrimaryKey, column.Name) {
			refuse("the column %s is part of the primary key or counts itself up, and changes: write it by hand (add --by-hand)", column.Name)
		}
		if convert(d, old.Type, column.Type) == unconverted {
			refuse("the column %s changes its type from %s to %s, and how to convert what it holds is not known here: write it by hand (add --by-hand), for instance a new column, an UPDATE and the drop of the old one", column.Name, old.Type, column.Type)
		}
		if !old.NotNull && column.NotNull && column.Default == "" {
			refuse("the column %s becomes NOT NULL and has no default, so rows with NULL have no value: give it a default, or fill the rows by hand (add --by-hand)", column.Name)
		}
	}
	return reasons
}

// guardNames refuses names that the dialect would cut off or refuse.
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
			reasons = append(reasons, fmt.Sprintf("%s: %q is not a name for %s: at most %d bytes, without line breaks, semicolons or --; choose another one", change.new.Name, name, d.name(), d.maxName()))
		}
	}
	return reasons
}

// destroys says, in sentences, what of the data is lost by the change.
func (c tableChange) destroys(d dialect) (destroyed []string) {
	table := c.table().Name
	if c.new == nil {
		return []string{fmt.Sprintf("drops the table %s with all its rows.", table)}
	}
	if c.old == nil {
		return nil
	}
	for _, column := range c.dropped {
		destroyed = append(destroyed, fmt.Sprintf("drops the column %s.%s and what it holds.", table, column.Name))
	}
	for _, altered := range c.altered {
		old, column := altered.old, altered.new
		if convert(d, old.Type, column.Type) == narrows {
			destroyed = append(destroyed, fmt.Sprintf("narrows %s.%s from %s to %s; the database refuses, or SQLite keeps, values that no longer fit.", table, column.Name, old.Type, column.Type))
		}
		if old.Charset != column.Charset && !strings.HasPrefix(column.Charset, "utf8mb4") {
			destroyed = append(destroyed, fmt.Sprintf("changes the character set of %s.%s from %q to %q.", table, column.Name, old.Charset, column.Charset))
		}
		if !old.NotNull && column.NotNull {
			destroyed = append(destroyed, fmt.Sprintf("makes %s.%s NOT NULL; rows with NULL get the default, or make the migration fail.", table, column.Name))
		}
	}
	return destroyed
}
