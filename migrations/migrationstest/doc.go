// Package migrationstest tests package migrations and the sample project on real
// databases, and what is written for SQL Server without one. It is a module of its own,
// so that drivers, goose and a T-SQL parser reach nobody else.
//
// SQLite, PostgreSQL and MariaDB run everything. For SQL Server the SQL is compared with
// golden files, parsed, and folded into a simulated catalogue; it is executed only where
// USERSESSION_TEST_SQLSERVER names a server.
package migrationstest
