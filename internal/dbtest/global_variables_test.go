package dbtest_test

import (
	"fmt"
	"net/url"
	"os"
	"testing"

	"gorm.io/gorm"

	"example.com/usersession/bff"
	"example.com/usersession/internal/dbtest"
)

// withGlobalVariable runs a test while a global variable of the MySQL server has a value, which
// affects every user of the server. So it skips the test unless the server belongs to this run
// (scripts/mysql.sh). The test does not run in parallel with others.
func withGlobalVariable(t *testing.T, variable string, value func(d *dbtest.Database, db *gorm.DB) string, test func(t *testing.T, d *dbtest.Database)) {
	t.Helper()
	// Without USERSESSION_TEST_MYSQL the server is the default one, which is shared.
	if os.Getenv("USERSESSION_TEST_OWN_SERVER") == "" || os.Getenv("USERSESSION_TEST_MYSQL") == "" {
		t.Skip("changes a global variable, which needs a server of its own: make test-mysql, make test-mariadb")
	}
	t.Run(dbtest.MySQL.Name, func(t *testing.T) { // not in parallel
		d := dbtest.MySQL.New(t)
		db := d.Open(t, dbtest.Setup{MaxOpen: 1, Params: url.Values{"interpolateParams": {"true"}}})
		wanted := value(d, db)
		if wanted == "" {
			t.Run("left out", func(t *testing.T) { t.Skipf("%s lacks %s", d.Version, variable) })
			return
		}
		var before string
		must(t, db.Raw("SELECT @@GLOBAL."+variable).Scan(&before).Error)
		d.Migrate(t, db)
		must(t, db.Exec("SET GLOBAL "+variable+" = "+wanted).Error)
		defer func() { must(t, db.Exec("SET GLOBAL "+variable+" = "+before).Error) }()
		test(t, d)
	})
}

// TestGlobalVariables_TooManyPreparedStatements: on a server that keeps fewer prepared statements
// than the store has, the store works. If the server prepares none at all, the driver must
// interpolate the parameters.
func TestGlobalVariables_TooManyPreparedStatements(t *testing.T) {
	const connections = 4
	for _, c := range []struct {
		params url.Values
		free   int64 // the statements that the server still prepares
	}{
		{url.Values{"interpolateParams": {"true"}}, 0},
		{nil, connections + 1}, // without interpolation, the driver prepares each statement for one execution
	} {
		withGlobalVariable(t, "max_prepared_stmt_count", func(_ *dbtest.Database, db *gorm.DB) string {
			var name string
			var open int64
			must(t, db.Raw("SHOW GLOBAL STATUS LIKE 'Prepared_stmt_count'").Row().Scan(&name, &open))
			return fmt.Sprint(open + c.free)
		}, func(t *testing.T, d *dbtest.Database) {
			db := d.Open(t, dbtest.Setup{MaxOpen: connections, Params: c.params})
			store := newStore(t, db)
			for range 2 {
				checkStore(t, store)
				for _, err := range race(racers, func(i int) error {
					return store.ReplaceUserSession(t.Context(), testSession(fmt.Sprint("racer ", i), "sid"))
				}) {
					must(t, err)
				}
				must(t, errOf(store.DeleteUserSessions(t.Context(), "app", bff.UserSessionsFilter{SubjectID: "alice"})))
			}
		})
	}
}

// TestGlobalVariables_RequiredPrimaryKey: servers can refuse tables without a primary key.
func TestGlobalVariables_RequiredPrimaryKey(t *testing.T) {
	variable := map[bool]string{true: "innodb_force_primary_key", false: "sql_require_primary_key"}
	for _, mariaDB := range []bool{true, false} {
		withGlobalVariable(t, variable[mariaDB], func(d *dbtest.Database, _ *gorm.DB) string {
			if d.IsMariaDB() != mariaDB {
				return ""
			}
			return "1"
		}, func(t *testing.T, d *dbtest.Database) {
			d = d.Engine.New(t)
			db := d.Open(t, dbtest.Setup{})
			if db.Exec("CREATE TABLE without (x int)").Error == nil {
				t.Fatal("the server accepts a table without a primary key")
			}
			d.Migrate(t, db)
			checkStore(t, newStore(t, db))
		})
	}
}
