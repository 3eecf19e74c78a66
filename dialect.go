package usersession

import (
	"database/sql"
	"slices"
	"strings"
)

// A dialect is everything in which databases differ as far as the store is
// concerned. Column types, which differ too, are in package entities; how a time is
// bound, which both need, is in internal/sqltime.
type dialect struct {
	name string

	// ordinal is a condition that makes the comparison of a column (%[1]s) with a
	// parameter exact, whatever the column's collation. It stands beside a plain
	// comparison, which finds the row by its index. "" where none is known.
	ordinal string

	// insertIgnore follows an INSERT and makes it insert nothing, rather than
	// fail, on a conflict with any unique index. "" where an INSERT fails.
	insertIgnore string

	// timeColumn reads a time column (%[1]s).
	timeColumn string

	// page limits a SELECT that has an ORDER BY to a parameter's number of rows.
	page string

	// isolation is that of the transaction that resolves a conflict.
	isolation sql.IsolationLevel

	// savepoint, rollbackTo and release are a transaction within the caller's.
	savepoint, rollbackTo, release string

	// errorsAbort says that an error inside a transaction makes every further
	// statement of it fail.
	errorsAbort bool

	// cleanup is how expired sessions are deleted, cleanupBatch how many of them at
	// once. Rows that somebody else has locked are skipped.
	cleanup      cleanupForm
	cleanupBatch int

	// prepare says that preparing statements makes them faster.
	prepare bool

	// Error codes, as errorCode returns them.
	duplicate, retry []string
	// retryText has, for a code that stands for many errors, what those say that
	// are worth a retry.
	retryText map[string]string
	// wrongTable are those of a table or column that is missing.
	wrongTable []string
	// incomparable are those of a comparison that the character sets rule out.
	incomparable []string
	// noSkipLocked are those of servers that are too old for the cleanup's form.
	noSkipLocked []string
}

var (
	postgres = dialect{
		name:         "postgres",
		ordinal:      `%[1]s::text = ? COLLATE "C"`,
		insertIgnore: " ON CONFLICT DO NOTHING",
		timeColumn:   "%[1]s",
		page:         " LIMIT ?",
		isolation:    sql.LevelReadCommitted,
		savepoint:    "SAVEPOINT usersession",
		rollbackTo:   "ROLLBACK TO SAVEPOINT usersession",
		release:      "RELEASE SAVEPOINT usersession",
		errorsAbort:  true,
		cleanup:      deleteReturning,
		cleanupBatch: 250,
		duplicate:    []string{"23505"},
		retry:        []string{"40001", "40P01"}, // serialization failure, deadlock
		wrongTable:   []string{"42P01", "42703"},
		noSkipLocked: []string{"42601", "0A000"}, // syntax error, not supported
	}

	mysql = dialect{ // and MariaDB, TiDB
		name:       "mysql",
		ordinal:    "CAST(CONVERT(%[1]s USING utf8mb4) AS BINARY) = CAST(? AS BINARY)",
		timeColumn: "CAST(%[1]s AS CHAR)", // as text, which the connection's zone cannot change
		page:       " LIMIT ?",
		// REPEATABLE READ, the default, locks the gaps between rows as well, and
		// two sign-ins that have nothing to do with each other deadlock.
		isolation:  sql.LevelReadCommitted,
		savepoint:  "SAVEPOINT usersession",
		rollbackTo: "ROLLBACK TO SAVEPOINT usersession",
		release:    "RELEASE SAVEPOINT usersession",
		// A DELETE with ORDER BY and LIMIT deadlocks with the requests.
		cleanup:      pickThenDelete,
		cleanupBatch: 250,
		prepare:      true,
		duplicate:    []string{"1062", "1586"},
		// Deadlock; MariaDB's changed since last read; TiDB's write conflicts.
		retry: []string{"1213", "1020", "8005", "8022", "8028", "9007"},
		// TiDB's code for what has none of its own: too many wanted the row at once.
		retryText:    map[string]string{"1105": "pessimistic lock retry limit reached"},
		wrongTable:   []string{"1146", "1054"},
		incomparable: []string{"1267"},         // a parameter that a latin1 column can't hold
		noSkipLocked: []string{"1064", "1235"}, // syntax error: MySQL before 8, MariaDB before 10.6; not supported
	}

	sqlite = dialect{
		name:         "sqlite",
		ordinal:      "%[1]s = ? COLLATE BINARY",
		insertIgnore: " ON CONFLICT DO NOTHING",
		timeColumn:   "%[1]s",
		page:         " LIMIT ?",
		savepoint:    "SAVEPOINT usersession",
		rollbackTo:   "ROLLBACK TO SAVEPOINT usersession",
		release:      "RELEASE SAVEPOINT usersession",
		cleanup:      deletePausing, // a write locks the whole database
		cleanupBatch: 1000,          // most of the work is writing pages: more rows share one
		prepare:      true,
		duplicate:    []string{"1555", "2067"},
		retry:        []string{"5", "6", "261", "262", "517", "518"}, // busy, locked and their extended codes
		wrongTable:   []string{"1"},                                  // whatever is wrong with the SQL
	}

	sqlserver = dialect{
		name:         "sqlserver",
		ordinal:      "CAST(%[1]s AS varbinary(400)) = CAST(? AS varbinary(400))",
		timeColumn:   "%[1]s",
		page:         " OFFSET 0 ROWS FETCH NEXT ? ROWS ONLY",
		isolation:    sql.LevelReadCommitted,
		savepoint:    "SAVE TRANSACTION usersession",
		rollbackTo:   "ROLLBACK TRANSACTION usersession",
		cleanup:      deleteReadPast,
		cleanupBatch: 250,
		duplicate:    []string{"2601", "2627"},
		retry:        []string{"1205", "3960"}, // deadlock, snapshot conflict
		wrongTable:   []string{"208", "207"},
	}
)

// dialectOf returns the dialect of a GORM dialector's name, or a portable one: it
// assumes what costs little if it is wrong, and knows the codes of the SQL standard.
func dialectOf(name string) *dialect {
	for _, d := range []*dialect{&postgres, &mysql, &sqlite, &sqlserver} {
		if d.name == name {
			return d
		}
	}
	return &dialect{
		name:         name,
		timeColumn:   "%[1]s",
		page:         " LIMIT ?",
		savepoint:    "SAVEPOINT usersession",
		rollbackTo:   "ROLLBACK TO SAVEPOINT usersession",
		errorsAbort:  true,
		cleanup:      pickUnlocked,
		cleanupBatch: 250,
		duplicate:    []string{"23505"},
		retry:        []string{"40001", "40P01"},
	}
}

// identities returns the arguments for conditions that compare identity columns.
func (d *dialect) identities(values ...string) []any {
	args := make([]any, 0, 2*len(values)+4) // 4: for what callers append
	for _, value := range values {
		args = append(args, value)
		if d.ordinal != "" {
			args = append(args, value)
		}
	}
	return args
}

// isDuplicate reports whether a database refused to break a unique index.
func (d *dialect) isDuplicate(err error) bool {
	return slices.Contains(d.duplicate, errorCode(err))
}

// isRetryable reports whether a database asked for the transaction to be tried again:
// nothing of it was done.
func (d *dialect) isRetryable(err error) bool {
	code := errorCode(err)
	text, some := d.retryText[code]
	return slices.Contains(d.retry, code) || some && strings.Contains(err.Error(), text)
}
