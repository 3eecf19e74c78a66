package dbtest_test

import (
	"database/sql"
	"fmt"
	"log/slog"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"example.com/usersession"
	"example.com/usersession/entities"
	"example.com/usersession/internal/dbtest"
)

// TestCleanup_ReadsNoDeletedRows: PostgreSQL keeps the index entries of deleted rows while
// an older transaction is open. A batch of the cleanup does not read the entries of the
// rows that earlier batches deleted.
func TestCleanup_ReadsNoDeletedRows(t *testing.T) {
	onEnginesExcept(t, []*dbtest.Engine{dbtest.PostgreSQL}, exceptCockroachDB("does not report the pages that a statement reads"), func(t *testing.T, d *dbtest.Database) {
		const batches, size = 20, 100
		recorder, log := &dbtest.Recorder{}, &batchLog{}
		db, store := openStore(t, d, dbtest.Setup{Recorder: recorder},
			usersession.WithCleanupBatchSize(size), usersession.WithLogger(slog.New(log)))
		rows := make([]entities.UserSession, batches*size)
		for i := range rows {
			ago := 1 + i*7919%len(rows) // neighbours in the index are far apart in the table
			rows[i] = entities.UserSession{
				Key: entities.Identity(fmt.Sprint("key-", i)), SubjectID: "alice",
				Created: entities.Timestamp{Time: now}, Renewed: entities.Timestamp{Time: now},
				Expires: &entities.Timestamp{Time: now.Add(-time.Duration(ago) * time.Second)}, Ticket: []byte{}, Version: 1,
			}
		}
		must(t, db.CreateInBatches(rows, 500).Error)
		must(t, db.Exec("ANALYZE user_sessions").Error)
		older := beginTx(t, db, &sql.TxOptions{Isolation: sql.LevelRepeatableRead})
		must(t, older.Exec("SELECT 1 FROM user_sessions LIMIT 1").Error)

		var pages []int
		log.each = func() {
			if n := len(log.deleted); n != 1 && n != batches-1 {
				return
			}
			var batch dbtest.Event
			for _, event := range recorder.Take() {
				if strings.HasPrefix(event.SQL, "WITH picked") {
					batch = event
				}
			}
			pages = append(pages, pagesOf(t, dbtest.Pool(t, db), batch))
		}
		wantDeleted(t, store, batches*size)
		if len(pages) != 2 || pages[1] > 2*pages[0] {
			t.Errorf("the first and the last but one batch, executed again, read %d pages; want about the same number", pages)
		}
	})
}

var buffers = regexp.MustCompile(`Buffers: shared (?:hit=(\d+))?(?: read=(\d+))?`)

// pagesOf executes a recorded statement again, see analyzed, and returns the number of pages that
// PostgreSQL read.
func pagesOf(t *testing.T, pool *sql.DB, event dbtest.Event) int {
	t.Helper()
	for _, line := range analyzed(t, pool, event) {
		if found := buffers.FindStringSubmatch(line); found != nil { // the first line is the sum
			hit, _ := strconv.Atoi(found[1])
			read, _ := strconv.Atoi(found[2])
			return hit + read
		}
	}
	t.Fatal("the plan has no line with buffers")
	return 0
}

// analyzed executes a recorded statement again, in a transaction that it rolls back, and returns
// the lines of PostgreSQL's plan with what it did.
func analyzed(t *testing.T, pool *sql.DB, event dbtest.Event) (lines []string) {
	t.Helper()
	tx, err := pool.BeginTx(t.Context(), nil)
	must(t, err)
	defer func() { _ = tx.Rollback() }()
	var args []any
	for _, arg := range event.Args {
		args = append(args, arg.Value)
	}
	rows, err := tx.QueryContext(t.Context(), "EXPLAIN (ANALYZE, BUFFERS) "+event.SQL, args...)
	must(t, err)
	defer rows.Close()
	for rows.Next() {
		var line string
		must(t, rows.Scan(&line))
		lines = append(lines, line)
	}
	must(t, rows.Err())
	return lines
}
