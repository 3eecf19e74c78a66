package dbtest_test

import (
	"maps"
	"reflect"
	"slices"
	"sync"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/plugin/dbresolver"

	"example.com/usersession/bff"
	"example.com/usersession/internal/dbtest"
)

// A snapshot is the state of a *gorm.DB, in a form that reflect.DeepEqual can compare.
type snapshot struct {
	Config    gorm.Config
	Builders  []string
	Plugins   []string
	NowFunc   uintptr
	Error     error
	Rows      int64
	Statement *gorm.Statement
	Clauses   map[string]clause.Clause
	Settings  map[any]any
}

func snapshotOf(db *gorm.DB) snapshot {
	s := snapshot{
		Config:   *db.Config,
		Builders: slices.Sorted(maps.Keys(db.ClauseBuilders)),
		Plugins:  slices.Sorted(maps.Keys(db.Plugins)),
		NowFunc:  reflect.ValueOf(db.NowFunc).Pointer(),
		Error:    db.Error,
		Rows:     db.RowsAffected,
		// Field by field, because a Statement contains a mutex and must not be copied.
		Statement: &gorm.Statement{
			Unscoped: db.Statement.Unscoped, TableExpr: db.Statement.TableExpr, Table: db.Statement.Table,
			Model: db.Statement.Model, Dest: db.Statement.Dest, Distinct: db.Statement.Distinct,
			Selects: slices.Clone(db.Statement.Selects), Omits: slices.Clone(db.Statement.Omits),
			ConnPool: db.Statement.ConnPool, Schema: db.Statement.Schema, Context: db.Statement.Context,
			RaiseErrorOnNotFound: db.Statement.RaiseErrorOnNotFound, SkipHooks: db.Statement.SkipHooks,
			Vars: slices.Clone(db.Statement.Vars),
		},
		Clauses:  maps.Clone(db.Statement.Clauses),
		Settings: map[any]any{},
	}
	s.Config.NowFunc = nil // DeepEqual considers no two functions equal
	s.Config.ClauseBuilders, s.Config.Plugins = nil, nil
	db.Statement.Settings.Range(func(key, value any) bool {
		s.Settings[key] = value
		return true
	})
	return s
}

// TestNewGormStore_LeavesHandleUnchanged: neither NewGormStore nor the store's operations
// change the handle that the application passes, in any state of the handle.
func TestNewGormStore_LeavesHandleUnchanged(t *testing.T) {
	handles := map[string]func(*gorm.DB) *gorm.DB{
		"as opened":           func(db *gorm.DB) *gorm.DB { return db },
		"with the primary":    func(db *gorm.DB) *gorm.DB { return db.Clauses(dbresolver.Write) },
		"with a setting":      func(db *gorm.DB) *gorm.DB { return db.Set("test:setting", "value") },
		"with clauses":        func(db *gorm.DB) *gorm.DB { return db.Where("1 = 0").Order("id").Limit(1).Unscoped() },
		"with a table":        func(db *gorm.DB) *gorm.DB { return db.Table("some_other_table") },
		"with a model":        func(db *gorm.DB) *gorm.DB { return db.Model(&struct{ ID int }{}).Select("id").Omit("x") },
		"debugging":           func(db *gorm.DB) *gorm.DB { return db.Debug() },
		"new session":         func(db *gorm.DB) *gorm.DB { return db.Session(&gorm.Session{NewDB: true, PrepareStmt: true}) },
		"reusable session":    func(db *gorm.DB) *gorm.DB { return db.Where("1 = 0").Session(&gorm.Session{}) },
		"without transaction": func(db *gorm.DB) *gorm.DB { return db.Session(&gorm.Session{SkipDefaultTransaction: true}) },
	}
	dbtest.OnEveryEngine(t, func(t *testing.T, d *dbtest.Database) {
		for name, handle := range handles {
			t.Run(name, func(t *testing.T) {
				opened := d.Open(t, dbtest.Setup{Config: func(c *gorm.Config) { c.TranslateError, c.DisableNestedTransaction = true, true }})
				d.Migrate(t, opened)
				must(t, opened.Use(dbresolver.Register(dbresolver.Config{}))) // dbresolver.Write has an effect only with the plugin
				db := handle(opened)
				before := snapshotOf(db)

				store := newStore(t, db)
				checkStore(t, store)
				var all sync.WaitGroup // for the race detector
				for i := range 4 {
					all.Go(func() {
						if err := store.ReplaceUserSession(t.Context(), testSession("key", "sid")); err != nil {
							t.Errorf("replace %d: %v", i, err)
						}
					})
				}
				all.Wait()

				if after := snapshotOf(db); !reflect.DeepEqual(before, after) {
					t.Errorf("the handle was\n%+v\nand is\n%+v", before, after)
				}
				_, err := store.DeleteUserSessions(t.Context(), "app", bff.UserSessionsFilter{SubjectID: "alice"})
				must(t, err)
			})
		}
	})
}

// TestWithTx_LeavesHandleUnchanged: the store does not change a transaction's handle. A
// conflict in the store does not set the handle's error.
func TestWithTx_LeavesHandleUnchanged(t *testing.T) {
	dbtest.OnEveryEngine(t, func(t *testing.T, d *dbtest.Database) {
		db, store := openStore(t, d, dbtest.Setup{})
		must(t, store.CreateUserSession(t.Context(), testSession("key", "sid")))
		must(t, db.Transaction(func(tx *gorm.DB) error {
			before := snapshotOf(tx)
			joined := store.WithTx(tx)
			wantErr(t, "create", joined.CreateUserSession(t.Context(), testSession("key", "sid")), bff.ErrSessionExists)
			must(t, joined.ReplaceUserSession(t.Context(), testSession("key", "sid")))
			if after := snapshotOf(tx); !reflect.DeepEqual(before, after) {
				t.Errorf("the transaction was\n%+v\nand is\n%+v", before, after)
			}
			return nil
		}))
	})
}
