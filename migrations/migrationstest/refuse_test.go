package migrationstest

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/schema"

	"example.com/usersession/migrations"
)

type parent struct {
	ID       int64 `gorm:"primaryKey"`
	Children []child1
	Tags     []tag `gorm:"many2many:parent_tags"`
}
type child1 struct {
	ID       int64 `gorm:"primaryKey"`
	ParentID int64
}
type tag struct {
	ID int64 `gorm:"primaryKey"`
}

// Plain is the table before the changes that the tests below make.
type Plain struct {
	ID    int64  `gorm:"primaryKey"`
	Name  string `gorm:"size:100;not null"`
	Count *int64
}

func (Plain) TableName() string { return "things" }

// TestAdd_Refused adds changes that the package does not generate, or not without a decision
// of the team: the error names the dialects and says what to do, and nothing is written.
func TestAdd_Refused(t *testing.T) {
	for name, c := range refusals() {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if c.before != nil {
				add(t, dir, step{name: "init", models: []any{c.before}})
			}
			before := filesIn(t, dir)
			files, err := projectIn(dir, c.models...).Add("next", c.options)
			if !errors.Is(err, migrations.ErrRefused) {
				t.Fatalf("got %v and the files %v, want ErrRefused", err, files)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error does not have %q:\n%v", want, err)
				}
			}
			if after := filesIn(t, dir); !maps.Equal(before, after) {
				t.Errorf("files were written; there are now %v", slices.Sorted(maps.Keys(after)))
			}
		})
	}
}

type refusalCase struct {
	before  any
	models  []any
	options migrations.AddOptions
	want    []string
}

type (
	withForeignKey struct {
		ID    int64 `gorm:"primaryKey"`
		TagID int64
		Tag   tag
	}
	withCheck struct {
		ID int64 `gorm:"primaryKey;check:id > 0"`
	}
	withUnique struct {
		ID   int64  `gorm:"primaryKey"`
		Name string `gorm:"size:10;unique"`
	}
	withComment struct {
		ID int64 `gorm:"primaryKey;comment:an identifier"`
	}
	withExpression struct {
		ID   int64  `gorm:"primaryKey"`
		Name string `gorm:"size:10;index:,expression:lower(name)"`
	}
	withFullText struct {
		ID   int64  `gorm:"primaryKey"`
		Name string `gorm:"size:10;index:,class:FULLTEXT"`
	}
	withGenerated struct {
		ID   int64  `gorm:"primaryKey"`
		Name string `gorm:"type:varchar(10) GENERATED ALWAYS AS ('x') STORED"`
	}
	withFilter struct {
		ID      int64  `gorm:"primaryKey"`
		Name    string `gorm:"size:10;uniqueIndex:,where:deleted = 0"`
		Deleted int64
	}
	withoutKey  struct{ Name string }
	addsNotNull struct {
		Plain
		More string `gorm:"size:10;not null"`
	}
	becomesNotNull struct {
		ID    int64  `gorm:"primaryKey"`
		Name  string `gorm:"size:100;not null"`
		Count int64  `gorm:"not null"`
	}
	otherKey struct {
		ID    int64  `gorm:"autoIncrement:false"`
		Name  string `gorm:"size:100;not null;primaryKey"`
		Count *int64
	}
	otherType struct {
		ID    int64  `gorm:"primaryKey"`
		Name  []byte `gorm:"not null"`
		Count *int64
	}
	narrowed struct {
		ID    int64  `gorm:"primaryKey"`
		Name  string `gorm:"size:50;not null"`
		Count *int64
	}
	withoutCount struct {
		ID   int64  `gorm:"primaryKey"`
		Name string `gorm:"size:100;not null"`
	}
	renamedColumn struct {
		ID     int64  `gorm:"primaryKey"`
		Name   string `gorm:"size:100;not null"`
		Number *int64
	}
	renamedTable struct{ Plain }
)

func (addsNotNull) TableName() string    { return "things" }
func (becomesNotNull) TableName() string { return "things" }
func (otherKey) TableName() string       { return "things" }
func (otherType) TableName() string      { return "things" }
func (narrowed) TableName() string       { return "things" }
func (withoutCount) TableName() string   { return "things" }
func (renamedColumn) TableName() string  { return "things" }
func (renamedTable) TableName() string   { return "articles" }

const all = "sqlite, postgres, mysql, sqlserver: "

func refusals() map[string]refusalCase {
	destructive := migrations.AddOptions{AllowDestructive: true}
	return map[string]refusalCase{
		"a foreign key":                    {models: []any{&withForeignKey{}}, want: []string{all, "foreign key of Tag is not generated", "FOREIGN KEY by hand"}},
		"a foreign key of others":          {models: []any{&parent{}}, want: []string{all, "foreign key of Children", "join table of Tags"}},
		"a check":                          {models: []any{&withCheck{}}, want: []string{all, "CHECK (id > 0) by hand"}},
		"a unique constraint":              {models: []any{&withUnique{}}, want: []string{all, "with uniqueIndex instead of unique"}},
		"a comment":                        {models: []any{&withComment{}}, want: []string{all, "write the comment by hand"}},
		"an expression":                    {models: []any{&withExpression{}}, want: []string{all, "write the index by hand"}},
		"a full text index":                {models: []any{&withFullText{}}, want: []string{all, "FULLTEXT", "write the index by hand"}},
		"a generated column":               {models: []any{&withGenerated{}}, want: []string{all, "GENERATED", "by hand"}},
		"no primary key":                   {models: []any{&withoutKey{}}, want: []string{all, "there is no primary key"}},
		"two models of a table":            {models: []any{&Plain{}, &narrowed{}}, want: []string{all, "second model of the table things"}},
		"a filtered unique index on MySQL": {models: []any{&withFilter{}}, want: []string{"mysql has no filtered indexes", "generated column"}},

		"a new column without a value":   {before: &Plain{}, models: []any{&addsNotNull{}}, options: destructive, want: []string{all, "more is NOT NULL and has no default"}},
		"a column that becomes NOT NULL": {before: &Plain{}, models: []any{&becomesNotNull{}}, options: destructive, want: []string{all, "count becomes NOT NULL and has no default"}},
		"another primary key":            {before: &Plain{}, models: []any{&otherKey{}}, options: destructive, want: []string{all, "primary key changes from [id] to [name]", "by hand"}},
		"another type":                   {before: &Plain{}, models: []any{&otherType{}}, options: destructive, want: []string{"sqlite: ", "postgres: ", "mysql: ", "sqlserver: ", "does not know how to convert its values"}},
		"a narrower column":              {before: &Plain{}, models: []any{&narrowed{}}, want: []string{"postgres, mysql", "narrows things.name", "-allow-destructive"}},
		"a dropped column":               {before: &Plain{}, models: []any{&withoutCount{}}, want: []string{all, "drops the column things.count", "-allow-destructive"}},
		"a dropped table":                {before: &Plain{}, models: []any{&tag{}}, want: []string{all, "drops the table things", "-allow-destructive"}},
		"a column that may be renamed":   {before: &Plain{}, models: []any{&renamedColumn{}}, options: destructive, want: []string{all, "-rename things.count=number", "-rename things.count=-"}},
		"a table that may be renamed":    {before: &Plain{}, models: []any{&renamedTable{}}, options: destructive, want: []string{all, "the table things is dropped and articles, with the same columns, is created", "by hand"}},
		"a rename of nothing":            {before: &Plain{}, models: []any{&Plain{}}, options: migrations.AddOptions{Renames: []string{"things.x=y"}}, want: []string{"the rename things.x=y fits no column"}},
	}
}

// TestAdd_Options generates the changes that Add refuses without an option.
func TestAdd_Options(t *testing.T) {
	for name, c := range map[string]struct {
		model   any
		options migrations.AddOptions
		want    []string // in the file for PostgreSQL
	}{
		"destructive": {&withoutCount{}, migrations.AddOptions{AllowDestructive: true}, []string{
			"-- DESTRUCTIVE: drops the column things.count with all its values.\nALTER TABLE \"things\" DROP COLUMN \"count\";"}},
		"narrower": {&narrowed{}, migrations.AddOptions{AllowDestructive: true}, []string{
			"-- DESTRUCTIVE: narrows things.name", "TYPE varchar(50);"}}, // without USING, which would truncate
		"a rename": {&renamedColumn{}, migrations.AddOptions{Renames: []string{"things.count=number"}}, []string{
			`RENAME COLUMN "count" TO "number"`, `RENAME COLUMN "number" TO "count"`}},
		"no rename": {&renamedColumn{}, migrations.AddOptions{AllowDestructive: true, Renames: []string{"things.count=-"}}, []string{
			`DROP COLUMN "count"`, `ADD COLUMN "number" bigint`}},
		"by hand": {&otherType{}, migrations.AddOptions{ByHand: true}, []string{
			"-- - the column things.name changes from varchar(100) NOT NULL to bytea NOT NULL", "WRITE_THIS_BY_HAND;"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			add(t, dir, step{name: "init", models: []any{&Plain{}}})
			add(t, dir, step{name: "next", models: []any{c.model}, options: c.options})
			text := filesIn(t, dir)["postgres/20260301120001_next.sql"]
			for _, want := range c.want {
				if !strings.Contains(text, want) {
					t.Errorf("the file does not have %q:\n%s", want, text)
				}
			}
			if c.options.ByHand {
				return
			}
			if files := add(t, dir, step{name: "again", models: []any{c.model}}); len(files) > 0 {
				t.Errorf("a second add wrote %v", files)
			}
		})
	}
}

// TestByHand_NotCompleted adds a file to complete by hand: until it is completed, check
// reports it and add, script and up fail.
func TestByHand_NotCompleted(t *testing.T) {
	dir := t.TempDir()
	add(t, dir, step{name: "init", models: []any{&Plain{}}})
	add(t, dir, step{name: "bytes", models: []any{&otherType{}}, options: migrations.AddOptions{ByHand: true}})
	project := projectIn(dir, &otherType{})
	if pending, err := project.Pending(); err != nil || len(pending) != len(teamDialects) || !strings.Contains(pending[0], "waits to be completed by hand") {
		t.Errorf("pending: got %q, %v", pending, err)
	}
	if _, err := project.Add("more", migrations.AddOptions{}); !errors.Is(err, migrations.ErrInconsistent) {
		t.Errorf("add: got %v, want ErrInconsistent", err)
	}
	if _, err := project.Script("postgres", 0, 20260301120001); !errors.Is(err, migrations.ErrInconsistent) {
		t.Errorf("script: got %v, want ErrInconsistent", err)
	}
	if _, err := run(t, team(dir, &otherType{}), "up", "-dsn=file:"+t.TempDir()+"/x.db"); err == nil {
		t.Error("up succeeded")
	}
}

// TestAdd_NamingStrategy uses the names of the team's configuration, within the limits of the
// dialectors.
func TestAdd_NamingStrategy(t *testing.T) {
	p := projectIn(t.TempDir(), steps[0].models...)
	long := "a_team_with_a_name_of_forty_letters_in_it"
	p.Config = &gorm.Config{NamingStrategy: &schema.NamingStrategy{TablePrefix: "auth." + long + "_"}}
	p.Dialects = p.Dialects[1:] // SQLite has no schemas
	if _, err := p.Add("init", migrations.AddOptions{}); err != nil {
		t.Fatal(err)
	}
	files := filesIn(t, p.Dir)
	text := files["postgres/20260301120000_init.sql"]
	if !strings.Contains(text, `CREATE TABLE "auth"."`+long+`_user_sessions"`) {
		t.Errorf("the table's name does not come from the naming strategy:\n%s", text)
	}
	for dialect, limit := range map[string]int{"postgres": 63, "mysql": 64} {
		for line := range strings.Lines(files[dialect+"/20260301120000_init.sql"]) {
			if _, rest, ok := strings.Cut(line, "INDEX "); ok {
				name := strings.FieldsFunc(rest, func(r rune) bool { return strings.ContainsRune("\"` ", r) })[0]
				if len(name) > limit || dialect == "mysql" && len(name) != limit {
					t.Errorf("%s: the name of the index %s has %d bytes, the limit is %d", dialect, name, len(name), limit)
				}
			}
		}
	}
	p.Dialects = []gorm.Dialector{openSQLite("")}
	if _, err := p.Add("init", migrations.AddOptions{}); !errors.Is(err, migrations.ErrRefused) {
		t.Errorf("a schema on SQLite: got %v, want ErrRefused", err)
	}
}
