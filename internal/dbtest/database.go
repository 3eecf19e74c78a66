package dbtest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"maps"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"example.com/usersession/entities"
)

// A Database is a schema, a database or a file that belongs to one test. It is removed
// after the test.
type Database struct {
	Engine *Engine
	Name   string
	// Version is the text with which the server describes itself.
	Version string

	base string // the DSN, or SQLite's file, without the name and the parameters
}

// prefix begins the name of every database of a test. The time of its creation follows,
// in seconds, by which sweep recognizes a leftover.
const prefix = "usersession_test_"

// leftoverAfter is the age from which a database is a leftover: no run lasts so long.
const leftoverAfter = 3 * time.Hour

// New creates a database for the test. It skips or fails the test if the engine is not
// available, see [Engine.Require].
func (e *Engine) New(t testing.TB) *Database {
	t.Helper()
	e.Require(t)
	if e.create == nil {
		return &Database{Engine: e, base: filepath.Join(t.TempDir(), "test.db"), Version: e.server}
	}
	name := fmt.Sprintf("%s%d_%s", prefix, time.Now().Unix(), strings.ToLower(rand.Text()[:8]))
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := e.create(ctx, e.admin, name); err != nil {
		t.Fatalf("create %s: %v", name, err)
	}
	if e.created != nil {
		if err := e.created(ctx, e.dsn, name); err != nil {
			t.Fatalf("create %s: %v", name, err)
		}
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		// MySQL 9.7 sometimes refuses the DROP with error 3854 while other databases are
		// dropped: try again.
		err := e.drop(ctx, e.admin, name)
		for retry := 0; err != nil && retry < 3; retry++ {
			err = e.drop(ctx, e.admin, name)
		}
		if err != nil {
			t.Errorf("remove %s: %v", name, err)
		}
	})
	return &Database{Engine: e, Name: name, base: e.dsn, Version: e.server}
}

// sweep removes the databases of runs that were killed.
func (e *Engine) sweep(ctx context.Context) error {
	rows, err := e.admin.QueryContext(ctx, e.list)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	var leftovers []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return err
		}
		created, _, _ := strings.Cut(strings.TrimPrefix(name, prefix), "_")
		seconds, err := strconv.ParseInt(created, 10, 64)
		if err == nil && strings.HasPrefix(name, prefix) && time.Since(time.Unix(seconds, 0)) > leftoverAfter {
			leftovers = append(leftovers, name)
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for _, name := range leftovers {
		if err := e.drop(ctx, e.admin, name); err != nil {
			return fmt.Errorf("remove leftover %s: %w", name, err)
		}
	}
	return nil
}

// A Setup says how an application opens its database.
type Setup struct {
	// Config alters the application's gorm.Config.
	Config func(*gorm.Config)
	// Params are additional parameters of the DSN.
	Params url.Values
	// Isolation is the isolation level of the connections, as servers of the MySQL family
	// name it. Empty means the server's.
	Isolation string
	// Recorder records the calls of the driver. It may be nil.
	Recorder *Recorder
	// MaxOpen is the maximum number of open connections; 0 means no limit.
	MaxOpen int
}

// DSN returns the database's DSN with additional parameters.
func (d *Database) DSN(params url.Values) (string, error) {
	return d.Engine.databaseDSN(d.base, d.Name, params)
}

// Address returns the address of the database's server, for [net.Dial].
func (d *Database) Address() (network, address string, err error) { return d.Engine.address(d.base) }

// DSNAt returns the database's DSN with another address, such as that of a proxy. For
// PostgreSQL, the address may be a list with commas.
func (d *Database) DSNAt(address string, params url.Values) (string, error) {
	dsn, err := d.DSN(params)
	if err != nil {
		return "", err
	}
	return d.Engine.dsnAt(dsn, address)
}

// Open opens the database as an application does, and closes it when the test ends.
func (d *Database) Open(t testing.TB, setup Setup) *gorm.DB {
	t.Helper()
	params := url.Values{}
	if d.Engine == MySQL {
		params.Set("sql_safe_updates", "0") // the tests' own statements name no key
	}
	maps.Copy(params, setup.Params)
	if setup.Isolation != "" {
		params.Set(d.TransactionVariable("isolation"), "'"+setup.Isolation+"'")
	}
	dsn, err := d.DSN(params)
	if err != nil {
		t.Fatal(err)
	}
	dialector := d.Engine.open(dsn)
	if setup.Recorder != nil {
		connector, err := d.Engine.connector(dsn)
		if err != nil {
			t.Fatal(err)
		}
		dialector = d.Engine.DialectorOn(sql.OpenDB(setup.Recorder.Wrap(connector)))
	}
	config := &gorm.Config{Logger: logger.Discard}
	if setup.Config != nil {
		setup.Config(config)
	}
	db, err := gorm.Open(dialector, config)
	if err != nil {
		t.Fatalf("open %s: %v", d.Engine.Name, err)
	}
	pool := Pool(t, db)
	t.Cleanup(func() { _ = pool.Close() })
	pool.SetMaxOpenConns(setup.MaxOpen)
	pool.SetMaxIdleConns(32) // otherwise races spend most of their time on opening connections
	return db
}

// OpenOn returns a second handle on the connections of db, with a configuration of its
// own.
func (d *Database) OpenOn(t testing.TB, db *gorm.DB, config *gorm.Config) *gorm.DB {
	t.Helper()
	if config.Logger == nil {
		config.Logger = logger.Discard
	}
	second, err := gorm.Open(d.Engine.DialectorOn(Pool(t, db)), config)
	if err != nil {
		t.Fatalf("open %s: %v", d.Engine.Name, err)
	}
	return second
}

// Pool returns the connections of db.
func Pool(t testing.TB, db *gorm.DB) *sql.DB {
	t.Helper()
	pool, err := db.DB()
	if err != nil {
		t.Fatal(err)
	}
	return pool
}

// Migrate creates the table, as the application's team does: from entities.UserSession, or
// from the team's own structs.
func (d *Database) Migrate(t testing.TB, db *gorm.DB, models ...any) {
	t.Helper()
	if len(models) == 0 {
		models = []any{&entities.UserSession{}}
	}
	if d.IsCockroachDB() {
		StripCollation(t, db)
	}
	if err := db.AutoMigrate(models...); err != nil {
		t.Fatalf("AutoMigrate on %s: %v", d.Engine.Name, err)
	}
	if d.Engine.created != nil {
		if err := d.Engine.created(t.Context(), d.base, d.Name); err != nil {
			t.Fatal(err)
		}
	}
}

// IsMariaDB reports whether the server is MariaDB, and not MySQL or TiDB.
func (d *Database) IsMariaDB() bool { return strings.Contains(d.Version, "MariaDB") }

// IsMySQL reports whether the server is MySQL itself.
func (d *Database) IsMySQL() bool { return d.Engine == MySQL && !d.IsMariaDB() && !d.IsTiDB() }

// TransactionVariable returns the name of a variable for transactions in the MySQL family,
// isolation or read_only: MariaDB has the short form in all versions, MySQL only the long one.
func (d *Database) TransactionVariable(name string) string {
	if d.IsMariaDB() {
		return "tx_" + name
	}
	return "transaction_" + name
}

// IsGroupReplication reports whether the server is a member of MySQL's Group Replication. Such a
// server refuses SERIALIZABLE and a binary log of statements.
func (d *Database) IsGroupReplication() bool {
	var members int
	return d.IsMySQL() && d.Engine.admin.QueryRowContext(context.Background(), "SELECT COUNT(*) FROM performance_schema.replication_group_members WHERE member_state = 'ONLINE'").
		Scan(&members) == nil && members > 0
}

// IsCluster reports whether the connections are spread over several nodes.
func (d *Database) IsCluster() bool {
	if d.Engine != MySQL {
		return false
	}
	network, _, err := d.Address()
	return err == nil && network == nodes
}

// HasBinaryLog reports whether a server of the MySQL family writes a binary log.
func (d *Database) HasBinaryLog() bool {
	var on bool
	return !d.IsTiDB() && d.Engine.admin.QueryRowContext(context.Background(), "SELECT @@log_bin").Scan(&on) == nil && on
}

// IsTiDB reports whether the server is TiDB, and not MySQL or MariaDB.
func (d *Database) IsTiDB() bool { return strings.Contains(d.Version, "TiDB") }

// IsCockroachDB reports whether the server is CockroachDB, and not PostgreSQL.
func (d *Database) IsCockroachDB() bool { return strings.Contains(d.Version, "CockroachDB") }

// Quote quotes a name as the dialect does.
func (d *Database) Quote(name string) string {
	switch d.Engine {
	case MySQL:
		return "`" + name + "`"
	case SQLServer:
		return "[" + name + "]"
	default:
		return `"` + name + `"`
	}
}
