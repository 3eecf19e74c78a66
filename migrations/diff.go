package migrations

import (
	"cmp"
	"fmt"
	"slices"
)

// A tableChange is the difference of one table between two models.
type tableChange struct {
	old, new *Table // old is nil for a table that is created, new for one that is dropped

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

// columnBefore returns the name that the column has before the change.
func (c tableChange) columnBefore(name string) string {
	for _, r := range c.renamed {
		if r.new == name {
			return r.old
		}
	}
	return name
}

// diff returns the changes that lead from one model to the other, sorted by table, and
// the reasons why SQL cannot be generated for some of them. Renames that fit no column are
// ignored.
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

// diffTable returns the change from the old table to the current one. reasons say which parts of the
// change are not generated.
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
		reasons = append(reasons, fmt.Sprintf("%s: the primary key changes from %v to %v, which is not generated; write it by hand (add -by-hand)", current.Name, old.PrimaryKey, current.PrimaryKey))
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

// inverse returns the change that leads back, with its columns in the order of the old
// table.
func (c tableChange) inverse() tableChange {
	back := tableChange{
		old: c.new, new: c.old,
		dropped: c.added, added: c.dropped,
		dropIndexes: c.createIndexes, createIndexes: c.dropIndexes,
	}
	for _, r := range c.renamed {
		back.renamed = append(back.renamed, rename{table: r.table, old: r.new, new: r.old})
	}
	if c.old == nil {
		return back
	}
	for _, column := range c.old.Columns {
		for _, altered := range c.altered {
			if altered.old.Name == column.Name {
				back.altered = append(back.altered, columnChange{old: altered.new, new: altered.old})
			}
		}
	}
	return back
}

// afterRename returns the names that the columns have after the renames.
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

// sameIndex reports whether an index of the old table and one of the new table are the
// same. A database keeps an index when it renames a column of its key. A condition is
// compared as text, so it differs when one of its columns is renamed.
func (c tableChange) sameIndex(old, current Index) bool {
	old.Columns = c.afterRename(old.Columns)
	return old.equal(current)
}

// sameModel reports whether there is no change between the models.
func sameModel(d dialect, a, b Model) bool {
	return sameSet(a.Tables, b.Tables, func(a, b Table) bool {
		return a.Name == b.Name && slices.Equal(a.PrimaryKey, b.PrimaryKey) &&
			sameSet(a.Columns, b.Columns, func(a, b Column) bool { return a.Name == b.Name && sameColumn(d, a, b) }) &&
			sameSet(a.Indexes, b.Indexes, Index.equal)
	})
}

// sameSet reports whether the slices have the same elements in any order. No slice has
// two equal elements.
func sameSet[E any](a, b []E, equal func(a, b E) bool) bool {
	if len(a) != len(b) {
		return false
	}
	for _, element := range a {
		if !slices.ContainsFunc(b, func(other E) bool { return equal(element, other) }) {
			return false
		}
	}
	return true
}

func sameColumn(d dialect, a, b Column) bool {
	return sameShape(d, a, b) && a.Default == b.Default
}

// sameShape reports whether the columns can hold the same values. Their names and
// defaults may differ.
func sameShape(d dialect, a, b Column) bool {
	return d.canonical(a.Type) == d.canonical(b.Type) && a.Charset == b.Charset && a.Collation == b.Collation &&
		a.NotNull == b.NotNull && a.Identity == b.Identity
}
