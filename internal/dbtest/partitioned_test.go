package dbtest_test

import (
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"example.com/usersession/bff"
	"example.com/usersession/entities"
	"example.com/usersession/internal/dbtest"
)

// TestDrill_PartitionedTable runs the conformance suite on a table that the team has partitioned
// by the hash of the partition key. The primary key has the partition key as well, as both
// engines demand.
func TestDrill_PartitionedTable(t *testing.T) {
	if !fullDrill() {
		t.Skip("creates many partitions: runs with USERSESSION_DRILL=full (make drill)")
	}
	onPartitioningEngines(t, func(t *testing.T, d *dbtest.Database) {
		migrate := func(t testing.TB, db *gorm.DB, models ...any) {
			d.Migrate(t, db, models...)
			if err := partition(db, d.Engine == dbtest.PostgreSQL, "partition_key"); err != nil {
				t.Fatal(err)
			}
		}
		conformanceOn(t, d, migrate, 0, func(store bff.UserSessionStore, _ func() time.Time) bff.UserSessionStore { return store })
	})
}

// onPartitioningEngines runs a test on the servers on which the team partitions a table.
func onPartitioningEngines(t *testing.T, test func(t *testing.T, d *dbtest.Database)) {
	t.Helper()
	onEnginesExcept(t, []*dbtest.Engine{dbtest.PostgreSQL, dbtest.MySQL}, func(d *dbtest.Database) string {
		if d.IsTiDB() || d.IsCockroachDB() {
			return "distributes tables by itself, with unique indexes over all parts"
		}
		return ""
	}, test)
}

// TestPartitioned_ByKey: the hash of the session's key cannot partition the table, because the
// index that makes session ids unique lacks the key.
func TestPartitioned_ByKey(t *testing.T) {
	onPartitioningEngines(t, func(t *testing.T, d *dbtest.Database) {
		db := d.Open(t, dbtest.Setup{})
		d.Migrate(t, db)
		if err := partition(db, d.Engine == dbtest.PostgreSQL, "key"); err == nil {
			t.Error("the table was partitioned by key")
		}
	})
}

// partition partitions the empty table by the hash of a column, if it is not partitioned yet.
func partition(db *gorm.DB, postgres bool, column string) error {
	statement := &gorm.Statement{DB: db}
	if err := statement.Parse(&entities.UserSession{}); err != nil {
		return err
	}
	table := statement.Quote(statement.Table)
	run := func(statements ...string) error {
		for _, s := range statements {
			s = strings.NewReplacer("{table}", table, "{flat}", statement.Quote(statement.Table+"_flat"), "{column}", statement.Quote(column),
				"{key}", statement.Quote("key")).Replace(s)
			if err := db.Exec(s).Error; err != nil {
				return err
			}
		}
		return nil
	}
	if !postgres {
		return run("ALTER TABLE {table} DROP PRIMARY KEY, ADD PRIMARY KEY (id, {column}) PARTITION BY KEY ({column}) PARTITIONS 2")
	}
	var kind string
	if err := db.Raw("SELECT relkind FROM pg_class WHERE oid = ?::regclass", statement.Table).Row().Scan(&kind); err != nil || kind == "p" {
		return err
	}
	return run(
		"ALTER TABLE {table} RENAME TO {flat}", // it owns the sequence of the ids
		"CREATE TABLE {table} (LIKE {flat} INCLUDING DEFAULTS) PARTITION BY HASH ({column})",
		"CREATE TABLE "+statement.Quote(statement.Table+"_0")+" PARTITION OF {table} FOR VALUES WITH (MODULUS 2, REMAINDER 0)",
		"CREATE TABLE "+statement.Quote(statement.Table+"_1")+" PARTITION OF {table} FOR VALUES WITH (MODULUS 2, REMAINDER 1)",
		"ALTER TABLE {table} ADD PRIMARY KEY (id, {column})",
		"CREATE UNIQUE INDEX ON {table} (partition_key, {key})",
		"CREATE UNIQUE INDEX ON {table} (partition_key, session_id) WHERE session_id IS NOT NULL",
		"CREATE INDEX ON {table} (partition_key, subject_id, session_id)",
		"CREATE INDEX ON {table} (expires)",
	)
}
