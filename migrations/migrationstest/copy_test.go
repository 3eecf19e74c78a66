package migrationstest

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"example.com/usersession/internal/dbtest"
)

// copied is a copy of the sample project, made as its README says.
type copied struct {
	t   *testing.T
	dir string
}

// copyProject runs the README's commands. The version of the module is not published, so a
// replace directive takes its place.
func copyProject(t *testing.T) copied {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile(filepath.Join(root, "examples", "usersessiondb", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)\\*\\*To copy it\\*\\*.*?```sh\n(.*?)```").FindSubmatch(readme)
	if block == nil {
		t.Fatal("the README does not show how to copy the project")
	}
	c := copied{t: t, dir: filepath.Join(t.TempDir(), "app", "db")}
	script := string(block[1])
	for _, r := range [][2]string{
		{"~/app", filepath.Dir(c.dir)},
		{"-dropreplace example.com/usersession -require example.com/usersession@v1.0.0", "-replace example.com/usersession=" + root},
		{" && go test ./...", ""}, // run below, with what the test changes
	} {
		if !strings.Contains(script, r[0]) {
			t.Fatalf("the README's commands do not have %q", r[0])
		}
		script = strings.ReplaceAll(script, r[0], r[1])
	}
	c.run(root, "bash", "-euo", "pipefail", "-c", script)
	return c
}

func (c copied) run(dir, name string, args ...string) string {
	c.t.Helper()
	command := exec.CommandContext(c.t.Context(), name, args...)
	command.Dir = dir
	command.Env = append(os.Environ(), "GOWORK=off")
	out, err := command.CombinedOutput()
	if err != nil {
		c.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// edit replaces every match of the pattern in main.go.
func (c copied) edit(pattern, replacement string) {
	c.t.Helper()
	path := filepath.Join(c.dir, "main.go")
	data, err := os.ReadFile(path)
	if err != nil {
		c.t.Fatal(err)
	}
	re := regexp.MustCompile("(?m)" + pattern)
	if !re.Match(data) {
		c.t.Fatalf("main.go does not have %s", pattern)
	}
	if err := os.WriteFile(path, re.ReplaceAll(data, []byte(replacement)), 0o644); err != nil {
		c.t.Fatal(err)
	}
}

// test runs the copy's tests and commands.
func (c copied) test(commands ...string) {
	c.t.Helper()
	if left, err := os.ReadFile(filepath.Join(c.dir, "go.mod")); err != nil || strings.Contains(string(left), "usersession/examples") {
		c.t.Errorf("go.mod still names the sample: %s", left)
	}
	c.run(c.dir, "go", "vet", "./...")
	c.run(c.dir, "go", "test", "./...")
	c.run(c.dir, "go", "build", "-o", "app", ".")
	for _, command := range commands {
		c.run(c.dir, "./app", strings.Fields(command)...)
	}
}

// TestCopy_AllDialects copies the project as its README says, with every dialect.
func TestCopy_AllDialects(t *testing.T) {
	c := copyProject(t)
	c.test("check", "verify", "up", "up", "doctor", "status", "script -dialect mysql", "down -allow-destructive", "add nothing")
}

// TestCopy_OneDialect copies the project and removes all dialects but one.
func TestCopy_OneDialect(t *testing.T) {
	dbtest.On(t, []*dbtest.Engine{dbtest.PostgreSQL}, func(t *testing.T, d *dbtest.Database) {
		c := copyProject(t)
		for _, name := range []string{"sqlite", "mysql", "sqlserver"} {
			c.edit(`^\t"gorm.io/driver/`+name+`"\n`, "")
			c.edit(`^\t\t\{Name: "`+name+`".*\n`, "")
			if err := os.RemoveAll(filepath.Join(c.dir, "migrations", name)); err != nil {
				t.Fatal(err)
			}
		}
		c.edit(`^\t_ "modernc.org/sqlite".*\n`, "")
		c.edit(`^func openSQLite(.*\n)*?\}\n`, "")
		c.edit(`DSN: "file:usersessions.db".*`, `DSN: "",`)
		c.run(c.dir, "go", "mod", "tidy")
		dsn := dsnOf(t, d)
		c.test("check", "verify "+dsn, "up "+dsn, "doctor "+dsn, "status "+dsn, "script")
		for _, module := range []string{"sqlserver", "driver/mysql"} {
			if strings.Contains(c.run(c.dir, "go", "list", "-deps", "-test", "./..."), module) {
				t.Errorf("the copy still compiles %s", module)
			}
		}
	})
}
