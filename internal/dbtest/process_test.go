package dbtest_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"example.com/usersession/internal/dbtest"
)

// roleVariable makes the test binary run as another process. Its value is the name of a
// role and the role's job, separated by a space.
const roleVariable = "USERSESSION_TEST_ROLE"

// roles are the main functions of the processes that tests start.
var roles = map[string]func(job string) error{
	cleanerRole: clean,
	hostRole:    serveHost,
}

func TestMain(m *testing.M) {
	if value := os.Getenv(roleVariable); value != "" {
		role, job, _ := strings.Cut(value, " ")
		if err := roles[role](job); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// roleCommand returns a command that runs the test binary in a role. The process is killed
// if ctx ends before it.
func roleCommand(ctx context.Context, t *testing.T, role, job string) *exec.Cmd {
	t.Helper()
	executable, err := os.Executable()
	must(t, err)
	command := exec.CommandContext(ctx, executable)
	command.Env = append(os.Environ(), fmt.Sprintf("%s=%s %s", roleVariable, role, job))
	return command
}

// openIn opens a test's database in another process.
func openIn(engine, dsn string) (*gorm.DB, error) {
	for _, e := range dbtest.Engines {
		if e.Name == engine {
			return gorm.Open(e.Dialector(dsn), &gorm.Config{Logger: logger.Discard})
		}
	}
	return nil, fmt.Errorf("there is no engine %q", engine)
}
