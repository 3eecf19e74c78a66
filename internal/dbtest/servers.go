package dbtest

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"maps"
	"net/url"
	"strings"

	mysqldriver "github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	mssql "github.com/microsoft/go-mssqldb"
	"gorm.io/driver/mysql"
	"gorm.io/driver/postgres"
	"gorm.io/driver/sqlite"
	"gorm.io/driver/sqlserver"
	"gorm.io/gorm"
	modernc "modernc.org/sqlite"
)

// PostgreSQL is PostgreSQL, or whatever speaks its protocol. A test has a schema, which
// the DSN makes the search_path.
var PostgreSQL = &Engine{
	Name:     "postgres",
	variable: "USERSESSION_TEST_POSTGRES",
	fallback: "postgres://root@127.0.0.1:5432/test?sslmode=disable",
	hint:     "start one with: make databases, or: docker compose up -d postgres; then set USERSESSION_TEST_POSTGRES=postgres://user:password@host:5432/database",
	version:  "version()",
	place: func(dsn, name string, params url.Values) (string, error) {
		// Nothing here has to survive a server that crashes.
		all := url.Values{"search_path": {name}, "application_name": {name}, "synchronous_commit": {"off"}}
		for key, values := range params {
			all[key] = values
		}
		if at, err := url.Parse(dsn); err == nil && at.Scheme != "" {
			query := at.Query()
			for key := range all {
				query.Set(key, all.Get(key))
			}
			// GORM looks for a time zone in the DSN as it is written.
			at.RawQuery = strings.ReplaceAll(query.Encode(), "%2F", "/")
			return at.String(), nil
		}
		for key := range all { // "host=… user=…"
			dsn += fmt.Sprintf(" %s='%s'", key, all.Get(key))
		}
		return dsn, nil
	},
	create: exec("CREATE SCHEMA %s"),
	drop: func(ctx context.Context, admin *sql.DB, name string) error {
		// A session that hangs in a transaction would keep the schema from going.
		_, err := admin.ExecContext(ctx, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1", name)
		if err != nil {
			return err
		}
		return exec("DROP SCHEMA IF EXISTS %s CASCADE")(ctx, admin, name)
	},
	list: "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'usersession\\_test\\_%'",
	connector: func(dsn string) (driver.Connector, error) {
		config, err := pgx.ParseConfig(dsn)
		if err != nil {
			return nil, err
		}
		return stdlib.GetConnector(*config), nil
	},
	open: postgres.Open,
	over: func(pool gorm.ConnPool) gorm.Dialector { return postgres.New(postgres.Config{Conn: pool}) },
}

// MySQL is MariaDB, MySQL or TiDB. A test has a database.
var MySQL = &Engine{
	Name:     "mysql",
	variable: "USERSESSION_TEST_MYSQL",
	fallback: "root@tcp(127.0.0.1:3306)/test?parseTime=true",
	hint:     "start one with: make databases, or: docker compose up -d mariadb; then set USERSESSION_TEST_MYSQL=user:password@tcp(host:3306)/database?parseTime=true",
	version:  "version()",
	place: func(dsn, name string, params url.Values) (string, error) {
		config, err := mysqldriver.ParseDSN(dsn)
		if err != nil {
			return "", err
		}
		config.DBName = name
		dsn = config.FormatDSN()
		if len(params) == 0 {
			return dsn, nil
		}
		// Appended, since the driver knows parameters that its Config can't hold as
		// such; the last one wins.
		separator := "?"
		if strings.Contains(dsn, "?") {
			separator = "&"
		}
		return dsn + separator + params.Encode(), nil
	},
	create: exec("CREATE DATABASE %s"),
	drop: func(ctx context.Context, admin *sql.DB, name string) error {
		rows, err := admin.QueryContext(ctx, "SELECT id FROM information_schema.processlist WHERE db = ?", name)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var id int64
			if err := rows.Scan(&id); err != nil {
				return err
			}
			// It may have gone by itself.
			_, _ = admin.ExecContext(ctx, fmt.Sprintf("KILL %d", id))
		}
		if err := rows.Err(); err != nil {
			return err
		}
		return exec("DROP DATABASE IF EXISTS %s")(ctx, admin, name)
	},
	list: "SELECT schema_name FROM information_schema.schemata WHERE schema_name LIKE 'usersession\\_test\\_%'",
	connector: func(dsn string) (driver.Connector, error) {
		config, err := mysqldriver.ParseDSN(dsn)
		if err != nil {
			return nil, err
		}
		return mysqldriver.NewConnector(config)
	},
	open: mysql.Open,
	over: func(pool gorm.ConnPool) gorm.Dialector { return mysql.New(mysql.Config{Conn: pool}) },
}

// SQLServer is SQL Server. A test has a database.
var SQLServer = &Engine{
	Name:     "sqlserver",
	variable: "USERSESSION_TEST_SQLSERVER",
	hint:     "start one with: docker compose up -d sqlserver; then set USERSESSION_TEST_SQLSERVER=sqlserver://sa:password@host:1433?database=master. The statements are compared with testdata/sqlserver in any case",
	version:  "@@VERSION",
	place: func(dsn, name string, params url.Values) (string, error) {
		at, err := url.Parse(dsn)
		if err != nil {
			return "", err
		}
		query := at.Query()
		query.Set("database", name)
		for key := range params {
			query.Set(key, params.Get(key))
		}
		at.RawQuery = query.Encode()
		return at.String(), nil
	},
	create: exec("CREATE DATABASE %s"),
	drop: func(ctx context.Context, admin *sql.DB, name string) error {
		return exec("ALTER DATABASE %[1]s SET SINGLE_USER WITH ROLLBACK IMMEDIATE; DROP DATABASE %[1]s")(ctx, admin, name)
	},
	list: "SELECT name FROM sys.databases WHERE name LIKE 'usersession[_]test[_]%'",
	connector: func(dsn string) (driver.Connector, error) {
		return mssql.NewConnector(dsn)
	},
	open: sqlserver.Open,
	over: func(pool gorm.ConnPool) gorm.Dialector { return sqlserver.New(sqlserver.Config{Conn: pool}) },
}

// SQLite is SQLite without C, opened as the store's documentation advises. A test has
// a file.
var SQLite = &Engine{
	Name: "sqlite",
	place: func(file, _ string, params url.Values) (string, error) {
		params = maps.Clone(params)
		if params == nil {
			params = url.Values{}
		}
		if !params.Has("_txlock") {
			params.Set("_txlock", "immediate")
		}
		if !params.Has("_pragma") {
			params["_pragma"] = []string{"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(OFF)"}
		}
		return "file:" + file + "?" + params.Encode(), nil
	},
	connector: func(dsn string) (driver.Connector, error) { return modernc.NewConnector(dsn) },
	open: func(dsn string) gorm.Dialector {
		return sqlite.New(sqlite.Config{DriverName: "sqlite", DSN: dsn})
	},
	over:   func(pool gorm.ConnPool) gorm.Dialector { return sqlite.New(sqlite.Config{Conn: pool}) },
	server: "SQLite without C",
}

func exec(statement string) func(context.Context, *sql.DB, string) error {
	return func(ctx context.Context, admin *sql.DB, name string) error {
		_, err := admin.ExecContext(ctx, fmt.Sprintf(statement, name))
		return err
	}
}
