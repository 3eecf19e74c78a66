package migrations

import "slices"

// A catalogue writes conditions on a database's catalogue.
type catalogue interface {
	hasTable(table string) string
	// isTable is true if the table has the columns.
	isTable(table *Table) string
	hasColumn(table, column string) string
	// isColumn is true if the column has the type, if that can be compared, and the
	// nullability.
	isColumn(table string, column Column) string
	// isIndex is true if the index has the columns and the uniqueness, and is usable.
	isIndex(table string, index Index) string
	hasIndex(table, index string) string
}

// conditions returns SQL conditions that hold after the changes.
func conditions(c catalogue, changes []tableChange) (all []string) {
	for _, change := range changes {
		if change.new == nil {
			all = append(all, "NOT "+c.hasTable(change.old.Name))
			continue
		}
		table := change.new.Name
		if change.old == nil {
			all = append(all, c.isTable(change.new))
			for _, index := range change.new.Indexes {
				all = append(all, c.isIndex(table, index))
			}
			continue
		}
		for _, column := range change.dropped {
			all = append(all, "NOT "+c.hasColumn(table, column.Name))
		}
		for _, column := range change.added {
			all = append(all, c.isColumn(table, column))
		}
		for _, altered := range change.altered {
			all = append(all, c.isColumn(table, altered.new))
		}
		for _, index := range change.dropIndexes {
			if !slices.ContainsFunc(change.createIndexes, func(i Index) bool { return i.Name == index.Name }) {
				all = append(all, "NOT "+c.hasIndex(table, index.Name))
			}
		}
		for _, index := range change.createIndexes {
			all = append(all, c.isIndex(table, index))
		}
	}
	return all
}
