// Package migrations generates a team's schema migrations from GORM models, for every
// dialect, without a database.
//
// A [Project] reads the models with the team's own gorm.Config, compares them with the
// snapshot that is committed beside the migrations, and writes the difference as one SQL
// file for each dialect, with Up and Down in the format of github.com/pressly/goose:
//
//	project := migrations.Project{
//		Dir:      "migrations",
//		Models:   []any{&entities.UserSession{}},
//		Dialects: []gorm.Dialector{postgres.Open(""), sqlite.Open("")},
//	}
//	added, err := project.Add("init", migrations.AddOptions{})
//
// The files are the team's: to review, to edit and to commit. The same input always
// gives the same bytes. The dialectors are never connected.
//
// # What it covers
//
// Creating and dropping tables; adding, dropping and altering columns; defaults;
// creating, dropping and changing indexes (unique, composite, filtered); renaming a
// column on request. Everything else (foreign keys, checks, comments, a change of the
// primary key, conversions of data …) it refuses with [ErrRefused] and a sentence on what
// to write by hand: it writes no migration that is only half right. [AddOptions.ByHand]
// makes the file to write it in.
//
// What destroys or narrows data needs [AddOptions.AllowDestructive] and is marked
// DESTRUCTIVE in the file. A column that goes while another of the same shape comes is
// asked about ([AddOptions.Renames]).
//
// The databases differ:
//
//   - PostgreSQL and SQL Server run a migration in one transaction. So does SQLite.
//   - SQLite can't alter a column. The table is built anew and its rows are copied, in
//     a transaction of the file's own, since foreign keys can only be switched off
//     outside of one. Triggers are lost.
//   - MySQL can't roll back DDL. A migration there changes one table in one ALTER
//     TABLE; a second table gets a file of its own. It has no filtered indexes:
//     a filter that only says that a column is not NULL is left out, another one on a
//     unique index is refused.
//   - SQL Server gets names for its defaults (DF_table_column); indexes that stand in the
//     way of a change are dropped and created again.
//
// What is generated for SQLite, PostgreSQL and MariaDB is executed by the tests. What is
// generated for SQL Server is compared with reviewed files, parsed, and taken by a
// simulated catalogue; it has not been executed.
//
// # Looking at a live database
//
// [Check] tells at start-up whether the database is fit for the store, without changing
// anything. [Inspect] and [Compare] are what it is made of.
package migrations
