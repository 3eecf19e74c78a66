package usersession

import (
	"fmt"
	"strings"
)

// A statements holds the text of everything the store asks of its table. The shapes
// are fixed, so that each is prepared and planned once. ? stands for a parameter;
// GORM writes it as the dialect does.
type statements struct {
	get     string // key, now
	version string // key, now
	insert  string // partition key, key, then the values

	update   string // values, key, now
	updateIf string // values, key, now, version
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
	deletePicked    string // now; the ids follow
	deleteBatch     string // now, size
	deleteReadPast  string // size, now, now

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

// The columns that a SELECT returns, in the order in which scanSession reads them.
// The last one is the ticket, or for the lister the id.
var selected = []string{"key", "subject_id", "session_id", "created", "renewed", "expires", "version"}

func newStatements(d *dialect, table string, quote func(string) string) *statements {
	is := func(column string) string {
		column = quote(column)
		plain := column + " = ?"
		if d.ordinal == "" {
			return plain
		}
		return plain + " AND " + fmt.Sprintf(d.ordinal, column)
	}
	var (
		id, version  = quote("id"), quote("version")
		expires      = quote("expires")
		isKey        = is("partition_key") + " AND " + is("key")
		isLive       = "(" + expires + " IS NULL OR " + expires + " > ?)"
		isExpired    = expires + " <= ?" // as wanted, never true of NULL
		isIn         = is("partition_key")
		selectFrom   = func(last string) string { return "SELECT " + selectList(d, quote, last) + " FROM " + table }
		deleteFrom   = "DELETE FROM " + table + " WHERE "
		matches      = [3]string{is("subject_id"), is("session_id"), is("subject_id") + " AND " + is("session_id")}
		updateValues = "UPDATE " + table + " SET " + quote("subject_id") + " = ?, " + quote("session_id") + " = NULLIF(?, ''), " +
			quote("created") + " = ?, " + quote("renewed") + " = ?, " + expires + " = ?, " + quote("ticket") + " = ?, " +
			version + " = " + version + " + 1 WHERE " + isKey + " AND " + isLive
	)
	s := &statements{
		get:     selectFrom("ticket") + " WHERE " + isKey + " AND " + isLive,
		version: "SELECT " + version + " FROM " + table + " WHERE " + isKey + " AND " + isLive,

		// The ticket comes last: GORM makes an empty one right after a
		// parenthesis NULL.
		insert: "INSERT INTO " + table + " (" + quoteAll(quote, "partition_key", "key", "subject_id", "session_id", "created", "renewed", "expires", "version", "ticket") + ")" +
			" VALUES (?, ?, ?, NULLIF(?, ''), ?, ?, ?, 1, ?)" + d.insertIgnore,

		update:   updateValues,
		updateIf: updateValues + " AND " + version + " = ?",
		delete:   deleteFrom + isKey,

		deleteExpired:          deleteFrom + isKey + " AND " + isExpired,
		deleteExpiredBySession: deleteFrom + isIn + " AND " + matches[bySession] + " AND " + isExpired,
	}
	s.pick = "SELECT " + id + ", " + fmt.Sprintf(d.timeColumn, expires) + " FROM " + table +
		" WHERE " + expires + " >= ? AND " + isExpired + " ORDER BY " + expires + d.page
	s.pickLocked = s.pick + " FOR UPDATE SKIP LOCKED"
	s.deletePicked = deleteFrom + isExpired + " AND " + id + " IN "
	s.deleteReturning = "WITH picked AS (" + s.pickLocked + ")," +
		" gone AS (" + deleteFrom + id + " IN (SELECT " + id + " FROM picked) AND " + isExpired + " RETURNING " + id + ")" +
		" SELECT (SELECT count(*) FROM picked), (SELECT count(*) FROM gone), (SELECT max(" + expires + ") FROM picked)"
	s.deleteBatch = deleteFrom + id + " IN (SELECT " + id + " FROM " + table + " WHERE " + isExpired + " ORDER BY " + expires + d.page + ")"
	s.deleteReadPast = "DELETE FROM " + table + " WITH (READPAST, ROWLOCK) WHERE " + id + " IN (SELECT TOP (?) " + id +
		" FROM " + table + " WITH (READPAST, UPDLOCK, ROWLOCK) WHERE " + isExpired + " ORDER BY " + expires + ") AND " + isExpired
	for i, match := range matches {
		s.list[i] = selectFrom("ticket") + " WHERE " + isIn + " AND " + match + " AND " + isLive + " ORDER BY " + id
		s.deleteMany[i] = deleteFrom + isIn + " AND " + match
	}
	for i, order := range []string{newestFirst: " < ? AND " + isLive + " ORDER BY " + id + " DESC" + d.page, oldestFirst: " > ? AND " + isLive + " ORDER BY " + id + d.page} {
		s.page[i] = selectFrom("id") + " WHERE " + isIn + " AND " + id + order
		s.pageBySubject[i] = selectFrom("id") + " WHERE " + isIn + " AND " + matches[bySubject] + " AND " + id + order
	}
	return s
}

func selectList(d *dialect, quote func(string) string, last string) string {
	var columns []string
	for _, column := range selected {
		switch quoted := quote(column); column {
		case "created", "renewed", "expires":
			columns = append(columns, fmt.Sprintf(d.timeColumn, quoted))
		default:
			columns = append(columns, quoted)
		}
	}
	return strings.Join(append(columns, quote(last)), ", ")
}

func quoteAll(quote func(string) string, columns ...string) string {
	quoted := make([]string, len(columns))
	for i, column := range columns {
		quoted[i] = quote(column)
	}
	return strings.Join(quoted, ", ")
}
