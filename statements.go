package usersession

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// A statements holds the text of everything the store asks of its table, as its
// database takes it. The shapes are fixed, so that each is written, prepared and
// planned once.
type statements struct {
	get     string // key, now
	version string // key, now
	insert  setter // partition key, key, then the values

	update   setter // values, key, now
	updateIf setter // values, key, now, version
	delete   string // key

	// By what a filter names: see the constants below.
	list       [3]string // partition key, filter, now
	deleteMany [3]string // partition key, filter

	// What gives way to a new session because it has expired.
	deleteExpired          string // key, now
	deleteExpiredBySession string // partition key, session id, now

	// A batch of the cleanup, see cleanupForm.
	deleteReturning string // from, now, size, now
	pickLocked      string // from, now, size
	pick            string // from, now, size
	deletePicked    string // now; the ids follow in parentheses
	deleteBatch     string // now, size
	deleteReadPast  string // now, now
	journalMode     string // SQLite's

	// Pages for the lister, newest and oldest first.
	page          [2]string // partition key, after id, now, size
	pageBySubject [2]string // partition key, subject id, after id, now, size
}

// What a filter names.
const (
	bySubject = iota
	bySession
	byBoth
)

// How a lister orders.
const (
	newestFirst = iota
	oldestFirst
)

// A setter is a statement that sets a session id and an expiry: to parameters, or,
// where one is absent, to NULL. That is part of the text, for SQL Server wants to know
// a parameter's type, and a NULLIF in SQL would also take for empty what the
// connection's collation ignores.
type setter [2][2]string // by whether there is a session id, and an expiry

func (s *setter) setting(sessionID string, expires time.Time) string {
	var i, j int
	if sessionID != "" {
		i = 1
	}
	if !expires.IsZero() {
		j = 1
	}
	return s[i][j]
}

// newStatements writes the statements for the table that c names, in the words of d, the
// dialect of db.
func newStatements(db *gorm.DB, d *dialect, c config) *statements {
	parts := expand(d, db.Statement.Quote(clause.Table{Name: c.table}), func(column string) string {
		return db.Statement.Quote(clause.Column{Name: column})
	})
	sql := func(text string) string { return bind(db, parts.Replace(text)) }
	sets := func(text string) (s setter) {
		for i, sessionID := range []string{"NULL", "?"} {
			for j, expires := range []string{"NULL", "?"} {
				s[i][j] = sql(strings.NewReplacer("{new session_id}", sessionID, "{new expires}", expires).Replace(text))
			}
		}
		return s
	}
	const (
		update     = "UPDATE {table} SET {subject_id} = ?, {session_id} = {new session_id}, {created} = ?, {renewed} = ?, {expires} = {new expires}, {ticket} = ?, {version} = {version} + 1 WHERE {is key} AND {is live}"
		list       = "SELECT {columns}, {ticket} FROM {table} WHERE {in partition} AND "
		deleteMany = "DELETE FROM {table} WHERE {in partition} AND "
		page       = "SELECT {columns}, {id} FROM {table} WHERE {in partition} AND "
		pick       = "SELECT {id}, {read expires} FROM {table} WHERE {expires} >= ? AND {is expired} ORDER BY {expires}{limit}"
	)
	return &statements{
		get:     sql("SELECT {columns}, {ticket} FROM {table} WHERE {is key} AND {is live}"),
		version: sql("SELECT {version} FROM {table} WHERE {is key} AND {is live}"),

		insert: sets("INSERT INTO {table} ({partition_key}, {key}, {subject_id}, {session_id}, {created}, {renewed}, {expires}, {version}, {ticket})" +
			" VALUES (?, ?, ?, {new session_id}, ?, ?, {new expires}, 1, ?){or ignore}"),

		update:   sets(update),
		updateIf: sets(update + " AND {version} = ?"),
		delete:   sql("DELETE FROM {table} WHERE {is key}"),

		list: [3]string{
			bySubject: sql(list + "{is subject} AND {is live} ORDER BY {id}"),
			bySession: sql(list + "{is session} AND {is live} ORDER BY {id}"),
			byBoth:    sql(list + "{is subject} AND {is session} AND {is live} ORDER BY {id}"),
		},
		deleteMany: [3]string{
			bySubject: sql(deleteMany + "{is subject}"),
			bySession: sql(deleteMany + "{is session}"),
			byBoth:    sql(deleteMany + "{is subject} AND {is session}"),
		},

		deleteExpired:          sql("DELETE FROM {table} WHERE {is key} AND {is expired}"),
		deleteExpiredBySession: sql("DELETE FROM {table} WHERE {in partition} AND {is session} AND {is expired}"),

		page: [2]string{
			newestFirst: sql(page + "{id} < ? AND {is live} ORDER BY {id} DESC{limit}"),
			oldestFirst: sql(page + "{id} > ? AND {is live} ORDER BY {id}{limit}"),
		},
		pageBySubject: [2]string{
			newestFirst: sql(page + "{is subject} AND {id} < ? AND {is live} ORDER BY {id} DESC{limit}"),
			oldestFirst: sql(page + "{is subject} AND {id} > ? AND {is live} ORDER BY {id}{limit}"),
		},

		pick:         sql(pick),
		pickLocked:   sql(pick + " FOR UPDATE SKIP LOCKED"),
		deletePicked: sql("DELETE FROM {table} WHERE {is expired} AND {id} IN "),
		deleteReturning: sql("WITH picked AS (" + pick + " FOR UPDATE SKIP LOCKED)," +
			" gone AS (DELETE FROM {table} WHERE {id} IN (SELECT {id} FROM picked) AND {is expired} RETURNING {id})" +
			" SELECT (SELECT count(*) FROM picked), (SELECT count(*) FROM gone), (SELECT max({expires}) FROM picked)"),
		deleteBatch: sql("DELETE FROM {table} WHERE {id} IN (SELECT {id} FROM {table} WHERE {is expired} ORDER BY {expires}{limit})"),
		deleteReadPast: sql("DELETE FROM {table} WITH (READPAST, ROWLOCK) WHERE {is expired} AND {id} IN" +
			" (SELECT TOP (" + strconv.Itoa(c.cleanupBatch) + ") {id} FROM {table} WITH (READPAST, UPDLOCK, ROWLOCK) WHERE {is expired} ORDER BY {expires})"),
		journalMode: "PRAGMA journal_mode",
	}
}

// bind writes parameters, ? until here, as the dialect does.
func bind(db *gorm.DB, text string) string {
	var bound strings.Builder
	stmt := &gorm.Statement{DB: db}
	for i, part := range strings.Split(text, "?") {
		if i > 0 {
			stmt.Vars = append(stmt.Vars, nil)
			db.Dialector.BindVarTo(&bound, stmt, nil)
		}
		bound.WriteString(part)
	}
	return bound.String()
}

// expand returns what the statements' texts leave to the dialect. {columns} are what
// scanRow reads, less the last.
func expand(d *dialect, table string, quote func(column string) string) *strings.Replacer {
	is := func(column string) string {
		plain := quote(column) + " = ?"
		if d.ordinal == "" {
			return plain
		}
		return plain + " AND " + fmt.Sprintf(d.ordinal, quote(column))
	}
	read := func(column string) string { return fmt.Sprintf(d.timeColumn, quote(column)) }
	columns := []string{
		quote("key"), quote("subject_id"), quote("session_id"), read("created"), read("renewed"), read("expires"), quote("version"),
	}
	replacements := []string{
		"{table}", table,
		"{columns}", strings.Join(columns, ", "),
		"{read expires}", read("expires"),
		"{in partition}", is("partition_key"),
		"{is key}", is("partition_key") + " AND " + is("key"),
		"{is subject}", is("subject_id"),
		"{is session}", is("session_id"),
		"{is live}", "(" + quote("expires") + " IS NULL OR " + quote("expires") + " > ?)",
		"{is expired}", quote("expires") + " <= ?", // never true of NULL
		"{limit}", d.page,
		"{or ignore}", d.insertIgnore,
	}
	for _, column := range []string{
		"id", "partition_key", "key", "subject_id", "session_id", "created", "renewed", "expires", "ticket", "version",
	} {
		replacements = append(replacements, "{"+column+"}", quote(column))
	}
	return strings.NewReplacer(replacements...)
}
