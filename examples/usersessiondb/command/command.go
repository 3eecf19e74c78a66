// Package command is the command line of a team's migrations project. It generates
// migrations with example.com/usersession/migrations and applies them with
// github.com/pressly/goose.
package command

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"gorm.io/gorm"

	"example.com/usersession/examples/usersessiondb/dsn"
	"example.com/usersession/migrations"
)

// A Team configures a project.
type Team struct {
	// Models are pointers to the structs that GORM maps to the tables.
	Models []any
	// Config returns the configuration that the application opens GORM with.
	Config func() *gorm.Config
	// Dialects are the dialects that the team uses.
	Dialects []Dialect
	// Dir is the folder of the migrations, with a folder for each dialect. The flag
	// -dir overrides it.
	Dir string
	// DSN is the database if the flag -dsn is not given.
	DSN string
}

// A Dialect is a kind of database and its driver.
type Dialect struct {
	Name string // GORM's name: postgres, mysql, sqlite or sqlserver
	Open func(dsn string) gorm.Dialector
}

// ErrDrift is returned if the entities differ from the migrations or from the database.
var ErrDrift = errors.New("there are differences")

const usage = `usage: go run . [flags] COMMAND

from the entities, without a database
  add NAME            write a migration for each dialect whose tables have changed
  remove              delete the files of the last add, of all dialects, unless the database
                      of -dsn has applied them; other databases are not looked at
  check               exit 1 if the migrations are not up to date with the entities (for CI)
  script [FROM] [TO]  print the SQL that leads from one version to another

with a database (-dsn; a SQLite file by default)
  up                  apply the pending migrations; several hosts may run it at once
  down                revert the last migration; one that destroys data needs -allow-destructive
  status              list the migrations and when they were applied
  verify              apply all migrations to an empty database, compare it with the entities
  baseline VERSION    compare a database that was made in another way, record its version
  adopt               take over the versions that a former version of this project recorded in goose_db_version
  doctor              check whether the database is fit for the store

flags
`

// flags are the flags of all commands.
type flags struct {
	dsn, dialect     string
	dir              string
	renames          list
	allowDestructive bool
	byHand           bool
	evenIfApplied    bool
	concurrently     bool
	lockTimeout      time.Duration
}

type list []string

func (l *list) String() string     { return strings.Join(*l, ", ") }
func (l *list) Set(s string) error { *l = append(*l, s); return nil }

// Run runs the command that the arguments name and writes its output to out. Flags may stand
// before and after the command. The text of the returned error is meant for the user;
// differences are an [ErrDrift].
func Run(ctx context.Context, team Team, args []string, out io.Writer) error {
	var f flags
	set := flag.NewFlagSet("usersessiondb", flag.ContinueOnError)
	set.SetOutput(out)
	set.StringVar(&f.dsn, "dsn", "", "the database, as a `DSN`:\n"+
		"postgres://user:password@host:5432/database | host=… user=… password=… dbname=…\n"+
		"mysql://user:password@host:3306/database | user:password@tcp(host:3306)/database\n"+
		"sqlserver://user:password@host:1433?database=name&encrypt=true\n"+
		"NAME.db | file:NAME (SQLite)")
	set.StringVar(&f.dialect, "dialect", "", "the `dialect`, if there is no -dsn: "+team.names())
	set.StringVar(&f.dir, "dir", team.Dir, "the `folder` of the migrations")
	set.Var(&f.renames, "rename", "add: rename a column (`table.old=new`), or drop it although a new one has the same type (table.old=-); repeatable")
	set.BoolVar(&f.allowDestructive, "allow-destructive", false, "add: generate changes that destroy or narrow data; down: revert a migration that destroys data")
	set.BoolVar(&f.byHand, "by-hand", false, "add: write a file to complete by hand instead of generated SQL")
	set.BoolVar(&f.evenIfApplied, "even-if-applied", false, "remove: delete the files also if the database has applied the migration")
	set.BoolVar(&f.concurrently, "concurrently", false, "add: on PostgreSQL, create and drop the indexes of existing tables without locking the table, each in a file of its own")
	set.DurationVar(&f.lockTimeout, "lock-timeout", 10*time.Second, "up, down: the `duration` for which a statement of a migration waits for a lock of the database; other statements wait meanwhile; 0 is no limit")
	set.Usage = func() { fmt.Fprint(out, usage); set.PrintDefaults() }
	words, err := parse(set, args)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	if f.lockTimeout != 0 && (f.lockTimeout < time.Millisecond || f.lockTimeout > maxLimit) {
		return errors.New("-lock-timeout must be 0, or between 1ms and 596h")
	}
	if len(words) == 0 {
		set.Usage()
		return errors.New("no command given")
	}
	team.Dir = f.dir
	r := &runner{team: team, flags: f, out: out}
	err = r.run(ctx, words[0], words[1:])
	for _, source := range r.sources {
		err = source.Redact(err)
	}
	return err
}

// parse returns the arguments that are not flags. Flags may stand before, between and after
// them.
func parse(set *flag.FlagSet, args []string) (words []string, err error) {
	for {
		if err := set.Parse(args); err != nil {
			return nil, err
		}
		if args = set.Args(); len(args) == 0 {
			return words, nil
		}
		words, args = append(words, args[0]), args[1:]
	}
}

type runner struct {
	team    Team
	flags   flags
	out     io.Writer
	sources []dsn.Source // that were opened
}

func (r *runner) run(ctx context.Context, name string, args []string) error {
	commands := map[string]struct {
		least, most int
		run         func(context.Context, []string) error
	}{
		"add":      {1, 1, r.add},
		"remove":   {0, 0, r.remove},
		"check":    {0, 0, r.check},
		"script":   {0, 2, r.script},
		"up":       {0, 0, r.up},
		"down":     {0, 0, r.down},
		"status":   {0, 0, r.status},
		"verify":   {0, 0, r.verify},
		"baseline": {1, 1, r.baseline},
		"adopt":    {0, 0, r.adopt},
		"doctor":   {0, 0, r.doctor},
	}
	command, ok := commands[name]
	if !ok {
		// Its name is not shown: it can be a part of a DSN without quotes.
		return errors.New("there is no such command; go run . -h lists the commands, and a DSN is the value of -dsn, in one pair of quotes")
	}
	if len(args) < command.least || len(args) > command.most {
		return fmt.Errorf("%s: wrong number of arguments; go run . -h lists the arguments", name)
	}
	if err := command.run(ctx, args); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func (r *runner) printf(format string, args ...any) { fmt.Fprintf(r.out, format+"\n", args...) }

func (r *runner) project() *migrations.Project {
	p := &migrations.Project{Dir: r.team.Dir, Models: r.team.Models, Config: r.team.Config()}
	for _, dialect := range r.team.Dialects {
		p.Dialects = append(p.Dialects, dialect.Open(""))
	}
	return p
}

func (r *runner) add(_ context.Context, args []string) error {
	files, err := r.project().Add(args[0], migrations.AddOptions{
		Renames:          r.flags.renames,
		AllowDestructive: r.flags.allowDestructive,
		ByHand:           r.flags.byHand,
		Concurrently:     r.flags.concurrently,
	})
	if err != nil {
		return err
	}
	if len(files) == 0 {
		r.printf("The migrations are up to date with the entities.")
	}
	for _, file := range files {
		r.printf("%s", file)
	}
	return nil
}

func (r *runner) check(context.Context, []string) error {
	pending, err := r.project().Pending()
	if err != nil {
		return err
	}
	if len(pending) == 0 {
		r.printf("The migrations are up to date with the entities.")
		return nil
	}
	for _, sentence := range pending {
		r.printf("%s", sentence)
	}
	return fmt.Errorf("%w between the entities and the migrations; complete the files that wait, and for all else run: go run . add NAME", ErrDrift)
}

func (r *runner) script(_ context.Context, args []string) error {
	dialect, _, err := r.target()
	if err != nil {
		return err
	}
	project := r.project()
	versions, err := project.Versions(dialect.Name)
	if err != nil {
		return err
	}
	numbers := []int64{0, slices.Max(append(versions, 0))}
	for i, arg := range args {
		if numbers[i], err = strconv.ParseInt(arg, 10, 64); err != nil {
			return errors.New("an argument is not a version")
		}
	}
	text, err := project.Script(dialect.Name, numbers[0], numbers[1])
	if err != nil {
		return err
	}
	_, err = io.WriteString(r.out, text)
	return err
}

func (t Team) names() string {
	var names []string
	for _, dialect := range t.Dialects {
		names = append(names, dialect.Name)
	}
	return strings.Join(names, ", ")
}

func (t Team) dialect(name string) (Dialect, error) {
	i := slices.IndexFunc(t.Dialects, func(d Dialect) bool { return d.Name == name })
	if i < 0 {
		return Dialect{}, fmt.Errorf("this project does not have the dialect %q; it has %s", name, t.names())
	}
	return t.Dialects[i], nil
}
