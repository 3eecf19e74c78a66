package dbtest_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"example.com/usersession"
	"example.com/usersession/bff"
	"example.com/usersession/internal/dbtest"
)

// onTiDB runs a test on TiDB, see make test-tidb. Elsewhere it is left out.
func onTiDB(t *testing.T, test func(t *testing.T, d *dbtest.Database)) {
	t.Helper()
	onEnginesExcept(t, []*dbtest.Engine{dbtest.MySQL}, func(d *dbtest.Database) string {
		if !d.IsTiDB() {
			return "is not TiDB: make test-tidb"
		}
		return ""
	}, test)
}

// migrateSpread creates the table with AutoMigrate and the options of docs/scale.md: its rows are
// spread over the nodes, and one server gives all ids.
func migrateSpread(t testing.TB, d *dbtest.Database, db *gorm.DB, models ...any) {
	t.Helper()
	must(t, db.Connection(func(tx *gorm.DB) error {
		must(t, tx.Exec("SET SESSION tidb_enable_clustered_index = OFF").Error)
		d.Migrate(t, tx.Set("gorm:table_options", "SHARD_ROW_ID_BITS = 4 PRE_SPLIT_REGIONS = 4 AUTO_ID_CACHE = 1"), models...)
		return tx.Exec("SET SESSION tidb_enable_clustered_index = DEFAULT").Error
	}))
}

// TestTiDB_SpreadTable runs the conformance suite on such tables.
func TestTiDB_SpreadTable(t *testing.T) {
	onTiDB(t, func(t *testing.T, d *dbtest.Database) {
		db := d.Open(t, dbtest.Setup{})
		migrateSpread(t, d, db)
		ddl := showTable(t, db)
		for _, option := range []string{"(`id`) /*T![clustered_index] NONCLUSTERED */", "SHARD_ROW_ID_BITS=4", "PRE_SPLIT_REGIONS=4", "AUTO_ID_CACHE=1 "} {
			if !strings.Contains(ddl, option) {
				t.Fatalf("the table lacks %s:\n%s", option, ddl)
			}
		}
		migrate := func(t testing.TB, db *gorm.DB, models ...any) { migrateSpread(t, d, db, models...) }
		conformanceOn(t, d, migrate, 0, func(store bff.UserSessionStore, _ func() time.Time) bff.UserSessionStore { return store })
	})
}

// TestTiDB_OrderOfIDs: sessions of several hosts are listed in the order of their creation. With
// AUTO_ID_CACHE 1 the next id of the whole cluster follows the last one; otherwise the server has
// taken many in advance, and another server would go on behind them. One server cannot show more.
// AUTO_RANDOM, which TiDB's documentation recommends, loses the order.
func TestTiDB_OrderOfIDs(t *testing.T) {
	onTiDB(t, func(t *testing.T, d *dbtest.Database) {
		for name, tt := range map[string]struct {
			migrate         func(t *testing.T, d *dbtest.Database, db *gorm.DB)
			ordered, shared bool
		}{
			"AUTO_ID_CACHE 1": {ordered: true, shared: true, migrate: func(t *testing.T, d *dbtest.Database, db *gorm.DB) { migrateSpread(t, d, db) }},
			"default":         {ordered: true, migrate: func(t *testing.T, d *dbtest.Database, db *gorm.DB) { d.Migrate(t, db) }},
			"AUTO_RANDOM": {migrate: func(t *testing.T, d *dbtest.Database, db *gorm.DB) {
				d.Migrate(t, db)
				must(t, db.Connection(func(tx *gorm.DB) error {
					must(t, tx.Exec("SET SESSION tidb_allow_remove_auto_inc = ON").Error)
					return tx.Exec("ALTER TABLE user_sessions MODIFY id bigint NOT NULL AUTO_RANDOM").Error
				}))
			}},
		} {
			t.Run(name, func(t *testing.T) {
				d := d.Engine.New(t)
				db := d.Open(t, dbtest.Setup{})
				tt.migrate(t, d, db)
				var hosts []*usersession.GormStore
				for range 4 {
					hosts = append(hosts, newStore(t, d.Open(t, dbtest.Setup{MaxOpen: 1})))
				}
				var created []string
				for i := range 32 {
					session := testSession(fmt.Sprint("key ", i), fmt.Sprint("sid ", i))
					must(t, hosts[i%len(hosts)].CreateUserSession(t.Context(), session))
					created = append(created, session.Key)
				}
				found, err := hosts[0].GetUserSessions(t.Context(), "app", bff.UserSessionsFilter{SubjectID: "alice"})
				must(t, err)
				var listed []string
				for _, session := range found {
					listed = append(listed, session.Key)
				}
				if slices.Equal(listed, created) != tt.ordered {
					t.Errorf("ordered: want %t, listed %q", tt.ordered, listed)
				}
				if !tt.ordered {
					return
				}
				var last int64
				must(t, db.Raw("SELECT MAX(id) FROM user_sessions").Scan(&last).Error)
				if next := nextID(t, db); next <= last || (next == last+1) != tt.shared {
					t.Errorf("the next id of the cluster is %d, the last one %d", next, last)
				}
			})
		}
	})
}

// nextID returns the lowest id that no server of the cluster has taken. Only SHOW CREATE TABLE
// shows it.
func nextID(t *testing.T, db *gorm.DB) (id int64) {
	t.Helper()
	ddl := showTable(t, db)
	_, after, _ := strings.Cut(ddl, ") ENGINE=")
	_, after, _ = strings.Cut(after, " AUTO_INCREMENT=")
	if _, err := fmt.Sscan(after, &id); err != nil {
		t.Fatalf("no next id (%v):\n%s", err, ddl)
	}
	return id
}

// showTable returns the DDL of the table.
func showTable(t *testing.T, db *gorm.DB) (ddl string) {
	t.Helper()
	var name string
	must(t, db.Raw("SHOW CREATE TABLE user_sessions").Row().Scan(&name, &ddl))
	return ddl
}
