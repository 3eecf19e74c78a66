package migrations

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
//     the sequence, foreign keys onto the table, triggers that keep rows, the account's privileges
//     (not on SQL Server), row level security, soft deletes, the version of its collations on
//     PostgreSQL, the order of the ids on TiDB, and expired rows that no cleanup has deleted;
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
		if err := c.probe(quiet(ctx, db), mysqlReadable); err != nil || !allHarmless(c.findings) {
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
		c.checkModel(&want)
		c.foldNames(&want.Table, live)
		c.columns(&want.Table, live)
		if err := c.extraColumns(db, &want.Table, live); err != nil {
			return fmt.Errorf("migrations: read the triggers: %w", err)
		}
		c.indexes(&want.Table, live)
		c.extraIndexes(&want.Table, live)
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
	if live.Column("expires") != nil && !c.reported(want.Name, lacksPrivileges+"SELECT") {
		if err := c.leftovers(db, want.Name, config.now()); err != nil {
			return fmt.Errorf("migrations: count the expired rows: %w", err)
		}
	}
	return nil
}

// checkModel reports the columns of the team's model that do not fit the store. It adds to the wanted
// table the columns and indexes that the store needs and the model lacks, so that the checks of the
// live table ask for them too.
func (c *checker) checkModel(want *sessionTable) {
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

// clock reports a database whose clock differs from that of this host.
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

// leftovers reports rows that expired long ago: no cleanup has deleted them.
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
