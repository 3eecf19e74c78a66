package migrationstest

import (
	"fmt"
	"maps"
	"net/url"
	"strings"
	"testing"

	"gorm.io/gorm"

	"example.com/usersession/entities"
	"example.com/usersession/internal/dbtest"
	"example.com/usersession/migrations"
)

// withTimeout returns the parameters with a timeout for idle transactions, without which
// Check has a finding on the server.
func withTimeout(d *dbtest.Database, params url.Values) url.Values {
	all := maps.Clone(params)
	if all == nil {
		all = url.Values{}
	}
	switch {
	case d.Engine == dbtest.PostgreSQL:
		all.Set("idle_in_transaction_session_timeout", "10000")
	case d.IsMariaDB():
		all.Set("idle_transaction_timeout", "10")
	}
	return all
}

// TestDoctor_IdleTransactions reports a server that never ends an idle transaction, as
// harmless, and not one that does. The remedy has the unit that the server needs: a number
// alone is milliseconds on PostgreSQL.
func TestDoctor_IdleTransactions(t *testing.T) {
	settings := map[string]string{"postgres": "idle_in_transaction_session_timeout", "mysql": "idle_transaction_timeout"}
	values := map[string]string{"postgres": " = '10s'", "mysql": " = 10 "}
	dbtest.On(t, []*dbtest.Engine{dbtest.PostgreSQL, dbtest.MySQL}, func(t *testing.T, d *dbtest.Database) {
		setting := settings[d.Engine.Name]
		if d.Engine == dbtest.MySQL && !d.IsMariaDB() {
			t.Run("left out", func(t *testing.T) { t.Skip("MySQL has no such setting") })
			return
		}
		openWith := func(value string) *gorm.DB {
			return d.Open(t, dbtest.Setup{Params: url.Values{setting: {value}}})
		}
		if err := openWith("0").AutoMigrate(&entities.UserSession{}); err != nil {
			t.Fatal(err)
		}
		for value, want := range map[string]int{"0": 1, "10": 0} {
			findings, err := migrations.Check(t.Context(), openWith(value))
			if err != nil || len(findings) != want || want == 1 && (!findings[0].Harmless || !strings.Contains(findings[0].String(), setting+" is 0")) {
				t.Errorf("%s=%s: got the findings %v (%v), want %d", setting, value, findings, err, want)
			}
			if remedy := setting + values[d.Engine.Name]; len(findings) == 1 && !strings.Contains(findings[0].Remedy, remedy) {
				t.Errorf("the remedy lacks %q: %s", remedy, findings[0].Remedy)
			}
		}
	})
}

// TestDoctor_SeveralHosts reports a PostgreSQL DSN with several hosts from which the driver
// does not reach the last host within StoreTimeout.
func TestDoctor_SeveralHosts(t *testing.T) {
	dbtest.On(t, executed, func(t *testing.T, d *dbtest.Database) {
		db := d.Open(t, dbtest.Setup{Params: withTimeout(d, nil)})
		if err := db.AutoMigrate(&entities.UserSession{}); err != nil {
			t.Fatal(err)
		}
		for dsn, want := range map[string]string{
			"postgres://u:secret@h1:1,h2:2/db":                                            "2 hosts and has no connect_timeout",
			"postgres://u:secret@h1:1,h2:2/db?target_session_attrs=any&connect_timeout=5": "connect_timeout is 5s",
			"postgresql://u:secret@h1:1,h2:2,h3:3/db?connect_timeout=3":                   "3 hosts and its connect_timeout is 3s",
			"postgres:///db?host=h1,h2&password=secret":                                   "2 hosts and has no connect_timeout",
			"host=h1,h2 user=u password='s e\\'cret' connect_timeout=0":                   "2 hosts and has no connect_timeout",
			"password='a host=x' host = 'h1,h2' connect_timeout = 10 dbname=db":           "connect_timeout is 10s",
			"postgres://u:secret@h1:1,h2:2/db?connect_timeout=4":                          "",
			"postgres://u:secret@h1:1,h2:2,h3:3/db?connect_timeout=2":                     "",
			"postgres://u:secret@h1:1/db":                                                 "",
			"host=h1 user=u password='h1,h2'":                                             "",
			"host=h1,h2 connect_timeout='2' dbname=db":                                    "",
			"root@tcp(h1:1)/db": "",
			"":                  "",
		} {
			if d.Engine != dbtest.PostgreSQL {
				want = ""
			}
			findings, err := migrations.Check(t.Context(), db, migrations.CheckDSN(dsn))
			if err != nil {
				t.Fatal(err)
			}
			text := fmt.Sprint(findings)
			if (len(findings) == 1) != (want != "") || !strings.Contains(text, want) || want != "" && !findings[0].Harmless {
				t.Errorf("%q: got the findings %v, want %q", dsn, findings, want)
			}
			if strings.Contains(text, "cret") {
				t.Errorf("a finding quotes the DSN: %s", text)
			}
		}
	})
}
