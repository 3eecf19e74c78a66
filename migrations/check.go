package migrations

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"example.com/usersession/entities"
)

// A CheckOption changes what [Check] looks at.
type CheckOption func(*checkConfig)

type checkConfig struct {
	model any
	table string
	now   func() time.Time
}

// CheckModel names the team's own struct in which entities.UserSession is embedded.
func CheckModel(model any) CheckOption { return func(c *checkConfig) { c.model = model } }

// CheckTable names the table, as the store's WithTable does.
func CheckTable(name string) CheckOption { return func(c *checkConfig) { c.table = name } }

// CheckClock sets the host's clock. The default is [time.Now].
func CheckClock(now func() time.Time) CheckOption { return func(c *checkConfig) { c.now = now } }

const (
	// clockTolerance is more than what a round trip and a lazy time service explain.
	clockTolerance = 5 * time.Second
	// leftoverAfter is how long an expired row may wait for the cleanup.
	leftoverAfter = 24 * time.Hour
)

// Check looks whether a live database is fit for the store: the table, its columns,
// types, collations and indexes, the database's clock, and rows that nobody cleans up. It
// changes nothing. Each finding says what to do; none means that all is well.
//
// An application calls it when it starts, logs what it finds, and stops at findings that
// are not [Finding.Harmless]. An error means that Check could not look.
func Check(ctx context.Context, db *gorm.DB, opts ...CheckOption) ([]Finding, error) {
	config := checkConfig{model: &entities.UserSession{}, now: time.Now}
	for _, opt := range opts {
		opt(&config)
	}
	want, err := expected(db, config)
	if err != nil {
		return nil, err
	}
	got, err := Inspect(ctx, db, want.Name)
	if err != nil {
		return nil, err
	}
	d, err := dialectOf(db.Name())
	if err != nil {
		return nil, err
	}
	c := checker{comparison{dialect: d}}
	live := got.Table(want.Name)
	if live == nil {
		c.missingTable(want.Name)
		return c.findings, nil
	}
	c.columns(want, live)
	c.indexes(want, live)
	db = quiet(ctx, db)
	if err := c.clock(db, config.now); err != nil {
		return nil, fmt.Errorf("migrations: ask the database for its time: %w", err)
	}
	if live.Column("expires") != nil {
		if err := c.leftovers(db, want.Name, config.now()); err != nil {
			return nil, fmt.Errorf("migrations: count what has expired: %w", err)
		}
	}
	return c.findings, nil
}

// expected returns the table as the entities want it.
func expected(db *gorm.DB, config checkConfig) (*Table, error) {
	model, err := ReadModel(db.Dialector, db.Config, config.model)
	if err != nil && !errors.Is(err, ErrRefused) {
		return nil, err
	}
	// What can't be generated, such as a foreign key of the team's, can be there.
	table := model.Tables[0]
	if config.table != "" {
		table.Name = config.table
	}
	return &table, nil
}

type checker struct{ comparison }

func (c *checker) harmless(where, problem, remedy string) {
	c.findings = append(c.findings, Finding{Where: where, Problem: problem, Remedy: remedy, Harmless: true})
}

func (c *checker) columns(want, live *Table) {
	for _, column := range want.Columns {
		where := want.Name + "." + column.Name
		if got := live.Column(column.Name); got == nil {
			c.add(where, "the column is missing", "apply the migrations that are pending (usersessiondb up)")
		} else {
			c.checkColumn(where, column, *got)
		}
	}
	for _, column := range live.Columns {
		if want.Column(column.Name) == nil && column.NotNull && column.Default == "" && !column.Identity {
			c.add(want.Name+"."+column.Name, "the column is NOT NULL and has no default, so that the store can't add rows", "give it a default or let it be NULL")
		}
	}
	if !slices.Equal(want.PrimaryKey, live.PrimaryKey) {
		c.add(want.Name, fmt.Sprintf("the primary key is %v, want %v", live.PrimaryKey, want.PrimaryKey), mend)
	}
}

func (c *checker) checkColumn(where string, want, got Column) {
	switch convert(c.dialect, want.Type, got.Type) {
	case narrows:
		c.tooSmall(where, want, got)
	case unconverted:
		c.add(where, fmt.Sprintf("the type is %s, want %s", got.Type, want.Type), mend)
	}
	if isIdentity(want.Name) && !c.dialect.ordinal(got) {
		c.add(where, fmt.Sprintf("the collation %s takes different strings for equal, such as alice and ALICE", orNone(got.Collation)), "give the column "+ordinalCollation(want))
	}
	if want.NotNull && !got.NotNull {
		c.harmless(where, "it may be NULL, which the store never writes", "make it NOT NULL when there is time")
	} else if !want.NotNull && got.NotNull {
		c.add(where, "it is NOT NULL, so that the store can't keep a session without it", "let it be NULL")
	}
	if want.Identity && !got.Identity {
		c.add(where, "the database does not count it up, so that the store can't add rows", mend)
	}
}

// tooSmall is about a type that does not hold all that the entities' type holds.
func (c *checker) tooSmall(where string, want, got Column) {
	base, digits := splitType(c.dialect.canonical(got.Type))
	wantBase, numbers := splitType(c.dialect.canonical(want.Type))
	switch {
	case base != wantBase:
		c.add(where, fmt.Sprintf("the type %s is too small, want %s", got.Type, want.Type), mend)
	case strings.Contains(base, "time"):
		if len(digits) == 1 && digits[0] < 6 {
			c.add(where, fmt.Sprintf("times lose their microseconds: the precision is %d digits, want 6", digits[0]), mend)
		}
	case len(numbers) == 1:
		c.add(where, fmt.Sprintf("the column is too short: %s, want %s", got.Type, want.Type), mend)
	default:
		c.add(where, fmt.Sprintf("the type %s is too small, want %s", got.Type, want.Type), mend)
	}
}

// isIdentity says which columns the store compares ordinally.
func isIdentity(column string) bool {
	return slices.Contains([]string{"partition_key", "key", "subject_id", "session_id"}, column)
}

func ordinalCollation(want Column) string {
	if want.Collation == "" {
		return "the collation BINARY"
	}
	return "the collation " + want.Collation
}

func (c *checker) indexes(want, live *Table) {
	for _, index := range want.Indexes {
		if c.hasIndex(live, index) {
			continue
		}
		c.add(want.Name+"."+index.Name, "the index is missing: "+indexText(index), "create it: "+createIndex(c.dialect, want.Name, index))
	}
	for _, index := range live.Indexes {
		if !index.Unique || slices.ContainsFunc(want.Indexes, func(i Index) bool { return i.Unique && c.serves(index, i) }) {
			continue
		}
		where := want.Name + "." + index.Name
		if slices.Contains(index.Columns, "session_id") && c.refusesNull(index) {
			c.add(where, "the unique index takes one missing session id for another, and refuses a second session without one", "create it "+c.filteredIndex(index))
			continue
		}
		c.harmless(where, "the unique index is not among the entities'; what it refuses the store reports as ErrSessionExists", "drop it, unless it is meant")
	}
}

// hasIndex looks for an index of any name that does the same.
func (c *checker) hasIndex(live *Table, want Index) bool {
	return slices.ContainsFunc(live.Indexes, func(got Index) bool { return c.serves(got, want) })
}

func (c *checker) serves(got, want Index) bool {
	if got.Unique != want.Unique || !slices.Equal(got.Columns, want.Columns) || got.nullsEqual || got.folds {
		return false
	}
	if canonicalWhere(got.Where) == canonicalWhere(want.Where) {
		return true
	}
	// Where NULLs are distinct the condition that there is a value changes nothing.
	return c.dialect.name() != "sqlserver" && got.Where == "" && want.Unique && onlyExcludesNull(want.Where, want.Columns)
}

func (c *checker) refusesNull(index Index) bool {
	return index.nullsEqual || c.dialect.name() == "sqlserver" && !mentions(index.Where, "session_id")
}

func (c *checker) filteredIndex(index Index) string {
	if c.dialect.name() == "sqlserver" {
		return "with WHERE session_id IS NOT NULL"
	}
	return "without NULLS NOT DISTINCT"
}

func (c *checker) clock(db *gorm.DB, now func() time.Time) error {
	query := c.dialect.now()
	if query == "" {
		return nil
	}
	before := now()
	var milliseconds int64
	if err := scanOne(db.Raw(query), &milliseconds); err != nil {
		return err
	}
	after := now()
	database := time.UnixMilli(milliseconds)
	// The database answered at some time between the two.
	off := max(before.Sub(database), database.Sub(after))
	if off > clockTolerance {
		c.harmless("clock", fmt.Sprintf("this host's clock and the database's differ by %s; sessions expire by the hosts' clocks", off.Round(time.Second)), "see to it that all hosts synchronise their clocks")
	}
	return nil
}

func (c *checker) leftovers(db *gorm.DB, table string, now time.Time) error {
	var count int64
	limit := entities.Timestamp{Time: now.Add(-leftoverAfter)}
	err := scanOne(db.Table(table).Where("expires <= ?", limit).Select("COUNT(*)"), &count)
	if err != nil {
		return err
	}
	if count > 0 {
		c.harmless(table, fmt.Sprintf("%d rows expired more than %s ago and are still there", count, leftoverAfter), "run the store's cleanup (bff.Cleaner)")
	}
	return nil
}
