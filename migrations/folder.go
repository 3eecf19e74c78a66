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

// snapshotName is the file with the model of a database that has applied all of a
// dialect's migrations.
const snapshotName = "model.snapshot.json"

// A folder holds the committed files of one dialect: the migrations, the model beside
// each generated one, and the snapshot, which is the model of the last one.
type folder struct {
	dir      string
	dialect  dialect
	versions []version // sorted by number
	model    Model     // the snapshot; without tables if there is none
	found    bool      // whether there is a snapshot
}

// A version is one migration in a folder.
type version struct {
	number int64
	base   string // the file's name without its extension
	// add names the call of [Project.Add] that wrote the migration, by the number of the
	// first migration of the call. It is "" for a migration that the team has written.
	add   string
	model *Model // the model after the migration; nil if the team has written it
}

// migrationName matches what goose takes for a migration: a number, and then an underscore.
var migrationName = regexp.MustCompile(`^(\d+)_.*\.sql$`)

// openFolder reads the folder of the dialect in a project's Dir. A folder that does not
// exist is empty. Files that cannot be read as the package writes them are an
// [ErrInconsistent].
func openFolder(dir, dialectName string) (*folder, error) {
	d, err := dialectOf(dialectName)
	if err != nil {
		return nil, err
	}
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
		if err := f.readVersion(entry.Name()); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(f.versions, func(a, b version) int { return cmp.Compare(a.number, b.number) })
	for i := 1; i < len(f.versions); i++ {
		if f.versions[i-1].number == f.versions[i].number {
			return nil, fmt.Errorf("%w: %s has two migrations of version %d", ErrInconsistent, f.dir, f.versions[i].number)
		}
	}
	return f, nil
}

// readVersion adds the migration with the file name to the versions. Other files are
// ignored.
func (f *folder) readVersion(name string) error {
	found := migrationName.FindStringSubmatch(name)
	if found == nil {
		return nil
	}
	number, err := strconv.ParseInt(found[1], 10, 64)
	if err != nil {
		return fmt.Errorf("%w: %s: the version is too large", ErrInconsistent, name)
	}
	v := version{number: number, base: strings.TrimSuffix(name, ".sql")}
	model, add, err := f.readModel(modelName(v.base))
	if err == nil {
		v.model, v.add = &model, add
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f.versions = append(f.versions, v)
	return nil
}

func modelName(base string) string { return base + ".model.json" }

// readModel reads a model file of the folder. It returns the model and the first migration of the
// call that wrote it.
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
		return Model{}, "", fmt.Errorf("%w: %s is for the dialect %q", ErrInconsistent, path, model.Dialect)
	}
	return model, add, nil
}

// verify returns an [ErrInconsistent] if the snapshot is not the model of the last
// migration, which happens after a merge of two branches that both added a migration.
func (f *folder) verify() error {
	last := f.lastModel()
	if last == nil && !f.found {
		return nil
	}
	if last == nil || !f.found {
		return fmt.Errorf("%w: %s must have both %s and a migration with its model, or neither", ErrInconsistent, f.dir, snapshotName)
	}
	if !sameModel(f.dialect, *last, f.model) {
		return fmt.Errorf("%w: %s: %s is not the model of the last migration, as after a merge of two branches; delete the migration that no database has applied yet, restore %[3]s from the other branch, and add the migration again", ErrInconsistent, f.dir, snapshotName)
	}
	return nil
}

// lastModel returns the model of the last generated migration, nil if there is none.
func (f *folder) lastModel() *Model {
	for _, v := range slices.Backward(f.versions) {
		if v.model != nil {
			return v.model
		}
	}
	return nil
}

// modelAt returns the model of a database that has applied the migrations up to and
// including that version.
func (f *folder) modelAt(number int64) (*Model, error) {
	if !f.has(number) {
		return nil, f.noVersion(number)
	}
	for _, v := range slices.Backward(f.versions) {
		if v.number <= number && v.model != nil {
			return v.model, nil
		}
	}
	return nil, fmt.Errorf("%w: %s has no model for version %d", ErrNoMigration, f.dir, number)
}

func (f *folder) has(number int64) bool {
	return slices.ContainsFunc(f.versions, func(v version) bool { return v.number == number })
}

func (f *folder) noVersion(number int64) error {
	return fmt.Errorf("%w: %s has no version %d", ErrNoMigration, f.dir, number)
}

// lastNumber returns the number of the last version, 0 if there is none.
func (f *folder) lastNumber() int64 {
	if len(f.versions) == 0 {
		return 0
	}
	return f.versions[len(f.versions)-1].number
}

// lastAdd returns the add that wrote the last generated migration, "" if there is none.
func (f *folder) lastAdd() string {
	last := ""
	for _, v := range f.versions {
		last = max(last, v.add)
	}
	return last
}

// read returns the SQL of a migration.
func (f *folder) read(v version) (migrationFile, error) {
	data, err := os.ReadFile(filepath.Join(f.dir, v.base+".sql"))
	if err != nil {
		return migrationFile{}, err
	}
	return parseFile(v.base, data)
}

// readFinished reads the SQL of a migration that will be applied. A migration that waits to
// be completed by hand is an [ErrInconsistent].
func (f *folder) readFinished(v version) (migrationFile, error) {
	file, err := f.read(v)
	if err == nil && file.unfinished() {
		err = fmt.Errorf("%w: %s is not complete: write its SQL by hand", ErrInconsistent, v.base)
	}
	return file, err
}

// unfinished returns the paths of the migrations that wait to be completed by hand.
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

// A newFile is a file that an add writes.
type newFile struct {
	path    string
	data    []byte
	replace bool // a snapshot, which replaces the former snapshot
}

// newFiles returns the files that add the migrations to the folder: the SQL and the model
// of each, and the snapshot with the model after all of them. The add is the number of
// the first one. Without migrations there are no files.
func (f *folder) newFiles(add int64, migrations []newMigration, after Model) (files []newFile, err error) {
	if len(migrations) == 0 {
		return nil, nil
	}
	text := strconv.FormatInt(add, 10)
	for _, m := range migrations {
		data, err := encodeSnapshot(m.model, text)
		if err != nil {
			return nil, err
		}
		files = append(files,
			newFile{path: filepath.Join(f.dir, m.file.name+".sql"), data: m.file.encode()},
			newFile{path: filepath.Join(f.dir, modelName(m.file.name)), data: data})
	}
	data, err := encodeSnapshot(after, text)
	return append(files, newFile{path: filepath.Join(f.dir, snapshotName), data: data, replace: true}), err
}

// writeFiles writes the files of all dialects, the snapshots last, and returns their
// paths. If it fails, it deletes the migrations that it wrote.
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
	for _, file := range files {
		if file.replace {
			continue
		}
		if err := createFile(file); err != nil {
			return written, err
		}
		written = append(written, file.path)
	}
	var snapshots []string // apart from written: a replaced snapshot is not deleted
	for _, file := range files {
		if !file.replace {
			continue
		}
		if err := replaceFile(file); err != nil {
			return written, err
		}
		snapshots = append(snapshots, file.path)
	}
	return append(written, snapshots...), nil
}

// createFile writes a file that must not exist yet. After a failure the file is not there.
func createFile(file newFile) error {
	if err := os.MkdirAll(filepath.Dir(file.path), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(file.path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(file.data)
	if err = errors.Join(err, f.Close()); err != nil {
		err = errors.Join(err, os.Remove(file.path)) // a part of a migration must not be applied
	}
	return err
}

// replaceFile replaces a file as a whole: after a failure the old file is unchanged.
func replaceFile(file newFile) error {
	temporary := file.path + ".tmp"
	if err := os.WriteFile(temporary, file.data, 0o644); err != nil {
		return err
	}
	return os.Rename(temporary, file.path)
}

// remove deletes the migrations of one add and restores the snapshot before it. It
// returns the paths of the files that it deleted or restored. A folder without migrations
// of the add is left as it is.
func (f *folder) remove(add string) (touched []string, err error) {
	var rest []version
	for _, v := range f.versions {
		if v.add != add {
			rest = append(rest, v)
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
	if len(touched) == 0 {
		return nil, nil
	}
	path := filepath.Join(f.dir, snapshotName)
	touched = append(touched, path)
	for _, v := range slices.Backward(rest) {
		if v.model != nil {
			data, err := encodeSnapshot(*v.model, v.add)
			if err != nil {
				return touched, err
			}
			return touched, replaceFile(newFile{path: path, data: data})
		}
	}
	return touched, os.Remove(path)
}
