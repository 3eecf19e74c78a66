package goosetest

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/pressly/goose/v3"

	"example.com/usersession/migrations"
)

// A recordingDriver is a database that executes nothing and keeps the statements that it gets.
type recordingDriver struct{ statements []string }

func (d *recordingDriver) Connect(context.Context) (driver.Conn, error) { return d, nil }
func (d *recordingDriver) Driver() driver.Driver                        { return d }
func (d *recordingDriver) Open(string) (driver.Conn, error)             { return d, nil }
func (d *recordingDriver) Begin() (driver.Tx, error)                    { return d, nil }
func (d *recordingDriver) Commit() error                                { return nil }
func (d *recordingDriver) Rollback() error                              { return nil }
func (d *recordingDriver) Close() error                                 { return nil }
func (d *recordingDriver) Prepare(string) (driver.Stmt, error)          { return nil, errors.New("not used") }

func (d *recordingDriver) ExecContext(_ context.Context, query string, _ []driver.NamedValue) (driver.Result, error) {
	d.statements = append(d.statements, query)
	return driver.ResultNoRows, nil
}

// gooseRuns returns the statements that goose runs for a file.
func gooseRuns(t *testing.T, data []byte, up bool) ([]string, error) {
	t.Helper()
	d := &recordingDriver{}
	db := sql.OpenDB(d)
	defer db.Close()
	provider, err := goose.NewProvider(goose.DialectPostgres, db, fstest.MapFS{"1_x.sql": {Data: data}}, goose.WithDisableVersioning(true))
	if err != nil {
		t.Fatal(err)
	}
	if up {
		_, err = provider.Up(t.Context())
	} else {
		_, err = provider.Down(t.Context())
	}
	return d.statements, err
}

// executedIn returns the statements that the blocks of a script for PostgreSQL run.
func executedIn(script string) (statements []string) {
	for {
		_, after, found := strings.Cut(script, "    EXECUTE $sql")
		if !found {
			return statements
		}
		number, after, _ := strings.Cut(after, "$\n")
		statement, rest, _ := strings.Cut(after, "\n$sql"+number+"$;")
		if !strings.Contains(statement, migrations.VersionTable) {
			statements = append(statements, statement)
		}
		script = rest
	}
}

// statementEnd matches what a script may leave out of a statement: semicolons and the comments after
// them.
var statementEnd = regexp.MustCompile(`^[\s\v\x{85}\p{Z};]*(--[^\n]*(\n[\s\v\x{85}\p{Z};]*|$))*$`)

// FuzzScript checks that a script has the statements that goose runs for the same file, in the same
// order, and that a file that goose refuses has no script. Lines have no white space at their ends,
// since goose takes a line of white space for the beginning of a statement.
func FuzzScript(f *testing.F) {
	for _, text := range []string{
		"-- +goose Up\nSELECT 1;\n-- +goose Down\nSELECT 2;\n",
		"-- +goose Up\nSELECT 1\n-- +goose Down\nSELECT 2;\n",
		"-- +goose Up\nSELECT 1;\n-- +goose Up\nSELECT 2;\n",
		"-- +goose Down\nSELECT 1;\n",
		"-- +goose Up\nSELECT 1;\n-- +goose Down\nSELECT 2;\n-- +goose Down\nSELECT 3;\n",
		"-- +goose Up\nSELECT 1;\t-- a\nSELECT 2; -- it's\nSELECT ';' -- b;\n;\nSELECT 3;--c\n;\n",
		"-- +goose Up\n-- +goose StatementBegin\n-- +goose StatementEnd\nSELECT 1;\nSELECT 2;\n",
		"-- +goose Up\n-- +goose StatementBegin\nBEGIN\n  a; -- b\n\nEND $$ -- c\n-- d\n-- +goose StatementEnd\nSELECT 1\n-- e\n;\n",
		"-- +goose Up\n-- +goose StatementBegin\nSELECT 1;\n",
		"-- +goose Up\nSELECT 1;\n-- +goose StatementEnd\n",
		"-- +goose StatementBegin\n-- +goose Up\nSELECT 1;\n-- +goose StatementEnd\n",
		"-- +goose Up\n-- +goose StatementBegin\nSELECT 1;\n-- +goose StatementBegin\n-- +goose StatementEnd\n",
		"-- +goose Up\n-- see +goose Down\nSELECT 1;\n",
		" -- +goose Up\nSELECT 1;\n",
		"--+GOOSEup\r\n--+goose Down\r\nSELECT 2;\r\n",
		"-- +goose Up\nSELECT 'a; -- b', '$sql$', '$sql2$';\n/* -- */;\nSELECT '\n-- c\n';\n",
		"-- a\n\n--b\n-- +goose Up\n\n--c\nSELECT 1\n\n;\n",
		"-- +goose ENVSUB ON\n-- +goose Up\nSELECT '${HOME}';\n",
		"-- +goose Up\n\u00a0SELECT 1;\u00a0--\n\vSELECT 2;\f--\n\x00;\n;\n;;\n",
	} {
		f.Add([]byte(text), true)
		f.Add([]byte(text), false)
	}
	project := &migrations.Project{Dir: f.TempDir()}
	folder := filepath.Join(project.Dir, "postgres")
	if err := os.Mkdir(folder, 0o700); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte, up bool) {
		lines := strings.Split(string(data), "\n")
		for i, line := range lines {
			lines[i] = strings.TrimSpace(strings.TrimRight(line, " \t\r"))
			if lines[i] != "" {
				lines[i] = strings.TrimRight(line, " \t\r")
			}
		}
		data = []byte(strings.Join(lines, "\n"))
		if err := os.WriteFile(filepath.Join(folder, "1_x.sql"), data, 0o600); err != nil {
			t.Fatal(err)
		}
		from, to := int64(0), int64(1)
		if !up {
			from, to = 1, 0
		}
		script, err := project.Script("postgres", from, to)
		if err != nil || strings.Contains(script, "default_transaction_read_only") { // of a file with NO TRANSACTION
			return
		}
		want, err := gooseRuns(t, data, up)
		if err != nil {
			t.Fatalf("%q has a script, and goose refuses it: %v", data, err)
		}
		got := slices.DeleteFunc(executedIn(script), statementEnd.MatchString) // without empty statements
		for _, statement := range slices.DeleteFunc(want, statementEnd.MatchString) {
			if len(got) == 0 {
				t.Fatalf("%q: the script does not run %q", data, statement)
			}
			rest, begins := strings.CutPrefix(statement, strings.TrimSpace(got[0]))
			if !begins || !statementEnd.MatchString(rest) {
				t.Fatalf("%q: the script runs %q, goose %q", data, got[0], statement)
			}
			got = got[1:]
		}
		if len(got) > 0 {
			t.Fatalf("%q: the script also runs %q", data, got)
		}
	})
}
