package migrationstest

import (
	"testing"
	"time"

	"example.com/usersession/entities"
	"example.com/usersession/internal/dbtest"
	"example.com/usersession/migrations"
)

// ownSession is a session that does not embed entities.UserSession, without a column and an
// index of it, and with a column that is too short and one that folds case.
type ownSession struct {
	ID           int64
	PartitionKey entities.Identity   `gorm:"not null;uniqueIndex:own_key,priority:1;index:own_subject,priority:1"`
	Key          string              `gorm:"size:100;not null;uniqueIndex:own_key,priority:2"`
	SubjectID    entities.Identity   `gorm:"not null;index:own_subject,priority:2"`
	SessionID    *entities.Identity  `gorm:"index:own_subject,priority:3"`
	Created      entities.Timestamp  `gorm:"not null"`
	Renewed      entities.Timestamp  `gorm:"not null"`
	Expires      *entities.Timestamp `gorm:"index:own_expires"`
	Ticket       []byte              `gorm:"not null"`
}

// TestDoctor_ModelLacksColumn: doctor also compares the team's model with the store's needs, since
// a table that agrees with an unfit model is unfit.
func TestDoctor_ModelLacksColumn(t *testing.T) {
	dbtest.On(t, executed, func(t *testing.T, d *dbtest.Database) {
		db := d.Open(t, dbtest.Setup{Params: withTimeout(d, nil)})
		if err := db.AutoMigrate(&ownSession{}); err != nil {
			t.Fatal(err)
		}
		findings, err := migrations.Check(t.Context(), db, &ownSession{})
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{
			"own_sessions.version: the model *migrationstest.ownSession lacks the column",
			"own_sessions.version: the column is missing",
			"own_sessions.idx_user_sessions_session: the index is missing: unique on (partition_key, session_id)",
		} {
			if !found(findings, want, "") {
				t.Errorf("%q is not in %v", want, findings)
			}
		}
		if d.Engine != dbtest.SQLite && !found(findings, "own_sessions.key: in the model *migrationstest.ownSession: the column is too short", "embed") {
			t.Errorf("the short column is not in %v", findings)
		}
		if found(findings, "own_sessions.own_expires", "") || found(findings, "own_sessions.idx_user_sessions_expires", "") {
			t.Errorf("an index with a name of the team's is not recognised: %v", findings)
		}
	})
}

// TestDoctor_SeveralModels checks the tables of all models, in any order.
func TestDoctor_SeveralModels(t *testing.T) {
	dbtest.On(t, executed, func(t *testing.T, d *dbtest.Database) {
		db := d.Open(t, dbtest.Setup{Params: withTimeout(d, nil)})
		check := func() []migrations.Finding {
			t.Helper()
			findings, err := migrations.Check(t.Context(), db, &fullGadget{}, &device{})
			if err != nil {
				t.Fatal(err)
			}
			return findings
		}
		if findings := check(); len(findings) != 2 || !found(findings, "devices: the table is missing", "") || !found(findings, "gadgets: the table is missing", "") {
			t.Errorf("without tables: %v", findings)
		}
		if err := db.AutoMigrate(&gadget{}, &entities.UserSession{}); err != nil {
			t.Fatal(err)
		}
		mustExec(t, db, "ALTER TABLE user_sessions RENAME TO devices", "CREATE UNIQUE INDEX own ON gadgets (name)")
		findings := check()
		if found(findings, "gadgets.own", "") {
			t.Errorf("the unique index of a table that the store does not use is reported: %v", findings)
		}
		for _, want := range []string{"gadgets.weight: the column is missing", "gadgets.idx_gadgets_weight: the index is missing", "devices.device: the column is missing", "devices.idx_devices_device: the index is missing"} {
			if !found(findings, want, "") {
				t.Errorf("%q is not in %v", want, findings)
			}
		}
		if err := db.AutoMigrate(&fullGadget{}, &device{}); err != nil {
			t.Fatal(err)
		}
		if findings := check(); len(findings) > 0 {
			t.Errorf("with all tables: %v", findings)
		}
	})
}

// TestDoctor_UnknownArgument refuses an argument that is neither a model nor an option.
func TestDoctor_UnknownArgument(t *testing.T) {
	dbtest.On(t, []*dbtest.Engine{dbtest.SQLite}, func(t *testing.T, d *dbtest.Database) {
		db := d.Open(t, dbtest.Setup{})
		for _, arg := range []any{"user_sessions", nil, 7, time.Now} {
			if _, err := migrations.Check(t.Context(), db, arg); err == nil {
				t.Errorf("%v was accepted", arg)
			}
		}
	})
}
