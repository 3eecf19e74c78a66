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
// The files belong to the team, which reviews, edits and commits them. The same input
// always gives the same bytes. The dialectors are never connected.
//
// # What it covers
//
// The package generates the creation and removal of tables; new, dropped and altered
// columns; defaults; new, dropped and changed indexes (unique, composite, filtered); and,
// on request, the renaming of a column. Everything else (foreign keys, checks, comments,
// a change of the primary key, conversions of data, …) is refused with [ErrRefused] and a
// sentence that says what to write by hand. The package never writes a migration that makes
// only a part of the change. [AddOptions.ByHand] writes the file to complete.
//
// A change that destroys or narrows data needs [AddOptions.AllowDestructive] and is
// marked DESTRUCTIVE in the file. If a column is dropped and another of the same type is
// added, [Project.Add] asks whether the column is renamed; [AddOptions.Renames] answers.
//
// The databases differ:
//
//   - PostgreSQL, SQL Server and SQLite run a migration in one transaction.
//   - SQLite cannot alter a column. The table is rebuilt and its rows are copied, in a
//     transaction that the file itself begins, since foreign keys can only be disabled
//     outside a transaction. The old table is dropped only if the new one has as many
//     rows. The table's triggers are lost.
//   - MySQL cannot roll back DDL. A migration there changes one table in one ALTER TABLE;
//     a second table gets its own file. Only a Down that restores a NOT NULL datetime
//     column needs a second ALTER TABLE. MySQL has no filtered indexes: the filter
//     of an index is omitted. It is refused if the index is unique and the filter does
//     more than exclude NULL.
//   - On SQL Server defaults get names (DF_table_column). Indexes that depend on a changing
//     column are dropped and created again.
//   - On PostgreSQL, [AddOptions.Concurrently] builds indexes without locking the table.
//
// [Project.Script] returns the migrations as a script for the database's own client. After a
// statement has failed, the script records and destroys nothing more, also if the client goes
// on.
//
// The tests execute the generated SQL on SQLite, PostgreSQL and MariaDB, and the scripts
// with sqlite3, psql and mariadb. The SQL for SQL Server is compared with reviewed files,
// parsed, and applied to a simulated catalogue. The T-SQL scripts, ALTER COLUMN, and ADD
// with a default have never been executed on any server.
//
// # Live databases
//
// [Check] reports at start-up whether a database is fit for the store, without changing
// anything. [Inspect] reads a database's schema and [Compare] compares two schemas.
package migrations
