package migrations

import (
	"fmt"
	"slices"
	"strings"
)

// decisions are the parsed AddOptions.
type decisions struct {
	renames          []rename
	notRenamed       []rename // "table.old=-"; new is ""
	allowDestructive bool
	byHand           bool
	concurrently     bool
}

// parseOptions parses the renames of the options.
func parseOptions(options AddOptions) (decisions, error) {
	decided := decisions{allowDestructive: options.AllowDestructive, byHand: options.ByHand, concurrently: options.Concurrently}
	for _, text := range options.Renames {
		left, after, found := strings.Cut(text, "=")
		table, column := splitName(left)
		if !found || table == "" || column == "" || after == "" || strings.Contains(after, ".") {
			return decisions{}, fmt.Errorf("migrations: -rename %s: want table.old=new", text)
		}
		if after == "-" {
			decided.notRenamed = append(decided.notRenamed, rename{table: table, old: column})
		} else {
			decided.renames = append(decided.renames, rename{table: table, old: column, new: after})
		}
	}
	return decided, nil
}

// checkUsed refuses a rename that fits no column in any of the plans.
func (decided decisions) checkUsed(plans []*plan) error {
	used := map[rename]bool{}
	for _, plan := range plans {
		for _, change := range plan.changes {
			for _, r := range change.renamed {
				used[r] = true
			}
		}
	}
	for _, r := range decided.renames {
		if !used[r] {
			return refusal([]string{fmt.Sprintf("the rename %s.%s=%s fits no column: want table.old=new, where the table has lost the column old and gained the column new", r.table, r.old, r.new)})
		}
	}
	return nil
}

// A plan is the difference between a dialect's snapshot and its models, in both
// directions, and whether SQL can be generated for it.
type plan struct {
	folder        *folder
	decided       decisions
	before, after Model
	changes, back []tableChange // of Up, and of Down in the same order
	destroyed     []string      // the data that Up destroys, in sentences
	reasons       []string      // why SQL cannot be generated
}

// newPlan plans the migrations from the folder's model to after, and their Down.
func newPlan(f *folder, after Model, decided decisions) *plan {
	p := &plan{folder: f, decided: decided, before: f.model, after: after}
	p.changes, p.reasons = diff(f.dialect, p.before, p.after, decided.renames)
	for _, change := range p.changes {
		p.back = append(p.back, change.inverse())
	}
	asked, destroyed := guard(f.dialect, p.changes, decided.notRenamed)
	p.destroyed = destroyed
	p.reasons = append(append(p.reasons, asked...), guardBack(f.dialect, p.back)...)
	return p
}

// refused returns why the plan's migrations must not be written, with the team's
// decisions considered. A migration that is written by hand is never refused.
func (p *plan) refused() []string {
	if p.decided.byHand {
		return nil
	}
	refused := slices.Clone(p.reasons)
	if !p.decided.allowDestructive {
		for _, sentence := range p.destroyed {
			refused = append(refused, "it "+strings.TrimSuffix(sentence, ".")+"; allow it with -allow-destructive if you want that")
		}
	}
	return refused
}

// A newMigration is a migration and the model of a database that has applied it.
type newMigration struct {
	file  migrationFile
	model Model
}

// migrations returns the migrations of the plan in the order of their versions. The number
// is the version of the first. There are several only if the dialect needs a migration for
// each table, or if indexes are built concurrently. If nothing changes there is no migration,
// unless the team asked for one to write by hand.
func (p *plan) migrations(number int64, name string) []newMigration {
	base := fmt.Sprintf("%d_%s", number, name)
	switch {
	case p.decided.byHand:
		return []newMigration{{p.byHand(base), p.after}}
	case len(p.changes) == 0:
		return nil
	case p.decided.concurrently && p.folder.dialect.name() == "postgres":
		return p.concurrently(number, name)
	case !p.folder.dialect.splits():
		return []newMigration{{p.generate(base, p.changes, p.back), p.after}}
	}
	var all []newMigration
	model := p.before
	for i, change := range p.changes {
		if i > 0 {
			base = fmt.Sprintf("%d_%s_%d", number+int64(i), name, i+1)
		}
		model = withTable(model, change)
		all = append(all, newMigration{p.generate(base, p.changes[i:i+1], p.back[i:i+1]), model})
	}
	return all
}

// generate returns the migration with the changes. back are the changes of its Down, in the order of
// changes.
func (p *plan) generate(base string, changes, back []tableChange) migrationFile {
	d := p.folder.dialect
	own := d.needsOwnTransaction(changes) || d.needsOwnTransaction(back)
	file := migrationFile{
		name:          base,
		comments:      []string{generatedComment(d)},
		noTransaction: own,
		up:            section{comments: warnings(d, changes), statements: d.up(changes, own)},
		down:          section{comments: warnings(d, back), statements: d.up(backward(back), own)},
	}
	if own {
		file.comments = append(file.comments,
			"SQLite can't alter a column, so the table is rebuilt. Its triggers, and indexes that the entities",
			"do not have, are lost; if there are any, create them again below.")
	}
	return file
}

func generatedComment(d dialect) string {
	return "Generated from the entities for " + d.name() + ". Review it before you commit it."
}

// byHand returns a file that lists the changes in comments. Its only statement is invalid
// in every dialect, so that it cannot be applied before the team has replaced it.
func (p *plan) byHand(base string) migrationFile {
	d := p.folder.dialect
	todo := func(changes []tableChange, reasons []string) section {
		comments := []string{"Replace " + byHandStatement + " by statements that make these changes:"}
		for _, sentence := range append(describe(changes), reasons...) {
			comments = append(comments, "  - "+sentence)
		}
		return section{comments: append(comments, warnings(d, changes)...), statements: []string{byHandStatement}}
	}
	return migrationFile{name: base, up: todo(p.changes, p.reasons), down: todo(p.back, nil)}
}

func warnings(d dialect, changes []tableChange) (comments []string) {
	for _, change := range changes {
		for _, sentence := range change.destroys(d) {
			comments = append(comments, destructiveMark+sentence)
		}
	}
	return comments
}

// withTable returns the model after the change of one table.
func withTable(model Model, change tableChange) Model {
	tables := slices.DeleteFunc(slices.Clone(model.Tables), func(t Table) bool { return t.Name == change.table().Name })
	if change.new != nil {
		tables = append(tables, *change.new)
	}
	slices.SortFunc(tables, func(a, b Table) int { return strings.Compare(a.Name, b.Name) })
	model.Tables = tables
	return model
}

// backward returns the changes in reverse order, in which Down undoes them.
func backward(changes []tableChange) []tableChange {
	changes = slices.Clone(changes)
	slices.Reverse(changes)
	return changes
}
