package usersession

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"path/filepath"
	"testing"
	"time"

	sqlitedriver "gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
)

// openTxConn returns a conn of the dialect on a database with one connection, which has the temporary
// table kept.
func openTxConn(t *testing.T, d *dialect) (*conn, *sql.DB) {
	t.Helper()
	db, err := gorm.Open(sqlitedriver.New(sqlitedriver.Config{DriverName: "sqlite", DSN: "file:" + filepath.Join(t.TempDir(), "test.db")}), &gorm.Config{Logger: logger.Discard})
	if err != nil {
		t.Fatal(err)
	}
	pool, err := db.DB()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pool.Close() })
	pool.SetMaxOpenConns(1)
	for _, statement := range []string{"CREATE TABLE rows (n int)", "CREATE TEMP TABLE kept (n int)"} {
		if _, err := pool.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	return newConn(db, d, new(server), config{}), pool
}

// TestTransaction_ByStatements: the transaction is committed or rolled back as a whole, on one
// connection, which goes back to the pool unless the transaction may still be open.
func TestTransaction_ByStatements(t *testing.T) {
	stop := errors.New("stop")
	for name, tt := range map[string]struct {
		begin []string
		then  string // the last statement of the body
		err   error  // of the body
		want  string // an error, or the body's
		rows  int
		kept  bool // the connection
	}{
		"committed":               {[]string{"SELECT 1", "BEGIN"}, "SELECT 1", nil, "", 1, true},
		"rolled back":             {[]string{"SELECT 1", "BEGIN"}, "SELECT 1", stop, "stop", 0, true},
		"ended by the body":       {[]string{"SELECT 1", "BEGIN"}, "ROLLBACK", stop, "stop", 0, false},
		"ended before the commit": {[]string{"SELECT 1", "BEGIN"}, "ROLLBACK", nil, "database error 1", 0, false},
		"not begun":               {[]string{"SELECT of_no_function()", "BEGIN"}, "", nil, "database error 1", 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			c, pool := openTxConn(t, &dialect{name: "sqlite", begin: tt.begin, isolation: sql.LevelReadCommitted})
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			err := c.transaction(ctx, func(tx *conn) error {
				if _, err := tx.exec(ctx, "INSERT INTO rows VALUES (1)"); err != nil {
					return err
				}
				_, err := tx.exec(ctx, tt.then)
				return errors.Join(err, tt.err)
			})
			if tt.want == "" && err != nil || tt.want == "stop" && !errors.Is(err, stop) || tt.want != "" && tt.want != "stop" && (err == nil || describe(err) != tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			var rows int
			if err := pool.QueryRowContext(ctx, "SELECT count(*) FROM rows").Scan(&rows); err != nil || rows != tt.rows {
				t.Errorf("%d rows, %v; want %d", rows, err, tt.rows)
			}
			if _, err := pool.ExecContext(ctx, "SELECT n FROM kept"); (err == nil) != tt.kept {
				t.Errorf("the connection is still there: %t, want %t", err == nil, tt.kept)
			}
		})
	}
}

// TestTransaction_IsolationRefused: if the server refuses the isolation level, the store uses the
// server's own, from then on at once, on the database that dbresolver chooses for writes.
func TestTransaction_IsolationRefused(t *testing.T) {
	c, pool := openTxConn(t, &dialect{name: "sqlite", begin: []string{"SELECT 1", "BEGIN"}, isolation: sql.LevelReadCommitted, isolationRefused: []string{"1665"}})
	resolved := 0
	err := c.direct.Callback().Update().Register("gorm:db_resolver", func(db *gorm.DB) {
		resolved++
		db.Statement.ConnPool = gorm.NewPreparedStmtDB(pool, 0, 0) // with the application's PrepareStmt
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []int{2, 1} {
		resolved = 0
		attempts := 0
		err := c.transaction(t.Context(), func(tx *conn) error {
			if _, ok := tx.direct.Statement.ConnPool.(sessionTx); !ok {
				t.Errorf("the transaction runs on %T", tx.direct.Statement.ConnPool)
			}
			if attempts++; attempts == 1 && want == 2 {
				return &numberError{1665, ""}
			}
			return nil
		})
		if err != nil || attempts != want || resolved != want {
			t.Errorf("%v after %d attempts, of which %d on the database for writes; want %d", err, attempts, resolved, want)
		}
	}
}

// A deadConnector makes connections that the server has closed.
type deadConnector struct{ connects int }

func (d *deadConnector) Connect(context.Context) (driver.Conn, error) {
	d.connects++
	return deadConn{}, nil
}
func (d *deadConnector) Driver() driver.Driver { return nil }

type deadConn struct{ driver.Conn }

func (deadConn) Close() error { return nil }
func (deadConn) ExecContext(context.Context, string, []driver.NamedValue) (driver.Result, error) {
	return nil, driver.ErrBadConn
}

// TestTransaction_DeadConnections: a server that closes every connection does not make the store begin
// transactions for ever.
func TestTransaction_DeadConnections(t *testing.T) {
	dead := &deadConnector{}
	pool := sql.OpenDB(dead)
	t.Cleanup(func() { _ = pool.Close() })
	c := &conn{dialect: &mysql, server: new(server)}
	if _, err := c.beginSession(t.Context(), pool, mysql.begin); !errors.Is(err, driver.ErrBadConn) || dead.connects < 50 || dead.connects > 200 {
		t.Errorf("%v after %d connections, want 50 to 200", err, dead.connects)
	}
}

// TestPrepareFor: the statements of a transaction are prepared on the database of the transaction only,
// and not in a transaction of the application.
func TestPrepareFor(t *testing.T) {
	const wrong = "SELECT of_no_function()"
	for name, tt := range map[string]struct {
		begin    []string
		inTx     bool
		resolves bool // dbresolver chooses another database
		prepares bool
	}{
		"same database":            {nil, false, false, true},
		"begun by statements":      {[]string{"BEGIN"}, false, false, false},
		"application's":            {nil, true, false, false},
		"dbresolver":               {nil, false, true, false},
		"dbresolver, by statement": {[]string{"BEGIN"}, false, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			d := dialect{name: "sqlite", begin: tt.begin}
			c, pool := openTxConn(t, &d)
			_, other := openTxConn(t, &d)
			c.prepare(c.direct, config{})
			c.inTx = tt.inTx
			if tt.resolves {
				err := c.direct.Callback().Update().Register("gorm:db_resolver", func(db *gorm.DB) { db.Statement.ConnPool = other })
				if err != nil {
					t.Fatal(err)
				}
			}
			if err := c.prepareFor(t.Context(), "SELECT 1", wrong); (err != nil) != tt.prepares {
				t.Errorf("got %v, want an error: %t", err, tt.prepares)
			}
			if n := len(c.prepared.Statement.ConnPool.(*preparedPool).statements); (n == 1) != tt.prepares {
				t.Errorf("%d statements are prepared", n)
			}
			if n := pool.Stats().InUse; n != 0 {
				t.Errorf("%d connections are still in use", n)
			}
		})
	}
}
