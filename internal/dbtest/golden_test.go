package dbtest_test

import (
	"database/sql"
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

// A faked is a dialect with nothing behind it but a fakeDriver.
type faked struct {
	name                string
	dialector           func(pool gorm.ConnPool) gorm.Dialector
	duplicate, deadlock error
	code                string // the deadlock's
}

// A sqliteError has the shape of what the pure-Go drivers return.
type sqliteError int

func (e sqliteError) Error() string { return fmt.Sprintf("error %d", int(e)) }
func (e sqliteError) Code() int     { return int(e) }

var dialects = []faked{
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

// A page is a golden file in the making: what each of a few calls makes the driver do.
type page struct {
	t        *testing.T
	recorder *dbtest.Recorder
	text     strings.Builder
}

// title begins a section.
func (p *page) title(text string) {
	p.recorder.Take()
	if p.text.Len() > 0 {
		p.text.WriteString("\n\n")
	}
	fmt.Fprintf(&p.text, "-- %s\n", text)
}

// section writes down what a call sends.
func (p *page) section(title string, want error, call func() error) {
	p.t.Helper()
	p.title(title)
	if err := call(); !isErr(err, want) {
		p.t.Errorf("%s: %v, want %v", title, err, want)
	}
	p.write(nil)
}

// write writes what has been recorded, all of it or what a condition selects.
func (p *page) write(selected func(dbtest.Event) bool) {
	for _, event := range p.recorder.Take() {
		if event.Kind == "prepare" || selected != nil && !selected(event) {
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
			if arg.Value == nil { // SQL Server takes it for a string, which some columns refuse
				p.t.Errorf("a parameter is NULL, without a type: %s", event.SQL)
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

// compare compares the page with its file, or writes it.
func (p *page) compare(dialect, name string) {
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
		p.t.Errorf("%s is no longer what the store sends. If that is wanted: go test -run Golden -update .\nnow\n%s\n%s", file, got, firstDifference(got, string(want)))
	}
}

func firstDifference(got, want string) string {
	was := strings.Split(want, "\n")
	for i, line := range strings.Split(got, "\n") {
		if i >= len(was) || line != was[i] {
			return fmt.Sprintf("first differing line\n%s", line)
		}
	}
	return "the file has more lines"
}

// TestGolden: the statements that each dialect is sent, one after the other, word for word.
func TestGolden(t *testing.T) {
	for _, dialect := range dialects {
		t.Run(dialect.name, func(t *testing.T) {
			fake := &fakeDriver{}
			newPage := func(t *testing.T) (*page, *gorm.DB, *usersession.GormStore) {
				recorder := &dbtest.Recorder{}
				db, err := gorm.Open(dialect.dialector(sql.OpenDB(recorder.Wrap(fake))), &gorm.Config{Logger: logger.Discard})
				must(t, err)
				return &page{t: t, recorder: recorder}, db, newStore(t, db)
			}
			t.Run("schema", func(t *testing.T) {
				p, db, _ := newPage(t)
				p.title("AutoMigrate of entities.UserSession")
				must(t, db.AutoMigrate(&entities.UserSession{}))
				p.write(func(e dbtest.Event) bool { return isDDL.MatchString(e.SQL) })
				p.compare(dialect.name, "schema")
			})
			t.Run("operations", func(t *testing.T) {
				p, _, store := newPage(t)
				goldenOperations(p, fake, store)
				p.compare(dialect.name, "operations")
			})
			t.Run("conflicts", func(t *testing.T) {
				p, _, store := newPage(t)
				goldenConflicts(p, fake, store, dialect)
				p.section("UpdateUserSession, chosen as a deadlock's victim", nil, func() error {
					fake.refuse = []error{dialect.deadlock, nil}
					return store.UpdateUserSession(t.Context(), keyOf("key"), updateOf(testSession("key", "sid"), "new", 0))
				})
				p.compare(dialect.name, "conflicts")
			})
			t.Run("transactions", func(t *testing.T) {
				p, db, store := newPage(t)
				tx := db.Begin()
				must(t, tx.Error)
				goldenConflicts(p, fake, store.WithTx(tx), dialect)
				p.section("UpdateUserSession, chosen as a deadlock's victim: the application's to try again", nil, func() error {
					fake.refuse = []error{dialect.deadlock}
					err := store.WithTx(tx).UpdateUserSession(t.Context(), keyOf("key"), updateOf(testSession("key", "sid"), "new", 0))
					if err == nil || !strings.HasSuffix(err.Error(), " "+dialect.code) {
						return fmt.Errorf("%w, want code %s", err, dialect.code)
					}
					return nil
				})
				p.compare(dialect.name, "transactions")
			})
			t.Run("cleanup", func(t *testing.T) {
				p, _, store := newPage(t)
				p.section("DeleteExpiredSessions", nil, func() error {
					_, err := store.DeleteExpiredSessions(t.Context())
					return err
				})
				p.compare(dialect.name, "cleanup")
			})
		})
	}
}
