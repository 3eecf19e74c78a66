//go:build unix

package migrations_test

import (
	"errors"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"

	"example.com/usersession/entities"
	"example.com/usersession/migrations"
)

// TestAdd_FileWrittenInPart: if a file can be written only in part, as on a full disk, Add leaves
// nothing of the migration. A limit on the size of files stands for the full disk.
func TestAdd_FileWrittenInPart(t *testing.T) {
	signal.Ignore(syscall.SIGXFSZ) // a write beyond the limit then returns EFBIG
	defer signal.Reset(syscall.SIGXFSZ)
	var former syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &former); err != nil {
		t.Fatal(err)
	}
	limit := former
	limit.Cur = 100
	dir := t.TempDir()
	project := migrations.Project{
		Dir: dir, Models: []any{&entities.UserSession{}}, Dialects: []gorm.Dialector{sqlite.Open("")},
	}

	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	files, err := project.Add("init", migrations.AddOptions{})
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &former); err != nil {
		t.Fatal(err)
	}

	if !errors.Is(err, syscall.EFBIG) || len(files) > 0 {
		t.Errorf("got %v, %v, want %v", files, err, syscall.EFBIG)
	}
	left, err := os.ReadDir(filepath.Join(dir, "sqlite"))
	if err != nil || len(left) > 0 {
		t.Errorf("the folder has %v, %v, want no files", left, err)
	}
	if _, err := project.Add("init", migrations.AddOptions{}); err != nil {
		t.Errorf("after the failure: %v", err)
	}
}
