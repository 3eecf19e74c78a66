// Package usersession keeps the user sessions of a Backend-for-Frontend (BFF) in any
// database that GORM supports. The browser's cookie then carries only an id, and a
// session can be revoked without its browser.
//
// [NewGormStore] makes a store from the application's own *gorm.DB:
//
//	store, err := usersession.NewGormStore(db)
//
// The table is the team's: it is made from the structs in package
// [example.com/usersession/entities], and the store runs no DDL.
//
// What a store promises is in package [example.com/usersession/bff]. What
// [GormStore] adds:
//
//   - One SQL statement for each operation, without a transaction around it. Only a
//     conflict (a key or session id that is taken) costs more.
//   - Any number of hosts share a table. Deadlocks, serialization failures and busy
//     databases are retried, a bounded number of times.
//   - It works with whatever gorm.Config the application has, and sees to it that
//     GORM's logger prints no key and no ticket.
//   - [GormStore.WithTx] joins a transaction of the application.
//
// # Databases
//
// SQLite, PostgreSQL, MySQL, MariaDB and SQL Server each get statements of their
// own. A dialect that the package does not know gets portable ones.
//
// On SQLite, let writers wait for each other: with mattn/go-sqlite3 open the database
// with _journal_mode=WAL&_busy_timeout=5000&_txlock=immediate. The store works without,
// but slower.
//
// Behind pgbouncer in transaction mode configure pgx as for any other query
// (default_query_exec_mode=exec); see also [WithoutPreparedStatements].
//
// With gorm.io/plugin/dbresolver reads go to the replicas, and a session that was
// created a moment ago may not be there yet. Hand the store a *gorm.DB that reads
// from the primary:
//
//	store, err := usersession.NewGormStore(db.Clauses(dbresolver.Write))
package usersession
