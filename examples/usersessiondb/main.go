// Usersessiondb is a team's project that owns the schema of its user sessions: it
// generates migrations from the entities and applies them. Copy the folder and make it
// yours; the README tells how it is used.
//
//	go run . up
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"

	"gorm.io/driver/mysql"
	"gorm.io/driver/postgres"
	"gorm.io/driver/sqlite"
	"gorm.io/driver/sqlserver"
	"gorm.io/gorm"
	_ "modernc.org/sqlite" // SQLite without a C compiler

	"example.com/usersession/entities"
	"example.com/usersession/examples/usersessiondb/command"
)

// team is what this project is about.
var team = command.Team{
	// The entities: the module's, and those of your own. For columns of your own embed
	// entities.UserSession in a struct and name that one in its place.
	Models: []any{&entities.UserSession{}},

	// What the application opens GORM with: its NamingStrategy names table and indexes.
	Config: func() *gorm.Config { return &gorm.Config{} },

	// The dialects you use. Take out the others here, and their drivers above.
	Dialects: []command.Dialect{
		{Name: "sqlite", Open: openSQLite},
		{Name: "postgres", Open: postgres.Open},
		{Name: "mysql", Open: mysql.Open},
		{Name: "sqlserver", Open: sqlserver.Open},
	},

	Dir: "migrations",           // a folder for each dialect
	DSN: "file:usersessions.db", // without --dsn
}

func openSQLite(dsn string) gorm.Dialector {
	return sqlite.New(sqlite.Config{DriverName: "sqlite", DSN: dsn})
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := command.Run(ctx, team, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
