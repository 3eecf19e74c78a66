// Package migrationstest tests package migrations and the sample project on real databases,
// and the SQL for SQL Server without one. It is a module of its own, so that no other module
// depends on the drivers, goose and the T-SQL parser.
//
// SQLite, PostgreSQL and MariaDB execute everything, the scripts with their command line
// clients. The SQL for SQL Server is compared with golden files, parsed, and applied to a
// simulated catalogue; it is executed only if USERSESSION_TEST_SQLSERVER names a server.
package migrationstest
