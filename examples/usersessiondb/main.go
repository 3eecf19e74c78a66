// Usersessiondb is a sample of a team's migrations project: it generates the migrations of
// the user sessions' schema from the entities, and applies them. Copy the folder and adapt
// it; the README explains how.
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

// team configures the project.
var team = command.Team{
	// The entities of the module, and your own. For columns of your own, embed
	// entities.UserSession in a struct and list that struct instead.
	Models: []any{&entities.UserSession{}},

	// The configuration that the application opens GORM with. Its NamingStrategy names
	// the table and the indexes.
	Config: func() *gorm.Config { return &gorm.Config{} },

	// The dialects that you use. Remove the others here, and their drivers above.
	Dialects: []command.Dialect{
		{Name: "sqlite", Open: openSQLite},
		{Name: "postgres", Open: postgres.Open},
		{Name: "mysql", Open: mysql.Open},
		{Name: "sqlserver", Open: sqlserver.Open},
	},

	Dir: "migrations",           // a folder for each dialect
	DSN: "file:usersessions.db", // the default of -dsn
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
