package migrationstest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	mysqldriver "github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"

	"example.com/usersession/internal/dbtest"
)

// A client applies a script to a database.
type client struct {
	name   string
	engine *dbtest.Engine
	// goesOn is true if the client executes the statements after one that failed.
	goesOn bool
	// blind is true if the client goes on and the script cannot find out that a statement
	// failed which the models do not ask for.
	blind bool
	// second is true if another client of the database runs all faults.
	second bool
	run    func(t *testing.T, d *dbtest.Database, script string) (string, error)
}

// clients are the databases' own clients, without flags other than those that name the
// database, and clients that go on after an error.
var clients = []client{
	{name: "psql", engine: dbtest.PostgreSQL, goesOn: true, run: psql},
	{name: "Go", engine: dbtest.PostgreSQL, goesOn: true, second: true, run: statementByStatement},
	{name: "sqlite3", engine: dbtest.SQLite, run: sqlite3},
	{name: "sqlite3 without .bail", engine: dbtest.SQLite, goesOn: true, blind: true, run: func(t *testing.T, d *dbtest.Database, script string) (string, error) {
		return sqlite3(t, d, regexp.MustCompile(`(?m)^\..*\n`).ReplaceAllString(script, ""))
	}},
	{name: "mariadb", engine: dbtest.MySQL, run: func(t *testing.T, d *dbtest.Database, script string) (string, error) {
		return mariadb(t, d, script)
	}},
	{name: "mariadb --force", engine: dbtest.MySQL, goesOn: true, second: true, run: func(t *testing.T, d *dbtest.Database, script string) (string, error) {
		return mariadb(t, d, script, "--force")
	}},
}

// onClients runs the test with every client on a database of its own.
func onClients(t *testing.T, test func(t *testing.T, c client, d *dbtest.Database)) {
	t.Helper()
	for _, c := range clients {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			test(t, c, c.engine.New(t))
		})
	}
}

// program returns the first program that is installed. Without one it skips the test, or
// fails it if the engine is required.
func program(t *testing.T, engine *dbtest.Engine, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	reason := fmt.Sprintf("the client %s is not installed; on Debian: make databases", strings.Join(names, " or "))
	if slices.Contains(strings.Split(os.Getenv(dbtest.RequireVariable), ","), engine.Name) {
		t.Fatalf("%s is required (%s), and %s", engine.Name, dbtest.RequireVariable, reason)
	}
	t.Skip(reason)
	return ""
}

// pipe runs a client with the script as its standard input.
func pipe(t *testing.T, script string, environment []string, name string, args ...string) (string, error) {
	t.Helper()
	command := exec.CommandContext(t.Context(), name, args...)
	command.Env = append(os.Environ(), environment...)
	command.Stdin = strings.NewReader(script)
	out, err := command.CombinedOutput()
	return string(out), err
}

func psql(t *testing.T, d *dbtest.Database, script string) (string, error) {
	t.Helper()
	config, err := pgconn.ParseConfig(strings.TrimPrefix(dsnOf(t, d), "-dsn="))
	if err != nil {
		t.Fatal(err)
	}
	environment := []string{
		"PGHOST=" + config.Host, fmt.Sprintf("PGPORT=%d", config.Port), "PGUSER=" + config.User, "PGPASSWORD=" + config.Password,
		"PGDATABASE=" + config.Database, "PGOPTIONS=-c search_path=" + d.Name, "PGAPPNAME=" + d.Name, "PSQLRC=/dev/null",
	}
	return pipe(t, script, environment, program(t, d.Engine, "psql"))
}

func sqlite3(t *testing.T, d *dbtest.Database, script string) (string, error) {
	t.Helper()
	dsn, err := d.DSN(url.Values{})
	if err != nil {
		t.Fatal(err)
	}
	file, _, _ := strings.Cut(strings.TrimPrefix(dsn, "file:"), "?")
	if file, err = url.PathUnescape(file); err != nil {
		t.Fatal(err)
	}
	return pipe(t, script, nil, program(t, d.Engine, "sqlite3"), file)
}

func mariadb(t *testing.T, d *dbtest.Database, script string, flags ...string) (string, error) {
	t.Helper()
	config, err := mysqldriver.ParseDSN(strings.TrimPrefix(dsnOf(t, d), "-dsn="))
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"-u", config.User}
	if config.Net == "unix" {
		args = append(args, "-S", config.Addr)
	} else {
		host, port, err := net.SplitHostPort(config.Addr)
		if err != nil {
			t.Fatal(err)
		}
		args = append(args, "-h", host, "-P", port)
	}
	args = append(append(args, flags...), config.DBName)
	return pipe(t, script, []string{"MYSQL_PWD=" + config.Passwd}, program(t, d.Engine, "mariadb", "mysql"), args...)
}

// statementByStatement sends the statements of a script on one connection, also after an
// error, as a client without conditions does. It returns the first error.
func statementByStatement(t *testing.T, d *dbtest.Database, script string) (string, error) {
	t.Helper()
	return sendAll(t, d, statementsOf(script))
}

func sendAll(t *testing.T, d *dbtest.Database, statements []string) (out string, first error) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	conn, err := dbtest.Pool(t, d.Open(t, dbtest.Setup{})).Conn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range statements {
		if _, err := conn.ExecContext(ctx, statement); err != nil {
			out += err.Error() + "\n"
			if first == nil {
				first = err
			}
		}
	}
	return out, errors.Join(first, conn.Close())
}

var dollarQuote = regexp.MustCompile(`^\$[a-z0-9]*\$`)

// statementsOf splits a script for PostgreSQL at semicolons outside of strings, names,
// comments and dollar quotes.
func statementsOf(script string) (statements []string) {
	start := 0
	for i := 0; i < len(script); i++ {
		rest, end := script[i:], ""
		switch {
		case strings.HasPrefix(rest, "--"):
			end = "\n"
		case rest[0] == '\'' || rest[0] == '"':
			end = rest[:1]
		case rest[0] == '$':
			end = dollarQuote.FindString(rest)
		case rest[0] == ';':
			statements, start = append(statements, script[start:i]), i+1
		}
		if end != "" {
			i += len(end)
			if at := strings.Index(script[i:], end); at >= 0 {
				i += at + len(end) - 1
			}
		}
	}
	return statements
}
