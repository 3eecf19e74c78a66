package migrationstest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/sqlc-dev/teesql/ast"
	"github.com/sqlc-dev/teesql/parser"
)

// fold parses a script batch by batch, as sqlcmd sends it, and applies every statement to the
// catalogue, also those in the texts of EXEC.
func fold(t *testing.T, c *catalogue, script string) error {
	t.Helper()
	quotedIdentifier := false
	for batch := range strings.SplitSeq(script+"\n", "\nGO\n") {
		batch = withoutComments(batch)
		if batch == "" {
			continue
		}
		statement, err := parse(t, batch)
		if err != nil {
			return fmt.Errorf("%s: %w", batch, err)
		}
		texts := []string{batch}
		if block, ok := statement.(*ast.TryCatchStatement); ok {
			if texts, err = unpack(batch, block); err != nil {
				return fmt.Errorf("%s: %w", batch, err)
			}
		}
		for _, text := range texts {
			if err := foldStatement(t, c, text, &quotedIdentifier); err != nil {
				return fmt.Errorf("%s: %w", text, err)
			}
		}
	}
	return nil
}

func foldStatement(t *testing.T, c *catalogue, text string, quotedIdentifier *bool) error {
	t.Helper()
	statement, err := parse(t, text)
	if err != nil {
		return err
	}
	if set, ok := statement.(*ast.PredicateSetStatement); ok && set.IsOn && set.Options == "QuotedIdentifier" {
		*quotedIdentifier = true
	}
	if _, ok := statement.(*ast.CreateIndexStatement); ok && !*quotedIdentifier {
		return fmt.Errorf("QUOTED_IDENTIFIER is OFF, as by default in sqlcmd; filtered indexes need it")
	}
	return c.apply(statement, text)
}

func withoutComments(batch string) string {
	var lines []string
	for line := range strings.Lines(batch) {
		if !strings.HasPrefix(line, "--") {
			lines = append(lines, line)
		}
	}
	return strings.TrimSpace(strings.Join(lines, ""))
}

// parse parses a batch, which must have exactly one statement: SQL Server does not compile a
// batch that uses a column which it adds. The parser is lenient, so parse also requires that
// the statement covers the whole batch and that its parentheses are balanced.
func parse(t *testing.T, batch string) (ast.Statement, error) {
	t.Helper()
	script, err := parser.Parse(t.Context(), strings.NewReader(batch))
	if err != nil {
		return nil, err
	}
	if len(script.Batches) != 1 || len(script.Batches[0].Statements) != 1 {
		return nil, fmt.Errorf("the batch does not have exactly one statement")
	}
	statement := script.Batches[0].Statements[0]
	if read := strings.TrimSuffix(source(statement, batch), ";"); read != strings.TrimSuffix(batch, ";") {
		return nil, fmt.Errorf("the parser read only %q", read)
	}
	depth := 0
	for i, part := range strings.Split(batch, "'") {
		if i%2 == 0 {
			depth += strings.Count(part, "(") - strings.Count(part, ")")
		}
	}
	if depth != 0 {
		return nil, fmt.Errorf("the parentheses are not balanced")
	}
	return statement, nil
}

// TestTSQL_UpAndDown applies all Ups and then all Downs to the catalogue. Each Up has the same
// result as creating the tables at once, each Down leads back to the state before its Up.
func TestTSQL_UpAndDown(t *testing.T) {
	dir := t.TempDir()
	c := newCatalogue()
	var states []string
	versions := []int64{0}
	for _, s := range steps {
		add(t, dir, s)
		last := lastVersion(t, projectIn(dir), "sqlserver")
		states = append(states, c.String())
		if err := fold(t, c, script(t, dir, versions[len(versions)-1], last)); err != nil {
			t.Fatalf("%s, up: %v", s.name, err)
		}
		versions = append(versions, last)
		if got, want := c.String(), fresh(t, s); got != want {
			t.Errorf("%s, up:\n got %s\nwant %s", s.name, got, want)
		}
	}
	for i, s := range slices.Backward(steps) {
		if err := fold(t, c, script(t, dir, versions[i+1], versions[i])); err != nil {
			t.Fatalf("%s, down: %v", s.name, err)
		}
		if got := c.String(); got != states[i] {
			t.Errorf("%s, down:\n got %s\nwant %s", s.name, got, states[i])
		}
	}
	if len(c.tables) > 0 {
		t.Errorf("tables are left: %s", c)
	}
}

// script returns the script for SQL Server.
func script(t *testing.T, dir string, from, to int64) string {
	t.Helper()
	text, err := projectIn(dir).Script("sqlserver", from, to)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// fresh returns the catalogue after one migration creates a step's models.
func fresh(t *testing.T, s step) string {
	t.Helper()
	dir := t.TempDir()
	add(t, dir, step{name: "fresh", models: s.models})
	last := lastVersion(t, projectIn(dir), "sqlserver")
	c := newCatalogue()
	if err := fold(t, c, script(t, dir, 0, last)); err != nil {
		t.Fatal(err)
	}
	if len(c.tables) != len(s.models) {
		t.Fatalf("%s: the catalogue has %d tables, want %d", s.name, len(c.tables), len(s.models))
	}
	return c.String()
}

// TestTSQL_SampleProject applies the migrations that the sample project has committed.
func TestTSQL_SampleProject(t *testing.T) {
	project := projectIn("../../examples/usersessiondb/migrations")
	text, err := project.Script("sqlserver", 0, lastVersion(t, project, "sqlserver"))
	if err != nil {
		t.Fatal(err)
	}
	c := newCatalogue()
	if err := fold(t, c, text); err != nil {
		t.Fatal(err)
	}
	if got, want := c.String(), fresh(t, steps[0]); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

// TestCatalogue_Refuses is the positive control of the simulated catalogue: it refuses
// statements that SQL Server refuses or that would fail later.
func TestCatalogue_Refuses(t *testing.T) {
	const set = "SET QUOTED_IDENTIFIER ON;\nGO\n"
	const table = set + "CREATE TABLE [t] ([id] bigint IDENTITY(1,1) NOT NULL, [a] nvarchar(9) NULL, [b] bigint NOT NULL CONSTRAINT [DF_t_b] DEFAULT (1), CONSTRAINT [PK_t] PRIMARY KEY ([id]));\nGO\n" +
		"CREATE INDEX [i] ON [t] ([a]);\nGO\nCREATE UNIQUE INDEX [u] ON [t] ([a]) WHERE a IS NOT NULL;\nGO\n"
	if err := fold(t, newCatalogue(), table); err != nil {
		t.Fatal(err)
	}
	for i, bad := range []string{
		"ALTER TABLE [t] DROP COLUMN [b];",                                         // has a default
		"ALTER TABLE [t] DROP COLUMN [a];",                                         // has indexes
		"ALTER TABLE [t] ALTER COLUMN [a] nvarchar(20) NULL;",                      // has indexes
		"ALTER TABLE [t] ALTER COLUMN [id] int NOT NULL;",                          // the key
		"ALTER TABLE [t] ADD [c] bigint NOT NULL;",                                 // existing rows have no value
		"ALTER TABLE [t] ADD [c] bigint NOT NULL DEFAULT (1);",                     // unnamed
		"ALTER TABLE [t] ADD [c] bigint NULL CONSTRAINT [DF_t_c] DEFAULT (1);",     // existing rows get NULL
		"ALTER TABLE [t] ADD [c] bigint NOT NULL CONSTRAINT [DF_t_b] DEFAULT (1);", // name taken
		"ALTER TABLE [t] ADD COLUMN [c] bigint NULL;",                              // not T-SQL
		"ALTER TABLE [t] RENAME COLUMN [a] TO [c];",                                // not T-SQL
		"ALTER TABLE [t] ALTER COLUMN [c] TYPE bigint;",                            // not T-SQL
		"ALTER TABLE [t] DROP CONSTRAINT [DF_t_a];",
		"EXEC sp_rename N'[t].[a]', N'c', N'COLUMN';", // a filter depends on it
		"EXEC sp_rename N'[t].[x]', N'c', N'COLUMN';",
		"DROP INDEX [i];",
		"DROP INDEX [x] ON [t];",
		"DROP TABLE [x];",
		"CREATE INDEX [i] ON [t] ([b]);",
		"CREATE INDEX [j] ON [t] ([x]);",
		"CREATE UNIQUE INDEX [v] ON [t] ([a]);", // admits only one NULL
		"CREATE TABLE [s] ([id] bigint NOT NULL, CONSTRAINT [PK_t] PRIMARY KEY ([id]));",
		"CREATE TABLE [s] ([id] bigint NOT NULL, CONSTRAINT [PK_s] PRIMARY KEY ([id]);", // unclosed
		"CREATE TABLE [s] ([id] bigint NOT NULL);",
		"CREATE TABLE `s` (`id` bigint NOT NULL);",
		"UPDATE [t] SET [x] = 1 WHERE [x] IS NULL;",
		"DROP INDEX [i] ON [t]; DROP INDEX [u] ON [t];", // two in a batch
		"PRAGMA foreign_keys = OFF;",
	} {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			if err := fold(t, newCatalogue(), table+bad); err == nil {
				t.Errorf("no error: %s", bad)
			}
		})
	}
	for _, part := range []string{
		"    BEGIN TRANSACTION;\n", "    COMMIT TRANSACTION;\n", "    IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION;\n", "    THROW;\n",
		"        INSERT INTO usersession_schema_version (version_id, is_applied) VALUES (20260301120001, 1);\n",
	} {
		t.Run("without "+strings.TrimSpace(part), func(t *testing.T) {
			dir := t.TempDir()
			addAll(t, dir)
			text := script(t, dir, 0, 20260301120001)
			if err := fold(t, newCatalogue(), text); err != nil {
				t.Fatal(err)
			}
			i := strings.LastIndex(text, part)
			if err := fold(t, newCatalogue(), text[:i]+text[i+len(part):]); err == nil {
				t.Errorf("no error without %s", part)
			}
		})
	}
	t.Run("QUOTED_IDENTIFIER OFF", func(t *testing.T) {
		if err := fold(t, newCatalogue(), strings.TrimPrefix(table, set)); err == nil {
			t.Error("no error")
		}
	})
}

// TestScript_Golden compares the scripts, forward and back, with the reviewed ones.
func TestScript_Golden(t *testing.T) {
	dir := t.TempDir()
	addAll(t, dir)
	project := projectIn(dir)
	for _, dialect := range teamDialects {
		last := lastVersion(t, project, dialect.Name)
		for name, versions := range map[string][2]int64{"up": {0, last}, "down": {last, 0}} {
			text, err := project.Script(dialect.Name, versions[0], versions[1])
			if err != nil {
				t.Fatal(err)
			}
			mustBeGolden(t, filepath.Join("testdata", "scripts", dialect.Name+"_"+name+".sql"), text)
		}
	}
	concurrently := t.TempDir()
	addConcurrently(t, concurrently)
	versions := versionsIn(t, concurrently, "postgres")
	text := scriptOf(t, concurrently, "postgres", versions[1], versions[3])
	mustBeGolden(t, filepath.Join("testdata", "scripts", "postgres_concurrently.sql"), text)
}

// mustBeGolden compares a text with a reviewed file, or writes the file with -update.
func mustBeGolden(t *testing.T, path, text string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil || string(want) != text {
		t.Errorf("%s differs from the reviewed file (-update writes it): %v", path, err)
	}
}
