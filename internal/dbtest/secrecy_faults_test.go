package dbtest_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"example.com/usersession/internal/dbtest"
)

// TestSecrecy_WorkingDatabase: loggers that print everything print no value of a session,
// and neither do the errors, with any verb. The only errors here are errors of package bff.
func TestSecrecy_WorkingDatabase(t *testing.T) {
	configs := map[string]func(*gorm.Config){
		"":                func(*gorm.Config) {},
		"TranslateError":  func(c *gorm.Config) { c.TranslateError = true },
		"PrepareStmt":     func(c *gorm.Config) { c.PrepareStmt = true },
		"nothing skipped": func(c *gorm.Config) { c.TranslateError, c.PrepareStmt, c.DisableNestedTransaction = true, true, true },
	}
	dbtest.OnEveryEngine(t, func(t *testing.T, d *dbtest.Database) {
		for name, config := range configs {
			t.Run("config "+name, func(t *testing.T) {
				l := openLoud(t, d, config)
				d.Migrate(t, l.db)
				store := l.store(t, l.db)
				if failed := runWithSecrets(t.Context(), t, store); failed > 0 {
					t.Errorf("%d operations fail, want none", failed)
				}
				l.wantNoSecretLogged(t, 14)
				tx := beginTx(t, l.db)
				if failed := runWithSecrets(t.Context(), t, store.WithTx(tx)); failed > 0 {
					t.Errorf("%d operations fail in a transaction", failed)
				}
				must(t, tx.Rollback().Error)
				debugging := l.store(t, l.db.Debug())
				if failed := runWithSecrets(t.Context(), t, debugging); failed > 0 {
					t.Errorf("%d operations fail with Debug", failed)
				}
				l.wantNoSecretLogged(t, 40)
			})
		}
	})
}

// A fault makes a database refuse statements of the store, with an error text of its own.
type fault struct {
	name    string
	engines []*dbtest.Engine
	// notOnTiDB is the reason why TiDB cannot have the fault.
	notOnTiDB string
	// The fault is in the schema, in the context or in the connections.
	ddl   []string
	ctx   func(context.Context) context.Context
	close bool
	// fail is the minimum number of operations that must fail. Otherwise the fault has no
	// effect.
	fail int
}

var (
	onlyPostgres = []*dbtest.Engine{dbtest.PostgreSQL}
	onlyMySQL    = []*dbtest.Engine{dbtest.MySQL}
	onlySQLite   = []*dbtest.Engine{dbtest.SQLite}
)

// On every engine, at least one of the faults makes the database quote the refused value.
var faults = []fault{
	{name: "no table", fail: 12, ddl: []string{"DROP TABLE user_sessions"}},
	{name: "no column", fail: 3, ddl: []string{"ALTER TABLE user_sessions DROP COLUMN ticket"}},
	{name: "cancelled", fail: 12, ctx: func(ctx context.Context) context.Context {
		ctx, cancel := context.WithCancelCause(ctx)
		cancel(errors.New("the reason: xkeyx"))
		return ctx
	}},
	{name: "deadline exceeded", fail: 12, ctx: func(ctx context.Context) context.Context {
		ctx, cancel := context.WithDeadline(ctx, time.Unix(0, 0))
		cancel()
		return ctx
	}},
	{name: "pool closed", fail: 12, close: true},

	{name: "narrow key", fail: 1, engines: onlyPostgres, ddl: []string{"ALTER TABLE user_sessions ALTER COLUMN key TYPE varchar(3)"}},
	{name: "failing row", fail: 1, engines: onlyPostgres, ddl: []string{"ALTER TABLE user_sessions ADD CHECK (length(key) < 3)"}},
	{name: "key is a number", fail: 3, engines: onlyPostgres, ddl: []string{"ALTER TABLE user_sessions ALTER COLUMN key TYPE bigint USING 1"}},
	{name: "ticket is a number", fail: 1, engines: onlyPostgres, ddl: []string{"ALTER TABLE user_sessions ALTER COLUMN ticket TYPE bigint USING 1"}},
	{name: "ticket is json", fail: 1, engines: onlyPostgres, ddl: []string{"ALTER TABLE user_sessions ALTER COLUMN ticket TYPE json USING NULL"}},
	{name: "raising trigger", fail: 1, engines: onlyPostgres, ddl: []string{
		"CREATE FUNCTION raise() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no room for % %', NEW.key, NEW.ticket; END $$",
		"CREATE TRIGGER raise BEFORE INSERT ON user_sessions FOR EACH ROW EXECUTE FUNCTION raise()",
	}},

	{name: "narrow key", fail: 1, engines: onlyMySQL, ddl: []string{"ALTER TABLE user_sessions MODIFY `key` varchar(3) NOT NULL"}},
	{name: "ASCII key", fail: 1, engines: onlyMySQL, notOnTiDB: "keeps a column's character set", ddl: []string{"ALTER TABLE user_sessions MODIFY `key` varchar(200) CHARACTER SET ascii NOT NULL"}},
	{name: "key is a number", fail: 1, engines: onlyMySQL, ddl: []string{"ALTER TABLE user_sessions MODIFY `key` bigint NOT NULL"}},
	{name: "ticket is a number", fail: 1, engines: onlyMySQL, ddl: []string{"ALTER TABLE user_sessions MODIFY ticket bigint NOT NULL"}},
	{name: "raising trigger", fail: 1, engines: onlyMySQL, notOnTiDB: "has no triggers", ddl: []string{
		"CREATE TRIGGER raise_it BEFORE INSERT ON user_sessions FOR EACH ROW BEGIN DECLARE why text; SET why = CONCAT('no room for ', NEW.`key`); SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = why; END",
	}},

	{name: "raising trigger", fail: 1, engines: onlySQLite, ddl: []string{
		"CREATE TRIGGER raise_it BEFORE INSERT ON user_sessions BEGIN SELECT json_extract('{}', NEW.key); END",
	}},
	// database/sql quotes a value that it cannot convert.
	{name: "version is a text", fail: 2, engines: onlySQLite, ddl: []string{
		"CREATE TRIGGER change_it AFTER INSERT ON user_sessions BEGIN UPDATE user_sessions SET version = ticket; END",
	}},
	{name: "created is a text", fail: 2, engines: onlySQLite, ddl: []string{
		"CREATE TRIGGER change_it AFTER INSERT ON user_sessions BEGIN UPDATE user_sessions SET created = NEW.key; END",
	}},
}

// TestSecrecy_FailingDatabase: the same with a database that fails and quotes values in its
// errors.
func TestSecrecy_FailingDatabase(t *testing.T) {
	dbtest.OnEveryEngine(t, func(t *testing.T, d *dbtest.Database) {
		quoted := false
		for _, fault := range faults {
			if fault.engines != nil && !slices.Contains(fault.engines, d.Engine) {
				continue
			}
			t.Run(fault.name, func(t *testing.T) {
				if fault.notOnTiDB != "" && d.IsTiDB() {
					t.Skipf("%s %s", d.Version, fault.notOnTiDB)
				}
				d := d.Engine.New(t)
				l := openLoud(t, d, nil)
				d.Migrate(t, l.db)
				for _, ddl := range fault.ddl {
					must(t, l.db.Exec(ddl).Error)
				}
				ctx := t.Context()
				if fault.ctx != nil {
					ctx = fault.ctx(ctx)
				}
				if fault.close {
					must(t, dbtest.Pool(t, l.db).Close())
				}
				lines := strings.Count(l.log.String(), "\n")
				if failed := runWithSecrets(ctx, t, l.store(t, l.db)); failed < fault.fail {
					t.Errorf("%d operations fail, want at least %d: does the fault have an effect?", failed, fault.fail)
				}
				if fault.ctx != nil {
					lines = -1 // no statement reaches the database, so nothing is logged
				}
				l.wantNoSecretLogged(t, lines+1)

				// The same statement without the store, to check that the database quotes values.
				if ctx.Err() == nil && !fault.close {
					err := l.db.Exec("INSERT INTO user_sessions ("+d.Quote("key")+", ticket) VALUES (?, ?)", secrets.Key, secrets.Ticket).Error
					quoted = quoted || err != nil && secretsIn(err.Error()) != nil
				}
			})
		}
		if !quoted {
			t.Errorf("%s quotes no value in any error: the faults prove nothing", d.Engine.Name)
		}
	})
}
