// Package usersession keeps the user sessions of a Backend-for-Frontend (BFF) in any
// database that GORM supports. The browser's cookie carries only an id, and a session can
// be revoked without its browser.
//
// [NewGormStore] makes a store from the application's *gorm.DB:
//
//	store, err := usersession.NewGormStore(db)
//
// The team owns the table. It is made from the structs in package
// [example.com/usersession/entities]; the store runs no DDL.
//
// Package [example.com/usersession/bff] is the contract of every store. [GormStore] adds:
//
//   - One SQL statement for each operation, without a transaction around it. Only a
//     conflict (another session has the key or the session id) costs more; on
//     PostgreSQL, replacing a session does not.
//   - Any number of hosts share a table. Deadlocks, serialization failures and busy
//     databases are retried, a bounded number of times.
//   - It works under every gorm.Config, and GORM's logger prints no key and no ticket
//     of the store's statements.
//   - [GormStore.WithTx] joins a transaction of the application.
//
// # Databases
//
// The store has statements of its own for SQLite, PostgreSQL, MySQL (with MariaDB and
// TiDB) and SQL Server. For an unknown dialect it uses portable statements.
//
// On SQLite, let writers wait for each other: with mattn/go-sqlite3 open the database
// with _journal_mode=WAL&_busy_timeout=5000&_txlock=immediate. Without these settings the
// store works, but more slowly.
//
// With gorm.io/plugin/dbresolver, reads go to the replicas, which may not have a session
// that was created a moment ago. Give the store a *gorm.DB that reads from the primary:
//
//	store, err := usersession.NewGormStore(db.Clauses(dbresolver.Write))
//
// # Timeouts and failover
//
// The store waits for as long as the context allows: give it a deadline, as package
// serverside does (Config.StoreTimeout). End the transactions of frozen hosts on the server:
// idle_in_transaction_session_timeout on PostgreSQL, idle_transaction_timeout on MariaDB,
// wait_timeout on MySQL. In a PostgreSQL DSN with several hosts, set connect_timeout below
// the deadline. An asynchronous standby loses the last writes in a failover: repeat
// revocations then. The clocks of hosts may differ by far less than sessions live.
//
// Behind pgbouncer in transaction mode, version 1.21 or newer, set max_prepared_statements;
// with an older version, set pgx's default_query_exec_mode=exec. Never use describe_exec. The
// README has the details.
package usersession
