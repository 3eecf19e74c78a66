package dbtest_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/schema"

	"example.com/usersession"
	"example.com/usersession/bff"
	"example.com/usersession/entities"
	"example.com/usersession/internal/dbtest"
)

var isDDL = regexp.MustCompile(`(?i)^\s*(ALTER|CREATE|DROP|COMMENT|EXEC sp_)`)

// TestAutoMigrate_Repeated: a second AutoMigrate runs no DDL, also for a team's own struct
// and with other names. The third one runs with a row in the table, because on SQLite GORM
// takes the column types from a row.
func TestAutoMigrate_Repeated(t *testing.T) {
	models := map[string]any{"the store's own": &entities.UserSession{}, "a team's": &teamSession{}}
	names := map[string]schema.NamingStrategy{
		"":                                   {},
		", with prefix":                      {TablePrefix: "bff_"},
		", singular":                         {SingularTable: true},
		", so long that GORM truncates them": {TablePrefix: "a_prefix_so_long_that_names_of_indexes_must_be_cut_"},
	}
	dbtest.OnEveryEngine(t, func(t *testing.T, d *dbtest.Database) {
		for name, model := range models {
			for named, naming := range names {
				t.Run(name+named, func(t *testing.T) {
					d := d.Engine.New(t)
					recorder := &dbtest.Recorder{}
					db := d.Open(t, dbtest.Setup{Recorder: recorder, Config: func(c *gorm.Config) { c.NamingStrategy = naming }})
					d.Migrate(t, db, model)
					if ddl := ddlOf(recorder); len(ddl) == 0 {
						t.Error("the first AutoMigrate runs no DDL that the test recognizes")
					}
					parsed := &gorm.Statement{DB: db}
					must(t, parsed.Parse(model))
					store := newStore(t, db, usersession.WithTable(parsed.Schema.Table))
					for range 2 {
						d.Migrate(t, db, model)
						if ddl := ddlOf(recorder); len(ddl) > 0 {
							t.Errorf("a repeated AutoMigrate runs\n%s", strings.Join(ddl, "\n"))
						}
						// On SQLite, GORM alters a team's string column that has a size
						// if the table has a row.
						if d.Engine != dbtest.SQLite || name != "a team's" {
							must(t, store.ReplaceUserSession(t.Context(), testSession("key", "sid")))
							recorder.Take()
						}
					}
				})
			}
		}
	})
}

// ddlOf returns the recorded DDL.
func ddlOf(recorder *dbtest.Recorder) []string {
	var ddl []string
	for _, event := range recorder.Take() {
		if event.Kind != "prepare" && isDDL.MatchString(event.SQL) {
			ddl = append(ddl, event.SQL)
		}
	}
	return ddl
}

// schemas are the schemas that AutoMigrate creates from entities.UserSession, as the
// database describes them.
var schemas = map[*dbtest.Engine]string{
	dbtest.PostgreSQL: `
id bigint NOT NULL
partition_key character varying(200) COLLATE C NOT NULL
key character varying(200) COLLATE C NOT NULL
subject_id character varying(200) COLLATE C NOT NULL
session_id character varying(200) COLLATE C
created timestamp with time zone NOT NULL
renewed timestamp with time zone NOT NULL
expires timestamp with time zone
ticket bytea NOT NULL
version bigint NOT NULL
idx_user_sessions_expires: btree (expires)
idx_user_sessions_key: UNIQUE btree (partition_key, key)
idx_user_sessions_session: UNIQUE btree (partition_key, session_id) WHERE (session_id IS NOT NULL)
idx_user_sessions_subject: btree (partition_key, subject_id, session_id)
user_sessions_pkey: UNIQUE btree (id)
`,
	dbtest.MySQL: `
id bigint NOT NULL auto_increment
partition_key varchar(200) COLLATE utf8mb4_bin NOT NULL
key varchar(200) COLLATE utf8mb4_bin NOT NULL
subject_id varchar(200) COLLATE utf8mb4_bin NOT NULL
session_id varchar(200) COLLATE utf8mb4_bin
created datetime(6) NOT NULL
renewed datetime(6) NOT NULL
expires datetime(6)
ticket longblob NOT NULL
version bigint NOT NULL
PRIMARY: UNIQUE (id)
idx_user_sessions_expires: (expires)
idx_user_sessions_key: UNIQUE (partition_key, key)
idx_user_sessions_session: UNIQUE (partition_key, session_id)
idx_user_sessions_subject: (partition_key, subject_id, session_id)
`,
	dbtest.SQLite: "\n" +
		"CREATE TABLE `user_sessions` (`id` integer PRIMARY KEY AUTOINCREMENT,`partition_key` text NOT NULL,`key` text NOT NULL,`subject_id` text NOT NULL,`session_id` text,`created` datetime NOT NULL,`renewed` datetime NOT NULL,`expires` datetime,`ticket` blob NOT NULL,`version` integer NOT NULL)\n" +
		"CREATE INDEX `idx_user_sessions_expires` ON `user_sessions`(`expires`)\n" +
		"CREATE UNIQUE INDEX `idx_user_sessions_key` ON `user_sessions`(`partition_key`,`key`)\n" +
		"CREATE UNIQUE INDEX `idx_user_sessions_session` ON `user_sessions`(`partition_key`,`session_id`) WHERE session_id IS NOT NULL\n" +
		"CREATE INDEX `idx_user_sessions_subject` ON `user_sessions`(`partition_key`,`subject_id`,`session_id`)\n",
}

// describing are the queries for a database's schema, with a line for each column and index.
var describing = map[*dbtest.Engine][]string{
	dbtest.PostgreSQL: {
		`SELECT attname || ' ' || format_type(atttypid, atttypmod) || COALESCE(' COLLATE ' || (SELECT collname FROM pg_collation c WHERE c.oid = attcollation AND attcollation <> typcollation), '') || CASE WHEN attnotnull THEN ' NOT NULL' ELSE '' END
		FROM pg_attribute JOIN pg_type ON pg_type.oid = atttypid WHERE attrelid = 'user_sessions'::regclass AND attnum > 0 ORDER BY attnum`,
		`SELECT indexname || ': ' || CASE WHEN indexdef LIKE 'CREATE UNIQUE%' THEN 'UNIQUE ' ELSE '' END || substring(indexdef FROM 'USING (.*)')
		FROM pg_indexes WHERE schemaname = current_schema() AND tablename = 'user_sessions' ORDER BY indexname COLLATE "C"`,
	},
	dbtest.MySQL: {
		`SELECT CONCAT(column_name, ' ', column_type, IF(collation_name IS NULL, '', CONCAT(' COLLATE ', collation_name)), IF(is_nullable = 'NO', ' NOT NULL', ''), IF(extra = '', '', CONCAT(' ', extra)))
		FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'user_sessions' ORDER BY ordinal_position`,
		`SELECT CONCAT(index_name, ': ', IF(non_unique, '', 'UNIQUE '), '(', GROUP_CONCAT(column_name ORDER BY seq_in_index SEPARATOR ', '), ')')
		FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = 'user_sessions' GROUP BY index_name, non_unique ORDER BY BINARY index_name`,
	},
	dbtest.SQLite: {
		`SELECT sql FROM sqlite_master WHERE tbl_name = 'user_sessions' AND sql IS NOT NULL ORDER BY type = 'index', name`,
	},
}

// TestAutoMigrate_Schema: AutoMigrate creates the column types, collations, precisions and
// indexes that the store relies on.
func TestAutoMigrate_Schema(t *testing.T) {
	engines := []*dbtest.Engine{dbtest.PostgreSQL, dbtest.MySQL, dbtest.SQLite}
	onEnginesExcept(t, engines, exceptCockroachDB("describes its schemas in a format of its own"), func(t *testing.T, d *dbtest.Database) {
		db, _ := openStore(t, d, dbtest.Setup{})
		if got := describe(t, d, db); got != schemas[d.Engine] {
			t.Errorf("the schema is\n%s\nwant\n%s", got, schemas[d.Engine])
		}
	})
}

// describe returns the schema of the store's table, in the format of schemas.
func describe(t *testing.T, d *dbtest.Database, db *gorm.DB) string {
	t.Helper()
	described := "\n"
	for _, query := range describing[d.Engine] {
		var lines []string
		must(t, db.Raw(query).Scan(&lines).Error)
		described += strings.Join(lines, "\n") + "\n"
	}
	return strings.ReplaceAll(described, "bigint(20)", "bigint") // MariaDB writes the display width
}

// TestStripCollation: the DDL for CockroachDB lacks COLLATE "C" and is the same otherwise.
func TestStripCollation(t *testing.T) {
	t.Parallel()
	d := dbtest.PostgreSQL.New(t)
	db := d.Open(t, dbtest.Setup{})
	dbtest.StripCollation(t, db)
	d.Migrate(t, db)
	want := strings.ReplaceAll(schemas[dbtest.PostgreSQL], " COLLATE C", "")
	if got := describe(t, d, db); got != want {
		t.Errorf("the schema is\n%s\nwant\n%s", got, want)
	}
}

// TestEntities_ThroughGORM: an application can read and write the rows as entities through
// GORM. The store and GORM read the same values.
func TestEntities_ThroughGORM(t *testing.T) {
	dbtest.OnEveryEngine(t, func(t *testing.T, d *dbtest.Database) {
		db, store := openStore(t, d, dbtest.Setup{})
		for _, want := range []bff.UserSession{testSession("key", "sid"), testSession("another", ""), testSession("forever", "")} {
			row := entities.UserSession{
				PartitionKey: "app", Key: entities.Identity(want.Key), SubjectID: "alice",
				Created: entities.Timestamp{Time: want.Created}, Renewed: entities.Timestamp{Time: want.Renewed},
				Expires: &entities.Timestamp{Time: want.Expires}, Ticket: want.Ticket, Version: 7,
			}
			if want.SessionID != "" {
				row.SessionID = new(entities.Identity(want.SessionID))
			}
			if want.Key == "forever" {
				row.Expires, want.Expires = nil, time.Time{}
			}
			must(t, db.Create(&row).Error)
			got, err := store.GetUserSession(t.Context(), keyOf(want.Key))
			must(t, err)
			wantSession(t, got, want, 7)

			must(t, store.ReplaceUserSession(t.Context(), want))
			var read entities.UserSession
			must(t, db.Where(map[string]any{"key": want.Key}).Take(&read).Error)
			wantSession(t, toSession(read), want, 1)
		}
	})
}
