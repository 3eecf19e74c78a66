package migrationstest

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"example.com/usersession/bff"
	"example.com/usersession/entities"
	"example.com/usersession/internal/dbtest"
	"example.com/usersession/migrations"
)

// readOnly returns the parameters of a read-only connection.
func readOnly(d *dbtest.Database) url.Values {
	return map[*dbtest.Engine]url.Values{
		dbtest.SQLite:     {"_pragma": {"query_only(1)", "busy_timeout(5000)"}},
		dbtest.PostgreSQL: {"default_transaction_read_only": {"on"}},
		dbtest.MySQL:      {d.TransactionVariable("read_only"): {"1"}},
	}[d.Engine]
}

// TestDoctor_MigratedDatabase finds nothing on a migrated database but that the connection is
// read-only: it changes nothing.
func TestDoctor_MigratedDatabase(t *testing.T) {
	dbtest.On(t, executed, func(t *testing.T, d *dbtest.Database) {
		dir := t.TempDir()
		add(t, dir, steps[0])
		mustRun(t, team(dir, steps[0].models...), "up", dsnOf(t, d))
		createRows(t, d.Open(t, dbtest.Setup{}))
		db := d.Open(t, dbtest.Setup{Params: withTimeout(d, readOnly(d))})
		if err := db.Exec("CREATE TABLE x (y int)").Error; err == nil {
			t.Fatal("the connection is not read-only")
		}
		findings, err := migrations.Check(t.Context(), db)
		if err != nil || len(findings) != 1 || !found(findings, "connection: the connection is read-only", "") {
			t.Errorf("got the findings %v (%v), want that the connection is read-only", findings, err)
		}
		mustRun(t, team(dir, steps[0].models...), "doctor", dsnOf(t, d))
	})
}

// defects are edits of the first migration that make the table unfit for the store.
var defects = []struct {
	name, find, remedy string
	old, new           map[string]string // in the migration, by dialect
	before             map[string]string // a statement to execute first
}{
	{
		name: "a missing column", find: "user_sessions.version: the column is missing", remedy: "up",
		old: map[string]string{"sqlite": ",\n    `version` integer NOT NULL", "postgres": `    "version" bigint NOT NULL,` + "\n", "mysql": "    `version` bigint NOT NULL,\n"},
	},
	{
		name: "a missing index", find: "user_sessions.idx_user_sessions_subject: the index is missing", remedy: "create it: CREATE INDEX",
		old: map[string]string{
			"sqlite":   "CREATE INDEX `idx_user_sessions_subject` ON `user_sessions` (`partition_key`, `subject_id`, `session_id`);",
			"postgres": `CREATE INDEX "idx_user_sessions_subject" ON "user_sessions" ("partition_key", "subject_id", "session_id");`,
			"mysql":    ",\n    INDEX `idx_user_sessions_subject` (`partition_key`, `subject_id`, `session_id`)",
		},
	},
	{
		name: "an index that is not unique", find: "user_sessions.idx_user_sessions_key: the index is missing: unique", remedy: "CREATE UNIQUE INDEX",
		old: map[string]string{"sqlite": "UNIQUE INDEX `idx_user_sessions_key`", "postgres": `UNIQUE INDEX "idx_user_sessions_key"`, "mysql": "UNIQUE INDEX `idx_user_sessions_key`"},
		new: map[string]string{"sqlite": "INDEX `idx_user_sessions_key`", "postgres": `INDEX "idx_user_sessions_key"`, "mysql": "INDEX `idx_user_sessions_key`"},
	},
	{
		name: "a deferrable unique constraint", find: "user_sessions.idx_user_sessions_key: the constraint is deferrable", remedy: "DEFERRABLE",
		old: map[string]string{"postgres": `CREATE UNIQUE INDEX "idx_user_sessions_key" ON "user_sessions" ("partition_key", "key");`},
		new: map[string]string{"postgres": `ALTER TABLE "user_sessions" ADD CONSTRAINT "idx_user_sessions_key" UNIQUE ("partition_key", "key") DEFERRABLE;`},
	},
	{
		name: "a deferrable primary key", find: "user_sessions.user_sessions_pkey: the constraint is deferrable", remedy: "DEFERRABLE",
		old: map[string]string{"postgres": `PRIMARY KEY ("id")`},
		new: map[string]string{"postgres": `PRIMARY KEY ("id") DEFERRABLE INITIALLY DEFERRED`},
	},
	{
		name: "a wrong type", find: "user_sessions.ticket: the type", remedy: "migration",
		old: map[string]string{"sqlite": "blob", "postgres": "bytea", "mysql": "longblob"},
		new: map[string]string{"sqlite": "text", "postgres": "text", "mysql": "blob"},
	},
	{
		name: "a type that is too small", find: "user_sessions.version: the type", remedy: "migration",
		old: map[string]string{"postgres": `"version" bigint`, "mysql": "`version` bigint"},
		new: map[string]string{"postgres": `"version" smallint`, "mysql": "`version` smallint"},
	},
	{
		name: "a column that is too short", find: "user_sessions.partition_key: the column is too short", remedy: "migration",
		old: map[string]string{"postgres": "varchar(200)", "mysql": "varchar(200)"},
		new: map[string]string{"postgres": "varchar(100)", "mysql": "varchar(100)"},
	},
	{
		name: "a collation that folds case", find: "user_sessions.partition_key: the collation", remedy: "give the column the collation",
		old:    map[string]string{"sqlite": "`partition_key` text", "postgres": `COLLATE "C"`, "mysql": "COLLATE utf8mb4_bin"},
		new:    map[string]string{"sqlite": "`partition_key` text COLLATE NOCASE", "postgres": `COLLATE "folding"`, "mysql": "COLLATE utf8mb4_general_ci"},
		before: map[string]string{"postgres": "CREATE COLLATION folding (provider = icu, locale = 'und-u-ks-level2', deterministic = false)"},
	},
	{
		name: "times without microseconds", find: "user_sessions.created: times lose their microseconds: the precision is 3 digits, want 6", remedy: "migration",
		old: map[string]string{"postgres": `"created" timestamptz`, "mysql": "`created` datetime(6)"},
		new: map[string]string{"postgres": `"created" timestamptz(3)`, "mysql": "`created` datetime(3)"},
	},
	{
		name: "times without fractions", find: "user_sessions.created: times lose their microseconds", remedy: "migration",
		old: map[string]string{"postgres": `"created" timestamptz`, "mysql": "`created` datetime(6)"},
		new: map[string]string{"postgres": `"created" timestamptz(0)`, "mysql": "`created` datetime"},
	},
	{
		name: "a unique index that treats missing session ids as equal", find: "idx_user_sessions_session: the unique index treats missing session ids as equal", remedy: "NULLS NOT DISTINCT",
		old: map[string]string{"postgres": `("partition_key", "session_id") WHERE session_id IS NOT NULL`},
		new: map[string]string{"postgres": `("partition_key", "session_id") NULLS NOT DISTINCT`},
	},
	{
		name: "a session id that is NOT NULL", find: "user_sessions.session_id: the column is NOT NULL", remedy: "make it nullable",
		old: map[string]string{"sqlite": "`session_id` text", "postgres": `"session_id" varchar(200) COLLATE "C" NULL`, "mysql": "`session_id` varchar(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL"},
		new: map[string]string{"sqlite": "`session_id` text NOT NULL", "postgres": `"session_id" varchar(200) COLLATE "C" NOT NULL`, "mysql": "`session_id` varchar(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL"},
	},
	{
		name: "a column that the store can't fill", find: "user_sessions.device: the column is NOT NULL and has no default", remedy: "give it a default",
		old: map[string]string{"sqlite": "    `ticket` blob", "postgres": `    "ticket" bytea`, "mysql": "    `ticket` longblob"},
		new: map[string]string{"sqlite": "    `device` text NOT NULL,\n    `ticket` blob", "postgres": `    "device" text NOT NULL, "ticket" bytea`, "mysql": "    `device` varchar(9) NOT NULL,\n    `ticket` longblob"},
	},
}

// TestDoctor_Defects finds each defect and says what to do.
func TestDoctor_Defects(t *testing.T) {
	dbtest.On(t, executed, func(t *testing.T, d *dbtest.Database) {
		db := d.Open(t, dbtest.Setup{})
		for _, defect := range defects {
			old, ok := defect.old[d.Engine.Name]
			if !ok {
				continue // not possible in this dialect
			}
			dir := t.TempDir()
			add(t, dir, steps[0])
			edit(t, dir, d.Engine.Name, "init", old, defect.new[d.Engine.Name])
			if before := defect.before[d.Engine.Name]; before != "" {
				if err := db.Exec(before).Error; err != nil {
					t.Fatal(err)
				}
			}
			project := team(dir, steps[0].models...)
			mustRun(t, project, "up", dsnOf(t, d))
			findings, err := migrations.Check(t.Context(), db)
			if err != nil {
				t.Fatal(err)
			}
			if !found(findings, defect.find, defect.remedy) {
				t.Errorf("%s: want %q … %q, got %v", defect.name, defect.find, defect.remedy, findings)
			}
			if _, err := run(t, project, "doctor", dsnOf(t, d)); err == nil {
				t.Errorf("%s: the command succeeded", defect.name)
			}
			mustRun(t, project, "down", "-allow-destructive", dsnOf(t, d))
		}
		findings, err := migrations.Check(t.Context(), db)
		if err != nil || !found(findings, "user_sessions: the table is missing", "up") {
			t.Errorf("without the table: got %v, %v", findings, err)
		}
	})
}

// found reports whether one of the findings is not harmless and has both texts.
func found(findings []migrations.Finding, problem, remedy string) bool {
	for _, f := range findings {
		if !f.Harmless && strings.Contains(f.Where+": "+f.Problem, problem) && strings.Contains(f.Remedy, remedy) {
			return true
		}
	}
	return false
}

// TestDoctor_HarmlessFindings reports a clock that differs, expired rows that no cleanup
// deletes, and a unique index of the team's, all as harmless.
func TestDoctor_HarmlessFindings(t *testing.T) {
	dbtest.On(t, executed, func(t *testing.T, d *dbtest.Database) {
		dir := t.TempDir()
		add(t, dir, steps[0])
		mustRun(t, team(dir, steps[0].models...), "up", dsnOf(t, d))
		db := d.Open(t, dbtest.Setup{Params: withTimeout(d, nil)})
		later := func() time.Time { return time.Now().Add(48 * time.Hour) }
		store := storeOn(t, db)
		err := store.CreateUserSession(t.Context(), bff.UserSession{
			Key: "k", SubjectID: "alice", Created: time.Now(), Renewed: time.Now(), Expires: time.Now().Add(time.Hour),
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Exec("CREATE UNIQUE INDEX one_each ON user_sessions (subject_id)").Error; err != nil {
			t.Fatal(err)
		}
		findings, err := migrations.Check(t.Context(), db, migrations.CheckClock(later))
		if err != nil {
			t.Fatal(err)
		}
		var texts []string
		for _, f := range findings {
			if !f.Harmless {
				t.Errorf("not harmless: %s", f)
			}
			texts = append(texts, f.String())
		}
		all := strings.Join(texts, "\n")
		wants := []string{"user_sessions.one_each: the entities do not have the unique index", "1 rows expired more than 24h0m0s ago"}
		if d.Engine != dbtest.SQLite { // SQLite uses the host's clock
			wants = append(wants, "clock: the clocks of this host and of the database differ by 48h0m0s")
		}
		for _, want := range wants {
			if !strings.Contains(all, want) {
				t.Errorf("the findings do not have %q:\n%s", want, all)
			}
		}
		if len(findings) != len(wants) {
			t.Errorf("got %d findings, want %d:\n%s", len(findings), len(wants), all)
		}
	})
}

// TestDoctor_Cancelled cancels the context before each query in turn, on a handle that
// prepares statements: Check returns the context's error and does not panic.
func TestDoctor_Cancelled(t *testing.T) {
	dbtest.On(t, executed, func(t *testing.T, d *dbtest.Database) {
		db := d.Open(t, dbtest.Setup{Config: func(c *gorm.Config) { c.PrepareStmt = true }})
		if err := db.AutoMigrate(&entities.UserSession{}); err != nil {
			t.Fatal(err)
		}
		var left int
		var cancel context.CancelFunc
		err := db.Callback().Row().Before("*").Register("test:cancel", func(*gorm.DB) {
			if left--; left == 0 {
				cancel()
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		for query := 1; ; query++ {
			var ctx context.Context
			ctx, cancel = context.WithCancel(t.Context())
			left = query
			_, err := migrations.Check(ctx, db)
			cancel()
			if left > 0 { // there are no more queries
				if err != nil || query < 4 {
					t.Errorf("got %v after %d queries, want at least 3", err, query-1)
				}
				return
			}
			if !errors.Is(err, context.Canceled) {
				t.Errorf("cancelled before query %d: got %v", query, err)
			}
		}
	})
}

// device is a team's own session.
type device struct {
	entities.UserSession
	Device string `gorm:"size:100;index"`
}

// TestDoctor_OwnTableAndModel checks a table with the team's name and columns.
func TestDoctor_OwnTableAndModel(t *testing.T) {
	dbtest.On(t, executed, func(t *testing.T, d *dbtest.Database) {
		db := d.Open(t, dbtest.Setup{Params: withTimeout(d, nil)})
		if err := db.Table("bff_sessions").AutoMigrate(&device{}); err != nil {
			t.Fatal(err)
		}
		check := func(models ...any) []migrations.Finding {
			t.Helper()
			findings, err := migrations.Check(t.Context(), db, append(models, migrations.CheckTable("bff_sessions"))...)
			if err != nil {
				t.Fatal(err)
			}
			return findings
		}
		if findings := check(&device{}); len(findings) > 0 {
			t.Errorf("got the findings %v, want none", findings)
		}
		dropIndexOn(t, db, "bff_sessions", "idx_bff_sessions_device")
		mustExec(t, db, "ALTER TABLE bff_sessions DROP COLUMN device")
		if findings := check(&device{}); !found(findings, "bff_sessions.device: the column is missing", "") {
			t.Errorf("got the findings %v, want the missing column", findings)
		}
		if findings := check(); len(findings) > 0 {
			t.Errorf("compared with the module's own entity: %v", findings)
		}
	})
}

func mustExec(t *testing.T, db *gorm.DB, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		if err := db.Exec(statement).Error; err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}
