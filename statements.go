package usersession

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"example.com/usersession/bff"
)

// A statements holds the texts of the store's statements, for one table and one dialect.
// There is a fixed number of them, so that each is written, prepared and planned once.
// The comments list the arguments of each statement in order.
type statements struct {
	read           [2]readStatements // the index is plain or exact
	version        string            // key, now
	insert         setter            // partition key, key, values
	insertOrFail   setter            // insert without insertIgnore
	insertEvicting setter            // key, [partition key, session id, key,] partition key, key, values

	update           setter // values, key, now
	updateIf         setter // values, key, now, version
	updateEvicting   setter // key, now, partition key, session id, values
	updateIfEvicting setter // key, now, version, partition key, session id, values

	delete        string // key
	deleteVersion string // key, version

	// The index is the shape of the filter: bySubject, bySession or byBoth.
	deleteMany       [3]string // partition key, filter
	pickMany         [3]string // partition key, filter
	deleteIfMatching [3]string // partition key, filter, id

	// Conflicting rows.
	deleteExpired          string // key, now
	deleteExpiredBySession string // partition key, session id, now
	deleteRivals           string // partition key, session id, key

	// A batch of the cleanup, see cleanupForm.
	deleteReturning string // from, now, size, now
	pickLocked      string // from, now, size
	pick            string // from, now, size
	deletePicked    string // now; the ids take the place of {ids}
	deleteUnforced  string // deletePicked where the server refuses to force an index
	deleteOldest    string // now, size
	deleteReadPast  string // size, from, now
	journalMode     string // SQLite only
}

// A readStatements holds the statements that return sessions.
type readStatements struct {
	get string // key, now

	list [3]string // partition key, filter, now; the index is the shape of the filter

	// Pages for the lister. The index is newestFirst or oldestFirst.
	page          [2]string // partition key, after id, now, size
	pageBySubject [2]string // partition key, subject id, after id, now, size
}

// The ways to read columns.
const (
	plain = iota // the columns alone: a connection's settings can change their values
	exact        // the dialect's timeColumn and textColumn
)

// The shapes of a filter: the columns that it compares.
const (
	bySubject = iota
	bySession
	byBoth
)

// The orders of a listing.
const (
	newestFirst = iota
	oldestFirst
)

// A setter is a statement that writes values, in variants for absent values: a session id
// or an expiry that is absent is NULL in the text, and an absent creation time is not
// written. NULL is not a parameter, because SQL Server needs the type of a parameter. It is not
// the result of NULLIF either, because NULLIF treats every string that the connection's
// collation ignores as equal to the empty string.
type setter [2][2][2]string // by the presence of session id, expiry and creation time

func (s *setter) setting(values bff.UserSessionUpdate) string {
	index := func(present bool) int {
		if present {
			return 1
		}
		return 0
	}
	return s[index(values.SessionID != "")][index(!values.Expires.IsZero())][index(!values.Created.IsZero())]
}

// newStatements returns the statements for the table of c, in the dialect d of db.
func newStatements(db *gorm.DB, d *dialect, c config) *statements {
	const (
		evictRivals = ", rivals AS (DELETE FROM {table} WHERE {in partition} AND {is session} AND NOT ({is the key}) RETURNING {id})"
		afterRivals = " AND (SELECT count(*) FROM rivals) >= 0"
	)
	parts := expand(d, db.Statement.Quote(clause.Table{Name: c.table}), func(column string) string {
		return db.Statement.Quote(clause.Column{Name: column})
	})
	sql := func(text string) string { return bind(db, d, parts.Replace(text)) }
	sets := func(text string) (s setter) { // one text for each combination of absent values
		for i, sessionID := range []string{"NULL", "?i"} {
			for j, expires := range []string{"NULL", "?t"} {
				for k, created := range []string{"", " {created} = ?t,"} {
					s[i][j][k] = sql(strings.NewReplacer(
						"{new session_id}", sessionID, "{new expires}", expires, "{set created}", created,
						"{evict rivals}", []string{"", evictRivals}[i], "{after rivals}", []string{"", afterRivals}[i],
					).Replace(text))
				}
			}
		}
		return s
	}
	const (
		insert   = "INSERT INTO {table} ({partition_key}, {key}, {subject_id}, {session_id}, {created}, {renewed}, {expires}, {version}, {ticket})"
		values   = " VALUES (?i, ?i, ?i, {new session_id}, ?t, ?t, {new expires}, 1, ?b)"
		set      = "UPDATE {table} SET {subject_id} = ?i, {session_id} = {new session_id},{set created} {renewed} = ?t, {expires} = {new expires}, {ticket} = ?b, {version} = {version} + 1"
		update   = set + " WHERE {is key} AND {is live}"
		target   = "WITH target AS (SELECT {id} FROM {table} WHERE {is key} AND {is live}"
		evicting = " FOR UPDATE), evicted AS (DELETE FROM {table} WHERE {in partition} AND {is session} AND {id} <> (SELECT {id} FROM target) RETURNING {id}) " +
			set + " WHERE {id} = (SELECT {id} FROM target) AND (SELECT count(*) FROM evicted) >= 0"
		deleteMany = " WHERE {in partition} AND "
		pickMany   = "SELECT {id} FROM {table} WHERE {in partition} AND "
		pick       = "SELECT {id}, {read expires} FROM {table} WHERE {expires} >= ?t AND {is expired} ORDER BY {expires}{limit}"
	)
	deleteUnique := cmp.Or(d.deleteUnique, "DELETE FROM {table}")
	return &statements{
		read:    [2]readStatements{plain: newReadStatements(sql, "{plain "), exact: newReadStatements(sql, "{")},
		version: sql("SELECT {version} FROM {table} WHERE {is key} AND {is live}"),

		insert:       sets(insert + values + "{or ignore}"),
		insertOrFail: sets(insert + values),
		// The INSERT depends on the DELETEs, so that the unique indexes are free before
		// the INSERT needs them. It ignores no conflict: an error undoes the DELETEs.
		insertEvicting: sets("WITH evicted AS (DELETE FROM {table} WHERE {is key} RETURNING {id}){evict rivals} " + insert +
			" SELECT ?i, ?i, ?i, {new session_id}, ?t, ?t, {new expires}, 1, ?b WHERE (SELECT count(*) FROM evicted) >= 0{after rivals}"),

		update:   sets(update),
		updateIf: sets(update + " AND {version} = ?n"),
		// The DELETE depends on the locked target, and the UPDATE on the DELETE: without
		// a row to update no row is deleted, and the unique index is free before the
		// UPDATE needs it.
		updateEvicting:   sets(target + evicting),
		updateIfEvicting: sets(target + " AND {version} = ?n" + evicting),

		delete:        sql(deleteUnique + " WHERE {is key}"),
		deleteVersion: sql(deleteUnique + " WHERE {is key} AND {version} = ?n"),

		deleteMany: [3]string{
			bySubject: sql("DELETE FROM {table}" + deleteMany + "{is subject}"),
			bySession: sql(deleteUnique + deleteMany + "{is session}"),
			byBoth:    sql(deleteUnique + deleteMany + "{is subject} AND {is session}"),
		},

		pickMany: [3]string{
			bySubject: sql(pickMany + "{is subject}"),
			bySession: sql(pickMany + "{is session}"),
			byBoth:    sql(pickMany + "{is subject} AND {is session}"),
		},
		deleteIfMatching: [3]string{
			bySubject: sql(deleteUnique + deleteMany + "{is subject} AND {id} = ?n"),
			bySession: sql(deleteUnique + deleteMany + "{is session} AND {id} = ?n"),
			byBoth:    sql(deleteUnique + deleteMany + "{is subject} AND {is session} AND {id} = ?n"),
		},

		deleteExpired:          sql(deleteUnique + " WHERE {is key} AND {is expired}"),
		deleteExpiredBySession: sql(deleteUnique + " WHERE {in partition} AND {is session} AND {is expired}"),
		deleteRivals:           sql(deleteUnique + " WHERE {in partition} AND {is session} AND NOT ({is the key})"),

		pick:           sql(pick),
		pickLocked:     sql(pick + " FOR UPDATE SKIP LOCKED"),
		deletePicked:   sql(cmp.Or(d.deleteByID, "DELETE FROM {table}") + " WHERE {is expired} AND {id} IN ({ids})"),
		deleteUnforced: sql("DELETE FROM {table} WHERE {is expired} AND {id} IN ({ids})"),
		deleteReturning: sql("WITH picked AS (" + pick + " FOR UPDATE SKIP LOCKED)," +
			// The planner must find the rows by id and not read all expired rows, whatever its
			// statistics say. So the ids are in an array, which rules out a join, and the
			// expiry is checked in a form that no index serves.
			" gone AS (DELETE FROM {table} WHERE {id} = ANY (ARRAY(SELECT {id} FROM picked)) AND ({is expired}) IS TRUE RETURNING {id})" +
			" SELECT (SELECT count(*) FROM picked), (SELECT count(*) FROM gone), (SELECT max({expires}) FROM picked)"),
		deleteOldest: sql("DELETE FROM {table} WHERE {id} IN (SELECT {id} FROM {table} WHERE {is expired} ORDER BY {expires}{limit})"),
		deleteReadPast: sql("SET TRANSACTION ISOLATION LEVEL READ COMMITTED; DECLARE @gone TABLE (expires datetimeoffset(6));" +
			" WITH picked AS (SELECT TOP (?n) {expires} FROM {table} WITH (READPAST, UPDLOCK, ROWLOCK, READCOMMITTEDLOCK)" +
			" WHERE {expires} >= ?t AND {is expired} ORDER BY {expires})" +
			" DELETE FROM picked OUTPUT deleted.{expires} INTO @gone;" +
			" SELECT COUNT(*) AS " + reportColumn + ", COUNT(*), MAX(expires) FROM @gone"),
		journalMode: "PRAGMA journal_mode",
	}
}

// newReadStatements returns the statements that read sessions. prefix is "{plain " for statements
// that select {plain columns}, the columns as they are, or "{" for statements that select {columns},
// which convert values so that no setting of the connection changes them. See expand.
func newReadStatements(sql func(text string) string, prefix string) readStatements {
	list := "SELECT " + prefix + "columns}, {ticket} FROM {table} WHERE {in partition} AND "
	page := "SELECT " + prefix + "columns}, {id} FROM {table} WHERE {in partition} AND "
	return readStatements{
		get: sql("SELECT " + prefix + "columns but key}, {ticket} FROM {table} WHERE {is key} AND {is live}"),
		list: [3]string{
			bySubject: sql(list + "{is subject} AND {is live} ORDER BY {id}"),
			bySession: sql(list + "{is session} AND {is live} ORDER BY {id}"),
			byBoth:    sql(list + "{is subject} AND {is session} AND {is live} ORDER BY {id}"),
		},
		page: [2]string{
			newestFirst: sql(page + "{id} < ?n AND {is live} ORDER BY {id} DESC{limit}"),
			oldestFirst: sql(page + "{id} > ?n AND {is live} ORDER BY {id}{limit}"),
		},
		pageBySubject: [2]string{
			newestFirst: sql(page + "{is subject} AND {id} < ?n AND {is live} ORDER BY {id} DESC{limit}"),
			oldestFirst: sql(page + "{is subject} AND {id} > ?n AND {is live} ORDER BY {id}{limit}"),
		},
	}
}

// bind replaces the placeholders of a text by those of the dialect. A placeholder is a ?
// and the kind of its argument: ?i is an identity, ?t a time, ?n a number, ?b a ticket.
func bind(db *gorm.DB, d *dialect, text string) string {
	var bound strings.Builder
	var kinds []byte
	stmt := &gorm.Statement{DB: db}
	for i, part := range strings.Split(text, "?") {
		if i > 0 {
			kinds = append(kinds, part[0])
			part = part[1:]
			stmt.Vars = append(stmt.Vars, nil)
			db.Dialector.BindVarTo(&bound, stmt, nil)
		}
		bound.WriteString(part)
	}
	if d.wrap == nil {
		return bound.String()
	}
	return d.wrap(bound.String(), kinds)
}

// expand returns the replacer for the names in braces in the statements' texts. {columns} are
// the columns that a scanner reads, except the last one: the ticket or the id. {plain columns} are
// the same columns without the dialect's conversions of text and time. {columns but key} leaves
// out the key only where knowsKey is true.
func expand(d *dialect, table string, quote func(column string) string) *strings.Replacer {
	is := func(column string) string {
		compared := quote(column) + " = ?i"
		if d.ordinal == "" {
			return compared
		}
		return compared + " AND " + fmt.Sprintf(d.ordinal, quote(column))
	}
	read := func(column string) string { return fmt.Sprintf(cmp.Or(d.timeColumn, "%[1]s"), quote(column)) }
	text := func(column string) string { return fmt.Sprintf(cmp.Or(d.textColumn, "%[1]s"), quote(column)) }
	columns := func(text, read func(string) string, key bool) string {
		names := []string{text("subject_id"), text("session_id"), read("created"), read("renewed"), read("expires"), quote("version")}
		if key {
			names = slices.Insert(names, 0, text("key"))
		}
		return strings.Join(names, ", ")
	}
	replacements := []string{
		"{table}", table,
		"{columns}", columns(text, read, true),
		"{columns but key}", columns(text, read, !d.knowsKey()),
		"{plain columns}", columns(quote, quote, true),
		"{plain columns but key}", columns(quote, quote, !d.knowsKey()),
		"{read expires}", read("expires"),
		"{in partition}", is("partition_key"),
		"{is key}", is("partition_key") + " AND " + is("key"),
		"{is the key}", is("key"),
		"{is subject}", is("subject_id"),
		"{is session}", is("session_id"),
		"{is live}", "(" + quote("expires") + " IS NULL OR " + quote("expires") + " > ?t)",
		"{is expired}", quote("expires") + " <= ?t", // never true of NULL
		"{limit}", d.limit,
		"{or ignore}", d.insertIgnore,
	}
	for _, column := range []string{
		"id", "partition_key", "key", "subject_id", "session_id", "created", "renewed", "expires", "ticket", "version",
	} {
		replacements = append(replacements, "{"+column+"}", quote(column))
	}
	return strings.NewReplacer(replacements...)
}
