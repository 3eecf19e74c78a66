package usersession

import (
	"slices"
	"strconv"
	"strings"
)

// Error codes of PostgreSQL and of the SQL standard.
const (
	pgFeatureNotSupported  = "0A000"
	pgNotInRepertoire      = "22021"
	pgUntranslatable       = "22P05"
	pgReadOnlyTransaction  = "25006"
	pgUniqueViolation      = "23505"
	pgSerializationFailure = "40001"
	pgDeadlockDetected     = "40P01"
	pgFailedTransaction    = "25P02"
	pgCheckViolation       = "23514"
	pgSequenceExhausted    = "2200H"
	pgTooLong              = "22001"
	pgOutOfRange           = "22003"
	pgPrivilege            = "42501"
	pgLockNotAvailable     = "55P03"
	pgQueryCanceled        = "57014"
	pgSyntaxError          = "42601"
	pgUndefinedColumn      = "42703"
	pgUndefinedTable       = "42P01"
	pgAdminShutdown        = "57P01" // also pg_terminate_backend
	pgCrashShutdown        = "57P02"
	pgIdleSessionTimeout   = "57P05"
)

// Error codes of MySQL, MariaDB and TiDB.
const (
	myRecordChanged         = "1020" // MariaDB: the row has changed since the snapshot
	myServerShutdown        = "1053"
	myUnknownColumn         = "1054"
	myDuplicateEntry        = "1062"
	mySyntaxError           = "1064"
	myPacketTooLarge        = "1153"
	myUnknownError          = "1105" // TiDB: every error without a code of its own
	myNoSuchTable           = "1146"
	myLockWaitTimeout       = "1205"
	myDeadlock              = "1213"
	myCommitFailed          = "1180" // Group Replication, among others
	myNotSupported          = "1235"
	mySafeUpdates           = "1175" // sql_safe_updates
	myNoSuchIndex           = "1176" // of a view
	myStorageEngine         = "1030" // every error of a storage engine
	myIncomparableCollation = "1267"
	myReadOnly              = "1290" // --read-only, among others
	myReadOnlyTable         = "1036" // MariaDB: --innodb-read-only
	myReadOnlyMode          = "1836"
	myReadOnlySchema        = "3989"
	myNoPartition           = "1526"
	myPacketTooLargeBy      = "1301"
	myIncorrectString       = "1366"
	myRowIsReferencedOld    = "1217"
	myRowIsReferenced       = "1451"
	myDuplicateEntryKey     = "1586"
	myTooManyPrepared       = "1461"
	mySignal                = "1644" // SIGNAL in a trigger
	myNoDefault             = "1364"
	myTooLong               = "1406"
	myTriggerTable          = "1442" // a trigger changes the statement's table
	myAccessDenied          = "1142"
	myColumnAccessDenied    = "1143"
	myTooManyRows           = "1172" // of a SELECT … INTO in a trigger
	myMaxJoinSize           = "1104"
	myOutOfRange            = "167" // also an exhausted AUTO_INCREMENT
	myNoAutoIncrement       = "1467"
	myStatementTimeout      = "1969" // MariaDB
	myExecutionTimeout      = "3024" // MySQL
	myBinlogFormat          = "1665" // binlog_format=STATEMENT with READ COMMITTED
	myReadOnlyTx            = "1792"
	myConnectionKilled      = "1927" // MariaDB
	myTransactionRollback   = "3101" // Group Replication: certification failed
	myCannotConvert         = "3988" // MySQL's form of 1267
	myIdleTimeout           = "4031" // MySQL
	tidbWriteConflictInTiDB = "8005"
	tidbTxnRetryable        = "8022"
	tidbInfoSchemaChanged   = "8028"
	tidbWriteConflict       = "9007"
)

// Error codes of SQLite, with their extended codes.
const (
	sqliteError                = "1" // every mistake in the SQL
	sqliteBusy                 = "5"
	sqliteLocked               = "6"
	sqliteReadOnly             = "8"
	sqliteBusyRecovery         = "261"
	sqliteLockedSharedCache    = "262"
	sqliteBusySnapshot         = "517"
	sqliteBusyTimeout          = "773"
	sqliteLockedVirtualTable   = "518"
	sqliteReadOnlyMoved        = "1032"
	sqliteReadOnlyDirectory    = "1544"
	sqliteConstraintForeignKey = "787"
	sqliteConstraintPrimaryKey = "1555"
	sqliteConstraintUnique     = "2067"
)

// Error codes of SQL Server.
const (
	msIncorrectSyntax        = "102"
	msInvalidColumn          = "207"
	msInvalidObject          = "208"
	msConstraintConflict     = "547"
	msDeadlock               = "1205"
	msDuplicateIndexKey      = "2601"
	msDuplicateConstraint    = "2627"
	msTriggerEndedBatch      = "3609"
	msReadOnly               = "3906"
	msSetOptions             = "1934"
	msSnapshotUpdateConflict = "3960"
	msNotUpdatable           = "4405"
	msPermission             = "229"
	msColumnPermission       = "230"
	msNull                   = "515"
	msTruncated              = "8152"
	msTruncatedColumn        = "2628"
	babelfishUnmapped        = "33557097" // Babelfish: an error without a number of its own
)

const (
	// sqliteConstraint is the code of all constraints, without the extension.
	sqliteConstraint = 19
	// msUserError is the first number of RAISERROR and THROW. Babelfish's own numbers are
	// larger than babelfishNumbers.
	msUserError      = 50000
	babelfishNumbers = 33000000
)

// refusesCTE reports whether a server refused a statement with a DELETE in its WITH
// clause: CockroachDB modifies a table only once in a statement.
func (d *dialect) refusesCTE(err error) bool {
	return err != nil && errorCode(err) == pgFeatureNotSupported && !isStalePlan(err)
}

// isDuplicate reports whether the error means that a unique index refused a row.
func (d *dialect) isDuplicate(err error) bool {
	return slices.Contains(d.duplicate, errorCode(err))
}

// isRetryable reports whether the database asks for a retry of the transaction, which it
// has rolled back.
func (d *dialect) isRetryable(err error) bool {
	return isOneOf(err, d.retry, d.retryText) || isStalePlan(err)
}

// isCleanupRefused reports whether the server refuses the dialect's form of the cleanup.
func (d *dialect) isCleanupRefused(err error) bool {
	return isOneOf(err, d.cleanupRefused, d.cleanupRefusedText) && !isStalePlan(err)
}

// refusalClasses are classes of SQLSTATEs: errors of constraints and of triggers. 20000 is a
// CASE without a branch for the row, 2F005 a trigger of PostgreSQL that ends without a RETURN.
var refusalClasses = []string{"01", "02", "09", "20", "21", "22", "23", "27", "2F", "38", "39", "44", "45", "P0"}

// isRefusal reports whether an error means that a foreign key, a constraint or a trigger
// refuses a change. A trigger can raise an error with a code of its own, and can fail for every
// reason for which a statement can fail.
func (d *dialect) isRefusal(err error) bool {
	code, state := errorCode(err), sqlState(err)
	if code == "" || d.isRetryable(err) {
		return false
	}
	if slices.Contains(d.refusal, code) || state != "" && slices.Contains(refusalClasses, state[:2]) {
		return true
	}
	// SQLSTATEs that begin with a letter after H are not standard: triggers may use them.
	if state != "" && state[0] > 'H' && !slices.Contains([]string{"XX", "XA"}, state[:2]) {
		return true
	}
	number, err := strconv.Atoi(code)
	switch {
	case err != nil:
		return false
	case d.name == sqlite.name:
		return number&0xFF == sqliteConstraint
	default:
		return d.name == sqlserver.name && number >= msUserError && number < babelfishNumbers
	}
}

// isOneOf reports whether the error has one of the codes, or one of the codes in texts together
// with its text.
func isOneOf(err error, codes []string, texts map[string]string) bool {
	code := errorCode(err)
	text, ambiguous := texts[code]
	return slices.Contains(codes, code) || ambiguous && strings.Contains(err.Error(), text)
}
