package dbtest_test

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"example.com/usersession"
	"example.com/usersession/entities"
	"example.com/usersession/internal/dbtest"
)

// TestCleanup_StaleStatistics: PostgreSQL reads no more rows than those of the batch, also if its statistics
// are from a time when no session had expired.
func TestCleanup_StaleStatistics(t *testing.T) {
	onEnginesExcept(t, []*dbtest.Engine{dbtest.PostgreSQL}, exceptCockroachDB("has plans in a format that the test does not know"), func(t *testing.T, d *dbtest.Database) {
		const sessions, expired, size = 3000, 1000, 100
		recorder := &dbtest.Recorder{}
		db, store := openStore(t, d, dbtest.Setup{Recorder: recorder}, usersession.WithCleanupBatchSize(size))
		must(t, db.Exec("ALTER TABLE user_sessions SET (autovacuum_enabled = false)").Error)
		rows := make([]entities.UserSession, sessions)
		for i := range rows {
			rows[i] = entities.UserSession{
				Key: entities.Identity("key-" + strconv.Itoa(i)), SubjectID: "alice",
				Created: entities.Timestamp{Time: now}, Renewed: entities.Timestamp{Time: now},
				Expires: &entities.Timestamp{Time: now.Add(time.Duration(1+i) * time.Minute)}, Ticket: make([]byte, 300), Version: 1,
			}
		}
		must(t, db.CreateInBatches(rows, 500).Error)
		must(t, db.Exec("ANALYZE user_sessions").Error)
		must(t, db.Exec("UPDATE user_sessions SET expires = ? WHERE id <= ?", entities.Timestamp{Time: now.Add(-time.Hour)}, expired).Error)

		recorder.Take()
		wantDeleted(t, store, expired)
		var batch dbtest.Event
		for _, event := range recorder.Take() {
			if strings.HasPrefix(event.SQL, "WITH picked") {
				batch = event
			}
		}
		must(t, db.Exec("UPDATE user_sessions SET expires = ? WHERE id <= ?", entities.Timestamp{Time: now.Add(-time.Hour)}, 2*expired).Error)
		for _, line := range analyzed(t, dbtest.Pool(t, db), batch) {
			found := scannedRows.FindStringSubmatch(line)
			if found == nil {
				continue
			}
			rows, _ := strconv.Atoi(found[1])
			loops, _ := strconv.Atoi(found[2])
			if rows*loops > size {
				t.Errorf("the batch of %d reads %d rows: %s", size, rows*loops, line)
			}
		}
	})
}

var scannedRows = regexp.MustCompile(`Scan (?:using|on) .*user_sessions.* rows=(\d+)(?:\.\d+)? loops=(\d+)\)`)
