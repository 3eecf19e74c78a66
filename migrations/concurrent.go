package migrations

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// concurrentNote explains a migration that builds an index without locking the table.
var concurrentNote = []string{
	"CONCURRENTLY lets the application read and write the table meanwhile. It takes longer, waits for all open",
	"transactions, and a failure leaves an index that is not valid. To repair that, apply the migration again: it",
	"first drops the index. PostgreSQL refuses CONCURRENTLY on a partitioned table: create the index on each",
	"partition with CONCURRENTLY, then on the table without it.",
}

// splitIndexes splits changes into the changes of tables and columns, and a change for each
// index of an existing table. If an index changes together with one of its columns, the
// change of the table drops the index.
func splitIndexes(d dialect, changes []tableChange) (tables, indexes []tableChange) {
	for _, change := range changes {
		if change.old == nil || change.new == nil {
			tables = append(tables, change)
			continue
		}
		before := *change.old
		next := func(to *[]tableChange, after Table) {
			if step, _ := diffTable(d, &before, &after, change.renamed); !step.empty() {
				*to = append(*to, step)
			}
			before = after
		}
		columns := *change.new
		columns.Indexes = change.indexesBetween()
		next(&tables, columns)
		for _, index := range columns.Indexes {
			if change.new.Index(index.Name) == nil {
				next(&indexes, before.withIndex(index.Name, nil))
			}
		}
		for _, index := range change.new.Indexes {
			next(&indexes, before.withIndex(index.Name, &index))
		}
	}
	return tables, indexes
}

// indexesBetween returns the indexes that the table has after the change of its columns and
// before the changes of its indexes.
func (c tableChange) indexesBetween() (between []Index) {
	for _, index := range c.old.Indexes {
		changes := slices.ContainsFunc(c.dropIndexes, func(i Index) bool { return i.Name == index.Name })
		depends := slices.ContainsFunc(c.dropped, func(column Column) bool { return index.dependsOn(column.Name) }) ||
			slices.ContainsFunc(c.altered, func(a columnChange) bool { return index.dependsOn(a.old.Name) }) ||
			slices.ContainsFunc(c.renamed, func(r rename) bool { return index.dependsOn(r.old) })
		switch {
		case !changes:
			between = append(between, *c.new.Index(index.Name)) // with the new names of columns
		case !depends:
			between = append(between, index)
		}
	}
	return between
}

// withIndex returns the table without its index of the name, and with the given index unless
// that is nil.
func (t Table) withIndex(name string, index *Index) Table {
	t.Indexes = slices.DeleteFunc(slices.Clone(t.Indexes), func(i Index) bool { return i.Name == name })
	if index != nil {
		t.Indexes = append(t.Indexes, *index)
		slices.SortFunc(t.Indexes, func(a, b Index) int { return cmp.Compare(a.Name, b.Name) })
	}
	return t
}

// concurrently returns the migrations of the plan with a file for each index. A failure
// then concerns one index.
func (p *plan) concurrently(number int64, name string) (all []newMigration) {
	d, model := p.folder.dialect, p.before
	tables, indexes := splitIndexes(d, p.changes)
	add := func(generate func(base string, changes, back []tableChange) migrationFile, changes ...tableChange) {
		base := fmt.Sprintf("%d_%s", number, name)
		if i := len(all); i > 0 {
			base = fmt.Sprintf("%d_%s_%d", number+int64(i), name, i+1)
		}
		var back []tableChange
		for _, change := range changes {
			model = withTable(model, change)
			back = append(back, change.inverse())
		}
		all = append(all, newMigration{generate(base, changes, back), model})
	}
	if len(tables) > 0 {
		add(p.generate, tables...)
	}
	for _, index := range indexes {
		add(p.generateIndex, index)
	}
	return all
}

func (p *plan) generateIndex(base string, changes, back []tableChange) migrationFile {
	return migrationFile{
		name:          base,
		comments:      append([]string{generatedComment(p.folder.dialect)}, concurrentNote...),
		noTransaction: true,
		up:            section{statements: postgres{}.indexConcurrently(changes[0])},
		down:          section{statements: postgres{}.indexConcurrently(back[0])},
	}
}

// indexConcurrently returns the statements for the change of one index. They begin with a
// DROP, also if the index is new: an earlier attempt that failed can have left it.
func (d postgres) indexConcurrently(change tableChange) (statements []string) {
	schema, _ := splitName(change.new.Name)
	for _, index := range append(slices.Clone(change.dropIndexes), change.createIndexes...) {
		drop := "DROP INDEX CONCURRENTLY IF EXISTS " + d.quote(qualified(schema, index.Name))
		if !slices.Contains(statements, drop) {
			statements = append(statements, drop)
		}
	}
	for _, index := range change.createIndexes {
		statements = append(statements, strings.Replace(createIndex(d, change.new.Name, index), "INDEX ", "INDEX CONCURRENTLY ", 1))
	}
	return statements
}
