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

// A CheckOption configures [Check].
type CheckOption func(*checkConfig)

type checkConfig struct {
	models []any
	table  string
	dsn    string
	now    func() time.Time
}

// CheckTable sets the name of the sessions' table, as the store's WithTable does. The default
// is the name that the database's naming strategy gives to the model.
func CheckTable(name string) CheckOption { return func(c *checkConfig) { c.table = name } }

// CheckClock sets the host's clock. The default is [time.Now].
func CheckClock(now func() time.Time) CheckOption { return func(c *checkConfig) { c.now = now } }

const (
	// clockTolerance is more than a round trip and a poorly synchronised clock explain.
	clockTolerance = 5 * time.Second
	// leftoverAfter is the age from which an expired row shows that no cleanup runs.
	leftoverAfter = 24 * time.Hour
)

// Check reports whether a live database is fit for the store. It changes nothing. Each argument
// is a model, a pointer to a struct, or a [CheckOption]:
//
//	migrations.Check(ctx, db, &Session{}, &Device{}, migrations.CheckDSN(dsn))
//
// The models are those of the migrations. Without a model, Check uses entities.UserSession. The
// model of the sessions is the first that embeds entities.UserSession or has the columns key and
// ticket; if there is none, it is the first model. Check looks at
//
//   - the tables of the models: columns with their types and collations, and indexes, also those
//     that a failed CREATE INDEX CONCURRENTLY left invalid;
//   - the sessions' table: all that the store needs, also if the model lacks it, the position of
//     the sequence, foreign keys onto the table, row level security, soft deletes, the version of
//     its collations on PostgreSQL, and expired rows that no cleanup has deleted;
//   - the connection: read-only, autocommit, character set, isolation and more;
//   - the server: its clock, and whether it ever ends an idle transaction.
//
// Check returns no findings if all is well; each finding says what to do. An application calls
// it when it starts, logs the findings, and stops if one of them is not [Finding.Harmless]. An
// error means that the check could not be completed: an unknown dialect is an [ErrDialect], a
// cancelled context is its error.
func Check(ctx context.Context, db *gorm.DB, modelsAndOptions ...any) ([]Finding, error) {
	config := checkConfig{now: time.Now}
	for _, arg := range modelsAndOptions {
		if option, ok := arg.(CheckOption); ok {
			option(&config)
		} else {
			config.models = append(config.models, arg)
		}
	}
	if len(config.models) == 0 {
		config.models = []any{&entities.UserSession{}}
	}
	d, err := dialectOf(db.Name())
	if err != nil {
		return nil, err
	}
	want, others, err := expected(db, config)
	if err != nil {
		return nil, err
	}
	c := checker{comparison{dialect: d}}
	c.failover(config.dsn)
	if d.name() == "mysql" {
		if err := c.probe(quiet(ctx, db), mysqlReadable); err != nil || !harmless(c.findings) {
			return c.findings, err
		}
	}
	if err := c.sessions(ctx, db, want, config); err != nil {
		return nil, err
	}
	for _, table := range others {
		live, err := c.inspect(ctx, db, table.Name)
		if err != nil {
			return nil, err
		}
		if live != nil {
			c.columns(&table, live)
			c.indexes(&table, live)
		}
	}
	return c.findings, nil
}

// expected returns the table of the sessions' model and the tables of the other models.
func expected(db *gorm.DB, config checkConfig) (sessions sessionTable, others []Table, err error) {
	found := -1
	for _, value := range config.models {
		table, err := tableOf(db, value)
		if err != nil {
			return sessionTable{}, nil, err
		}
		if found < 0 && table.Column("key") != nil && table.Column("ticket") != nil {
			found = len(others)
		}
		others = append(others, table)
	}
	found = max(found, 0)
	sessions = sessionTable{Table: others[found], model: config.models[found]}
	others = slices.Delete(others, found, found+1)
	if config.table != "" {
		sessions.Name = config.table
	}
	sessions.needed, err = tableOf(db, &entities.UserSession{})
	sessions.needed.Name = sessions.Name
	return sessions, others, err
}

func tableOf(db *gorm.DB, value any) (Table, error) {
	model, err := ReadModel(db.Dialector, db.Config, value)
	// A refusal does not matter: a table may have a part that is not generated, such as
	// a foreign key of the team's.
	if err != nil && !errors.Is(err, ErrRefused) {
		return Table{}, err
	}
	return model.Tables[0], nil
}

// A sessionTable is the table of the model that the team uses for sessions.
type sessionTable struct {
	Table
	model  any
	needed Table // the table of entities.UserSession, under the same name
}

// inspect returns the live table. If there is none, it adds a finding and returns nil.
func (c *checker) inspect(ctx context.Context, db *gorm.DB, name string) (*Table, error) {
	got, err := Inspect(ctx, db, name)
	if err != nil {
		return nil, err
	}
	live := got.Table(name)
	if live == nil {
		c.missingTable(name)
	}
	return live, nil
}

// sessions checks the table of the sessions, the connection and the server.
func (c *checker) sessions(ctx context.Context, db *gorm.DB, want sessionTable, config checkConfig) error {
	live, err := c.inspect(ctx, db, want.Name)
	if err != nil || live == nil {
		return err
	}
	db = quiet(ctx, db)
	if live.view {
		c.harmless(want.Name, "it is a view: the columns and indexes of the table below it are not checked", "check the table with CheckTable")
	} else {
		c.lacking(&want)
		c.foldNames(&want.Table, live)
		c.columns(&want.Table, live)
		if err := c.extraColumns(db, &want.Table, live); err != nil {
			return fmt.Errorf("migrations: read the triggers: %w", err)
		}
		c.indexes(&want.Table, live)
	}
	if err := c.clock(db, config.now); err != nil {
		return fmt.Errorf("migrations: read the database's clock: %w", err)
	}
	if err := c.idleTransactions(db); err != nil {
		return fmt.Errorf("migrations: read the server's settings: %w", err)
	}
	if err := c.probes(db, want.Name); err != nil {
		return fmt.Errorf("migrations: read the connection's settings: %w", err)
	}
	if err := c.softDeletes(want.model, db.NamingStrategy, live); err != nil {
		return fmt.Errorf("migrations: read the model: %w", err)
	}
	if live.Column("expires") != nil {
		if err := c.leftovers(db, want.Name, config.now()); err != nil {
			return fmt.Errorf("migrations: count the expired rows: %w", err)
		}
	}
	return nil
}

// lacking reports the columns of the team's model that do not fit the store. To the wanted table
// it adds the columns and indexes that the store needs and the model lacks.
func (c *checker) lacking(want *sessionTable) {
	const remedy = "embed entities.UserSession in the model, and add a migration"
	for _, needed := range want.needed.Columns {
		where := want.Name + "." + needed.Name
		column := want.Column(needed.Name)
		if column == nil {
			c.add(where, fmt.Sprintf("the model %T lacks the column, which the store uses", want.model), remedy)
			want.Columns = append(want.Columns, needed)
			continue
		}
		model := checker{comparison{dialect: c.dialect}}
		model.checkColumn(where, needed, *column)
		for _, finding := range model.findings {
			finding.Problem, finding.Remedy = fmt.Sprintf("in the model %T: %s", want.model, finding.Problem), remedy
			c.findings = append(c.findings, finding)
		}
	}
	for _, needed := range want.needed.Indexes {
		if !slices.ContainsFunc(want.Indexes, func(i Index) bool { return c.serves(i, needed) }) {
			want.Indexes = append(want.Indexes, needed)
		}
	}
}

// A checker compares as the store requires: unlike Compare, it accepts wider types and
// more columns and indexes than the model has.
type checker struct{ comparison }

// harmless reports whether all findings are harmless.
func harmless(findings []Finding) bool {
	return !slices.ContainsFunc(findings, func(f Finding) bool { return !f.Harmless })
}

// reported reports whether there is a finding whose problem begins so.
func (c *checker) reported(where, problem string) bool {
	return slices.ContainsFunc(c.findings, func(f Finding) bool { return f.Where == where && strings.HasPrefix(f.Problem, problem) })
}

func (c *checker) harmless(where, problem, remedy string) {
	c.findings = append(c.findings, Finding{Where: where, Problem: problem, Remedy: remedy, Harmless: true})
}

func (c *checker) columns(want, live *Table) {
	for _, column := range want.Columns {
		where := want.Name + "." + column.Name
		if got := live.Column(column.Name); got == nil {
			c.missingColumn(where)
		} else if !c.reported(where, "in the model") {
			c.checkColumn(where, column, *got)
		}
	}
	c.primaryKey(want, live)
}

// foldNames gives the columns of a live table the names of the model, if the database does
// not distinguish between upper and lower case in them.
func (c *checker) foldNames(want, live *Table) {
	if c.dialect.name() != "mysql" && c.dialect.name() != "sqlite" {
		return
	}
	fold := func(name *string) {
		for _, column := range want.Columns {
			if strings.EqualFold(column.Name, *name) {
				*name = column.Name
			}
		}
	}
	for i := range live.Columns {
		fold(&live.Columns[i].Name)
	}
	for i := range live.PrimaryKey {
		fold(&live.PrimaryKey[i])
	}
	for _, index := range live.Indexes {
		for i := range index.Columns {
			fold(&index.Columns[i])
		}
	}
}

// extraColumns reports columns of a team's without which no row can be added. A trigger may
// fill them.
func (c *checker) extraColumns(db *gorm.DB, want, live *Table) error {
	for _, column := range live.Columns {
		if want.Column(column.Name) != nil || !column.NotNull || column.Default != "" || column.Identity {
			continue
		}
		if c.dialect.name() == "mysql" && strings.HasPrefix(strings.ToLower(column.Type), "enum(") {
			continue // the first value is the default
		}
		where, remedy := want.Name+"."+column.Name, "give it a default or make it nullable"
		triggers, err := c.insertTriggers(db, want.Name)
		switch {
		case err != nil:
			return err
		case len(triggers) > 0:
			c.harmless(where, fmt.Sprintf("the column is NOT NULL and has no default: the store can add rows only if the trigger %s fills it", strings.Join(triggers, ", ")), remedy)
		default:
			c.add(where, "the column is NOT NULL and has no default, so the store cannot add rows", remedy)
		}
	}
	return nil
}

// insertTriggers returns the names of the table's triggers that can fill a column of a new row.
func (c *checker) insertTriggers(db *gorm.DB, table string) ([]string, error) {
	switch c.dialect.name() {
	case "postgres":
		return names(db, "SELECT tgname FROM pg_trigger WHERE tgrelid = to_regclass(?) AND NOT tgisinternal AND tgtype & 6 = 6 ORDER BY tgname", c.dialect.quote(table))
	case "mysql":
		schema, bare := splitName(table)
		return names(db, `SELECT trigger_name FROM information_schema.triggers
			WHERE event_object_schema = COALESCE(NULLIF(?, ''), DATABASE()) AND event_object_table = ?
				AND event_manipulation = 'INSERT' AND action_timing = 'BEFORE' ORDER BY trigger_name`, schema, bare)
	default:
		return nil, nil
	}
}

func (c *checker) checkColumn(where string, want, got Column) {
	if got.base != "" {
		got.Type = got.base
	}
	switch convert(c.dialect, want.Type, got.Type) {
	case narrows:
		c.tooSmall(where, want, got)
	case unconverted:
		c.add(where, fmt.Sprintf("the type is %s, want %s", got.Type, want.Type), remedyMigration)
	}
	if comparedOrdinally(want.Name) && !c.dialect.ordinal(got) {
		c.add(where, fmt.Sprintf("the collation %s treats different strings as equal, such as alice and ALICE", orNone(got.Collation)), "give the column "+ordinalCollation(want))
	}
	if want.NotNull && !got.NotNull {
		c.harmless(where, "the column is nullable, although the store never writes NULL to it", "make it NOT NULL at a convenient time")
	} else if !want.NotNull && got.NotNull {
		c.add(where, "the column is NOT NULL, so the store cannot keep a session without a value for it", "make it nullable")
	}
	if want.Identity && !got.Identity {
		c.add(where, "the column is not auto-incremented, so the store cannot add rows", remedyMigration)
	}
}

// tooSmall reports a type that cannot hold every value of the model's type.
func (c *checker) tooSmall(where string, want, got Column) {
	base, digits := splitType(c.dialect.canonical(got.Type))
	wantBase, numbers := splitType(c.dialect.canonical(want.Type))
	switch {
	case base != wantBase:
		c.add(where, fmt.Sprintf("the type %s is too small, want %s", got.Type, want.Type), remedyMigration)
	case strings.Contains(base, "time"):
		if len(digits) == 1 && digits[0] < 6 {
			c.add(where, fmt.Sprintf("times lose their microseconds: the precision is %d digits, want 6", digits[0]), remedyMigration)
		}
	case len(numbers) == 1:
		c.add(where, fmt.Sprintf("the column is too short: %s, want %s", got.Type, want.Type), remedyMigration)
	default:
		c.add(where, fmt.Sprintf("the type %s is too small, want %s", got.Type, want.Type), remedyMigration)
	}
}

// comparedOrdinally reports whether the store relies on an ordinal comparison of the
// column's values.
func comparedOrdinally(column string) bool {
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
		if slices.ContainsFunc(live.Indexes, func(got Index) bool { return c.serves(got, index) }) {
			continue
		}
		c.missingIndex(want.Name, index, live)
	}
	for _, name := range live.invalid {
		if !c.reported(want.Name+"."+name, invalidIndex) {
			c.harmless(want.Name+"."+name, invalidIndex+", so that every write costs more and no read uses it", c.dropInvalid(want.Name, name))
		}
	}
	for _, index := range live.Indexes {
		if !index.Unique || slices.ContainsFunc(want.Indexes, func(i Index) bool { return i.Unique && c.serves(index, i) }) {
			continue
		}
		where := want.Name + "." + index.Name
		if slices.Contains(index.Columns, "session_id") && c.refusesNull(index) {
			c.add(where, "the unique index treats missing session ids as equal, so it refuses a second session without one", "create it "+c.filteredIndex())
			continue
		}
		c.harmless(where, "the entities do not have the unique index; the store reports its conflicts as ErrSessionExists", "drop it, unless it is intended")
	}
}

// serves reports whether the index has the same effect as the wanted one. Its name does
// not matter.
func (c *checker) serves(got, want Index) bool {
	if got.Unique != want.Unique || !slices.Equal(got.Columns, want.Columns) || got.nullsEqual || got.folds {
		return false
	}
	if canonicalWhere(got.Where) == canonicalWhere(want.Where) {
		return true
	}
	// If a unique index treats NULLs as distinct, IS NOT NULL in its condition has no effect.
	return c.dialect.name() != "sqlserver" && got.Where == "" && want.Unique && onlyExcludesNull(want.Where, want.Columns)
}

// refusesNull reports whether the unique index, which has the column session_id, refuses
// a second row with NULL in it.
func (c *checker) refusesNull(index Index) bool {
	return index.nullsEqual || c.dialect.name() == "sqlserver" && !mentions(index.Where, "session_id")
}

func (c *checker) filteredIndex() string {
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
	// The database read its clock between before and after.
	off := max(before.Sub(database), database.Sub(after))
	if off > clockTolerance {
		c.harmless("clock", fmt.Sprintf("the clocks of this host and of the database differ by %s; sessions expire by the hosts' clocks", off.Round(time.Second)), "synchronise the clocks of all hosts")
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
		c.harmless(table, fmt.Sprintf("%d rows expired more than %s ago and have not been deleted", count, leftoverAfter), "run the store's cleanup (bff.Cleaner)")
	}
	return nil
}
