package usersession

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
