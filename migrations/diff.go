package migrations

import (
	"cmp"
	"fmt"
	"slices"
)

// A tableChange is what has to be done to one table.
type tableChange struct {
	old, new *Table // nil for a table that is created, or dropped

	renamed       []rename
	dropped       []Column
	altered       []columnChange
	added         []Column
	dropIndexes   []Index
	createIndexes []Index
}

type rename struct{ table, old, new string }

type columnChange struct{ old, new Column }

func (c tableChange) table() *Table {
	if c.new != nil {
		return c.new
	}
	return c.old
}

// columnBefore returns what the column is called before the change.
func (c tableChange) columnBefore(name string) string {
	for _, r := range c.renamed {
		if r.new == name {
			return r.old
		}
	}
	return name
}

// diff returns what makes the old model into the new one, and why it can't be done.
func diff(d dialect, before, after Model, renames []rename) (changes []tableChange, reasons []string) {
	for i := range before.Tables {
		if old := &before.Tables[i]; after.Table(old.Name) == nil {
			changes = append(changes, tableChange{old: old})
		}
	}
	for i := range after.Tables {
		current := &after.Tables[i]
		old := before.Table(current.Name)
		if old == nil {
			changes = append(changes, tableChange{new: current})
			continue
		}
		change, refused := diffTable(d, old, current, renames)
		reasons = append(reasons, refused...)
		if !change.empty() {
			changes = append(changes, change)
		}
	}
	slices.SortStableFunc(changes, func(a, b tableChange) int { return cmp.Compare(a.table().Name, b.table().Name) })
	return changes, reasons
}

func (c tableChange) empty() bool {
	return len(c.renamed)+len(c.dropped)+len(c.altered)+len(c.added)+len(c.dropIndexes)+len(c.createIndexes) == 0
}

func diffTable(d dialect, old, current *Table, renames []rename) (change tableChange, reasons []string) {
	change = tableChange{old: old, new: current}
	for _, r := range renames {
		if r.table == current.Name && old.Column(r.old) != nil && old.Column(r.new) == nil &&
			current.Column(r.new) != nil && current.Column(r.old) == nil {
			change.renamed = append(change.renamed, r)
		}
	}
	kept := map[string]bool{}
	for _, column := range current.Columns {
		before := old.Column(change.columnBefore(column.Name))
		if before == nil {
			change.added = append(change.added, column)
			continue
		}
		kept[before.Name] = true
		if !sameColumn(d, *before, column) {
			change.altered = append(change.altered, columnChange{*before, column})
		}
	}
	for _, column := range old.Columns {
		if !kept[column.Name] {
			change.dropped = append(change.dropped, column)
		}
	}
	if !slices.Equal(change.afterRename(old.PrimaryKey), current.PrimaryKey) {
		reasons = append(reasons, fmt.Sprintf("%s: the primary key changes from %v to %v, which is not generated: write it by hand (add --by-hand)", current.Name, old.PrimaryKey, current.PrimaryKey))
	}
	for _, index := range old.Indexes {
		if now := current.Index(index.Name); now == nil || !change.sameIndex(index, *now) {
			change.dropIndexes = append(change.dropIndexes, index)
		}
	}
	for _, index := range current.Indexes {
		if before := old.Index(index.Name); before == nil || !change.sameIndex(*before, index) {
			change.createIndexes = append(change.createIndexes, index)
		}
	}
	return change, reasons
}

// afterRename returns names of columns as they are after the renames.
func (c tableChange) afterRename(columns []string) []string {
	renamed := slices.Clone(columns)
	for i, name := range renamed {
		for _, r := range c.renamed {
			if r.old == name {
				renamed[i] = r.new
			}
		}
	}
	return renamed
}

// sameIndex compares an index before the change with one after it. An index goes along
// when a column of its key is renamed; a condition is text, which differs.
func (c tableChange) sameIndex(old, current Index) bool {
	old.Columns = c.afterRename(old.Columns)
	return old.equal(current)
}

func sameColumn(d dialect, a, b Column) bool {
	return sameShape(d, a, b) && a.Default == b.Default
}

// sameShape says whether the columns hold the same.
func sameShape(d dialect, a, b Column) bool {
	return d.canonical(a.Type) == d.canonical(b.Type) && a.Charset == b.Charset && a.Collation == b.Collation &&
		a.NotNull == b.NotNull && a.Identity == b.Identity
}

func reversed(renames []rename) []rename {
	var back []rename
	for _, r := range renames {
		back = append(back, rename{table: r.table, old: r.new, new: r.old})
	}
	return back
}
