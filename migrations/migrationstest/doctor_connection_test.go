package migrationstest

import (
	"crypto/rand"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	mysqldriver "github.com/go-sql-driver/mysql"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/gorm/schema"

	"example.com/usersession/entities"
	"example.com/usersession/internal/dbtest"
	"example.com/usersession/migrations"
)

// A misfit is a setting of the connection, or DDL of a team's, that does not fit the store.
type misfit struct {
	name     string
	engine   *dbtest.Engine
	params   url.Values
	ddl      []string // executed on the migrated database; %s is the schema
	find     string
	remedy   string
	harmless bool
	mariaDB  bool // not MySQL or TiDB
	mySQL    bool // not MariaDB or TiDB
}

var misfits = []misfit{
	{name: "read-only", engine: dbtest.PostgreSQL, params: url.Values{"default_transaction_read_only": {"on"}}, find: "connection: the connection is read-only", remedy: "target_session_attrs=read-write"},
	{name: "read-only", engine: dbtest.MySQL, params: url.Values{"tx_read_only": {"1"}}, find: "connection: the connection is read-only", remedy: "primary"},
	{name: "read-only", engine: dbtest.SQLite, params: url.Values{"_pragma": {"query_only(1)", "busy_timeout(5000)"}}, find: "connection: the connection is read-only", remedy: "pragma"},
	{name: "isolation", engine: dbtest.PostgreSQL, params: url.Values{"default_transaction_isolation": {"serializable"}}, find: "the isolation level is SERIALIZABLE", remedy: "READ COMMITTED", harmless: true},
	{name: "isolation", engine: dbtest.MySQL, params: url.Values{"tx_isolation": {"'SERIALIZABLE'"}}, find: "the isolation level is SERIALIZABLE", remedy: "READ COMMITTED", harmless: true},
	{name: "autocommit", engine: dbtest.MySQL, params: url.Values{"autocommit": {"0"}}, find: "connection: autocommit is off", remedy: "DSN"},
	{name: "completion_type", engine: dbtest.MySQL, params: url.Values{"completion_type": {"1"}}, find: "connection: completion_type is CHAIN", remedy: "DSN"},
	{name: "completion_type", engine: dbtest.MySQL, params: url.Values{"completion_type": {"2"}}, find: "connection: completion_type is RELEASE", remedy: "DSN", harmless: true},
	{name: "character set", engine: dbtest.MySQL, params: url.Values{"charset": {"latin1"}}, find: "connection: character_set_client is latin1", remedy: "charset=utf8mb4"},
	{name: "character set", engine: dbtest.MySQL, params: url.Values{"charset": {"utf8"}}, find: "connection: character_set_client is utf8", remedy: "charset=utf8mb4"},
	{name: "sql_mode", engine: dbtest.MySQL, params: url.Values{"sql_mode": {"''"}}, find: "connection: sql_mode is not strict", remedy: "STRICT_TRANS_TABLES", harmless: true},
	{name: "sql_mode", engine: dbtest.MySQL, params: url.Values{"sql_mode": {"'STRICT_ALL_TABLES,EMPTY_STRING_IS_NULL'"}}, find: "connection: sql_mode has EMPTY_STRING_IS_NULL", remedy: "DSN", mariaDB: true},
	{name: "no busy_timeout", engine: dbtest.SQLite, params: url.Values{"_pragma": {"busy_timeout(0)"}}, find: "connection: there is no busy_timeout", remedy: "DSN", harmless: true},
	{name: "engine", engine: dbtest.MySQL, ddl: []string{"DROP INDEX idx_user_sessions_subject ON user_sessions", "ALTER TABLE user_sessions ENGINE=Aria"}, find: "user_sessions: the table's engine is Aria", remedy: "InnoDB", mariaDB: true},
	{name: "read uncommitted", engine: dbtest.MySQL, params: url.Values{"tx_isolation": {"'READ-UNCOMMITTED'"}}, find: "the isolation level is READ UNCOMMITTED", remedy: "READ COMMITTED"},
	{name: "character_set_connection", engine: dbtest.MySQL, params: url.Values{"character_set_connection": {"latin1"}}, find: "connection: character_set_connection is latin1", remedy: "charset=utf8mb4"},
	{name: "character_set_results", engine: dbtest.MySQL, params: url.Values{"character_set_results": {"latin1"}}, find: "connection: character_set_results is latin1", remedy: "charset=utf8mb4", harmless: true},
	{name: "character_set_results", engine: dbtest.MySQL, params: url.Values{"character_set_results": {"ucs2"}}, find: "connection: character_set_results is ucs2", remedy: "DSN"},
	{name: "character set of a column", engine: dbtest.MySQL, ddl: []string{"ALTER TABLE user_sessions MODIFY subject_id varchar(200) CHARACTER SET latin1 COLLATE latin1_bin NOT NULL"},
		find: "user_sessions.subject_id: the character set latin1 lacks characters", remedy: "utf8mb4", harmless: true},
	{name: "ON UPDATE", engine: dbtest.MySQL, ddl: []string{"ALTER TABLE user_sessions MODIFY created datetime(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6)"},
		find: "user_sessions.created: the server changes the column at every update", remedy: "ON UPDATE"},
	{name: "sql_select_limit", engine: dbtest.MySQL, params: url.Values{"sql_select_limit": {"3"}}, find: "connection: sql_select_limit is 3", remedy: "DSN"},
	{name: "unique_checks", engine: dbtest.MySQL, params: url.Values{"unique_checks": {"0"}}, find: "connection: unique_checks is off", remedy: "DSN"},
	{name: "client_encoding", engine: dbtest.PostgreSQL, params: url.Values{"client_encoding": {"LATIN1"}}, find: "connection: client_encoding is LATIN1", remedy: "client_encoding=UTF8"},
	{name: "DateStyle", engine: dbtest.PostgreSQL, params: url.Values{"datestyle": {"German"}, "default_query_exec_mode": {"exec"}}, find: "connection: the driver cannot read times", remedy: "datestyle=ISO"},
	{name: "bytea_output", engine: dbtest.PostgreSQL, params: url.Values{"bytea_output": {"escape"}, "default_query_exec_mode": {"simple_protocol"}}, find: "connection: the driver cannot read times and tickets", remedy: "bytea_output=hex"},
	{name: "options", engine: dbtest.PostgreSQL, params: url.Values{"options": {"-c default_transaction_read_only=on"}}, find: "connection: the connection is read-only", remedy: "target_session_attrs=read-write"},
	{name: "read_uncommitted", engine: dbtest.SQLite, params: url.Values{"cache": {"shared"}, "_pragma": {"read_uncommitted(1)", "busy_timeout(5000)"}}, find: "the isolation level is READ UNCOMMITTED", remedy: "read_uncommitted"},
	{name: "read-only schema", engine: dbtest.MySQL, ddl: []string{"ALTER SCHEMA %s READ ONLY = 1"}, find: "connection: the connection is read-only, so that the store cannot write: the database is READ ONLY", remedy: "READ ONLY = 0", mySQL: true},
	{name: "mode=ro", engine: dbtest.SQLite, params: url.Values{"mode": {"ro"}, "_pragma": {"busy_timeout(5000)"}}, find: "connection: the connection is read-only", remedy: "mode=ro"},
	{name: "rule", engine: dbtest.PostgreSQL, ddl: []string{"CREATE RULE keep AS ON DELETE TO user_sessions DO INSTEAD NOTHING"}, find: "user_sessions: the table has the rule keep", remedy: "trigger"},
	{name: "trigger that ignores", engine: dbtest.PostgreSQL, ddl: []string{
		"CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF OLD.key LIKE 'keep%%' THEN Return\n NULL; END IF; RETURN OLD; END $$",
		"CREATE TRIGGER keep BEFORE DELETE ON user_sessions FOR EACH ROW EXECUTE FUNCTION keep()",
	}, find: "user_sessions: the trigger keep can keep a session", remedy: "raise an error"},
	{name: "trigger that returns NEW", engine: dbtest.PostgreSQL, ddl: []string{
		"CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$",
		"CREATE TRIGGER touch BEFORE INSERT OR UPDATE OR DELETE ON user_sessions FOR EACH ROW EXECUTE FUNCTION touch()",
	}, find: "user_sessions: the trigger touch can keep a session", remedy: "RETURN OLD"},
	{name: "trigger of a partition", engine: dbtest.PostgreSQL, ddl: append(slices.Clone(partitions),
		"CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$",
		"CREATE TRIGGER keep BEFORE DELETE ON user_sessions_1 FOR EACH ROW EXECUTE FUNCTION keep()",
	), find: "user_sessions: the trigger keep can keep a session", remedy: "raise an error"},
	{name: "domain that refuses NULL", engine: dbtest.PostgreSQL, ddl: []string{"CREATE DOMAIN d AS text NOT NULL", "ALTER TABLE user_sessions ADD g d"},
		find: "user_sessions.g: the column is NOT NULL and has no default, so the store cannot add rows", remedy: "default"},
	{name: "domain that refuses NULL", engine: dbtest.PostgreSQL, ddl: []string{"CREATE DOMAIN d AS timestamptz(6) NOT NULL", "ALTER TABLE user_sessions ALTER expires TYPE d"},
		find: "user_sessions.expires: the column is NOT NULL", remedy: "nullable"},
	{name: "trigger that ignores", engine: dbtest.SQLite, ddl: []string{"CREATE TRIGGER keep BEFORE DELETE ON user_sessions BEGIN SELECT raise (\n\tignore ); END"}, find: "user_sessions: the trigger keep can keep a session", remedy: "raise an error"},
	{name: "view", engine: dbtest.PostgreSQL, ddl: asView, find: "user_sessions: it is a view", remedy: "CheckTable", harmless: true},
	{name: "view", engine: dbtest.MySQL, ddl: asView, find: "user_sessions: it is a view", remedy: "CheckTable", harmless: true},
	{name: "NOT NULL and a trigger", engine: dbtest.PostgreSQL, ddl: []string{
		"ALTER TABLE user_sessions ADD g text NOT NULL",
		"CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.g = 'x'; RETURN NEW; END $$",
		"CREATE TRIGGER fill BEFORE INSERT ON user_sessions FOR EACH ROW EXECUTE FUNCTION fill()",
	}, find: "user_sessions.g: the column is NOT NULL and has no default: the store can add rows only if the trigger fill fills it", remedy: "default", harmless: true},
	{name: "NOT NULL and a trigger", engine: dbtest.MySQL, ddl: []string{
		"ALTER TABLE user_sessions ADD g int NOT NULL", "CREATE TRIGGER fill BEFORE INSERT ON user_sessions FOR EACH ROW SET NEW.g = 1",
	}, find: "user_sessions.g: the column is NOT NULL and has no default: the store can add rows only if the trigger fill fills it", remedy: "default", harmless: true, mariaDB: true},
	{name: "NOT NULL", engine: dbtest.MySQL, ddl: []string{"ALTER TABLE user_sessions ADD g int NOT NULL"}, find: "user_sessions.g: the column is NOT NULL and has no default, so the store cannot add rows", remedy: "default"},
	{name: "SET NULL on NOT NULL", engine: dbtest.PostgreSQL, ddl: []string{"CREATE TABLE devices (s bigint NOT NULL CONSTRAINT of_session REFERENCES user_sessions (id) ON DELETE SET NULL)"}, find: "user_sessions: the foreign key of_session of devices keeps a session", remedy: "ON DELETE"},
	{name: "SET DEFAULT", engine: dbtest.PostgreSQL, ddl: []string{"CREATE TABLE devices (s bigint DEFAULT 0 CONSTRAINT of_session REFERENCES user_sessions (id) ON DELETE SET DEFAULT)"}, find: "user_sessions: the foreign key of_session of devices keeps a session", remedy: "ON DELETE"},
	{name: "SET NULL on NOT NULL", engine: dbtest.SQLite, params: url.Values{"_pragma": {"foreign_keys(1)", "busy_timeout(5000)"}}, ddl: []string{"CREATE TABLE devices (s integer NOT NULL REFERENCES User_Sessions (id) ON DELETE SET NULL)"}, find: "of devices keeps a session", remedy: "ON DELETE"},
	{name: "sequence that the column does not own", engine: dbtest.PostgreSQL, ddl: []string{
		"CREATE SEQUENCE other", "ALTER TABLE user_sessions ALTER id SET DEFAULT nextval('other')",
		"INSERT INTO user_sessions (id, partition_key, key, subject_id, created, renewed, ticket, version) VALUES (7, '', 'k', 's', now(), now(), '', 1)",
	}, find: "user_sessions.id: the sequence of the column is behind the rows", remedy: "setval('other'"},

	{name: "foreign key", engine: dbtest.PostgreSQL, ddl: []string{"CREATE TABLE devices (session bigint CONSTRAINT of_session REFERENCES user_sessions (id))"}, find: "user_sessions: the foreign key of_session of devices keeps a session", remedy: "ON DELETE"},
	{name: "foreign key", engine: dbtest.MySQL, ddl: []string{"CREATE TABLE devices (session bigint, CONSTRAINT of_session FOREIGN KEY (session) REFERENCES user_sessions (id))"}, find: "user_sessions: the foreign key of_session of devices keeps a session", remedy: "ON DELETE"},
	{name: "foreign key", engine: dbtest.SQLite, params: url.Values{"_pragma": {"foreign_keys(1)", "busy_timeout(5000)"}}, ddl: []string{"CREATE TABLE devices (session integer REFERENCES user_sessions (id))"}, find: "of devices keeps a session", remedy: "ON DELETE"},
	{name: "sequence behind", engine: dbtest.PostgreSQL, ddl: []string{
		"INSERT INTO user_sessions (id, partition_key, key, subject_id, created, renewed, ticket, version) VALUES (7, '', 'k', 's', now(), now(), '', 1)",
	}, find: "user_sessions.id: the sequence of the column is behind the rows", remedy: "setval("},
	{name: "sequence too small", engine: dbtest.PostgreSQL, ddl: []string{"DO $$ BEGIN EXECUTE format('ALTER SEQUENCE %%s AS integer', pg_get_serial_sequence('user_sessions', 'id')); END $$"}, find: "user_sessions.id: the sequence of the column is integer", remedy: "bigint", harmless: true},
	{name: "sequence that ends", engine: dbtest.PostgreSQL, ddl: []string{"ALTER SEQUENCE user_sessions_id_seq MAXVALUE 2147483647"}, find: "user_sessions.id: the sequence of the column ends at 2147483647", remedy: "MAXVALUE", harmless: true},
	{name: "unlogged", engine: dbtest.PostgreSQL, ddl: []string{"ALTER TABLE user_sessions SET UNLOGGED"}, find: "user_sessions: the table is unlogged: a crash of the server empties it", remedy: "SET LOGGED", harmless: true},
	{name: "collation version", engine: dbtest.PostgreSQL, ddl: []string{
		"CREATE COLLATION german (provider = icu, locale = 'de')", "ALTER TABLE user_sessions ALTER subject_id TYPE varchar(200) COLLATE german",
		"UPDATE pg_collation SET collversion = '0.9' WHERE oid = 'german'::regcollation",
	}, find: "user_sessions.subject_id: the collation german changed from version 0.9 to ", remedy: `ALTER COLLATION "german" REFRESH VERSION`},
	{name: "invalid index", engine: dbtest.PostgreSQL, ddl: []string{
		"UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'idx_user_sessions_expires'::regclass",
	}, find: "user_sessions.idx_user_sessions_expires: the index is invalid", remedy: `DROP INDEX CONCURRENTLY "idx_user_sessions_expires", and create it again: CREATE INDEX`},
	{name: "another invalid index", engine: dbtest.PostgreSQL, ddl: []string{
		"CREATE INDEX own ON user_sessions (renewed)", "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'own'::regclass",
	}, find: "user_sessions.own: the index is invalid", remedy: `DROP INDEX CONCURRENTLY "own"`, harmless: true},
	{name: "index that a partition lacks", engine: dbtest.PostgreSQL, ddl: append(partitions,
		"DROP INDEX own_expires", "CREATE INDEX own_expires ON ONLY user_sessions (expires)",
	), find: "user_sessions.own_expires: the index is invalid: a partition lacks it", remedy: "ATTACH PARTITION"},
	{name: "two schemas", engine: dbtest.PostgreSQL, params: url.Values{"search_path": {"%s,%s_app"}}, ddl: []string{
		"CREATE SCHEMA %[1]s_app", "CREATE TABLE %[1]s_app.user_sessions (id bigint)",
	}, find: "user_sessions: the search_path finds the table in several schemas", remedy: "WithTable"},
	{name: "second schema", engine: dbtest.PostgreSQL, params: url.Values{"search_path": {"%s_app,%s"}}, ddl: []string{"CREATE SCHEMA %[1]s_app"},
		find: "user_sessions: the table is in the schema ", remedy: "first in the search_path", harmless: true},
	{name: "soft delete", engine: dbtest.PostgreSQL, ddl: []string{"ALTER TABLE user_sessions ADD deleted_at timestamptz"}, find: "user_sessions.deleted_at: the column looks like a soft delete", remedy: "remove"},
	{name: "soft delete", engine: dbtest.SQLite, ddl: []string{"ALTER TABLE user_sessions ADD deleted_at datetime"}, find: "user_sessions.deleted_at: the column looks like a soft delete", remedy: "remove"},
}

// partitions makes the table a partitioned one.
var partitions = []string{
	"ALTER TABLE user_sessions RENAME TO old",
	`CREATE TABLE user_sessions (LIKE old INCLUDING DEFAULTS, PRIMARY KEY (id, partition_key)) PARTITION BY HASH (partition_key)`,
	"CREATE TABLE user_sessions_0 PARTITION OF user_sessions FOR VALUES WITH (MODULUS 2, REMAINDER 0)",
	"CREATE TABLE user_sessions_1 PARTITION OF user_sessions FOR VALUES WITH (MODULUS 2, REMAINDER 1)",
	"ALTER SEQUENCE user_sessions_id_seq OWNED BY user_sessions.id", "DROP TABLE old",
	"CREATE INDEX own_expires ON user_sessions (expires)",
	"CREATE UNIQUE INDEX own_key ON user_sessions (partition_key, key)",
	"CREATE UNIQUE INDEX own_session ON user_sessions (partition_key, session_id)",
	"CREATE INDEX own_subject ON user_sessions (partition_key, subject_id, session_id)",
}

var asView = []string{"ALTER TABLE user_sessions RENAME TO real_sessions", "CREATE VIEW user_sessions AS SELECT * FROM real_sessions"}

// fits are settings and DDL of a team's that look like a misfit, and are none.
var fits = []misfit{
	{name: "DateStyle", engine: dbtest.PostgreSQL, params: url.Values{"datestyle": {"German"}, "bytea_output": {"escape"}}},
	{name: "SQL_ASCII", engine: dbtest.PostgreSQL, params: url.Values{"client_encoding": {"SQL_ASCII"}}},
	{name: "read uncommitted", engine: dbtest.PostgreSQL, params: url.Values{"default_transaction_isolation": {"read uncommitted"}}},
	{name: "quote_all_identifiers", engine: dbtest.PostgreSQL, params: url.Values{"quote_all_identifiers": {"on"}}},
	{name: "partitions", engine: dbtest.PostgreSQL, ddl: partitions},
	{name: "collation", engine: dbtest.PostgreSQL, ddl: []string{
		"CREATE COLLATION german (provider = icu, locale = 'de')", "ALTER TABLE user_sessions ALTER subject_id TYPE varchar(200) COLLATE german",
	}},
	{name: "domain", engine: dbtest.PostgreSQL, ddl: []string{"CREATE DOMAIN subject AS varchar(200)", "ALTER TABLE user_sessions ALTER subject_id TYPE subject"}},
	{name: "increment", engine: dbtest.PostgreSQL, ddl: []string{
		"ALTER SEQUENCE user_sessions_id_seq INCREMENT BY 10", "SELECT nextval('user_sessions_id_seq')",
		"INSERT INTO user_sessions (id, partition_key, key, subject_id, created, renewed, ticket, version) VALUES (8, '', 'k', 's', now(), now(), '', 1)",
	}},
	{name: "CASCADE, SET NULL", engine: dbtest.PostgreSQL, ddl: []string{
		"CREATE TABLE a (s bigint NOT NULL REFERENCES user_sessions (id) ON DELETE CASCADE)", "CREATE TABLE b (s bigint REFERENCES user_sessions (id) ON DELETE SET NULL)",
		"CREATE TABLE c (s bigint REFERENCES user_sessions (id) ON DELETE SET DEFAULT)",
	}},
	{name: "triggers that do not ignore", engine: dbtest.PostgreSQL, ddl: []string{
		"CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$",
		"CREATE TRIGGER audit AFTER DELETE OR INSERT OR UPDATE ON user_sessions FOR EACH ROW EXECUTE FUNCTION audit()",
		"CREATE TRIGGER statements BEFORE DELETE ON user_sessions FOR EACH STATEMENT EXECUTE FUNCTION audit()",
		"CREATE FUNCTION pass() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN OLD; END $$",
		"CREATE TRIGGER pass BEFORE DELETE ON user_sessions FOR EACH ROW EXECUTE FUNCTION pass()",
	}},
	{name: "triggers that keep nothing", engine: dbtest.PostgreSQL, ddl: []string{
		"CREATE FUNCTION each() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; RETURN NEW; END $$",
		"CREATE TRIGGER each BEFORE INSERT OR UPDATE OR DELETE ON user_sessions FOR EACH ROW EXECUTE FUNCTION each()",
		"CREATE FUNCTION either() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN coalesce(NEW, OLD); END $$",
		"CREATE TRIGGER either BEFORE UPDATE OR DELETE ON user_sessions FOR EACH ROW EXECUTE FUNCTION either()",
		"CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$",
		"CREATE TRIGGER touch BEFORE INSERT OR UPDATE ON user_sessions FOR EACH ROW EXECUTE FUNCTION touch()",
		"CREATE TRIGGER after AFTER DELETE ON user_sessions FOR EACH ROW EXECUTE FUNCTION touch()",
		"CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$",
		"CREATE TRIGGER replica BEFORE DELETE ON user_sessions FOR EACH ROW EXECUTE FUNCTION keep()",
		"ALTER TABLE user_sessions ENABLE REPLICA TRIGGER replica",
	}},
	{name: "disabled rule", engine: dbtest.PostgreSQL, ddl: []string{
		"CREATE RULE keep AS ON DELETE TO user_sessions DO INSTEAD NOTHING", "ALTER TABLE user_sessions DISABLE RULE keep",
	}},
	{name: "domain with a default", engine: dbtest.PostgreSQL, ddl: []string{
		"CREATE DOMAIN d AS text DEFAULT 'x'", "ALTER TABLE user_sessions ADD g d NOT NULL",
		"CREATE DOMAIN e AS text NOT NULL DEFAULT 'x'", "ALTER TABLE user_sessions ADD h e",
	}},
	{name: "trigger that raises", engine: dbtest.SQLite, ddl: []string{"CREATE TRIGGER keep BEFORE DELETE ON user_sessions BEGIN SELECT RAISE(ABORT, 'no'); END"}},
	{name: "generated column", engine: dbtest.PostgreSQL, ddl: []string{"ALTER TABLE user_sessions ADD g text GENERATED ALWAYS AS (upper(subject_id)) STORED NOT NULL"}},
	{name: "generated column", engine: dbtest.MySQL, ddl: []string{"ALTER TABLE user_sessions ADD g text AS (upper(subject_id)) STORED NOT NULL"}, mySQL: true},
	{name: "collation_connection", engine: dbtest.MySQL, params: url.Values{"collation_connection": {"utf8mb4_swedish_ci"}}},
	{name: "unsigned", engine: dbtest.MySQL, ddl: []string{"ALTER TABLE user_sessions MODIFY id bigint unsigned NOT NULL AUTO_INCREMENT, MODIFY version bigint unsigned NOT NULL"}},
	{name: "enumeration", engine: dbtest.MySQL, ddl: []string{"ALTER TABLE user_sessions ADD g enum('a', 'b') NOT NULL"}},
	{name: "upper case", engine: dbtest.MySQL, ddl: []string{"ALTER TABLE user_sessions CHANGE expires EXPIRES datetime(6)", "ALTER TABLE user_sessions CHANGE version Version bigint NOT NULL"}},
	{name: "upper case", engine: dbtest.SQLite, ddl: []string{
		"ALTER TABLE user_sessions RENAME TO x", "ALTER TABLE x RENAME TO USER_SESSIONS",
		"ALTER TABLE user_sessions RENAME COLUMN expires TO x", "ALTER TABLE user_sessions RENAME COLUMN x TO EXPIRES",
	}},
	{name: "foreign keys", engine: dbtest.SQLite, params: url.Values{"_pragma": {"foreign_keys(1)", "busy_timeout(5000)"}}, ddl: []string{
		"CREATE TABLE a (s integer REFERENCES user_sessions (id) ON DELETE CASCADE)", "CREATE TABLE b (s integer REFERENCES user_sessions (id) ON DELETE SET NULL)",
	}},
}

// TestDoctor_Fits finds nothing wrong with settings and schemas that the store works with.
func TestDoctor_Fits(t *testing.T) {
	for _, m := range fits {
		dbtest.On(t, []*dbtest.Engine{m.engine}, func(t *testing.T, d *dbtest.Database) {
			if m.mySQL && !d.IsMySQL() {
				t.Run("left out", func(t *testing.T) { t.Skip("only MySQL has the syntax") })
				return
			}
			db := d.Open(t, dbtest.Setup{})
			if err := db.AutoMigrate(&entities.UserSession{}); err != nil {
				t.Fatal(err)
			}
			mustExec(t, db, m.ddl...)
			findings, err := migrations.Check(t.Context(), d.Open(t, dbtest.Setup{Params: withTimeout(d, m.params)}))
			if err != nil || len(findings) > 0 {
				t.Errorf("%s: got the findings %v (%v), want none", m.name, findings, err)
			}
		})
	}
}

// TestDoctor_Misfits finds each setting that does not fit, and says what to do.
func TestDoctor_Misfits(t *testing.T) {
	for _, m := range misfits {
		dbtest.On(t, []*dbtest.Engine{m.engine}, func(t *testing.T, d *dbtest.Database) {
			if m.mariaDB && !d.IsMariaDB() || m.mySQL && !d.IsMySQL() {
				t.Skip("only another server of the family has the engine or the syntax")
			}
			db := d.Open(t, dbtest.Setup{})
			if err := db.AutoMigrate(&entities.UserSession{}); err != nil {
				t.Fatal(err)
			}
			for _, ddl := range m.ddl {
				if strings.Contains(ddl, "%") {
					ddl = fmt.Sprintf(ddl+"%[1]s", d.Name)
					ddl = strings.TrimSuffix(ddl, d.Name)
				}
				if err := db.Exec(ddl).Error; err != nil {
					t.Fatal(err)
				}
			}
			params := url.Values{}
			for name, values := range m.params {
				if m.engine == dbtest.MySQL && !d.IsMariaDB() {
					name = strings.Replace(name, "tx_", "transaction_", 1)
				}
				for _, value := range values {
					params.Add(name, strings.ReplaceAll(value, "%s", d.Name))
				}
			}
			if m.name == "read-only schema" {
				t.Cleanup(func() { db.Exec("ALTER SCHEMA " + d.Name + " READ ONLY = 0") })
			}
			if m.params.Has("search_path") {
				t.Cleanup(func() { db.Exec("DROP SCHEMA " + d.Name + "_app CASCADE") })
			}
			findings, err := migrations.Check(t.Context(), d.Open(t, dbtest.Setup{Params: params}))
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range findings {
				if strings.Contains(f.Where+": "+f.Problem, m.find) && strings.Contains(f.Remedy, m.remedy) && f.Harmless == m.harmless {
					return
				}
			}
			t.Errorf("%s: want %q … %q, harmless %v, got %v", m.name, m.find, m.remedy, m.harmless, findings)
		})
	}
}

// TestDoctor_RowLevelSecurity: an account from which a policy hides rows.
func TestDoctor_RowLevelSecurity(t *testing.T) {
	dbtest.On(t, []*dbtest.Engine{dbtest.PostgreSQL}, func(t *testing.T, d *dbtest.Database) {
		db, role := d.Open(t, dbtest.Setup{MaxOpen: 1}), d.Name+"_role"
		if err := db.AutoMigrate(&entities.UserSession{}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			db.Exec("RESET ROLE")
			db.Exec("DROP OWNED BY " + role)
			db.Exec("DROP ROLE " + role)
		})
		for _, statement := range []string{
			"CREATE ROLE " + role, "GRANT USAGE ON SCHEMA " + d.Name + " TO " + role, "GRANT SELECT ON user_sessions TO " + role, "SET ROLE " + role,
		} {
			if err := db.Exec(statement).Error; err != nil {
				t.Fatal(err)
			}
		}
		for _, secured := range []bool{false, true} {
			if secured {
				for _, statement := range []string{"RESET ROLE", "ALTER TABLE user_sessions ENABLE ROW LEVEL SECURITY", "SET ROLE " + role} {
					if err := db.Exec(statement).Error; err != nil {
						t.Fatal(err)
					}
				}
			}
			findings, err := migrations.Check(t.Context(), db)
			if err != nil || found(findings, "user_sessions: row level security hides rows", "BYPASSRLS") != secured {
				t.Errorf("secured %v: %v, %v", secured, findings, err)
			}
		}
	})
}

// TestDoctor_Privileges: an account that lacks a privilege which the store needs.
func TestDoctor_Privileges(t *testing.T) {
	dbtest.On(t, []*dbtest.Engine{dbtest.PostgreSQL}, func(t *testing.T, d *dbtest.Database) {
		db, role := d.Open(t, dbtest.Setup{}), d.Name+"_role"
		if err := db.AutoMigrate(&entities.UserSession{}); err != nil {
			t.Fatal(err)
		}
		mustExec(t, db, "CREATE ROLE "+role, "GRANT USAGE ON SCHEMA "+d.Name+" TO "+role)
		t.Cleanup(func() { mustExec(t, db, "DROP OWNED BY "+role, "DROP ROLE "+role) })
		account := d.Open(t, dbtest.Setup{Params: withTimeout(d, url.Values{"role": {role}})})
		for _, step := range []struct{ statement, find string }{
			{"GRANT USAGE ON SEQUENCE user_sessions_id_seq TO " + role, "user_sessions: the account lacks SELECT, INSERT, UPDATE, DELETE"},
			{"GRANT SELECT, UPDATE ON user_sessions TO " + role, "user_sessions: the account lacks INSERT, DELETE"},
			{"GRANT INSERT, DELETE ON user_sessions TO " + role, ""},
			{"REVOKE USAGE ON SEQUENCE user_sessions_id_seq FROM " + role, "user_sessions.id: the account lacks USAGE on the sequence user_sessions_id_seq"},
			{"ALTER TABLE user_sessions ALTER id DROP DEFAULT; DROP SEQUENCE user_sessions_id_seq; ALTER TABLE user_sessions ALTER id ADD GENERATED BY DEFAULT AS IDENTITY", ""},
			{"REVOKE INSERT, UPDATE ON user_sessions FROM " + role, "user_sessions: the account lacks INSERT, UPDATE"},
			{"GRANT INSERT (key), UPDATE (ticket) ON user_sessions TO " + role, ""},
		} {
			mustExec(t, db, strings.Split(step.statement, "; ")...)
			findings, err := migrations.Check(t.Context(), account)
			if err != nil || step.find == "" && len(findings) > 0 || step.find != "" && (len(findings) != 1 || !found(findings, step.find, "") || findings[0].Harmless) {
				t.Errorf("%s: %v, %v, want %q", step.statement, findings, err, step.find)
			}
		}
	})
}

// TestDoctor_PrivilegesMySQL is the same on MySQL and MariaDB.
func TestDoctor_PrivilegesMySQL(t *testing.T) {
	dbtest.On(t, []*dbtest.Engine{dbtest.MySQL}, func(t *testing.T, d *dbtest.Database) {
		db := d.Open(t, dbtest.Setup{})
		if err := db.AutoMigrate(&entities.UserSession{}); err != nil {
			t.Fatal(err)
		}
		name, password := "usersession_"+rand.Text()[:8], rand.Text()+"aA1!"
		if err := db.Exec(fmt.Sprintf("CREATE USER %s@'%%' IDENTIFIED BY '%s'", name, password)).Error; err != nil {
			t.Run("left out", func(t *testing.T) { t.Skipf("the tests' account cannot create another: %v", err) })
			return
		}
		t.Cleanup(func() { mustExec(t, db, "DROP USER "+name) })
		dsn, err := d.DSN(withTimeout(d, nil))
		if err != nil {
			t.Fatal(err)
		}
		config, err := mysqldriver.ParseDSN(dsn)
		if err != nil {
			t.Fatal(err)
		}
		config.User, config.Passwd = name, password
		for _, step := range []struct{ privileges, lacks string }{
			{"SELECT", "INSERT, UPDATE, DELETE"}, {"UPDATE", "INSERT, DELETE"}, {"INSERT", "DELETE"}, {"DELETE", ""},
		} {
			mustExec(t, db, "GRANT "+step.privileges+" ON user_sessions TO "+name)
			account, err := gorm.Open(d.Engine.Dialector(config.FormatDSN()), &gorm.Config{Logger: logger.Discard})
			if err != nil {
				t.Fatal(err)
			}
			findings, err := migrations.Check(t.Context(), account)
			_ = dbtest.Pool(t, account).Close()
			if err != nil || step.lacks == "" && len(findings) > 0 ||
				step.lacks != "" && (len(findings) != 1 || !found(findings, "user_sessions: the account lacks "+step.lacks, "GRANT")) {
				t.Errorf("with %s: %v, %v, want %q", step.privileges, findings, err, step.lacks)
			}
		}
	})
}

// soft is a team's session with a soft delete under another name.
type soft struct {
	entities.UserSession
	Gone gorm.DeletedAt
}

// TestDoctor_SQLitePragmas: pragmas that take effect on a file that no other connection has open.
func TestDoctor_SQLitePragmas(t *testing.T) {
	for pragma, want := range map[string]struct {
		find     string
		harmless bool
	}{
		"journal_mode(OFF)":       {"connection: journal_mode is OFF", false}, // there is no rollback
		"locking_mode(EXCLUSIVE)": {"connection: locking_mode is EXCLUSIVE", true},
	} {
		dbtest.On(t, []*dbtest.Engine{dbtest.SQLite}, func(t *testing.T, d *dbtest.Database) {
			db := d.Open(t, dbtest.Setup{Params: url.Values{"_pragma": {"busy_timeout(5000)", pragma}}, MaxOpen: 1})
			if err := db.AutoMigrate(&entities.UserSession{}); err != nil {
				t.Fatal(err)
			}
			findings, err := migrations.Check(t.Context(), db)
			if err != nil || len(findings) != 1 || !strings.HasPrefix(findings[0].String(), want.find) || findings[0].Harmless != want.harmless {
				t.Errorf("%s: %v, %v", pragma, findings, err)
			}
		})
	}
}

// TestDoctor_SoftDeleteWithNamingStrategy finds the column that the strategy names.
func TestDoctor_SoftDeleteWithNamingStrategy(t *testing.T) {
	dbtest.On(t, []*dbtest.Engine{dbtest.SQLite}, func(t *testing.T, d *dbtest.Database) {
		db := d.Open(t, dbtest.Setup{Config: func(c *gorm.Config) {
			c.NamingStrategy = schema.NamingStrategy{NameReplacer: strings.NewReplacer("Gone", "removed_at")}
		}})
		if err := db.Table("user_sessions").AutoMigrate(&soft{}); err != nil {
			t.Fatal(err)
		}
		findings, err := migrations.Check(t.Context(), db, &soft{}, migrations.CheckTable("user_sessions"))
		if err != nil || !found(findings, "user_sessions.removed_at: the column looks like a soft delete", "remove") {
			t.Errorf("%v, %v", findings, err)
		}
	})
}

// TestDoctor_SoftDeleteInModel finds a soft delete by its type.
func TestDoctor_SoftDeleteInModel(t *testing.T) {
	dbtest.On(t, executed, func(t *testing.T, d *dbtest.Database) {
		db := d.Open(t, dbtest.Setup{})
		if err := db.Table("user_sessions").AutoMigrate(&soft{}); err != nil {
			t.Fatal(err)
		}
		findings, err := migrations.Check(t.Context(), db, &soft{}, migrations.CheckTable("user_sessions"))
		if err != nil || !found(findings, "user_sessions.gone: the column looks like a soft delete", "remove") {
			t.Errorf("%v, %v", findings, err)
		}
	})
}

// TestDoctor_PartitionedTable: the primary key of a partitioned table has more columns, which
// is no finding.
func TestDoctor_PartitionedTable(t *testing.T) {
	dbtest.On(t, []*dbtest.Engine{dbtest.PostgreSQL, dbtest.MySQL}, func(t *testing.T, d *dbtest.Database) {
		db := d.Open(t, dbtest.Setup{Params: withTimeout(d, nil)})
		if err := db.AutoMigrate(&entities.UserSession{}); err != nil {
			t.Fatal(err)
		}
		statements := []string{"ALTER TABLE user_sessions DROP PRIMARY KEY, ADD PRIMARY KEY (id, partition_key) PARTITION BY KEY (partition_key) PARTITIONS 3"}
		if d.Engine == dbtest.PostgreSQL {
			statements = []string{
				"ALTER TABLE user_sessions RENAME TO plain",
				"CREATE TABLE user_sessions (LIKE plain INCLUDING DEFAULTS) PARTITION BY HASH (partition_key)",
				"ALTER TABLE user_sessions ADD PRIMARY KEY (partition_key, id)",
				"CREATE TABLE user_sessions_0 PARTITION OF user_sessions FOR VALUES WITH (MODULUS 1, REMAINDER 0)",
				"CREATE UNIQUE INDEX a ON user_sessions (partition_key, key)",
				"CREATE UNIQUE INDEX b ON user_sessions (partition_key, session_id) WHERE session_id IS NOT NULL",
				"CREATE INDEX c ON user_sessions (partition_key, subject_id, session_id)",
				"CREATE INDEX d ON user_sessions (expires)",
			}
		}
		for _, statement := range statements {
			if err := db.Exec(statement).Error; err != nil {
				t.Fatal(err)
			}
		}
		if findings, err := migrations.Check(t.Context(), db); err != nil || len(findings) > 0 {
			t.Errorf("got the findings %v (%v), want none", findings, err)
		}
	})
}
