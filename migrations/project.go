package migrations

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"
)

// A Project is a folder of committed migrations and what they are generated from. None of
// its methods connects to a database.
type Project struct {
	// Dir has a folder for each dialect.
	Dir string
	// Models are pointers to the structs that GORM makes the tables from.
	Models []any
	// Config is what the application opens GORM with. Only what names tables, columns
	// and indexes, and what GORM migrates, is read from it.
	Config *gorm.Config
	// Dialects are dialectors that need no DSN, since they are never connected.
	Dialects []gorm.Dialector
	// Now is the clock that migrations are numbered by; [time.Now] if it is nil.
	Now func() time.Time
}

// AddOptions are what a team says in answer to what [Project.Add] refused.
type AddOptions struct {
	// Renames are "table.old=new" for a column that is renamed, and "table.old=-" for
	// one that goes for good although another one of the same shape comes.
	Renames []string
	// AllowDestructive generates what destroys or narrows data.
	AllowDestructive bool
	// ByHand generates no SQL, but a file to write it in.
	ByHand bool
}

var validName = regexp.MustCompile(`^[A-Za-z0-9_]{1,100}$`)

// Add writes a migration for each dialect in which the models differ from the snapshot,
// and returns the files that it wrote, none if there is nothing to do. What it can't
// generate it refuses for all dialects at once, and writes nothing.
func (p *Project) Add(name string, options AddOptions) ([]string, error) {
	if !validName.MatchString(name) {
		return nil, fmt.Errorf("migrations: %q is not a name for a migration: want letters, digits and underscores", name)
	}
	renames, kept, err := parseRenames(options.Renames)
	if err != nil {
		return nil, err
	}
	var plans []*plan
	var refused reasonsByDialect
	used := map[rename]bool{}
	number := p.number()
	for _, dialector := range p.Dialects {
		made, err := p.plan(dialector, renames, kept, options)
		if reasons := (*RefusedError)(nil); errors.As(err, &reasons) {
			refused.add(dialector.Name(), reasons.Reasons)
			continue
		} else if err != nil {
			return nil, err
		}
		for _, change := range made.changes {
			for _, r := range change.renamed {
				used[r] = true
			}
		}
		number = max(number, made.folder.lastNumber()+1)
		plans = append(plans, made)
	}
	if err := refused.err(); err != nil {
		return nil, err
	}
	for _, r := range renames {
		if !used[r] {
			return nil, &RefusedError{Reasons: []string{fmt.Sprintf("--rename %s.%s=%s fits no column: it wants table.old=new, where the table has lost old and got new", r.table, r.old, r.new)}}
		}
	}
	var files []newFile
	for _, plan := range plans {
		made, err := plan.files(number, name, options.ByHand)
		if err != nil {
			return nil, err
		}
		files = append(files, made...)
	}
	return writeFiles(files)
}

// Pending says, in a sentence each, what the migrations do not do yet: models that have
// drifted from them, files that wait to be written by hand. It is empty if everything is
// in order.
func (p *Project) Pending() (pending []string, err error) {
	for _, dialector := range p.Dialects {
		f, model, err := p.read(dialector)
		if err != nil {
			return nil, err
		}
		changes, reasons := diff(f.dialect, f.model, model, nil)
		for _, sentence := range append(describe(f.dialect, changes), reasons...) {
			pending = append(pending, dialector.Name()+": "+sentence)
		}
		unfinished, err := f.unfinished()
		if err != nil {
			return nil, err
		}
		for _, name := range unfinished {
			pending = append(pending, name+" waits to be written by hand")
		}
	}
	return pending, nil
}

// Remove deletes what the last add has written, and returns the files that it deleted or
// put back. Whether the migration is applied somewhere it can't know.
func (p *Project) Remove() (touched []string, err error) {
	var folders []*folder
	last := ""
	for _, dialector := range p.Dialects {
		f, err := p.openFolder(dialector)
		if err != nil {
			return nil, err
		}
		folders = append(folders, f)
		for _, v := range f.versions {
			last = max(last, v.add)
		}
	}
	if last == "" {
		return nil, fmt.Errorf("%w to remove in %s", ErrNoMigration, p.Dir)
	}
	for _, f := range folders {
		removed, err := f.remove(last)
		touched = append(touched, removed...)
		if err != nil {
			return touched, err
		}
	}
	return touched, nil
}

// LastAdded returns the numbers of a dialect's migrations that the last add has written.
func (p *Project) LastAdded(dialectName string) (numbers []int64, err error) {
	d, err := dialectOf(dialectName)
	if err != nil {
		return nil, err
	}
	f, err := openFolder(p.Dir, d)
	if err != nil {
		return nil, err
	}
	last := ""
	for _, v := range f.versions {
		last = max(last, v.add)
	}
	for _, v := range f.versions {
		if v.add != "" && v.add == last {
			numbers = append(numbers, v.number)
		}
	}
	return numbers, nil
}

// ModelAt returns what the migrations of a dialect lead to up to that version.
func (p *Project) ModelAt(dialectName string, number int64) (Model, error) {
	d, err := dialectOf(dialectName)
	if err != nil {
		return Model{}, err
	}
	f, err := openFolder(p.Dir, d)
	if err != nil {
		return Model{}, err
	}
	model, err := f.modelAt(number)
	if err != nil {
		return Model{}, err
	}
	return *model, nil
}

func (p *Project) openFolder(dialector gorm.Dialector) (*folder, error) {
	d, err := dialectOf(dialector.Name())
	if err != nil {
		return nil, err
	}
	return openFolder(p.Dir, d)
}

// read returns what is committed and what the models are now.
func (p *Project) read(dialector gorm.Dialector) (*folder, Model, error) {
	f, err := p.openFolder(dialector)
	if err != nil {
		return nil, Model{}, err
	}
	if err := f.verify(); err != nil {
		return nil, Model{}, err
	}
	model, err := ReadModel(dialector, p.Config, p.Models...)
	return f, model, err
}

func (p *Project) number() int64 {
	now := time.Now
	if p.Now != nil {
		now = p.Now
	}
	t := now().UTC()
	date := int64(t.Year())*10000 + int64(t.Month())*100 + int64(t.Day())
	return date*1000000 + int64(t.Hour())*10000 + int64(t.Minute())*100 + int64(t.Second())
}

// parseRenames reads "table.old=new"; the table may have a schema.
func parseRenames(texts []string) (renames, kept []rename, err error) {
	for _, text := range texts {
		left, after, found := strings.Cut(text, "=")
		table, column := splitName(left)
		if !found || table == "" || column == "" || after == "" || strings.Contains(after, ".") {
			return nil, nil, fmt.Errorf("migrations: --rename %s: want table.old=new", text)
		}
		if after == "-" {
			kept = append(kept, rename{table: table, old: column})
		} else {
			renames = append(renames, rename{table: table, old: column, new: after})
		}
	}
	return renames, kept, nil
}

// remove deletes the migrations of one add and puts back the snapshot before it.
func (f *folder) remove(add string) (touched []string, err error) {
	rest := slices.DeleteFunc(slices.Clone(f.versions), func(v version) bool { return v.add == add })
	if len(rest) == len(f.versions) {
		return nil, nil
	}
	for _, v := range f.versions {
		if v.add != add {
			continue
		}
		for _, name := range []string{v.base + ".sql", modelName(v.base)} {
			path := filepath.Join(f.dir, name)
			if err := os.Remove(path); err != nil {
				return touched, err
			}
			touched = append(touched, path)
		}
	}
	path := filepath.Join(f.dir, snapshotName)
	touched = append(touched, path)
	for _, v := range slices.Backward(rest) {
		if v.model != nil {
			data, err := encodeSnapshot(*v.model, v.add)
			if err != nil {
				return touched, err
			}
			return touched, os.WriteFile(path, data, 0o644)
		}
	}
	return touched, os.Remove(path)
}
