package dbtest_test

import (
	"net/url"
	"slices"
	"testing"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/gorm/schema"

	"example.com/usersession"
	"example.com/usersession/bff"
	"example.com/usersession/entities"
	"example.com/usersession/internal/dbtest"
)

// A variant is a configuration of GORM or of the driver that an application can have.
type variant struct {
	name    string
	engine  *dbtest.Engine // nil means every engine
	config  func(*gorm.Config)
	params  url.Values
	maxOpen int
	options []usersession.Option
	// isolation is the isolation level, in the MySQL family.
	isolation string
	// supported reports whether the server has the settings. It may be nil.
	supported func(*dbtest.Database) bool
}

// variants are configurations that each change few settings. TestVariants also runs
// combinations of GORM's settings.
var variants = []variant{
	{name: "TranslateError", config: func(c *gorm.Config) { c.TranslateError = true }},
	{name: "PrepareStmt", config: func(c *gorm.Config) { c.PrepareStmt = true }},
	{name: "PrepareStmt with a small cache", config: func(c *gorm.Config) {
		c.PrepareStmt, c.PrepareStmtMaxSize, c.PrepareStmtTTL = true, 1, time.Millisecond
	}},
	{name: "SkipDefaultTransaction", config: func(c *gorm.Config) { c.SkipDefaultTransaction = true }},
	{name: "table prefix", config: func(c *gorm.Config) { c.NamingStrategy = schema.NamingStrategy{TablePrefix: "bff_"} }},
	{name: "singular table", config: func(c *gorm.Config) {
		c.NamingStrategy = schema.NamingStrategy{SingularTable: true}
		c.TranslateError, c.PrepareStmt, c.SkipDefaultTransaction, c.DisableNestedTransaction = true, true, true, true
	}},
	{name: "NoLowerCase", config: func(c *gorm.Config) { c.NamingStrategy = schema.NamingStrategy{NoLowerCase: true} }},
	{name: "NowFunc", config: func(c *gorm.Config) {
		c.NowFunc = func() time.Time { return time.Date(1, 1, 1, 0, 0, 0, 0, time.FixedZone("", 12*3600)) }
	}},
	{name: "DisableNestedTransaction", config: func(c *gorm.Config) { c.DisableNestedTransaction = true }},
	{name: "AllowGlobalUpdate", config: func(c *gorm.Config) { c.AllowGlobalUpdate = true }},
	{name: "QueryFields", config: func(c *gorm.Config) { c.QueryFields = true }},
	{name: "PropagateUnscoped", config: func(c *gorm.Config) { c.PropagateUnscoped = true }},
	{name: "CreateBatchSize", config: func(c *gorm.Config) { c.CreateBatchSize = 1 }},
	{name: "default timeouts", config: func(c *gorm.Config) {
		c.DefaultContextTimeout, c.DefaultTransactionTimeout = time.Minute, time.Minute
	}},
	{name: "loud logger", config: func(c *gorm.Config) {
		c.Logger = logger.New(discard{}, logger.Config{LogLevel: logger.Info, SlowThreshold: 1})
	}},
	{name: "one connection", maxOpen: 1},
	{name: "one connection, PrepareStmt", maxOpen: 1, config: func(c *gorm.Config) { c.PrepareStmt = true }},
	{name: "without prepared statements", options: []usersession.Option{usersession.WithoutPreparedStatements()}},
	{name: "without prepared statements, PrepareStmt", config: func(c *gorm.Config) { c.PrepareStmt = true },
		options: []usersession.Option{usersession.WithoutPreparedStatements()}},

	{name: "timezone", engine: dbtest.PostgreSQL, params: url.Values{"timezone": {"America/New_York"}}},
	{name: "exec", engine: dbtest.PostgreSQL, params: url.Values{"default_query_exec_mode": {"exec"}}},
	{name: "simple protocol", engine: dbtest.PostgreSQL, params: url.Values{"default_query_exec_mode": {"simple_protocol"}}},
	{name: "cache_describe", engine: dbtest.PostgreSQL, params: url.Values{"default_query_exec_mode": {"cache_describe"}}},
	{name: "DateStyle", engine: dbtest.PostgreSQL, params: url.Values{"datestyle": {"German"}}},
	{name: "bytea_output", engine: dbtest.PostgreSQL, params: url.Values{"bytea_output": {"escape"}}},
	{name: "SQL_ASCII", engine: dbtest.PostgreSQL, params: url.Values{"client_encoding": {"SQL_ASCII"}}},
	{name: "serializable", engine: dbtest.PostgreSQL, params: url.Values{"default_transaction_isolation": {"serializable"}}},

	{name: "_timezone", engine: dbtest.SQLite, params: url.Values{"_timezone": {"America/New_York"}}},
	{name: "_texttotime", engine: dbtest.SQLite, params: url.Values{"_texttotime": {"1"}}},
	{name: "_time_format", engine: dbtest.SQLite, params: url.Values{"_time_format": {"sqlite"}}},
	{name: "_inttotime", engine: dbtest.SQLite, params: url.Values{"_inttotime": {"1"}, "_time_integer_format": {"unix"}}},
	{name: "no pragmas", engine: dbtest.SQLite, params: url.Values{"_txlock": {"deferred"}, "_pragma": {"busy_timeout(0)"}}},
	{name: "no double-quoted strings", engine: dbtest.SQLite, params: url.Values{"_dqs": {"0"}}},
	{name: "case-sensitive LIKE, foreign keys", engine: dbtest.SQLite, params: url.Values{"_pragma": {"case_sensitive_like(1)", "foreign_keys(1)"}}},
}

// discard drops the lines of GORM's logger.
type discard struct{}

func (discard) Printf(string, ...any) {}

// TestVariants: the store works under every configuration of the application.
func TestVariants(t *testing.T) {
	dbtest.OnEveryEngine(t, func(t *testing.T, d *dbtest.Database) {
		for _, v := range slices.Concat(variants, mysqlVariants()) {
			if v.engine != nil && v.engine != d.Engine {
				continue
			}
			t.Run(v.name, func(t *testing.T) { runVariant(t, d, v) })
		}
		// GORM's settings affect each other.
		options := []struct {
			name  string
			apply func(*gorm.Config)
		}{
			{"translate", func(c *gorm.Config) { c.TranslateError = true }},
			{"prepare", func(c *gorm.Config) { c.PrepareStmt = true }},
			{"skip", func(c *gorm.Config) { c.SkipDefaultTransaction = true }},
			{"flat", func(c *gorm.Config) { c.DisableNestedTransaction = true }},
		}
		for set := range 1 << len(options) {
			v := variant{name: "combination"}
			var applied []func(*gorm.Config)
			for i, option := range options {
				if set&(1<<i) != 0 {
					v.name += " " + option.name
					applied = append(applied, option.apply)
				}
			}
			v.config = func(c *gorm.Config) {
				for _, apply := range applied {
					apply(c)
				}
			}
			t.Run(v.name, func(t *testing.T) { runVariant(t, d, v) })
		}
	})
}

// runVariant checks a store in a configuration, outside and in a transaction.
func runVariant(t *testing.T, d *dbtest.Database, v variant) {
	if v.supported != nil && !v.supported(d) {
		t.Skipf("%s lacks the setting", d.Version)
	}
	db := d.Open(t, dbtest.Setup{Config: v.config, Params: v.params, MaxOpen: v.maxOpen, Isolation: v.isolation})
	// The table is created with the variant's settings, and is empty even if an earlier
	// variant has failed.
	must(t, db.Migrator().DropTable(&entities.UserSession{}))
	d.Migrate(t, db)
	store := newStore(t, db, v.options...)
	checkStore(t, store)
	// In a transaction of the application, which is rolled back.
	tx := beginTx(t, db)
	checkStore(t, store.WithTx(tx))
	must(t, store.WithTx(tx).CreateUserSession(t.Context(), testSession("late", "late")))
	must(t, tx.Rollback().Error)
	_, err := store.GetUserSession(t.Context(), keyOf("late"))
	wantErr(t, "get after the rollback", err, bff.ErrSessionNotFound)
}

// TestWithTable_Schema: the store works on a table with another name, with and without its
// schema.
func TestWithTable_Schema(t *testing.T) {
	dbtest.OnEveryEngine(t, func(t *testing.T, d *dbtest.Database) {
		name := "bff_sessions"
		db := d.Open(t, dbtest.Setup{})
		switch d.Engine {
		case dbtest.SQLite:
			name = "main." + name
		case dbtest.SQLServer:
			name = "dbo." + name
		default:
			name = d.Name + "." + name
		}
		renamed := d.OpenOn(t, db, &gorm.Config{NamingStrategy: schema.NamingStrategy{TablePrefix: "other_"}})
		d.Migrate(t, renamed)
		must(t, renamed.Migrator().RenameTable("other_user_sessions", "bff_sessions"))
		checkStore(t, newStore(t, db, usersession.WithTable(name)))
		checkStore(t, newStore(t, db, usersession.WithTable("bff_sessions")))
	})
}
