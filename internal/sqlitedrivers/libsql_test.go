//go:build cgo && ((linux && (amd64 || arm64)) || (darwin && arm64))

package sqlitedrivers

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"

	_ "github.com/tursodatabase/go-libsql" // with a library for these platforms
)

func init() {
	drivers["libsql"] = func(file string, busyTimeout int) (*sql.DB, error) {
		pool, err := sql.Open("libsql", "file:"+file)
		if err != nil {
			return nil, err
		}
		return sql.OpenDB(libsqlConnector{pool.Driver(), "file:" + file, busyTimeout}), pool.Close()
	}
}

// A libsqlConnector sets the pragmas of a new connection: a DSN of libsql cannot.
type libsqlConnector struct {
	driver      driver.Driver
	dsn         string
	busyTimeout int
}

func (c libsqlConnector) Driver() driver.Driver { return c.driver }

func (c libsqlConnector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.driver.Open(c.dsn)
	if err != nil {
		return nil, err
	}
	for _, pragma := range []string{fmt.Sprintf("PRAGMA busy_timeout = %d", c.busyTimeout), "PRAGMA journal_mode = WAL", "PRAGMA synchronous = NORMAL"} {
		rows, err := conn.(driver.QueryerContext).QueryContext(ctx, pragma, nil)
		if err == nil {
			err = rows.Close()
		}
		if err != nil {
			return nil, errors.Join(err, conn.Close())
		}
	}
	return conn, nil
}
