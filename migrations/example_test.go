package migrations_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	_ "modernc.org/sqlite" // the driver "sqlite", which needs no C compiler

	"example.com/usersession/entities"
	"example.com/usersession/migrations"
)

// Session is a team's own entity: the module's columns and one more.
type Session struct {
	entities.UserSession
	Device string `gorm:"size:100;index"` // NULL or with a default: the store does not fill it
}

func (Session) TableName() string { return "user_sessions" }

func ExampleProject_Add() {
	dir, err := os.MkdirTemp("", "migrations")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()

	project := migrations.Project{
		Dir:      dir,
		Models:   []any{&entities.UserSession{}},
		Dialects: []gorm.Dialector{sqlite.Open("")}, // never connected
		Now:      func() time.Time { return time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC) },
	}
	if _, err := project.Add("init", migrations.AddOptions{}); err != nil {
		log.Fatal(err)
	}

	// The team adds a column.
	project.Models = []any{&Session{}}
	pending, err := project.Pending()
	if err != nil {
		log.Fatal(err)
	}
	for _, sentence := range pending {
		fmt.Println(sentence)
	}
	files, err := project.Add("device", migrations.AddOptions{})
	if err != nil {
		log.Fatal(err)
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(filepath.Base(files[0]))
	fmt.Print(string(text))
	// Output:
	// sqlite: the column user_sessions.device is new
	// sqlite: the index idx_user_sessions_device on user_sessions is new
	// 20260301120001_device.sql
	// -- 20260301120001_device
	// -- Generated from the entities for sqlite. Review it before you commit it.
	//
	// -- +goose Up
	// ALTER TABLE `user_sessions` ADD COLUMN `device` text;
	// CREATE INDEX `idx_user_sessions_device` ON `user_sessions` (`device`);
	//
	// -- +goose Down
	// -- DESTRUCTIVE: drops the column user_sessions.device with all its values.
	// DROP INDEX `idx_user_sessions_device`;
	// ALTER TABLE `user_sessions` DROP COLUMN `device`;
}

func ExampleCheck() {
	db, err := gorm.Open(sqlite.New(sqlite.Config{DriverName: "sqlite", DSN: "file::memory:?cache=shared&_pragma=busy_timeout(5000)"}), &gorm.Config{})
	if err != nil {
		log.Fatal(err)
	}
	if err := db.AutoMigrate(&entities.UserSession{}); err != nil {
		log.Fatal(err)
	}
	if err := db.Exec("DROP INDEX idx_user_sessions_expires").Error; err != nil {
		log.Fatal(err)
	}

	findings, err := migrations.Check(context.Background(), db)
	if err != nil {
		log.Fatal(err)
	}
	for _, finding := range findings {
		fmt.Println(finding)
	}
	// Output:
	// user_sessions.idx_user_sessions_expires: the index is missing: on (expires); create it: CREATE INDEX `idx_user_sessions_expires` ON `user_sessions` (`expires`)
}
