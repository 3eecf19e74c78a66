package entities_test

import (
	"bytes"
	"log"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"example.com/usersession"
	"example.com/usersession/bff"
	"example.com/usersession/entities"
)

// Device is a team's own entity: the session with another column.
type Device struct {
	entities.UserSession
	Name string `gorm:"size:100;not null;default:unknown;index"`
}

func open(t *testing.T, out *bytes.Buffer) *gorm.DB {
	t.Helper()
	db, err := gorm.Open(dialectorOf(filepath.Join(t.TempDir(), "test.db")), &gorm.Config{
		Logger: logger.New(log.New(out, "", 0), logger.Config{LogLevel: logger.Info}),
	})
	if err != nil {
		t.Fatal(err)
	}
	pool, err := db.DB()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pool.Close() })
	return db
}

func TestAutoMigrate_SecondRun(t *testing.T) {
	for _, entity := range []any{&entities.UserSession{}, &Device{}} {
		var out bytes.Buffer
		db := open(t, &out)
		if err := db.AutoMigrate(entity); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out.String(), "CREATE TABLE") {
			t.Fatalf("%T: the first run created no table: %s", entity, &out)
		}
		out.Reset()
		if err := db.AutoMigrate(entity); err != nil {
			t.Fatal(err)
		}
		for _, word := range []string{"CREATE ", "ALTER ", "DROP "} {
			if strings.Contains(out.String(), word) {
				t.Errorf("%T: the second run changed the schema: %s", entity, &out)
			}
		}
	}
}

// TestEntity_AgreesWithStore writes a row through the entity and reads it with the store,
// and the other way round. The store leaves the team's own column at its default.
func TestEntity_AgreesWithStore(t *testing.T) {
	db := open(t, new(bytes.Buffer))
	if err := db.AutoMigrate(&Device{}); err != nil {
		t.Fatal(err)
	}
	store, err := usersession.NewGormStore(db, usersession.WithTable("devices"))
	if err != nil {
		t.Fatal(err)
	}
	instant := time.Date(2026, 11, 1, 1, 30, 0, 123456000, time.FixedZone("EDT", -4*3600))
	expires := time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
	row := Device{UserSession: entities.UserSession{
		PartitionKey: "app", Key: "by entity", SubjectID: "alice", SessionID: new(entities.Identity("sid")),
		Created: entities.Timestamp{Time: instant}, Renewed: entities.Timestamp{Time: instant},
		Expires: &entities.Timestamp{Time: expires}, Ticket: []byte("ticket"), Version: 1,
	}}
	if err := db.Create(&row).Error; err != nil {
		t.Fatal(err)
	}
	session, err := store.GetUserSession(t.Context(), bff.UserSessionKey{PartitionKey: "app", Key: "by entity"})
	if err != nil {
		t.Fatal(err)
	}
	if !session.Created.Equal(instant) || !session.Expires.Equal(expires) || session.SessionID != "sid" || string(session.Ticket) != "ticket" {
		t.Errorf("the store reads %+v", session)
	}

	session.Key, session.SessionID, session.Expires, session.Ticket = "by store", "", time.Time{}, nil
	if err := store.CreateUserSession(t.Context(), session); err != nil {
		t.Fatal(err)
	}
	var read Device
	if err := db.Where(&entities.UserSession{Key: "by store"}).Take(&read).Error; err != nil {
		t.Fatal(err)
	}
	if read.SessionID != nil || read.Expires != nil || len(read.Ticket) != 0 || read.Name != "unknown" || !read.Created.Equal(instant) || read.Version != 1 {
		t.Errorf("the entity reads %+v", read)
	}
}

// TestTimestamp_Unset binds a zero Timestamp as NULL, which the table refuses, not as the
// year 1.
func TestTimestamp_Unset(t *testing.T) {
	db := open(t, new(bytes.Buffer))
	if err := db.AutoMigrate(&entities.UserSession{}); err != nil {
		t.Fatal(err)
	}
	if err := db.Create(&entities.UserSession{Key: "key", SubjectID: "alice", Ticket: []byte{}}).Error; err == nil {
		t.Error("a row without times was accepted")
	}
	if bound := (entities.Timestamp{}).GormValue(t.Context(), db); bound.SQL != "NULL" || len(bound.Vars) != 0 {
		t.Errorf("GormValue returns %+v, want NULL", bound)
	}
	if value, err := (entities.Timestamp{}).Value(); value != nil || err != nil {
		t.Errorf("Value returns %v, %v, want nil", value, err)
	}
}

// A dialect is a dialector of which only the name is known.
type dialect struct {
	gorm.Dialector
	name string
}

func (d dialect) Name() string { return d.name }

// TestColumnTypes: every dialect compares identities ordinally and keeps microseconds.
func TestColumnTypes(t *testing.T) {
	for name, want := range map[string][2]string{
		"postgres":  {`varchar(200) COLLATE "C"`, "timestamptz"},
		"mysql":     {"varchar(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", "datetime(6)"},
		"sqlserver": {"nvarchar(200) COLLATE Latin1_General_100_BIN2", "datetimeoffset(6)"},
		"sqlite":    {"text", "datetime"},
		"another":   {"varchar(200)", ""},
	} {
		db := &gorm.DB{Config: &gorm.Config{Dialector: dialect{name: name}}}
		got := [2]string{entities.Identity("").GormDBDataType(db, nil), entities.Timestamp{}.GormDBDataType(db, nil)}
		if got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if a, b := (entities.Identity("")).GormDataType(), (entities.Timestamp{}).GormDataType(); a != "string" || b != "time" {
		t.Errorf("GORM's types are %q and %q", a, b)
	}
}
