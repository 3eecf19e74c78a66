package usersession

import "database/sql"

// A dialect holds everything in which databases differ as far as the store is concerned,
// with two exceptions: column types are in package entities, and the binding of times,
// which both packages need, is in internal/sqltime.
type dialect struct {
	name string

	// ordinal is a condition that makes the comparison of a column (%[1]s) with a
	// parameter (see bind) exact under every collation. It stands beside a plain comparison,
	// with which the database finds the row in an index. "" means that the dialect has no
	// such condition.
	ordinal string

	// insertIgnore follows an INSERT and makes it insert nothing on a conflict with
	// a unique index. "" means that the INSERT fails.
	insertIgnore string

	// timeColumn and textColumn are expressions that read a time and an identity (%[1]s)
	// independently of the connection's settings, see wayToRead, or faster than the column
	// alone. "" means the column alone.
	timeColumn, textColumn string

	// limit limits a SELECT that has an ORDER BY to a number of rows, a parameter.
	limit string

	// isolation is the isolation level of the store's own transactions.
	isolation sql.IsolationLevel

	// begin are the statements that begin a transaction of the store's own, for a driver
	// whose COMMIT does not heed the context, see sessionTx. The last statement begins
	// it with the server's default isolation level.
	begin []string

	// savepoint, rollbackTo and release are the statements for a savepoint. release
	// may be empty.
	savepoint, rollbackTo, release string

	// errorsAbort means that after an error in a transaction, every further statement
	// of the transaction fails.
	errorsAbort bool

	// retryEndsTx means that an error in retry ends the whole transaction, without an
	// error of the statements that follow.
	retryEndsTx bool

	// writableCTE means that a WITH clause may contain a DELETE. A server that speaks
	// the dialect may still refuse it, see refusesCTE.
	writableCTE bool

	// wrap returns the text that the driver gets for a statement; kinds are the kinds of the
	// statement's placeholders, see bind. It may be nil.
	wrap func(statement string, kinds []byte) string

	// countsItself means that a wrapped statement which writes returns the number of
	// rows that it has changed, as a row.
	countsItself bool

	// deleteUnique begins a DELETE from the table by all columns of a unique index. ""
	// means "DELETE FROM {table}".
	deleteUnique string

	// deleteByID begins a DELETE from the table by primary key. "" means that the
	// optimizer's choice of the index is good enough.
	deleteByID string

	// cleanup is the way to delete expired sessions, cleanupBatch the default size
	// of a batch.
	cleanup      cleanupForm
	cleanupBatch int

	// settingsQuery reads the settings of a connection, and judge judges them, see
	// checkSettings. canRead reports whether the driver can read the result of a query.
	// settingsQuery may be empty.
	settingsQuery string
	judge         func(row []string, canRead func(query string) bool) settings

	// groupName reads the name of the group of servers that the server is a member of, see
	// losesSavepoints. It may be empty.
	groupName string

	// prepare means that prepared statements are faster.
	prepare bool

	// The following are error codes, as errorCode returns them.

	duplicate []string // a unique index refused a row
	retry     []string // the database asks for a retry
	deadConn  []string // the server has closed the connection
	// retryText maps an error code that several errors share to the text of the
	// errors that are worth a retry.
	retryText map[string]string
	// cleanupRefusedText is the same for cleanupRefused.
	cleanupRefusedText map[string]string

	remedies          map[string]string // what to do about an error; {table} is the table
	incomparable      []string          // the character sets rule out a comparison, or a value
	cleanupRefused    []string          // the server does not know the form of the cleanup
	forceIndexRefused []string          // the server's settings forbid deletePicked, or the table is a view
	isolationRefused  []string          // the server's settings forbid the isolation level
	prepareRefused    []string          // there are too many prepared statements
	refusal           []string          // a foreign key or a trigger refuses a change, see isRefusal
}

// What to do about an error, see dialect.remedies.
const (
	missingTable  = "does the table {table} exist, with every column of entities.UserSession? WithTable selects another table"
	readOnly      = "the connection is read-only: does it lead to a replica, or to a former primary?"
	tooShort      = "a column is too short for the value, or one that a trigger writes: migrations.Check compares {table} with entities.UserSession"
	noPrivilege   = "the account needs SELECT, INSERT, UPDATE and DELETE on {table}"
	noPartition   = "{table} has no partition for the row: add one, or a default partition"
	idsUsedUp     = "the ids of {table} are used up: the column id, and its sequence, must be bigint, as in entities.UserSession"
	refusedChange = "a foreign key, a constraint or a trigger of the table, or of a table beside it, refuses the change"
	wrongEncoding = "the database's encoding cannot hold the value: use a database in UTF8"
)

var (
	postgres = dialect{
		name:         "postgres",
		ordinal:      `%[1]s::text = ?i COLLATE "C"`,
		insertIgnore: " ON CONFLICT DO NOTHING",
		limit:        " LIMIT ?n",
		isolation:    sql.LevelReadCommitted,
		savepoint:    "SAVEPOINT usersession",
		rollbackTo:   "ROLLBACK TO SAVEPOINT usersession",
		release:      "RELEASE SAVEPOINT usersession",
		errorsAbort:  true,
		writableCTE:  true,
		cleanup:      formCTE,
		cleanupBatch: 250,
		duplicate:    []string{pgUniqueViolation},
		retry:        []string{pgSerializationFailure, pgDeadlockDetected},
		deadConn:     []string{pgAdminShutdown, pgCrashShutdown, pgIdleSessionTimeout},
		incomparable: []string{pgUntranslatable, pgNotInRepertoire}, // the database's encoding is not UTF8
		remedies: map[string]string{
			pgUndefinedTable:      missingTable,
			pgUndefinedColumn:     missingTable,
			pgReadOnlyTransaction: readOnly + " With several hosts in the DSN, target_session_attrs=read-write finds the primary",
			pgUntranslatable:      wrongEncoding,
			pgNotInRepertoire:     wrongEncoding,
			pgSequenceExhausted:   idsUsedUp,
			pgOutOfRange:          idsUsedUp,
			pgTooLong:             tooShort,
			pgPrivilege:           noPrivilege + ", USAGE on the sequence of its column id, and a policy of row level security must admit the row",
			pgFailedTransaction:   "an earlier error has made the transaction unusable: roll it back",
			pgLockNotAvailable:    "the account's lock_timeout ended the wait for another transaction",
			pgQueryCanceled:       "the account's statement_timeout ended the statement: it must be longer than the deadlines of the store's contexts",
			pgFeatureNotSupported: "does the table have a rule? The store needs a table without rules",
		},
		cleanupRefused: []string{pgSyntaxError, pgFeatureNotSupported},
		settingsQuery:  postgresSettings,
		judge:          judgePostgres,
	}

	mysql = dialect{ // and MariaDB, TiDB
		name: "mysql",
		// CONVERT also avoids a fault of TiDB, which truncates CAST(column AS BINARY), and a
		// CAST(… AS CHAR …) within it, to as many bytes as the column has characters. TiDB
		// caches no plan of a statement with CONVERT.
		ordinal:    "CAST(CONVERT(%[1]s USING utf8mb4) AS BINARY) = CAST(?i AS BINARY)",
		timeColumn: "CAST(%[1]s AS CHAR)", // as text, independent of the connection's time zone
		// As bytes, independent of character_set_results, in which two subject ids may become
		// equal.
		textColumn: "CAST(CONVERT(%[1]s USING utf8mb4) AS BINARY)",
		limit:      " LIMIT ?n",
		// REPEATABLE READ, the default, also locks the gaps between rows, and then
		// two unrelated sign-ins deadlock.
		isolation:   sql.LevelReadCommitted,
		begin:       []string{"SET TRANSACTION ISOLATION LEVEL READ COMMITTED", "START TRANSACTION"},
		savepoint:   "SAVEPOINT usersession",
		rollbackTo:  "ROLLBACK TO SAVEPOINT usersession",
		release:     "RELEASE SAVEPOINT usersession",
		retryEndsTx: true,
		// A DELETE with ORDER BY and LIMIT deadlocks with requests.
		// With stale statistics, the optimizer may choose another index or none, and
		// then the DELETE waits for the rows of other cleaners, up to a deadlock.
		deleteByID: "DELETE {table} FROM {table} FORCE INDEX (PRIMARY)",
		// In this form MySQL looks the row up in the unique index. In the other, with
		// stale statistics, it may read and lock every row of the partition.
		deleteUnique: "DELETE {table} FROM {table}",
		cleanup:      formLocked,
		cleanupBatch: 250,
		prepare:      true,
		duplicate:    []string{myDuplicateEntry, myDuplicateEntryKey},
		retry:        []string{myDeadlock, myRecordChanged, myTransactionRollback, tidbWriteConflictInTiDB, tidbTxnRetryable, tidbInfoSchemaChanged, tidbWriteConflict},
		retryText:    map[string]string{myUnknownError: "pessimistic lock retry limit reached", myCommitFailed: "Lock deadlock", myStorageEngine: "Lock deadlock"},
		deadConn:     []string{myServerShutdown, myConnectionKilled, myIdleTimeout},
		remedies: map[string]string{
			myNoSuchTable:        missingTable,
			myUnknownColumn:      missingTable,
			myReadOnly:           readOnly,
			myReadOnlyTx:         readOnly,
			myReadOnlyTable:      readOnly,
			myReadOnlyMode:       readOnly,
			myReadOnlySchema:     "the database is read-only: ALTER SCHEMA … READ ONLY = 0",
			myNoPartition:        noPartition,
			myTooManyPrepared:    "raise max_prepared_stmt_count, or use the DSN parameter interpolateParams=true with WithoutPreparedStatements",
			myOutOfRange:         idsUsedUp,
			myTooLong:            tooShort,
			myNoAutoIncrement:    idsUsedUp,
			myAccessDenied:       noPrivilege,
			myColumnAccessDenied: noPrivilege,
			myLockWaitTimeout:    "innodb_lock_wait_timeout ended the wait for another transaction",
			myStatementTimeout:   "max_statement_time ended the statement: it must be longer than the deadlines of the store's contexts",
			myExecutionTimeout:   "max_execution_time ended the statement: it must be longer than the deadlines of the store's contexts",
			myMaxJoinSize:        "the connection has sql_big_selects=0: remove it, and max_join_size, from the DSN or from the server's configuration",
			myIncorrectString:    "a column's character set cannot hold the value: use utf8mb4, as entities.UserSession does",
			myPacketTooLarge:     "raise max_allowed_packet: the ticket is larger",
			myPacketTooLargeBy:   "raise max_allowed_packet: the ticket is larger",
		},
		incomparable:   []string{myIncomparableCollation, myCannotConvert}, // a latin1 column and a value outside of latin1
		cleanupRefused: []string{mySyntaxError, myNotSupported},            // MySQL before 8, MariaDB before 10.6
		// TiDB refuses SKIP LOCKED on a table whose primary key is NONCLUSTERED.
		cleanupRefusedText: map[string]string{myUnknownError: "._tidb_rowid in schema"},
		forceIndexRefused:  []string{mySafeUpdates, myNoSuchIndex},
		isolationRefused:   []string{myBinlogFormat},
		prepareRefused:     []string{myTooManyPrepared},
		settingsQuery:      mysqlSettings,
		judge:              judgeMySQL,
		refusal:            []string{myRowIsReferenced, myRowIsReferencedOld, mySignal, myNoDefault, myTriggerTable, myTooManyRows},
		groupName:          "SHOW VARIABLES LIKE 'group_replication_group_name'",
	}

	sqlite = dialect{
		name:         "sqlite",
		ordinal:      "%[1]s = ?i COLLATE BINARY",
		timeColumn:   "+%[1]s", // as text: the drivers parse a time slowly
		insertIgnore: " ON CONFLICT DO NOTHING",
		limit:        " LIMIT ?n",
		savepoint:    "SAVEPOINT usersession",
		rollbackTo:   "ROLLBACK TO SAVEPOINT usersession",
		release:      "RELEASE SAVEPOINT usersession",
		cleanup:      formPausing, // a write locks the whole database
		cleanupBatch: 1000,        // the cost is in pages, and more rows share a page
		prepare:      true,
		duplicate:    []string{sqliteConstraintPrimaryKey, sqliteConstraintUnique},
		retry: []string{
			sqliteBusy, sqliteBusyRecovery, sqliteBusySnapshot, sqliteBusyTimeout,
			sqliteLocked, sqliteLockedSharedCache, sqliteLockedVirtualTable,
		},
		remedies: map[string]string{
			sqliteError: missingTable + "; in a database in memory, all connections need cache=shared", sqliteReadOnly: readOnly, sqliteReadOnlyDirectory: readOnly, sqliteReadOnlyMoved: readOnly,
			sqliteBusy: "another connection holds the lock: set busy_timeout and _txlock=immediate in the DSN, and leave locking_mode at NORMAL",
		},
	}
)

// withoutUniqueIndexes are dialects of databases that have no unique indexes or do not
// enforce them.
var withoutUniqueIndexes = []string{"bigquery", "clickhouse", "databend", "databricks", "snowflake"}

// dialectOf returns the dialect for the name of a GORM dialector. For an unknown name it
// returns a portable dialect, which makes the assumptions that cost little if they are
// wrong and knows the error codes of the SQL standard.
func dialectOf(name string) *dialect {
	for _, d := range []*dialect{&postgres, &mysql, &sqlite, &sqlserver} {
		if d.name == name {
			return d
		}
	}
	return &dialect{
		name:         name,
		limit:        " LIMIT ?n",
		savepoint:    "SAVEPOINT usersession",
		rollbackTo:   "ROLLBACK TO SAVEPOINT usersession",
		errorsAbort:  true,
		cleanup:      formUnlocked,
		cleanupBatch: 250,
		duplicate:    []string{pgUniqueViolation},
		retry:        []string{pgSerializationFailure, pgDeadlockDetected},
	}
}

// knowsKey reports whether {is key} compares ordinally, so that the row found has exactly the
// key that was looked for.
func (d *dialect) knowsKey() bool { return d.ordinal != "" }
