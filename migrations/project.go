package migrations

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"gorm.io/gorm"
)

// A Project is a folder of committed migrations and the models that they are generated
// from. Its methods do not connect to a database. Calls that write to the same Dir at
// the same time are not coordinated.
type Project struct {
	// Dir is the folder of the migrations. It has a folder for each dialect.
	Dir string
	// Models are pointers to the structs that GORM maps to the tables.
	Models []any
	// Config is the configuration that the application opens GORM with; nil is GORM's
	// default. The package reads only the settings that name tables, columns and
	// indexes, and the settings that limit the migration.
	Config *gorm.Config
	// Dialects are the dialectors of the databases that the team uses. They need no
	// DSN, since they are never connected.
	Dialects []gorm.Dialector
	// Now is the clock that migrations are numbered by. Nil stands for [time.Now].
	Now func() time.Time
}

// AddOptions are the team's decisions on changes that [Project.Add] refuses without them.
type AddOptions struct {
	// Renames are "table.old=new" for a column that is renamed, and "table.old=-" for a
	// column that is dropped although a new one has the same type. A table may have a
	// schema: "schema.table.old=new".
	Renames []string
	// AllowDestructive generates changes that destroy or narrow data.
	AllowDestructive bool
	// ByHand writes a file to complete by hand instead of generated SQL.
	ByHand bool
	// Concurrently creates and drops the indexes of existing tables with CONCURRENTLY on
	// PostgreSQL, which does not lock the table. Each index gets a migration of its own,
	// without a transaction, after the one that changes the columns. PostgreSQL
	// refuses it on a partitioned table. On other databases it has no effect.
	Concurrently bool
}

var validName = regexp.MustCompile(`^[A-Za-z0-9_]{1,100}$`)

// Add writes a migration for each dialect in which the models differ from the snapshot,
// and the new snapshot. It returns the paths of the files that it wrote: none if nothing
// has changed.
//
// The name becomes part of the files' names: 1 to 100 letters, digits and underscores.
//
// If a change cannot be generated for one of the dialects, or needs one of the options,
// Add writes nothing and returns an [ErrRefused] with the reasons of all dialects. If a
// folder's files contradict each other, or a migration in it is not yet completed by
// hand, the error is an [ErrInconsistent]. If a file cannot be written, the migrations
// that were written are deleted again; snapshots that were already replaced stay.
func (p *Project) Add(name string, options AddOptions) ([]string, error) {
	if !validName.MatchString(name) {
		return nil, fmt.Errorf("migrations: %q is not a name for a migration: want 1 to 100 letters, digits and underscores", name)
	}
	decided, err := parseOptions(options)
	if err != nil {
		return nil, err
	}
	plans, err := p.plans(decided)
	if err != nil {
		return nil, err
	}
	if err := decided.checkUsed(plans); err != nil {
		return nil, err
	}
	number := p.number()
	for _, plan := range plans {
		number = max(number, plan.folder.lastNumber()+1)
	}
	var files []newFile
	for _, plan := range plans {
		added, err := plan.folder.newFiles(number, plan.migrations(number, name), plan.after)
		if err != nil {
			return nil, err
		}
		files = append(files, added...)
	}
	return writeFiles(files)
}

// plans returns the plan of each dialect. If any of them is refused, the error lists the
// reasons of all dialects.
func (p *Project) plans(decided decisions) ([]*plan, error) {
	var plans []*plan
	var refused reasonsByDialect
	for _, dialector := range p.Dialects {
		made, err := p.plan(dialector, decided)
		if reasons, ok := errors.AsType[*RefusedError](err); ok {
			refused.add(dialector.Name(), reasons.Reasons)
			continue
		}
		if err != nil {
			return nil, err
		}
		plans = append(plans, made)
	}
	return plans, refused.err()
}

// plan plans the migrations of one dialect. It returns an error if they must not be written.
func (p *Project) plan(dialector gorm.Dialector, decided decisions) (*plan, error) {
	f, after, err := p.read(dialector)
	if err != nil {
		return nil, err
	}
	unfinished, err := f.unfinished()
	if err != nil {
		return nil, err
	}
	if len(unfinished) > 0 {
		return nil, fmt.Errorf("%w: first complete by hand %s", ErrInconsistent, strings.Join(unfinished, ", "))
	}
	made := newPlan(f, after, decided)
	return made, refusal(made.refused())
}

// Pending returns a sentence for each change of the models that no migration makes yet,
// and for each migration that waits to be completed by hand. It returns none if the
// migrations are up to date. Models that the package does not cover are an [ErrRefused],
// a folder whose files contradict each other is an [ErrInconsistent].
func (p *Project) Pending() (pending []string, err error) {
	for _, dialector := range p.Dialects {
		f, model, err := p.read(dialector)
		if err != nil {
			return nil, err
		}
		changes, reasons := diff(f.dialect, f.model, model, nil)
		for _, sentence := range append(describe(changes), reasons...) {
			pending = append(pending, dialector.Name()+": "+sentence)
		}
		unfinished, err := f.unfinished()
		if err != nil {
			return nil, err
		}
		for _, name := range unfinished {
			pending = append(pending, name+" waits to be completed by hand")
		}
	}
	return pending, nil
}

// Remove deletes the files of the last [Project.Add] in all dialects and restores the
// snapshots before it. It returns the paths of the files that it deleted or restored,
// also if it fails halfway. With no migration left it returns [ErrNoMigration].
//
// Remove cannot know whether a database has applied the migration: the caller checks
// that first.
func (p *Project) Remove() (touched []string, err error) {
	var folders []*folder
	last := ""
	for _, dialector := range p.Dialects {
		f, err := openFolder(p.Dir, dialector.Name())
		if err != nil {
			return nil, err
		}
		folders = append(folders, f)
		last = max(last, f.lastAdd())
	}
	if last == "" {
		return nil, fmt.Errorf("%w: %s has no generated migration to remove", ErrNoMigration, p.Dir)
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

// LastAdded returns the versions of a dialect's migrations that the last [Project.Add]
// wrote for it: none if it has no generated migration.
func (p *Project) LastAdded(dialectName string) (numbers []int64, err error) {
	f, err := openFolder(p.Dir, dialectName)
	if err != nil {
		return nil, err
	}
	last := f.lastAdd()
	for _, v := range f.versions {
		if v.add != "" && v.add == last {
			numbers = append(numbers, v.number)
		}
	}
	return numbers, nil
}

// Versions returns the versions of a dialect's migrations in ascending order.
func (p *Project) Versions(dialectName string) (numbers []int64, err error) {
	f, err := openFolder(p.Dir, dialectName)
	if err != nil {
		return nil, err
	}
	for _, v := range f.versions {
		numbers = append(numbers, v.number)
	}
	return numbers, nil
}

// ModelAt returns the model of a database to which a dialect's migrations are applied up
// to and including that version. Without a migration of that version, or without a
// generated one up to it, the error is [ErrNoMigration].
func (p *Project) ModelAt(dialectName string, number int64) (Model, error) {
	f, err := openFolder(p.Dir, dialectName)
	if err != nil {
		return Model{}, err
	}
	model, err := f.modelAt(number)
	if err != nil {
		return Model{}, err
	}
	return *model, nil
}

// read returns the committed migrations of a dialect and the current model.
func (p *Project) read(dialector gorm.Dialector) (*folder, Model, error) {
	f, err := openFolder(p.Dir, dialector.Name())
	if err != nil {
		return nil, Model{}, err
	}
	if err := f.verify(); err != nil {
		return nil, Model{}, err
	}
	model, err := ReadModel(dialector, p.Config, p.Models...)
	return f, model, err
}

// number returns the current time as yyyymmddhhmmss in UTC.
func (p *Project) number() int64 {
	now := time.Now
	if p.Now != nil {
		now = p.Now
	}
	t := now().UTC()
	date := int64(t.Year())*10000 + int64(t.Month())*100 + int64(t.Day())
	return date*1000000 + int64(t.Hour())*10000 + int64(t.Minute())*100 + int64(t.Second())
}
