package migrations

import "fmt"

// describe returns a sentence for each change.
func describe(changes []tableChange) (sentences []string) {
	for _, change := range changes {
		table := change.table().Name
		say := func(format string, args ...any) { sentences = append(sentences, fmt.Sprintf(format, args...)) }
		switch {
		case change.new == nil:
			say("the table %s is dropped", table)
			continue
		case change.old == nil:
			say("the table %s is new", table)
			continue
		}
		for _, r := range change.renamed {
			say("the column %s.%s is renamed to %s", table, r.old, r.new)
		}
		for _, column := range change.dropped {
			say("the column %s.%s is dropped", table, column.Name)
		}
		for _, column := range change.added {
			say("the column %s.%s is new", table, column.Name)
		}
		for _, altered := range change.altered {
			say("the column %s.%s changes from %s to %s", table, altered.new.Name, columnText(altered.old), columnText(altered.new))
		}
		for _, index := range change.dropIndexes {
			if change.new.Index(index.Name) == nil {
				say("the index %s on %s is dropped", index.Name, table)
			} else {
				say("the index %s on %s changes", index.Name, table)
			}
		}
		for _, index := range change.createIndexes {
			if change.old.Index(index.Name) == nil {
				say("the index %s on %s is new", index.Name, table)
			}
		}
	}
	return sentences
}

func columnText(column Column) string {
	collate := ""
	if column.Collation != "" {
		collate = "COLLATE " + column.Collation
	}
	return joined(column.Type, column.Charset, collate, nullability(column), defaultClause(column))
}
