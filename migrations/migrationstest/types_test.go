package migrationstest

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"example.com/usersession/internal/dbtest"
	"example.com/usersession/migrations"
)

// many has columns of all kinds that GORM has a type for, some with defaults.
type many struct {
	ID        int64  `gorm:"primaryKey"`
	Tiny      int8   `gorm:"not null;default:-1"`
	Small     int16  `gorm:"default:2"`
	Medium    int32  `gorm:"index"`
	Unsigned  uint32 `gorm:"not null;default:7"`
	Flag      bool   `gorm:"not null;default:true"`
	Off       *bool  `gorm:"default:false"`
	Single    float32
	Double    float64 `gorm:"default:1.5"`
	Price     float64 `gorm:"type:decimal(10,2);default:0"`
	Short     string  `gorm:"size:20;not null;default:''"`
	Fixed     string  `gorm:"type:char(36)"`
	Long      string
	Bytes     []byte
	At        time.Time  `gorm:"precision:6;not null"`
	Sometimes *time.Time `gorm:"precision:3"`
	// MySQL refuses the default for GORM's own type, datetime(3).
	Since time.Time `gorm:"type:timestamp;default:CURRENT_TIMESTAMP"`
}

// TestCompare_ColumnTypes compares columns of many types with the catalogue of a migrated
// database and of one that AutoMigrate made: there is no difference.
func TestCompare_ColumnTypes(t *testing.T) {
	dbtest.On(t, executed, func(t *testing.T, d *dbtest.Database) {
		dir := t.TempDir()
		add(t, dir, step{name: "init", models: []any{&many{}}})
		project := team(dir, &many{})
		mustRun(t, project, "verify", dsnOf(t, d))
		mustRun(t, project, "up", dsnOf(t, d))
		mustRun(t, project, "baseline", "20260301120000", dsnOf(t, d)) // compares
		db := d.Open(t, dbtest.Setup{})
		mustExec(t, db, "DROP TABLE manies", "DROP TABLE usersession_schema_version")
		if err := db.AutoMigrate(&many{}); err != nil {
			t.Fatal(err)
		}
		mustRun(t, project, "baseline", "20260301120000", dsnOf(t, d))
	})
}

// long and short are the same table.
type long struct {
	ID   int64  `gorm:"primaryKey"`
	Text string `gorm:"size:20;not null"`
}
type short struct {
	ID   int64  `gorm:"primaryKey"`
	Text string `gorm:"size:3;not null"`
}

func (long) TableName() string  { return "texts" }
func (short) TableName() string { return "texts" }

// TestUp_NarrowedColumnWithLongValue makes a column shorter than a value in it: the
// migration fails and the value stays, on MySQL also without strict mode.
func TestUp_NarrowedColumnWithLongValue(t *testing.T) {
	dbtest.On(t, []*dbtest.Engine{dbtest.PostgreSQL, dbtest.MySQL}, func(t *testing.T, d *dbtest.Database) {
		var params url.Values
		if d.Engine == dbtest.MySQL {
			params = url.Values{"sql_mode": {"''"}}
		}
		dsn, err := d.DSN(params)
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		add(t, dir, step{name: "init", models: []any{&long{}}})
		mustRun(t, team(dir, &long{}), "up", "-dsn="+dsn)
		db := d.Open(t, dbtest.Setup{})
		mustExec(t, db, "INSERT INTO texts (text) VALUES ('abcdefgh')")
		add(t, dir, step{name: "shorter", models: []any{&short{}}, options: migrations.AddOptions{AllowDestructive: true}})
		out, err := run(t, team(dir, &short{}), "up", "-dsn="+dsn)
		if err == nil || !strings.Contains(err.Error(), "too long") && !strings.Contains(err.Error(), "truncated") {
			t.Errorf("got %v, want an error that the value is too long\n%s", err, out)
		}
		var text string
		if err := db.Raw("SELECT text FROM texts").Row().Scan(&text); err != nil || text != "abcdefgh" {
			t.Errorf("the value is now %q (%v)", text, err)
		}
	})
}
