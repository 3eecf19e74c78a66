package migrations

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"gorm.io/gorm"
)

// A plan is what an add will write for one dialect.
type plan struct {
	folder        *folder
	before, after Model
	changes, back []tableChange
	destroyed     []string
	reasons       []string // why it is written by hand
}

// plan compares, and asks everything that can be asked before something is written.
func (p *Project) plan(dialector gorm.Dialector, renames, kept []rename, options AddOptions) (*plan, error) {
	f, after, err := p.read(dialector)
	if err != nil {
		return nil, err
	}
	unfinished, err := f.unfinished()
	if err != nil {
		return nil, err
	}
	if len(unfinished) > 0 {
		return nil, fmt.Errorf("%w: write %s first", ErrInconsistent, strings.Join(unfinished, ", "))
	}
	made := &plan{folder: f, before: f.model, after: after}
	made.changes, made.reasons = diff(f.dialect, f.model, after, renames)
	made.back, _ = diff(f.dialect, after, f.model, reversed(renames))
	asked, destroyed := guard(f.dialect, made.changes, kept)
	made.destroyed = destroyed
	made.reasons = append(append(made.reasons, asked...), guardBack(f.dialect, made.back)...)
	if options.ByHand {
		return made, nil
	}
	refused := made.reasons
	if len(destroyed) > 0 && !options.AllowDestructive {
		for _, sentence := range destroyed {
			refused = append(refused, "it "+strings.TrimSuffix(sentence, ".")+": say --allow-destructive if that is what you want")
		}
	}
	return made, refusal(refused)
}

type newFile struct {
	path    string
	data    []byte
	replace bool
}

func (p *plan) files(number int64, name string, byHand bool) (files []newFile, err error) {
	if len(p.changes) == 0 && !byHand {
		return nil, nil
	}
	add := strconv.FormatInt(number, 10)
	write := func(base string, file migrationFile, model Model) error {
		data, err := encodeSnapshot(model, add)
		files = append(files,
			newFile{path: filepath.Join(p.folder.dir, base+".sql"), data: file.encode()},
			newFile{path: filepath.Join(p.folder.dir, modelName(base)), data: data})
		return err
	}
	base := fmt.Sprintf("%d_%s", number, name)
	switch {
	case byHand:
		err = write(base, p.byHand(base), p.after)
	case p.folder.dialect.splits():
		model := p.before
		for i, change := range p.changes {
			if i > 0 {
				base = fmt.Sprintf("%d_%s_%d", number+int64(i), name, i+1)
			}
			model = withTable(model, change)
			back := slices.DeleteFunc(slices.Clone(p.back), func(b tableChange) bool { return b.table().Name != change.table().Name })
			err = errors.Join(err, write(base, p.generate(base, []tableChange{change}, back), model))
		}
	default:
		err = write(base, p.generate(base, p.changes, p.back), p.after)
	}
	data, snapshotErr := encodeSnapshot(p.after, add)
	files = append(files, newFile{path: filepath.Join(p.folder.dir, snapshotName), data: data, replace: true})
	return files, errors.Join(err, snapshotErr)
}

func (p *plan) generate(base string, changes, back []tableChange) migrationFile {
	d := p.folder.dialect
	own := d.needsOwnTransaction(changes) || d.needsOwnTransaction(back)
	file := migrationFile{
		name:          base,
		comments:      []string{"Generated from the entities for " + d.name() + ". Review it before you commit it."},
		noTransaction: own,
		up:            section{comments: warnings(d, changes), statements: d.up(changes, own)},
		down:          section{comments: warnings(d, back), statements: d.up(backward(back), own)},
	}
	if own {
		file.comments = append(file.comments,
			"SQLite can't alter a column: the table is built anew. Its triggers, and indexes that the entities",
			"do not name, are lost; create them again below if you have any.")
	}
	return file
}

func warnings(d dialect, changes []tableChange) (comments []string) {
	for _, change := range changes {
		for _, sentence := range change.destroys(d) {
			comments = append(comments, "DESTRUCTIVE: "+sentence)
		}
	}
	return comments
}

// byHand is a file that says what has to be done, and fails until somebody has written it.
func (p *plan) byHand(base string) migrationFile {
	d := p.folder.dialect
	todo := func(changes []tableChange, reasons []string) section {
		comments := []string{"Write it by hand in place of " + byHandStatement + "."}
		for _, sentence := range append(describe(d, changes), reasons...) {
			comments = append(comments, "  - "+sentence)
		}
		return section{comments: append(comments, warnings(d, changes)...), statements: []string{byHandStatement}}
	}
	return migrationFile{name: base, up: todo(p.changes, p.reasons), down: todo(p.back, nil)}
}

// describe says what the changes do, in a sentence each.
func describe(d dialect, changes []tableChange) (sentences []string) {
	for _, change := range changes {
		table := change.table().Name
		say := func(format string, args ...any) { sentences = append(sentences, fmt.Sprintf(format, args...)) }
		switch {
		case change.new == nil:
			say("the table %s goes", table)
			continue
		case change.old == nil:
			say("the table %s is new", table)
			continue
		}
		for _, r := range change.renamed {
			say("the column %s.%s is now called %s", table, r.old, r.new)
		}
		for _, column := range change.dropped {
			say("the column %s.%s goes", table, column.Name)
		}
		for _, column := range change.added {
			say("the column %s.%s is new", table, column.Name)
		}
		for _, altered := range change.altered {
			say("the column %s.%s changes from %s to %s", table, altered.new.Name, columnText(altered.old), columnText(altered.new))
		}
		for _, index := range change.dropIndexes {
			say("the index %s on %s goes or changes", index.Name, table)
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

// writeFiles writes all or, if that fails, none of the new files.
func writeFiles(files []newFile) (written []string, err error) {
	defer func() {
		if err == nil {
			return
		}
		for _, path := range written {
			_ = os.Remove(path)
		}
		written = nil
	}()
	// The snapshots last: once one of them is replaced, nothing is taken back.
	slices.SortStableFunc(files, func(a, b newFile) int {
		switch {
		case a.replace == b.replace:
			return 0
		case b.replace:
			return -1
		default:
			return 1
		}
	})
	for _, file := range files {
		if err := os.MkdirAll(filepath.Dir(file.path), 0o755); err != nil {
			return written, err
		}
		if file.replace {
			if err := replaceFile(file); err != nil {
				return written, err
			}
			continue
		}
		if err := createFile(file); err != nil {
			return written, err
		}
		written = append(written, file.path)
	}
	for _, file := range files {
		if file.replace {
			written = append(written, file.path)
		}
	}
	return written, nil
}

func createFile(file newFile) error {
	f, err := os.OpenFile(file.path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(file.data)
	return errors.Join(err, f.Close())
}

// replaceFile leaves either the old file or the new one, never a part of it.
func replaceFile(file newFile) error {
	temporary := file.path + ".tmp"
	if err := os.WriteFile(temporary, file.data, 0o644); err != nil {
		return err
	}
	return os.Rename(temporary, file.path)
}

// reasonsByDialect says a reason once, with the dialects that it is true of.
type reasonsByDialect struct {
	reasons  []string
	dialects map[string][]string
}

func (r *reasonsByDialect) add(dialect string, reasons []string) {
	if r.dialects == nil {
		r.dialects = map[string][]string{}
	}
	for _, reason := range reasons {
		if r.dialects[reason] == nil {
			r.reasons = append(r.reasons, reason)
		}
		r.dialects[reason] = append(r.dialects[reason], dialect)
	}
}

func (r *reasonsByDialect) err() error {
	var all []string
	for _, reason := range r.reasons {
		all = append(all, strings.Join(r.dialects[reason], ", ")+": "+reason)
	}
	return refusal(all)
}

// backward returns the changes in the order in which they are undone.
func backward(changes []tableChange) []tableChange {
	changes = slices.Clone(changes)
	slices.Reverse(changes)
	return changes
}
