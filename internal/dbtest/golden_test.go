package dbtest_test

import (
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	mysqldriver "github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"
	mssql "github.com/microsoft/go-mssqldb"
	"gorm.io/driver/mysql"
	"gorm.io/driver/postgres"
	"gorm.io/driver/sqlite"
	"gorm.io/driver/sqlserver"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"example.com/usersession"
	"example.com/usersession/entities"
	"example.com/usersession/internal/dbtest"
)

var update = flag.Bool("update", false, "write testdata/*/*.sql instead of comparing with them")

// A fakeDialect is one of the store's dialects on a fakeDriver.
type fakeDialect struct {
	name                string
	dialector           func(pool gorm.ConnPool) gorm.Dialector
	duplicate, deadlock error
	code                string // the code of deadlock
}

// A sqliteError has the method by which the store knows the errors of SQLite's pure-Go
// drivers.
type sqliteError int

func (e sqliteError) Error() string { return fmt.Sprintf("error %d", int(e)) }
func (e sqliteError) Code() int     { return int(e) }

var fakeDialects = []fakeDialect{
	{
		name:      "sqlserver",
		dialector: func(pool gorm.ConnPool) gorm.Dialector { return sqlserver.New(sqlserver.Config{Conn: pool}) },
		duplicate: mssql.Error{Number: 2601, Message: "Cannot insert duplicate key row"},
		deadlock:  mssql.Error{Number: 1205, Message: "Transaction was deadlocked"},
		code:      "1205",
	},
	{
		name:      "postgres",
		dialector: func(pool gorm.ConnPool) gorm.Dialector { return postgres.New(postgres.Config{Conn: pool}) },
		duplicate: &pgconn.PgError{Code: "23505"},
		deadlock:  &pgconn.PgError{Code: "40P01"},
		code:      "40P01",
	},
	{
		name: "mysql",
		dialector: func(pool gorm.ConnPool) gorm.Dialector {
			return mysql.New(mysql.Config{Conn: pool, SkipInitializeWithVersion: true})
		},
		duplicate: &mysqldriver.MySQLError{Number: 1062},
		deadlock:  &mysqldriver.MySQLError{Number: 1213},
		code:      "1213",
	},
	{
		name:      "sqlite",
		dialector: func(pool gorm.ConnPool) gorm.Dialector { return sqlite.New(sqlite.Config{Conn: pool}) },
		duplicate: sqliteError(2067),
		deadlock:  sqliteError(5),
		code:      "5",
	},
}

// A goldenFile builds the text of a golden file: sections with the driver's calls of some
// operations.
type goldenFile struct {
	t        *testing.T
	recorder *dbtest.Recorder
	text     strings.Builder
}

// title begins a section. It drops the events that were recorded before.
func (p *goldenFile) title(text string) {
	p.recorder.Take()
	if p.text.Len() > 0 {
		p.text.WriteString("\n\n")
	}
	fmt.Fprintf(&p.text, "-- %s\n", text)
}

// section adds a section with the driver's calls during call, and fails the test unless
// call returns want.
func (p *goldenFile) section(title string, want error, call func() error) {
	p.t.Helper()
	p.title(title)
	if err := call(); !errors.Is(err, want) {
		p.t.Errorf("%s: %v, want %v", title, err, want)
	}
	p.write(nil)
}

// write adds the recorded events that selected accepts, or all if selected is nil.
func (p *goldenFile) write(selected func(dbtest.Event) bool) {
	for _, event := range p.recorder.Take() {
		if event.Kind == "prepare" || isSettings(event.SQL) || selected != nil && !selected(event) {
			continue
		}
		switch event.Kind {
		case "begin":
			p.text.WriteString("\nBEGIN;")
			if level := sql.IsolationLevel(event.Options.Isolation); level != sql.LevelDefault {
				fmt.Fprintf(&p.text, " -- %s", strings.ToUpper(level.String()))
			}
		case "commit", "rollback":
			fmt.Fprintf(&p.text, "\n%s;", strings.ToUpper(event.Kind))
		default:
			fmt.Fprintf(&p.text, "\n%s;", event.SQL)
		}
		var notes []string
		for _, arg := range event.Args {
			if arg.Value == nil { // SQL Server would make it a string, which some columns refuse
				p.t.Errorf("a parameter is NULL and has no type: %s", event.SQL)
			}
			notes = append(notes, fmt.Sprintf("%T", arg.Value))
		}
		if len(notes) > 0 {
			fmt.Fprintf(&p.text, "\n--   with %s", strings.Join(notes, ", "))
		}
		if event.Err != nil {
			p.text.WriteString("\n--   fails")
		}
	}
}

// compare compares the text with the golden file, or writes the file if -update is set.
func (p *goldenFile) compare(dialect, name string) {
	p.t.Helper()
	file := filepath.Join("testdata", dialect, name+".sql")
	got := p.text.String() + "\n"
	if *update {
		must(p.t, os.MkdirAll(filepath.Dir(file), 0o777))
		must(p.t, os.WriteFile(file, []byte(got), 0o666))
		return
	}
	want, err := os.ReadFile(file)
	must(p.t, err)
	if got != string(want) {
		p.t.Errorf("%s differs from the statements that the store sends. If the change is intended: go test -run Golden -update .\nthe store sends\n%s\n%s", file, got, firstDifference(got, string(want)))
	}
}

// firstDifference returns the first line of got that differs from want.
func firstDifference(got, want string) string {
	wanted := strings.Split(want, "\n")
	for i, line := range strings.Split(got, "\n") {
		if i >= len(wanted) || line != wanted[i] {
			return fmt.Sprintf("first differing line\n%s", line)
		}
	}
	return "the golden file has more lines"
}

// TestGolden compares the statements that the store sends in each dialect with the golden
// files, word by word.
func TestGolden(t *testing.T) {
	for _, dialect := range fakeDialects {
		t.Run(dialect.name, func(t *testing.T) {
			fake := &fakeDriver{}
			newFile := func(t *testing.T) (*goldenFile, *gorm.DB, *usersession.GormStore) {
				recorder := &dbtest.Recorder{}
				db, err := gorm.Open(dialect.dialector(sql.OpenDB(recorder.Wrap(fake))), &gorm.Config{Logger: logger.Discard})
				must(t, err)
				return &goldenFile{t: t, recorder: recorder}, db, newStore(t, db)
			}
			t.Run("schema", func(t *testing.T) {
				p, db, _ := newFile(t)
				p.title("AutoMigrate of entities.UserSession")
				must(t, db.AutoMigrate(&entities.UserSession{}))
				p.write(func(e dbtest.Event) bool { return isDDL.MatchString(e.SQL) })
				p.compare(dialect.name, "schema")
			})
			t.Run("operations", func(t *testing.T) {
				p, _, store := newFile(t)
				goldenOperations(p, fake, store)
				p.compare(dialect.name, "operations")
			})
			t.Run("conflicts", func(t *testing.T) {
				p, _, store := newFile(t)
				goldenConflicts(p, fake, store, dialect)
				p.section("UpdateUserSession, ended by the database because of a deadlock", nil, func() error {
					fake.refuse = []error{dialect.deadlock, nil}
					return store.UpdateUserSession(t.Context(), keyOf("key"), updateOf(testSession("key", "sid"), "new", 0))
				})
				p.compare(dialect.name, "conflicts")
			})
			t.Run("transactions", func(t *testing.T) {
				p, db, store := newFile(t)
				tx := db.Begin()
				must(t, tx.Error)
				goldenConflicts(p, fake, store.WithTx(tx), dialect)
				p.section("UpdateUserSession, ended by the database because of a deadlock: the application retries", nil, func() error {
					fake.refuse = []error{dialect.deadlock}
					err := store.WithTx(tx).UpdateUserSession(t.Context(), keyOf("key"), updateOf(testSession("key", "sid"), "new", 0))
					if err == nil || !strings.Contains(err.Error()+":", " "+dialect.code+":") {
						return fmt.Errorf("%w, want code %s", err, dialect.code)
					}
					return nil
				})
				p.compare(dialect.name, "transactions")
			})
			t.Run("cleanup", func(t *testing.T) {
				p, _, store := newFile(t)
				p.section("DeleteExpiredSessions", nil, func() error {
					_, err := store.DeleteExpiredSessions(t.Context())
					return err
				})
				p.compare(dialect.name, "cleanup")
			})
		})
	}
}

// isSettings reports whether the statement reads the connection's settings: once, and before
// whatever operation comes first.
func isSettings(statement string) bool {
	return strings.Contains(statement, "@@OPTIONS") || strings.HasPrefix(statement, "SELECT CAST(@@autocommit") || strings.HasPrefix(statement, "SELECT current_setting(")
}
