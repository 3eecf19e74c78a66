package dbtest

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"maps"
	"net"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	mysqldriver "github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	mssql "github.com/microsoft/go-mssqldb"
	"gorm.io/driver/mysql"
	"gorm.io/driver/postgres"
	"gorm.io/driver/sqlite"
	"gorm.io/driver/sqlserver"
	"gorm.io/gorm"
	modernc "modernc.org/sqlite"
)

// PostgreSQL is PostgreSQL, or a server that speaks its protocol. Every test has a schema;
// the DSN makes it the search_path.
var PostgreSQL = &Engine{
	Name:     "postgres",
	variable: "USERSESSION_TEST_POSTGRES",
	fallback: "postgres://root@127.0.0.1:5432/test?sslmode=disable",
	hint:     "start one with: make databases, or: docker compose up -d postgres; then set USERSESSION_TEST_POSTGRES=postgres://user:password@host:5432/database",
	version:  "version()",
	databaseDSN: func(dsn, name string, params url.Values) (string, error) {
		// synchronous_commit: no test needs its rows after a crash of the server.
		all := url.Values{"search_path": {name}, "application_name": {name}, "synchronous_commit": {"off"}}
		for key, values := range params {
			all[key] = values
		}
		if at, err := url.Parse(dsn); err == nil && at.Scheme != "" {
			query := at.Query()
			for key := range all {
				query.Set(key, all.Get(key))
			}
			// GORM searches the DSN for a time zone without decoding it.
			at.RawQuery = strings.NewReplacer("%2F", "/", "+", "%20").Replace(query.Encode())
			return at.String(), nil
		}
		for key := range all { // "host=… user=…"
			dsn += fmt.Sprintf(" %s='%s'", key, all.Get(key))
		}
		return dsn, nil
	},
	address: func(dsn string) (network, address string, err error) {
		config, err := pgconn.ParseConfig(dsn)
		if err != nil {
			return "", "", err
		}
		network, address = pgconn.NetworkAddress(config.Host, config.Port)
		return network, address, nil
	},
	dsnAt: func(dsn, address string) (string, error) {
		if at, err := url.Parse(dsn); err == nil && at.Scheme != "" {
			query := at.Query()
			query.Del("host")
			query.Del("port")
			at.Host, at.RawQuery = address, query.Encode()
			return at.String(), nil
		}
		var hosts, ports []string
		for one := range strings.SplitSeq(address, ",") {
			host, port, err := net.SplitHostPort(one)
			if err != nil {
				return "", err
			}
			hosts, ports = append(hosts, host), append(ports, port)
		}
		return dsn + " host=" + strings.Join(hosts, ",") + " port=" + strings.Join(ports, ","), nil
	},
	create: exec("CREATE SCHEMA %s"),
	drop: func(ctx context.Context, admin *sql.DB, name string) error {
		// A connection with an open transaction would block the DROP SCHEMA.
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
	open:   postgres.Open,
	onPool: func(pool gorm.ConnPool) gorm.Dialector { return postgres.New(postgres.Config{Conn: pool}) },
}

// MySQL is MariaDB, MySQL or TiDB. Every test has a database.
var MySQL = &Engine{
	Name:     "mysql",
	variable: "USERSESSION_TEST_MYSQL",
	fallback: "root@tcp(127.0.0.1:3306)/test?parseTime=true",
	hint:     "start one with: make databases, or: docker compose up -d mariadb; then set USERSESSION_TEST_MYSQL=user:password@tcp(host:3306)/database?parseTime=true",
	version:  "version()",
	databaseDSN: func(dsn, name string, params url.Values) (string, error) {
		config, err := mysqldriver.ParseDSN(dsn)
		if err != nil {
			return "", err
		}
		config.DBName = name
		dsn = config.FormatDSN()
		if len(params) == 0 {
			return dsn, nil
		}
		// The parameters are appended to the text, because the driver accepts parameters
		// that its Config has no field for. The last value of a parameter counts.
		separator := "?"
		if strings.Contains(dsn, "?") {
			separator = "&"
		}
		return dsn + separator + params.Encode(), nil
	},
	address: func(dsn string) (network, address string, err error) {
		config, err := mysqldriver.ParseDSN(dsn)
		if err != nil {
			return "", "", err
		}
		return config.Net, config.Addr, nil
	},
	dsnAt: func(dsn, address string) (string, error) {
		config, err := mysqldriver.ParseDSN(dsn)
		if err != nil {
			return "", err
		}
		config.Net, config.Addr = "tcp", address
		return config.FormatDSN(), nil
	},
	create:  exec("CREATE DATABASE %s"),
	created: awaitNodes,
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
			// An error means that the connection has closed in the meantime.
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
	open:   mysql.Open,
	onPool: func(pool gorm.ConnPool) gorm.Dialector { return mysql.New(mysql.Config{Conn: pool}) },
}

// nodes in place of tcp, in a DSN of MySQL, means a cluster: the addresses are separated by
// commas, and each new connection goes to the next one, as behind a load balancer.
const nodes = "nodes"

func init() {
	var dials atomic.Uint64
	mysqldriver.RegisterDialContext(nodes, func(ctx context.Context, addresses string) (net.Conn, error) {
		all := strings.Split(addresses, ",")
		next := all[dials.Add(1)%uint64(len(all))]
		return new(net.Dialer).DialContext(ctx, "tcp", next)
	})
}

// awaitNodes waits until every node of a cluster has the database, and every table that was
// created in it before. A node that has left the cluster never has them.
func awaitNodes(ctx context.Context, dsn, name string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	config, err := mysqldriver.ParseDSN(dsn)
	if err != nil || config.Net != nodes {
		return err
	}
	for address := range strings.SplitSeq(config.Addr, ",") {
		node := config.Clone()
		node.Net, node.Addr, node.DBName = "tcp", address, name
		connector, err := mysqldriver.NewConnector(node)
		if err != nil {
			return err
		}
		pool := sql.OpenDB(connector)
		var tables int
		for {
			// With the DSN's parameters the query waits for earlier writes on other nodes.
			last := pool.QueryRowContext(ctx, "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = database()").Scan(&tables)
			if last == nil || err == nil || ctx.Err() == nil {
				err = last
			}
			if err == nil || ctx.Err() != nil {
				break
			}
			time.Sleep(time.Millisecond)
		}
		_ = pool.Close()
		if err != nil {
			return fmt.Errorf("node %s: %w", address, err)
		}
	}
	return nil
}

// SQLServer is SQL Server. Every test has a database.
var SQLServer = &Engine{
	Name:     "sqlserver",
	variable: "USERSESSION_TEST_SQLSERVER",
	hint:     "start one with: docker compose up -d sqlserver; then set USERSESSION_TEST_SQLSERVER=sqlserver://sa:password@host:1433?database=master&encrypt=true (local container: encrypt=disable). Without a server, the statements are still compared with testdata/sqlserver",
	version:  "@@VERSION",
	databaseDSN: func(dsn, name string, params url.Values) (string, error) {
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
	open:   sqlserver.Open,
	onPool: func(pool gorm.ConnPool) gorm.Dialector { return sqlserver.New(sqlserver.Config{Conn: pool}) },
}

// SQLite is SQLite through the pure-Go driver, opened as the store's documentation
// advises. Every test has a file.
var SQLite = &Engine{
	Name: "sqlite",
	databaseDSN: func(file, _ string, params url.Values) (string, error) {
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
		// The name of a subtest may have a #, which begins a fragment of a URI.
		return "file:" + (&url.URL{Path: file}).EscapedPath() + "?" + params.Encode(), nil
	},
	connector: func(dsn string) (driver.Connector, error) { return modernc.NewConnector(dsn) },
	open: func(dsn string) gorm.Dialector {
		return sqlite.New(sqlite.Config{DriverName: "sqlite", DSN: dsn})
	},
	onPool: func(pool gorm.ConnPool) gorm.Dialector { return sqlite.New(sqlite.Config{Conn: pool}) },
	server: "SQLite, pure-Go driver",
}

// exec returns a function that runs a statement with a name in it.
func exec(statement string) func(context.Context, *sql.DB, string) error {
	return func(ctx context.Context, admin *sql.DB, name string) error {
		_, err := admin.ExecContext(ctx, fmt.Sprintf(statement, name))
		return err
	}
}
