package dbtest_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"testing"

	mysqldriver "github.com/go-sql-driver/mysql"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"example.com/usersession/internal/dbtest"
)

// TestPrivileges_OneTable: the store needs no privileges but SELECT, INSERT, UPDATE and DELETE
// on its table.
func TestPrivileges_OneTable(t *testing.T) {
	dbtest.On(t, []*dbtest.Engine{dbtest.MySQL}, func(t *testing.T, d *dbtest.Database) {
		admin := d.Open(t, dbtest.Setup{})
		d.Migrate(t, admin)
		must(t, admin.Exec("CREATE TABLE another (id int PRIMARY KEY)").Error)
		name, password := "usersession_"+rand.Text()[:8], rand.Text()+"aA1!"
		err := admin.Exec(fmt.Sprintf("CREATE USER %s@'%%' IDENTIFIED BY '%s'", name, password)).Error
		if refused, ok := errors.AsType[*mysqldriver.MySQLError](err); ok && refused.Number == 1227 {
			t.Run("left out", func(t *testing.T) { t.Skipf("the tests' account cannot create another: %v", err) })
			return
		}
		must(t, err)
		t.Cleanup(func() {
			if err := admin.Exec("DROP USER " + name).Error; err != nil {
				t.Error(err)
			}
		})
		must(t, admin.Exec("GRANT SELECT, INSERT, UPDATE, DELETE ON user_sessions TO "+name).Error)

		dsn, err := d.DSN(nil)
		must(t, err)
		config, err := mysqldriver.ParseDSN(dsn)
		must(t, err)
		config.User, config.Passwd = name, password
		db, err := gorm.Open(d.Engine.Dialector(config.FormatDSN()), &gorm.Config{Logger: logger.Discard})
		must(t, err)
		t.Cleanup(func() { _ = dbtest.Pool(t, db).Close() })
		if db.Exec("SELECT * FROM another").Error == nil || db.Exec("CREATE TABLE more (id int PRIMARY KEY)").Error == nil {
			t.Fatal("the account has more privileges")
		}
		store := newStore(t, db)
		checkStore(t, store)
		checkStore(t, store.WithTx(beginTx(t, db)))
	})
}
