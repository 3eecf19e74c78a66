package migrations

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// snapshotName is the file with the model that the migrations of a dialect lead to.
const snapshotName = "model.snapshot.json"

// A folder is what is committed for one dialect: migrations, beside each that was
// generated the model that it leads to, and the snapshot of the last one.
type folder struct {
	dir      string
	dialect  dialect
	versions []version
	model    Model
	found    bool // whether there is a snapshot
}

// A version is one migration in a folder.
type version struct {
	number int64
	base   string // the file's name without its extension
	add    string // the add that it came from; "" if it is the team's own
	model  *Model // nil likewise
}

var migrationName = regexp.MustCompile(`^(\d+)_\w+\.sql$`)

func openFolder(dir string, d dialect) (*folder, error) {
	f := &folder{dir: filepath.Join(dir, d.name()), dialect: d, model: Model{Dialect: d.name()}}
	entries, err := os.ReadDir(f.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, entry := range entries {
		if entry.Name() == snapshotName {
			f.found = true
			if f.model, _, err = f.readModel(snapshotName); err != nil {
				return nil, err
			}
		}
		found := migrationName.FindStringSubmatch(entry.Name())
		if found == nil {
			continue
		}
		v := version{base: strings.TrimSuffix(entry.Name(), ".sql")}
		if v.number, err = strconv.ParseInt(found[1], 10, 64); err != nil {
			return nil, fmt.Errorf("%w: %s: its version is too great a number", ErrInconsistent, entry.Name())
		}
		model, add, err := f.readModel(modelName(v.base))
		if err == nil {
			v.model, v.add = &model, add
		} else if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		f.versions = append(f.versions, v)
	}
	slices.SortFunc(f.versions, func(a, b version) int { return cmp.Compare(a.number, b.number) })
	for i := 1; i < len(f.versions); i++ {
		if f.versions[i-1].number == f.versions[i].number {
			return nil, fmt.Errorf("%w: %s has two migrations of version %d", ErrInconsistent, f.dir, f.versions[i].number)
		}
	}
	return f, nil
}

func modelName(base string) string { return base + ".model.json" }

func (f *folder) readModel(name string) (Model, string, error) {
	path := filepath.Join(f.dir, name)
	data, err := os.ReadFile(path)
	if err != nil {
		return Model{}, "", err
	}
	model, add, err := decodeSnapshot(data)
	if err != nil {
		return Model{}, "", fmt.Errorf("%w: %s: %w", ErrInconsistent, path, err)
	}
	if model.Dialect != f.dialect.name() {
		return Model{}, "", fmt.Errorf("%w: %s is of the dialect %q", ErrInconsistent, path, model.Dialect)
	}
	return model, add, nil
}

// verify finds what a bad merge leaves behind.
func (f *folder) verify() error {
	last := f.lastModel()
	if last == nil && !f.found {
		return nil
	}
	if last == nil || !f.found {
		return fmt.Errorf("%w: %s: there must be both %s and a migration with its model, or neither", ErrInconsistent, f.dir, snapshotName)
	}
	if changes, reasons := diff(f.dialect, *last, f.model, nil); len(changes)+len(reasons) > 0 {
		return fmt.Errorf("%w: %s: %s is not what the last migration leads to, as after two branches were merged: take back the migration that isn't applied anywhere yet with its branch's files, and add it again", ErrInconsistent, f.dir, snapshotName)
	}
	return nil
}

func (f *folder) lastModel() *Model {
	for _, v := range slices.Backward(f.versions) {
		if v.model != nil {
			return v.model
		}
	}
	return nil
}

// modelAt returns the model that the migrations up to that version lead to.
func (f *folder) modelAt(number int64) (*Model, error) {
	if !slices.ContainsFunc(f.versions, func(v version) bool { return v.number == number }) {
		return nil, fmt.Errorf("%w: %s has none of version %d", ErrNoMigration, f.dir, number)
	}
	for _, v := range slices.Backward(f.versions) {
		if v.number <= number && v.model != nil {
			return v.model, nil
		}
	}
	return nil, fmt.Errorf("%w: %s has no model for version %d", ErrNoMigration, f.dir, number)
}

func (f *folder) lastNumber() int64 {
	if len(f.versions) == 0 {
		return 0
	}
	return f.versions[len(f.versions)-1].number
}

// read reads the migration's SQL.
func (f *folder) read(v version) (migrationFile, error) {
	data, err := os.ReadFile(filepath.Join(f.dir, v.base+".sql"))
	if err != nil {
		return migrationFile{}, err
	}
	return parseFile(v.base, data)
}

// unfinished returns the files that somebody still has to write.
func (f *folder) unfinished() (names []string, err error) {
	for _, v := range f.versions {
		file, err := f.read(v)
		if err != nil {
			return nil, err
		}
		if file.unfinished() {
			names = append(names, filepath.Join(f.dir, v.base+".sql"))
		}
	}
	return names, nil
}
